// The REST interface of a local deployment, on a port.

import { restApi } from "../../src/api/rest_api.ts";
import type { LogDirectory } from "../../src/log/log_directory.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { Deployment } from "./deployment.ts";
import { type Listening, serve } from "./serve.ts";
import { loadToken } from "./token.ts";
import { millraceVersion } from "./version.ts";

export interface ServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Names that the server is called by beside its address. */
  readonly allowedHosts?: readonly string[];
  /** Origins of web pages that may call. */
  readonly allowedOrigins?: readonly string[];
  /** Requests are answered once this has resolved; until then they wait. */
  readonly ready?: Promise<void>;
  /** The token, where it is not the one of the deployment's directory. */
  readonly token?: string;
  /** Answers what this process cannot, such as one that does not lead; undefined: it can. */
  readonly elsewhere?: (request: Request) => Promise<Response | undefined>;
}

/** What REST is served of. */
export type Served = Pick<Deployment, "directory" | "jobs" | "functions"> & {
  readonly platform: Platform;
  readonly logs: LogDirectory;
};

export interface Server extends Listening {
  readonly url: string;
  readonly token: string;
  readonly tokenPath: string;
}

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");

export async function startServer(deployment: Served, options: ServerOptions): Promise<Server> {
  const { platform, jobs, logs, functions } = deployment;
  const { host } = options;
  const { token, path: tokenPath } =
    options.token === undefined
      ? loadToken(deployment.directory, platform.entropy)
      : { token: options.token, path: "" };
  const shownHost = host.includes(":") ? `[${host}]` : host;
  const own = isLoopback(host) ? LOOPBACK : [];
  const allowedHosts = [...new Set([...own, shownHost.toLowerCase(), ...(options.allowedHosts ?? [])])];
  const api = restApi({
    jobs,
    logs,
    clock: platform.clock,
    log: platform.log,
    version: millraceVersion(),
    runtime: platform.runtime,
    functions: functions.signatures,
    access: {
      digest: platform.digest,
      token,
      tokenHint: "the server printed it at its start and keeps it in the file `token` beside its store",
      // Every address is meant by these, so names cannot be told from foreign ones; the token protects.
      allowedHosts: host === "0.0.0.0" || host === "::" ? undefined : allowedHosts,
      allowedOrigins: options.allowedOrigins,
    },
  });
  const fetch = async (request: Request): Promise<Response> => {
    await options.ready;
    return (await options.elsewhere?.(request)) ?? (await api.fetch(request));
  };
  const listening = await serve({ fetch, host, port: options.port });
  return { ...listening, url: `http://${shownHost}:${listening.port}`, token, tokenPath };
}
