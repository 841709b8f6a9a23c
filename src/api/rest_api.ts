// The REST interface as one web handler: access, routes, errors. It runs wherever there are Request and Response.
//
// Invariants:
// - Nothing but the health check is answered without the token.
// - Every error is JSON {code, message, where, fault, retry}; bad input is never a 5xx.

import { type Context, Hono } from "hono";
import { type MillraceError, userError } from "../base/errors.ts";
import type { KnownFunctions } from "../job/process_function.ts";
import type { LogDirectory } from "../log/log_directory.ts";
import type { Clock, LogSink } from "../platform/ports.ts";
import { PROMETHEUS_TYPE } from "../telemetry/prometheus.ts";
import { type AccessRules, checkOrigin, checkToken } from "./access.ts";
import { answerError } from "./error_answer.ts";
import type { JobGateway } from "./gateway.ts";
import { BusyMeter, metricsText } from "./job_metrics.ts";
import { jobRoutes } from "./job_routes.ts";
import { logRoutes } from "./log_routes.ts";
import { methodsOf, type Route } from "./route.ts";
import { savepointRoutes } from "./savepoint_routes.ts";
import { tableRoutes } from "./table_routes.ts";

export interface ApiDeps {
  readonly jobs: JobGateway;
  readonly logs: LogDirectory;
  readonly clock: Clock;
  readonly log: LogSink;
  readonly version: string;
  /** `node`, `deno`, `bun`, `workerd`. */
  readonly runtime: string;
  readonly access: AccessRules;
  /** What a process of a posted spec may name; absent: nothing. */
  readonly functions?: KnownFunctions;
  readonly savepointBytesMax?: number;
}

const SAVEPOINT_BYTES_MAX_DEFAULT = 256 * 1024 * 1024;
const HEALTH = "/v1/health";
const LOG_PATH = "/v1/stream/:name";

/** Only what the REST interface serves is listed; the durable log has routes of its own. */
export function restRoutes(deps: ApiDeps): Route[] {
  const { jobs, version, runtime } = deps;
  const savepointBytesMax = deps.savepointBytesMax ?? SAVEPOINT_BYTES_MAX_DEFAULT;
  const busy = new BusyMeter();
  const metrics = async (c: Context) => {
    c.header("Content-Type", PROMETHEUS_TYPE);
    return c.body(metricsText(await jobs.list(), deps, busy));
  };
  return [
    { method: "GET", path: HEALTH, handle: (c) => c.json({ status: "ok" }) },
    ...jobRoutes({ jobs, version, runtime, functions: deps.functions ?? new Map() }),
    ...savepointRoutes({ jobs, savepointBytesMax }),
    ...tableRoutes(jobs),
    { method: "GET", path: "/v1/metrics", handle: metrics },
  ];
}

/** As in Flink, `/v1` may be left out. */
const withoutVersion = (route: Route): Route => ({ ...route, path: route.path.slice("/v1".length) });

export function restApi(deps: ApiDeps): Hono {
  const own = restRoutes(deps);
  const routes = [...own, ...own.map(withoutVersion)];
  const app = new Hono();
  app.use("*", async (c, next) => {
    await next();
    secure(c);
  });
  app.use("*", async (c, next) => {
    const header = (name: string): string | undefined => c.req.header(name) ?? undefined;
    checkOrigin(deps.access, header);
    const open = c.req.path === HEALTH || c.req.path === HEALTH.slice("/v1".length) || c.req.method === "OPTIONS";
    if (!open) checkToken(deps.access, header);
    await next();
  });
  for (const { method, path, handle } of routes) app.on(method, path, (c) => handle(c));
  const { logs, clock, log } = deps;
  app.route("/", logRoutes({ logs, clock, log, allowedOrigins: deps.access.allowedOrigins ?? [] }));
  app.notFound((c) => answerError(c, notFound(c, routes), deps.log));
  app.onError((thrown, c) => answerError(c, thrown, deps.log));
  return app;
}

/** Answers are data for programs: no browser may guess their type, frame them or keep them. */
function secure(c: Context): void {
  const headers = c.res.headers;
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("X-Frame-Options", "DENY");
  headers.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  headers.set("Referrer-Policy", "no-referrer");
  if (!headers.has("Cross-Origin-Resource-Policy")) headers.set("Cross-Origin-Resource-Policy", "same-origin");
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
}

const LOG_METHODS = (["GET", "POST", "PUT", "DELETE"] as const).map((method) => ({ method, path: LOG_PATH }));

function notFound(c: Context, routes: readonly Route[]): MillraceError {
  const { method, path } = c.req;
  const where = `${method.slice(0, 16)} ${path.slice(0, 200)}`;
  const methods = methodsOf([...routes, ...LOG_METHODS], path);
  if (methods.length === 0) return userError("not_found", where, "there is nothing at this path");
  c.header("Allow", methods.join(", "));
  return userError("method_not_allowed", where, `this path takes ${methods.join(", ")}`);
}
