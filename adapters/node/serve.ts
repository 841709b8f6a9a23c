// Serves a web handler over HTTP on Node.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Server } from "node:http";
import type { Listening, ServeOptions } from "../local/serve.ts";

/** Requests that are still being answered at a stop get so long. */
const GRACE_MS = 2_000;

export async function serveOnNode({ fetch, host, port }: ServeOptions): Promise<Listening> {
  const server = createAdaptorServer({ fetch }) as Server;
  server.listen(port, host);
  await once(server, "listening"); // rejects with what the system says, EADDRINUSE for one
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}
