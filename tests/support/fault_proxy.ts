// A TCP proxy on the loopback that breaks connections when a test says so: what a network does to requests.

import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * `drop_answers`: requests arrive, answers do not. `swallow`: requests do not arrive, and nothing tells so.
 * `cut_requests`: the connection breaks within the request. `refuse`: nobody listens.
 */
export type ProxyMode = "pass" | "drop_answers" | "swallow" | "cut_requests" | "refuse";

const REQUEST_BYTES_PASSED = 1_000;

export class FaultProxy {
  readonly port: number;
  readonly #targetPort: number;
  readonly #host: string;
  /** That have come so far. */
  connections = 0;
  #server: Server | undefined;
  #mode: ProxyMode = "pass";
  readonly #sockets = new Set<Socket>();
  /** Answers that were dropped and requests that were swallowed or cut. */
  faults = 0;

  private constructor(port: number, targetPort: number, host: string) {
    this.port = port;
    this.#host = host;
    this.#targetPort = targetPort;
  }

  static async start(targetPort: number, port = 0, host = "127.0.0.1"): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    const proxy = new FaultProxy((server.address() as { port: number }).port, targetPort, host);
    proxy.#use(server);
    return proxy;
  }

  get url(): string {
    return `http://${this.#host}:${this.port}`;
  }

  async mode(mode: ProxyMode): Promise<void> {
    this.#mode = mode;
    if (mode === "refuse") await this.close();
    else if (this.#server === undefined) {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(this.port, this.#host, resolve));
      this.#use(server);
    }
  }

  /** Breaks every connection, as the restart of a router would. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    this.cut();
    await closed;
  }

  #use(server: Server): void {
    this.#server = server;
    server.on("connection", (near) => {
      this.connections++;
      this.#join(near, connect(this.#targetPort, "127.0.0.1"));
    });
  }

  #join(near: Socket, far: Socket): void {
    const breakBoth = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("error", breakBoth);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        breakBoth();
      });
    }
    near.on("data", (bytes: Buffer) => {
      if (this.#mode === "swallow") this.faults++;
      else if (this.#mode === "cut_requests") {
        this.faults++;
        far.write(bytes.subarray(0, REQUEST_BYTES_PASSED), breakBoth);
      } else far.write(bytes);
    });
    far.on("data", (bytes) => {
      if (this.#mode === "drop_answers") {
        this.faults++;
        breakBoth();
      } else near.write(bytes);
    });
  }
}
