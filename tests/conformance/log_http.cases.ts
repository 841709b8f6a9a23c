// The Durable Streams protocol as the routes speak it. No socket: requests go straight into the Hono app.

import { utf8 } from "../../src/base/bytes.ts";
import { APPEND_BYTES_MAX } from "../../src/base/limits.ts";
import { logRoutes } from "../../src/api/log_routes.ts";
import type { LogPorts } from "../../src/log/log_writer.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { FlakyDatabase } from "../support/flaky_database.ts";
import { openLogs, portsOf } from "../support/logs.ts";

type Headers = Readonly<Record<string, string>>;

/** The routes over a fresh store, or over what `ports` name, as after a restart. */
class Server {
  readonly #app: ReturnType<typeof logRoutes>;
  readonly #base = "http://logs.test/v1/stream/";

  constructor(ports: LogPorts) {
    this.#app = logRoutes({
      logs: openLogs(ports),
      clock: ports.clock,
      log: { write: () => undefined },
      longPollTimeoutMs: 60,
      tailDurationMs: 200,
      allowedOrigins: ["https://allowed.test"],
    });
  }

  async send(method: string, path: string, body?: BodyInit, headers: Headers = {}): Promise<Response> {
    const init = { method, headers: { "Content-Type": "application/json", ...headers } };
    return await this.#app.request(this.#base + path, body === undefined ? init : { ...init, body });
  }
  put = (path: string, body?: BodyInit, headers?: Headers) => this.send("PUT", path, body, headers);
  post = (path: string, body?: BodyInit, headers?: Headers) => this.send("POST", path, body, headers);
  get = (path: string, headers?: Headers) => this.send("GET", path, undefined, headers);
  /** Text of a GET that has to succeed. */
  async text(path: string): Promise<string> {
    const answer = await this.get(path);
    equal(answer.status, 200, path);
    return await answer.text();
  }
}

async function fresh(context: TestContext): Promise<Server> {
  return new Server(portsOf(await context.freshPlatform()));
}

const offsetOf = (answer: Response): string => answer.headers.get("Stream-Next-Offset") ?? "none";
const producer = (id: string, epoch: number | string, sequence: number | string): Headers => ({
  "Producer-Id": id,
  "Producer-Epoch": String(epoch),
  "Producer-Seq": String(sequence),
});

async function refused(answer: Response, status: number, code: string): Promise<void> {
  const body = (await answer.json()) as { code: string; message: string; where: string };
  equal([answer.status, body.code], [status, code], body.message);
  ok(body.message.length > 10 && typeof body.where === "string", "an error says what and where");
  equal(answer.headers.get("X-Content-Type-Options"), "nosniff");
}

/** Events of a tail, read until it ends. */
async function eventsOf(answer: Response): Promise<{ event: string; data: string }[]> {
  const blocks = (await answer.text()).split("\n\n").filter((block) => block !== "");
  return blocks.map((block) => {
    const [first = "", ...rest] = block.split("\n");
    const data = rest.map((line) => line.slice("data:".length).replace(/^ /, "")).join("\n");
    return { event: first.slice("event: ".length), data };
  });
}

const at = (sequence: number): string => `0000000000000000_${String(sequence).padStart(16, "0")}`;

export const cases: readonly Case[] = [
  test("log http: PUT creates once, says so, and refuses another kind of log of that name", async (context) => {
    const server = await fresh(context);
    const created = await server.put("a", "[1, 2]");
    equal([created.status, offsetOf(created)], [201, at(2)]);
    equal(created.headers.get("Location"), "http://logs.test/v1/stream/a");
    const again = await server.put("a", "[3]", { "Content-Type": "APPLICATION/JSON; charset=utf-8" });
    equal([again.status, offsetOf(again)], [200, at(2)], "an existing log takes no records from PUT");
    await refused(await server.put("a", undefined, { "Content-Type": "text/plain" }), 409, "log_exists");
    await refused(await server.put("a", undefined, { "Stream-TTL": "60" }), 409, "log_exists");
    await refused(await server.put("b", "[1,"), 400, "invalid_json");
    equal((await server.get("b")).status, 404, "a refused PUT creates nothing");
    for (const ttl of ["-1", "1.5", "01", "+1", "1e3", "x"]) {
      await refused(await server.put("b", undefined, { "Stream-TTL": ttl }), 400, "header_invalid");
    }
    await refused(await server.put("b", undefined, { "Stream-Expires-At": "tomorrow" }), 400, "header_invalid");
    await refused(await server.put("b", undefined, { "Stream-Forked-From": "a" }), 501, "forks_unsupported");
    await refused(await server.put("b", undefined, { "Content-Type": "nonsense" }), 400, "header_invalid");
  }),

  test("log http: JSON numbers and spacing come back byte for byte, as a list and as lines", async (context) => {
    const server = await fresh(context);
    await server.put("exact");
    equal((await server.post("exact", '[12345678901234567890, 1.0,{"a" :  1e400}]')).status, 204);
    equal((await server.post("exact", '{"b":\n -0.0}')).status, 204);
    const lines = await server.post("exact", '"x"\n[7]\n', { "Content-Type": "application/x-ndjson" });
    equal([lines.status, offsetOf(lines)], [204, at(6)], "lines may be appended to a JSON log");
    equal(await server.text("exact"), '[12345678901234567890,1.0,{"a" :  1e400},{"b":\n -0.0},"x",[7]]');
    equal(await server.text(`exact?offset=${at(3)}`), '[{"b":\n -0.0},"x",[7]]');
    const ndjson = { "Content-Type": "application/x-ndjson" };
    await server.put("lines", '{"n":1.10}\r\n\n2\n', ndjson);
    equal((await server.post("lines", '[{"m":\n3}]')).status, 204, "a list may be appended to a log of lines");
    equal(await server.text("lines"), '{"n":1.10}\n2\n{"m": 3}\n', "a line stays one line");
    await refused(await server.post("exact", "x", { "Content-Type": "text/plain" }), 409, "content_type_mismatch");
    await refused(await server.post("exact", "[]"), 400, "append_empty");
    await refused(await server.post("exact", "\n\n", ndjson), 400, "append_empty");
  }),

  test("log http: bytes come back as they were sent, joined", async (context) => {
    const server = await fresh(context);
    const type = { "Content-Type": "application/octet-stream" };
    const all = Uint8Array.from({ length: 256 }, (_unused, index) => index);
    await server.put("bytes", all, type);
    await server.post("bytes", all.slice(0, 3), type);
    const answer = await server.get("bytes");
    equal(new Uint8Array(await answer.arrayBuffer()), Uint8Array.of(...all, 0, 1, 2));
    equal(answer.headers.get("Content-Type"), "application/octet-stream");
  }),

  test("log http: paging by offset through a log larger than a page loses nothing", async (context) => {
    const server = await fresh(context);
    await server.put("pages");
    const record = (index: number): string => JSON.stringify({ index, pad: "x".repeat(700) });
    for (let post = 0; post < 4; post++) {
      const records = Array.from({ length: 1000 }, (_unused, index) => record(post * 1000 + index));
      equal((await server.post("pages", `[${records.join(",")}]`)).status, 204);
    }
    let offset = "-1";
    let pages = 0;
    const found: number[] = [];
    for (let upToDate = false; !upToDate; pages++) {
      const answer = await server.get(`pages?offset=${offset}`);
      equal(answer.status, 200);
      for (const one of (await answer.json()) as { index: number }[]) found.push(one.index);
      ok(offset === "-1" || offsetOf(answer) > offset, "offsets sort as text");
      offset = offsetOf(answer);
      upToDate = answer.headers.get("Stream-Up-To-Date") === "true";
    }
    ok(pages >= 3, `${pages} pages`);
    equal(
      found,
      Array.from({ length: 4000 }, (_unused, index) => index),
    );
    equal(await server.text(`pages?offset=${offset}`), "[]", "at the end");
  }),

  test("log http: offsets that are none, live modes that are none and double parameters are refused", async (context) => {
    const server = await fresh(context);
    await server.put("a", "[1]");
    for (const offset of ["", "0", "1", "-2", "0,1", "0 1", "NOW", `${at(0)}0`, "0000000000000001_0000000000000000"]) {
      await refused(await server.get(`a?offset=${encodeURIComponent(offset)}`), 400, "offset_invalid");
    }
    await refused(await server.get(`a?offset=${at(2)}`), 400, "offset_beyond_end");
    await refused(await server.get("a?offset=now&offset=-1"), 400, "query_invalid");
    await refused(await server.get("a?live=sse"), 400, "query_invalid");
    await refused(await server.get("a?offset=-1&live=maybe"), 400, "query_invalid");
    equal((await server.get("a?offset=-1&unknown=1")).status, 200);
    await refused(await server.get("none"), 404, "log_not_found");
    await refused(await server.post("none", "[1]"), 404, "log_not_found");
    await refused(await server.send("DELETE", "none"), 404, "log_not_found");
    equal((await server.send("HEAD", "none")).status, 404);
    await refused(await server.get("a%20b"), 400, "log_name_invalid");
    await refused(await server.put("a%2Fb"), 400, "log_name_invalid");
  }),

  test("log http: producers: 200, duplicate 204, gap 409, stale epoch 403, epoch not from zero 400", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    let server = new Server(ports);
    await server.put("p");
    const send = (epoch: number | string, sequence: number | string) =>
      server.post("p", `["${epoch}/${sequence}"]`, producer("me", epoch, sequence));
    equal([(await send(0, 0)).status, (await send(0, 1)).status], [200, 200]);
    server = new Server(ports);
    const duplicate = await send(0, 0);
    equal([duplicate.status, duplicate.headers.get("Producer-Seq")], [204, "1"], "a duplicate after a restart");
    const gap = await send(0, 5);
    equal([gap.headers.get("Producer-Expected-Seq"), gap.headers.get("Producer-Received-Seq")], ["2", "5"]);
    await refused(gap, 409, "sequence_gap");
    await refused(await send(3, 1), 400, "epoch_not_from_zero");
    equal((await send(3, 0)).status, 200);
    const stale = await send(2, 0);
    equal(stale.headers.get("Producer-Epoch"), "3");
    await refused(stale, 403, "stale_epoch");
    for (const [epoch, sequence] of [
      ["-1", "0"],
      ["0", "1.5"],
      ["", "0"],
      ["0x1", "0"],
      ["0", "9007199254740993"],
    ]) {
      await refused(await send(epoch ?? "", sequence ?? ""), 400, "header_invalid");
    }
    await refused(await server.post("p", "[1]", { "Producer-Id": "me" }), 400, "header_invalid");
    await refused(await server.post("p", "[1]", producer("", 0, 0)), 400, "header_invalid");
    await refused(await server.post("p", "[1]", producer("x".repeat(300), 0, 0)), 400, "header_invalid");
    await refused(await server.post("p", "[1", producer("me", 3, 1)), 400, "invalid_json");
    equal((await send(3, 1)).status, 200, "a refused body uses up no sequence");
    equal(await server.text("p"), '["0/0","0/1","3/0","3/1"]');
  }),

  test("log http: Stream-Seq has to grow as text", async (context) => {
    const server = await fresh(context);
    await server.put("s");
    const send = async (sequence: string) => await server.post("s", "[1]", { "Stream-Seq": sequence });
    equal((await send("09")).status, 204);
    await refused(await send("09"), 409, "stream_sequence");
    equal((await send("10")).status, 204);
    await refused(await send("1"), 409, "stream_sequence");
  }),

  test("log http: a closed log says so, takes nothing more, and its readers reach its end", async (context) => {
    const server = await fresh(context);
    await server.put("c", "[1]");
    const closing = await server.post("c", "[2]", { "Stream-Closed": "true" });
    equal([closing.status, closing.headers.get("Stream-Closed")], [204, "true"]);
    const late = await server.post("c", "[3]");
    equal([late.headers.get("Stream-Closed"), offsetOf(late)], ["true", at(2)]);
    await refused(late, 409, "log_closed");
    equal((await server.post("c", undefined, { "Stream-Closed": "true" })).status, 204, "closing again");
    const poll = await server.get(`c?offset=${at(2)}&live=long-poll`);
    equal([poll.status, poll.headers.get("Stream-Closed")], [204, "true"]);
    const events = await eventsOf(await server.get("c?offset=-1&live=sse"));
    equal(events[0], { event: "data", data: "[1,2]" });
    equal(JSON.parse(events[1]?.data ?? ""), { streamNextOffset: at(2), streamClosed: true, upToDate: true });
    equal((await server.send("HEAD", "c")).headers.get("Stream-Closed"), "true");
    await refused(await server.post("c", undefined), 400, "append_empty");
    equal((await server.put("born", undefined, { "Stream-Closed": "true" })).status, 201);
    await refused(await server.post("born", "[1]"), 409, "log_closed");
  }),

  test("log http: a long-poll answers at once where there is data, when data comes, and after its timeout", async (context) => {
    const server = await fresh(context);
    await server.put("live", "[1]");
    const present = await server.get("live?offset=-1&live=long-poll");
    equal([present.status, await present.text()], [200, "[1]"]);
    const waiting = server.get("live?offset=now&live=long-poll");
    await server.post("live", "[2]");
    const woken = await waiting;
    equal([woken.status, await woken.text(), offsetOf(woken)], [200, "[2]", at(2)]);
    const cursor = woken.headers.get("Stream-Cursor") ?? "";
    const empty = await server.get(`live?offset=${at(2)}&live=long-poll&cursor=${cursor}`);
    equal([empty.status, empty.headers.get("Stream-Up-To-Date"), offsetOf(empty)], [204, "true", at(2)]);
    ok(Number(empty.headers.get("Stream-Cursor")) > Number(cursor), "cursors grow");
  }),

  test("log http: a tail sends what is there and what comes, each with the offset to go on from", async (context) => {
    const server = await fresh(context);
    await server.put("tail", '[{"n":1}]');
    const answer = await server.get("tail?offset=-1&live=sse");
    equal(answer.headers.get("Content-Type"), "text/event-stream");
    await server.post("tail", '["event: control\\n\\ndata: {}"]');
    const events = await eventsOf(answer);
    equal(
      events.map((one) => one.event),
      events.map((_unused, index) => (index % 2 === 0 ? "data" : "control")),
      "a control event follows each data event",
    );
    const records = events.filter((one) => one.event === "data").flatMap((one) => JSON.parse(one.data) as unknown[]);
    equal(records, [{ n: 1 }, "event: control\n\ndata: {}"]);
    equal((JSON.parse(events.at(-1)?.data ?? "") as { streamNextOffset: string }).streamNextOffset, at(2));
  }),

  test("log http: tails of text keep lines and split characters, tails of bytes are base64", async (context) => {
    const server = await fresh(context);
    const plain = { "Content-Type": "text/plain" };
    await server.put("text", " a\r\n\revent: control\nz", plain);
    equal((await eventsOf(await server.get("text?offset=-1&live=sse")))[0]?.data, " a\n\nevent: control\nz");
    const euro = utf8("€");
    await server.put("split", undefined, plain);
    const tail = eventsOf(await server.get("split?offset=-1&live=sse"));
    await server.post("split", euro.slice(0, 1), plain);
    await server.post("split", euro.slice(1), plain);
    const data = (await tail).filter((one) => one.event === "data").map((one) => one.data);
    equal(data.join(""), "€");
    for (const size of [1, 2, 3, 100]) {
      const bytes = Uint8Array.from({ length: size }, (_unused, index) => 250 - index);
      await server.put(`b${size}`, bytes, { "Content-Type": "image/png" });
      const answer = await server.get(`b${size}?offset=-1&live=sse`);
      equal(answer.headers.get("Stream-SSE-Data-Encoding"), "base64");
      const [first] = await eventsOf(answer);
      equal(
        Uint8Array.from(atob(first?.data ?? ""), (char) => char.charCodeAt(0)),
        bytes,
      );
    }
  }),

  test("log http: ETags change with data and with closure, and answer 304", async (context) => {
    const server = await fresh(context);
    await server.put("e", "[1]");
    const tagOf = async () => (await server.get("e")).headers.get("ETag") ?? "";
    const first = await tagOf();
    equal((await server.get("e", { "If-None-Match": `"x", ${first}` })).status, 304);
    await server.post("e", "[2]");
    const second = await tagOf();
    await server.post("e", undefined, { "Stream-Closed": "true" });
    const third = await tagOf();
    equal(new Set([first, second, third]).size, 3, "three states, three tags");
    equal((await server.get("e", { "If-None-Match": second })).status, 200, "a reader learns of the closure");
  }),

  test("log http: only listed origins may read answers, and preflights name the headers", async (context) => {
    const server = await fresh(context);
    await server.put("o", "[1]");
    const allowed = await server.get("o", { Origin: "https://allowed.test" });
    equal(allowed.headers.get("Access-Control-Allow-Origin"), "https://allowed.test");
    equal((await server.get("o", { Origin: "https://evil.test" })).headers.get("Access-Control-Allow-Origin"), null);
    const preflight = await server.send("OPTIONS", "o", undefined, { Origin: "https://allowed.test" });
    equal(preflight.status, 204);
    ok(preflight.headers.get("Access-Control-Allow-Headers")?.includes("If-None-Match"), "If-None-Match is allowed");
  }),

  test("log http: bodies are capped while they are read, whatever they claim", async (context) => {
    const server = await fresh(context);
    const type = { "Content-Type": "application/octet-stream" };
    await server.put("cap", undefined, type);
    equal((await server.post("cap", new Uint8Array(APPEND_BYTES_MAX), type)).status, 204, "exactly the limit");
    await refused(await server.post("cap", new Uint8Array(APPEND_BYTES_MAX + 1), type), 413, "body_too_large");
    await refused(await server.put("cap2", new Uint8Array(3 * APPEND_BYTES_MAX), type), 413, "body_too_large");
    const gzip = { ...type, "Content-Encoding": "gzip" };
    await refused(await server.post("cap", "x", gzip), 415, "encoding_unsupported");
    equal(offsetOf(await server.send("HEAD", "cap")), at(1));
  }),

  test("log http: a store that fails in mid-pipeline answers 503, and a retrying producer is exact", async (context) => {
    const platform = await context.freshPlatform();
    const database = new FlakyDatabase(platform.tables);
    const server = new Server({ ...portsOf(platform), database });
    await server.put("pipe");
    let down = false;
    database.failBatch = (batch) => (down ? "before" : batch % 3 === 0 ? "after" : undefined);
    database.failQuery = () => down;
    let unavailable = 0;
    // Twenty requests in flight at once, each repeated until it is taken: what a pipelining client does.
    let taken = 0;
    for (let round = 0; taken < 60; round++) {
      ok(round < 200, "the producer comes to an end");
      down = round % 2 === 0;
      const batch = Array.from({ length: 20 }, (_unused, index) => taken + index).filter((index) => index < 60);
      const answers = await Promise.all(
        batch.map((sequence) => server.post("pipe", `[${sequence}]`, producer("w", 0, sequence))),
      );
      for (const answer of answers) {
        if (answer.status === 503) {
          unavailable++;
          equal(answer.headers.get("Retry-After"), "1");
        } else if (answer.status !== 200 && answer.status !== 204) equal(answer.status, 409, await answer.text());
      }
      const firstRefused = answers.findIndex((answer) => answer.status !== 200 && answer.status !== 204);
      taken += firstRefused === -1 ? batch.length : firstRefused;
    }
    ok(unavailable > 0, "the store has failed");
    down = false;
    database.failBatch = () => undefined;
    equal(
      JSON.parse(await server.text("pipe")),
      Array.from({ length: 60 }, (_unused, index) => index),
    );
  }),
];
