// One way to serve HTTP on Node, Deno and Bun: each with its own server, all with the same errors.

import { externalError, type MillraceError, userError } from "../../src/base/errors.ts";
import { serveOnBun } from "../bun/serve.ts";
import { serveOnDeno } from "../deno/serve.ts";
import { serveOnNode } from "../node/serve.ts";
import { detectRuntime } from "./runtime.ts";

export interface ServeOptions {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

export interface Listening {
  readonly port: number;
  /** Takes no more requests; resolves when those under way are answered or have been given up. */
  close(): Promise<void>;
}

export async function serve(options: ServeOptions): Promise<Listening> {
  const { name } = detectRuntime();
  try {
    if (name === "deno") return serveOnDeno(options);
    if (name === "bun") return serveOnBun(options);
    return await serveOnNode(options);
  } catch (cause) {
    throw listenError(options, cause);
  }
}

function listenError({ host, port }: ServeOptions, cause: unknown): MillraceError {
  const { code = "", name = "" } = cause as { code?: string; name?: string };
  const where = `${host}:${port}`;
  if (code === "EADDRINUSE" || name === "AddrInUse") {
    const message = `port ${port} of ${host} is taken by another program; stop it, or choose another port with --port`;
    return userError("port_taken", where, message, { cause });
  }
  if (code === "EACCES" || name === "PermissionDenied") {
    const message = `the process may not listen on port ${port} of ${host}; ports from 1024 on are open to everybody`;
    return userError("port_not_permitted", where, message, { cause });
  }
  if (code === "EADDRNOTAVAIL" || name === "AddrNotAvailable" || code === "ENOTFOUND") {
    return userError("host_not_available", where, `${host} is not an address of this machine`, { cause });
  }
  return externalError("listen_failed", where, `cannot listen on ${where}: ${String(cause)}`, { cause });
}
