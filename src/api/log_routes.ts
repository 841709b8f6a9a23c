// The durable log over HTTP: the open Durable Streams protocol at /v1/stream/:name.
//
//   PUT create · POST append, close · GET read by offset, long-poll, server-sent events · HEAD · DELETE
//
// Forks and subscriptions of the protocol are not served. Who may do what is decided before these routes.

import { type Context, Hono } from "hono";
import { stream } from "hono/streaming";
import { asMillraceError, type MillraceError, userError } from "../base/errors.ts";
import { APPEND_BYTES_MAX } from "../base/limits.ts";
import type { LogPage } from "../connectors/log_store.ts";
import type { LogHandle } from "../log/durable_log.ts";
import { checkLogName, type LogDirectory } from "../log/log_directory.ts";
import { PAGE_BYTES } from "../log/log_limits.ts";
import type { AppendOutcome, ProducerTag } from "../log/log_state.ts";
import { formatOffset } from "../log/offset.ts";
import { fitsLog, joinPage, splitBody } from "../log/record_body.ts";
import { Abort } from "../platform/abort.ts";
import type { Clock, LogSink } from "../platform/ports.ts";
import { readBody } from "./body_reader.ts";
import { isText, writeTail } from "./log_events.ts";
import * as protocol from "./log_protocol.ts";

export interface LogRouteDeps {
  readonly logs: LogDirectory;
  readonly clock: Clock;
  /** Told of failures behind an answer of 500, and of tails that broke off. */
  readonly log: LogSink;
  /** How long a long-poll waits for a record. */
  readonly longPollTimeoutMs?: number;
  /** How long one connection of server-sent events lasts. */
  readonly tailDurationMs?: number;
  /** Origins of browsers that may call; none by default. */
  readonly allowedOrigins?: readonly string[];
}

/** The web's Response, as Hono makes it. */
type Answer = ReturnType<Context["newResponse"]>;

const LONG_POLL_TIMEOUT_MS = 20_000;
const TAIL_DURATION_MS = 60_000;
const PATH = "/v1/stream/:name";

export function logRoutes(deps: LogRouteDeps): Hono {
  const app = new Hono();
  app.use(PATH, async (c, next) => {
    await next();
    c.header("X-Content-Type-Options", "nosniff");
    c.header("Cross-Origin-Resource-Policy", "same-origin");
    allowOrigin(c, deps.allowedOrigins ?? []);
  });
  app.options(PATH, (c) => {
    c.header("Access-Control-Allow-Methods", "GET, HEAD, PUT, POST, DELETE, OPTIONS");
    c.header("Access-Control-Allow-Headers", protocol.REQUEST_HEADERS);
    return c.body(null, 204);
  });
  app.put(PATH, (c) => create(c, deps));
  app.post(PATH, (c) => append(c, deps));
  app.get(PATH, async (c) => {
    const log = await openLog(c, deps, c.req.method !== "HEAD");
    return c.req.method === "HEAD" ? await describe(c, log) : await read(c, deps, log);
  });
  app.delete(PATH, async (c) => {
    const name = nameOf(c);
    if (!(await deps.logs.delete(name))) throw notFound(name);
    return c.body(null, 204);
  });
  app.onError((error, c) => {
    const known = asMillraceError(error, c.req.path);
    const status = protocol.statusOf(known);
    if (status === 500) deps.log.write("error", known.message, { code: known.code, where: known.where });
    if (status === 503) c.header("Retry-After", "1");
    c.header("Cache-Control", "no-store");
    return c.json(known.toJSON(), status);
  });
  return app;
}

function allowOrigin(c: Context, allowed: readonly string[]): void {
  const origin = c.req.header("Origin");
  if (origin === undefined || !allowed.includes(origin)) return;
  c.header("Access-Control-Allow-Origin", origin);
  c.header("Access-Control-Expose-Headers", protocol.RESPONSE_HEADERS);
  c.header("Cross-Origin-Resource-Policy", "cross-origin");
  c.header("Vary", "Origin", { append: true });
}

function nameOf(c: Context): string {
  const name = c.req.param("name") ?? "";
  checkLogName(name);
  return name;
}

const notFound = (name: string): MillraceError =>
  userError("log_not_found", `log ${name}`, "there is no log of that name; PUT creates one");

async function openLog(c: Context, deps: LogRouteDeps, touch: boolean): Promise<LogHandle> {
  const name = nameOf(c);
  const log = await deps.logs.open(name, touch);
  if (log === undefined) throw notFound(name);
  return log;
}

async function create(c: Context, deps: LogRouteDeps): Promise<Answer> {
  const name = nameOf(c);
  const where = `log ${name}`;
  const header = (one: string): string | undefined => c.req.header(one);
  if (header("Stream-Forked-From") !== undefined) {
    throw userError("forks_unsupported", where, "forks of logs are not supported; create a log without one");
  }
  const lifetime = protocol.lifetimeOf(header, where);
  const contentType = protocol.contentTypeOf(header, where) ?? "application/octet-stream";
  const records = splitBody(contentType, await readBody(c.req.raw, APPEND_BYTES_MAX, where), where);
  const closed = protocol.wantsClose(header);
  const outcome = await deps.logs.create(name, { contentType, ...lifetime, records, closed });
  if (outcome.kind === "conflict") {
    throw userError("log_exists", where, `a log of that name exists and differs: ${outcome.difference}`);
  }
  const { next, closed: isClosed } = await outcome.log.facts();
  c.header("Content-Type", outcome.log.config.contentType);
  c.header(protocol.NEXT_OFFSET, formatOffset(next));
  if (isClosed) c.header(protocol.CLOSED, "true");
  if (outcome.kind === "created") c.header("Location", c.req.url.split(/[?#]/)[0] ?? c.req.url);
  return c.body(null, outcome.kind === "created" ? 201 : 200);
}

async function append(c: Context, deps: LogRouteDeps): Promise<Answer> {
  const log = await openLog(c, deps, true);
  const where = `log ${nameOf(c)}`;
  const header = (one: string): string | undefined => c.req.header(one);
  const producer = protocol.producerOf(header, where);
  const streamSequence = protocol.sequenceOf(header, where);
  const close = protocol.wantsClose(header);
  const body = await readBody(c.req.raw, APPEND_BYTES_MAX, where);
  if (body.byteLength === 0) {
    if (!close) throw userError("append_empty", where, `the body is empty; only ${protocol.CLOSED}: true needs none`);
    return answer(c, await log.submit({ records: [], producer, streamSequence, close }), producer, true, where);
  }
  const contentType = protocol.contentTypeOf(header, where);
  if (contentType === undefined) throw userError("header_invalid", where, "an append needs a Content-Type");
  const kept = log.config.contentType;
  if (!fitsLog(contentType, kept)) {
    throw userError("content_type_mismatch", where, `the log holds ${kept}, the body is ${contentType}`);
  }
  const records = splitBody(contentType, body, where);
  if (records.length === 0) throw userError("append_empty", where, "the body holds no record");
  return answer(c, await log.submit({ records, producer, streamSequence, close }), producer, false, where);
}

/** An outcome as an HTTP answer; refusals carry the same JSON as every other error. */
function answer(
  c: Context,
  outcome: AppendOutcome,
  producer: ProducerTag | undefined,
  closeOnly: boolean,
  where: string,
): Answer {
  c.header(protocol.NEXT_OFFSET, formatOffset(outcome.next));
  if (outcome.closed) c.header(protocol.CLOSED, "true");
  const refuse = (message: string): never => {
    throw userError(outcome.kind, where, message);
  };
  switch (outcome.kind) {
    case "closed_before":
      return c.body(null, 204);
    case "accepted":
    case "duplicate":
      if (producer === undefined) return c.body(null, 204);
      c.header(protocol.PRODUCER_EPOCH, String(producer.epoch));
      c.header(protocol.PRODUCER_SEQUENCE, String(outcome.kind === "duplicate" ? outcome.sequence : producer.sequence));
      return c.body(null, outcome.kind === "duplicate" || closeOnly ? 204 : 200);
    case "stale_epoch":
      c.header(protocol.PRODUCER_EPOCH, String(outcome.epoch));
      return refuse(`producer epoch ${producer?.epoch} was overtaken: epoch ${outcome.epoch} has written`);
    case "epoch_not_from_zero":
      return refuse(
        `epoch ${producer?.epoch} is new and starts at sequence ${producer?.sequence}; it has to start at 0`,
      );
    case "sequence_gap":
      c.header(protocol.PRODUCER_EXPECTED, String(outcome.expected));
      c.header(protocol.PRODUCER_RECEIVED, String(producer?.sequence));
      return refuse(`producer sequence ${producer?.sequence} leaves a gap, expected is ${outcome.expected}`);
    case "stream_sequence":
      return refuse(
        `${protocol.SEQUENCE} has to be greater, as text, than the last one, ${JSON.stringify(outcome.last)}`,
      );
    case "log_closed":
      return refuse("the log is closed and takes no more records");
    case "producers_exhausted":
      return refuse("the log knows as many producers as it can; use the id of an existing one");
  }
}

async function describe(c: Context, log: LogHandle): Promise<Answer> {
  const facts = await log.facts();
  const { contentType, ttlSeconds, expiresAt } = log.config;
  c.header("Content-Type", contentType);
  c.header("Cache-Control", "no-store");
  c.header(protocol.NEXT_OFFSET, formatOffset(facts.next));
  if (facts.closed) c.header(protocol.CLOSED, "true");
  if (ttlSeconds !== undefined) c.header(protocol.TTL, String(ttlSeconds));
  if (expiresAt !== undefined) c.header(protocol.EXPIRES_AT, expiresAt);
  return c.body(null, 200);
}

async function read(c: Context, deps: LogRouteDeps, log: LogHandle): Promise<Answer> {
  const asked = protocol.readRequestOf((name) => c.req.queries(name), `log ${nameOf(c)}`);
  const from = asked.from === "now" ? (await log.facts()).next : asked.from;
  if (asked.live === "sse") return tail(c, deps, log, from, asked.cursor);
  let page = await log.read(from, PAGE_BYTES);
  if (asked.live === "long-poll") {
    if (page.next === from && !page.closed) {
      await log.waitForMore(from, deps.longPollTimeoutMs ?? LONG_POLL_TIMEOUT_MS, c.req.raw.signal);
      page = await log.read(from, PAGE_BYTES);
    }
    c.header(protocol.CURSOR, protocol.cursorAfter(asked.cursor, deps.clock.nowMs()));
  }
  c.header(protocol.NEXT_OFFSET, formatOffset(page.next));
  if (page.upToDate) c.header(protocol.UP_TO_DATE, "true");
  if (page.closed) c.header(protocol.CLOSED, "true");
  // A page may grow until it is full, and a log may be deleted: always ask again, by ETag.
  c.header("Cache-Control", asked.from === "now" || asked.live !== "none" ? "no-store" : "private, no-cache");
  if (asked.live === "long-poll" && page.next === from) return c.body(null, 204);
  if (asked.live === "none" && asked.from !== "now") {
    const etag = etagOf(log, page);
    c.header("ETag", etag);
    if (matches(c.req.header("If-None-Match"), etag)) return c.body(null, 304);
  }
  const { contentType } = log.config;
  c.header("Content-Type", contentType);
  return c.body(joinPage(contentType, page), 200);
}

/** Differs with the closure too: a reader at the end has to learn of it. */
const etagOf = (log: LogHandle, page: LogPage): string =>
  `"${log.id}:${page.from}:${page.next}${page.closed ? ":closed" : ""}"`;

const matches = (sent: string | undefined, etag: string): boolean =>
  sent?.split(",").some((one) => one.trim().replace(/^W\//, "") === etag || one.trim() === "*") === true;

function tail(c: Context, deps: LogRouteDeps, log: LogHandle, from: number, cursor: string | undefined): Answer {
  c.header("Content-Type", "text/event-stream");
  c.header("Cache-Control", "no-cache, no-store");
  if (!isText(log.config.contentType)) c.header(protocol.SSE_ENCODING, "base64");
  const signal = new Abort();
  const { clock } = deps;
  const durationMs = deps.tailDurationMs ?? TAIL_DURATION_MS;
  return stream(
    c,
    async (out) => {
      out.onAbort(() => signal.abort("client gone"));
      await writeTail(log, { from, cursor, durationMs, clock, signal }, (event) => out.write(event));
    },
    // The client comes back with its last offset and gets the reason as a status.
    (error) => {
      deps.log.write("warning", `a tail of ${log.config.contentType} broke off: ${error.message}`, {});
      return Promise.resolve();
    },
  );
}
