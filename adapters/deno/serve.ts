// Serves a web handler over HTTP on Deno, with Deno's own server.

import type { Listening, ServeOptions } from "../local/serve.ts";

interface DenoServer {
  readonly addr: { readonly port: number };
  shutdown(): Promise<void>;
}
interface DenoApi {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly signal: AbortSignal;
    readonly onListen: () => void;
    readonly handler: ServeOptions["fetch"];
  }): DenoServer;
}

/** Requests that are still being answered at a stop get so long. */
const GRACE_MS = 2_000;

export function serveOnDeno({ fetch, host, port }: ServeOptions): Listening {
  const deno = (globalThis as unknown as { Deno: DenoApi }).Deno;
  const end = new AbortController();
  const onListen = (): void => undefined; // Deno would print a line of its own
  const server = deno.serve({ hostname: host, port, signal: end.signal, onListen, handler: fetch });
  return {
    port: server.addr.port,
    close: async () => {
      const timer = setTimeout(() => end.abort(), GRACE_MS);
      await server.shutdown();
      clearTimeout(timer);
    },
  };
}
