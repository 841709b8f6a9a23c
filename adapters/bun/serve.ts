// Serves a web handler over HTTP on Bun, with Bun's own server.

import type { Listening, ServeOptions } from "../local/serve.ts";

interface BunServer {
  readonly port: number;
  stop(closeActiveConnections?: boolean): Promise<void>;
}
interface BunApi {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly idleTimeout: number;
    readonly maxRequestBodySize: number;
    readonly fetch: ServeOptions["fetch"];
  }): BunServer;
}

/** Requests that are still being answered at a stop get so long. */
const GRACE_MS = 2_000;
/** Bodies are counted where they are read; this only has to be larger than any limit there. */
const BODY_BYTES_MAX = 4 * 1024 * 1024 * 1024;

export function serveOnBun({ fetch, host, port }: ServeOptions): Listening {
  const bun = (globalThis as unknown as { Bun: BunApi }).Bun;
  // No idle timeout: a reader of a log may wait for longer than any that Bun offers.
  const server = bun.serve({ hostname: host, port, idleTimeout: 0, maxRequestBodySize: BODY_BYTES_MAX, fetch });
  return {
    port: server.port,
    close: async () => {
      const timer = setTimeout(() => void server.stop(true), GRACE_MS);
      await server.stop();
      clearTimeout(timer);
    },
  };
}
