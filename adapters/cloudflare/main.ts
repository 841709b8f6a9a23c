// Millrace as a Worker: the REST interface in front, Durable Objects behind it.

import type { Hono } from "hono";
import { restApi } from "../../src/api/rest_api.ts";
import { version } from "../version.ts";
import { registeredFunctions } from "./functions.ts";
import { remoteLogs } from "./log_object.ts";
import type { Env } from "./objects.ts";
import { jsonLog, workerPorts } from "./platform.ts";
import { remoteGateway } from "./remote_gateway.ts";

export { DirectoryObject } from "./directory.ts";
export { JobCell } from "./job_cell.ts";
export { LogObject } from "./log_object.ts";

/** One interface an environment: building the routes anew for every request would cost more than most requests. */
const apis = new WeakMap<Env, Hono>();

function apiOf(env: Env, token: string): Hono {
  let api = apis.get(env);
  if (api === undefined) {
    api = restApi({
      jobs: remoteGateway(env),
      logs: remoteLogs(env),
      clock: workerPorts.clock,
      log: jsonLog,
      version,
      runtime: "workerd",
      functions: registeredFunctions().signatures,
      access: { digest: workerPorts.digest, token, tokenHint: "it is the secret MILLRACE_TOKEN of this Worker" },
      savepointBytesMax: 31 * 1024 * 1024,
    });
    apis.set(env, api);
  }
  return api;
}

export default {
  fetch(request: Request, env: Env): Response | Promise<Response> {
    const token = env.MILLRACE_TOKEN;
    if (token === undefined || token === "") return locked();
    return apiOf(env, token).fetch(request);
  },
};

function locked(): Response {
  const message =
    "this Worker has no token yet: run `npx wrangler secret put MILLRACE_TOKEN` and give it a long random text";
  const body = { code: "not_configured", message, where: "secret MILLRACE_TOKEN", fault: "user", retry: "none" };
  return Response.json(body, { status: 503 });
}
