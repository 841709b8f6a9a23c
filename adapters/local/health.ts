// What a probe asks a process: on a port of its own, without a token, and with nothing to learn from it but this.
//
//   GET /health/live    200 while the event loop turns; a process that does not answer is to be replaced
//   GET /health/ready   200 while it can do its work, 503 with the reason while it cannot (yet, or any more)

import { asMillraceError } from "../../src/base/errors.ts";
import { type Listening, serve } from "./serve.ts";

export interface HealthOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Undefined: it is ready; else what it waits for. */
  readonly notReady: () => Promise<string | undefined> | string | undefined;
}

export async function startHealth({ host, port, notReady }: HealthOptions): Promise<Listening> {
  const ready = async (): Promise<Response> => {
    let why: string | undefined;
    try {
      why = await notReady();
    } catch (thrown) {
      why = asMillraceError(thrown, "readiness").message;
    }
    return why === undefined ? answer(200, { status: "ready" }) : answer(503, { status: "not ready", why });
  };
  const fetch = async (request: Request): Promise<Response> => {
    if (request.method !== "GET" && request.method !== "HEAD") return answer(405, { status: "method not allowed" });
    const { pathname } = new URL(request.url);
    if (pathname === "/health/live") return answer(200, { status: "live" });
    if (pathname === "/health/ready") return await ready();
    return answer(404, { status: "not found" });
  };
  return await serve({ fetch, host, port });
}

const answer = (status: number, body: Readonly<Record<string, string>>): Response =>
  new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
  });
