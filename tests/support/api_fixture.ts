// A REST interface over an engine on a fresh platform, called without a network. For shared cases: no runtime here.

import { sinkInput } from "../../src/graph/plan.ts";
import type { Hono } from "hono";
import { engineGateway } from "../../src/api/engine_gateway.ts";
import { type ApiDeps, restApi, restRoutes } from "../../src/api/rest_api.ts";
import type { Route } from "../../src/api/route.ts";
import { userError } from "../../src/base/errors.ts";
import { logSink } from "../../src/connectors/log_sink.ts";
import { logSource } from "../../src/connectors/log_source.ts";
import { tableSink } from "../../src/connectors/table_sink.ts";
import type { ConnectorFactory } from "../../src/engine/connector_factory.ts";
import { Engine, type EngineOptions } from "../../src/engine/engine.ts";
import { SqlLogDirectory } from "../../src/log/log_directory.ts";
import { logStoreOf } from "../../src/log/log_store.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { TestContext } from "../case.ts";
import { ok } from "../expect.ts";

export const TOKEN = "0123456789abcdef0123456789abcdef";

export interface Api {
  readonly platform: Platform;
  readonly engine: Engine;
  readonly app: Hono;
  readonly routes: readonly Route[];
  /** With the token; a body that is an object is sent as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  close(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes are looked into, wrong guesses fail the case
  readonly json: any;
}

export async function openApi(
  context: TestContext,
  more: Partial<ApiDeps> = {},
  options: Partial<EngineOptions> = {},
): Promise<Api> {
  const platform = await context.freshPlatform();
  const { clock, timers, entropy, digest, log } = platform;
  const logs = new SqlLogDirectory({ database: platform.tables, clock, timers, yield: platform.yield, entropy });
  const engine = new Engine(platform, { connectors: connectorsOn(platform, logs), ...options });
  await engine.recover();
  const access = { digest, token: TOKEN, tokenHint: "the test knows it" };
  const jobs = engineGateway(engine);
  const deps: ApiDeps = { jobs, logs, clock, log, version: "0.0.0", runtime: context.runtime, access, ...more };
  const app = restApi(deps);
  const call: Api["call"] = async (method, path, body, headers = {}) => {
    const isBytes = body instanceof Uint8Array || typeof body === "string";
    const sent = body === undefined ? {} : { body: (isBytes ? body : JSON.stringify(body)) as BodyInit };
    const type = body === undefined ? {} : { "Content-Type": "application/json" };
    const all = { Authorization: `Bearer ${TOKEN}`, ...type, ...headers };
    return replyOf(await app.request(path, { method, headers: all, ...sent }));
  };
  return { platform, engine, app, routes: restRoutes(deps), call, close: () => engine.close() };
}

export async function replyOf(response: Response): Promise<Reply> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  const { status, headers } = response;
  return {
    status,
    headers,
    text,
    bytes,
    get json() {
      return JSON.parse(text) as unknown;
    },
  };
}

function connectorsOn(platform: Platform, logs: SqlLogDirectory): ConnectorFactory {
  const store = logStoreOf(logs);
  return {
    source: (node) => {
      if (node.connector.kind === "log") return logSource(store, node);
      throw userError("connector_unavailable", `operator ${node.uid}`, "the test has logs only");
    },
    sink: (node) => {
      const { connector } = node;
      const { schema } = sinkInput(node);
      if (connector.kind === "table") return tableSink(platform.tables, { ...connector, schema });
      if (connector.kind === "log") return logSink(store, node);
      throw userError("connector_unavailable", `operator ${node.uid}`, "the test has tables and logs only");
    },
  };
}

const WAIT_MS = 20_000;

/** Asks again until the answer is there. */
export async function eventually<T>(platform: Platform, what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const endMs = platform.clock.monotonicMs() + WAIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    ok(platform.clock.monotonicMs() < endMs, `${what} did not come about within ${WAIT_MS} ms`);
    await platform.timers.sleep(15);
  }
}

/** Counts the amounts of each account and minute; `events` is a log. */
export const countingJob = (name: string, table: string) => ({
  millrace: 1,
  name,
  checkpoint: { intervalMs: 40 },
  restart: { strategy: "none" },
  operators: [
    {
      uid: "events",
      kind: "source",
      connector: { kind: "log", name: "events" },
      schema: [
        { name: "at", type: "timestamp" },
        { name: "account", type: "utf8" },
        { name: "amount", type: "i64" },
      ],
      eventTime: { column: "at", boundMs: 0 },
    },
    {
      uid: "minutes",
      kind: "window",
      input: "events",
      keyBy: ["account"],
      window: { kind: "tumbling", sizeMs: 60_000 },
      aggregates: {
        events: { function: "count" },
        largest: { function: "max", column: "amount" },
        mean: { function: "avg", column: "amount" },
      },
    },
    {
      uid: "result",
      kind: "sink",
      input: "minutes",
      connector: { kind: "table", table, mode: "upsert", primaryKey: ["account", "window_start"] },
    },
  ],
});
