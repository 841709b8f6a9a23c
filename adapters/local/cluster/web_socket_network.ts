// Links between processes over WebSockets, on Node, Deno and Bun.
//
//   connecting                                                   listening
//     │ ◀───────────────────────── 32 random bytes: A ────────────  │
//     │ 32 random bytes: B, HMAC(secret, "connects" A B) ─────────▶ │   proves that it knows the secret
//     │ ◀─────────────────────────  HMAC(secret, "listens" B A) ──  │   and so does the other side
//     │ ◀═════════════════════════ messages ══════════════════════▶ │
//
// Invariants:
// - Nothing but these proofs is said before both sides have given theirs; a wrong one ends the connection, and both
//   sides say why. Each proof is over fresh bytes of both, so none can be used again.
// - The secret itself never travels. What follows is neither encrypted nor signed: over foreign networks it belongs
//   into TLS (`wss`, by a proxy or mesh before the listener).

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import type { Bytes } from "../../../src/base/bytes.ts";
import { externalError, type MillraceError, userError } from "../../../src/base/errors.ts";
import type { Link, LinkListener, Network } from "../../../src/platform/network.ts";
import type { LogSink } from "../../../src/platform/ports.ts";

export interface WebSocketNetworkOptions {
  readonly secret: string;
  readonly log: LogSink;
  /** The address to listen on. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** What others call this host; the address that is listened on where it is not given. */
  readonly advertised?: string;
}

const NONCE_BYTES = 32;
const PROOF_BYTES = 32;
const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;
const HANDSHAKE_MS = 5_000;
const WRONG_SECRET = 4401;
const CLOSED = 4000;
const REASON_BYTES_MAX = 120;
const SECRET_CHARACTERS_MIN = 16;

/** What the sockets of all runtimes, and those of the server, have in common. */
interface Socket {
  send(bytes: Bytes): void;
  close(code: number, reason: string): void;
  readonly bufferedAmount: number;
}

class SocketLink implements Link {
  readonly #socket: Socket;
  #onMessage: ((bytes: Bytes) => void) | undefined;
  #onClose: ((why: string) => void) | undefined;
  readonly #arrived: Bytes[] = [];
  #closed: string | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }
  send(bytes: Bytes): void {
    if (this.#closed === undefined) this.#socket.send(bytes);
  }
  onMessage(listener: (bytes: Bytes) => void): void {
    this.#onMessage = listener;
    for (const bytes of this.#arrived.splice(0)) listener(bytes);
  }
  onClose(listener: (why: string) => void): void {
    this.#onClose = listener;
    if (this.#closed !== undefined) listener(this.#closed);
  }
  close(why: string): void {
    if (this.#closed !== undefined) return;
    this.#socket.close(CLOSED, shortened(why));
    // Not when the other side has answered: it may never.
    this.ended(why);
  }

  arrived(bytes: Bytes): void {
    if (this.#closed !== undefined) return;
    if (this.#onMessage === undefined) this.#arrived.push(bytes);
    else this.#onMessage(bytes);
  }
  ended(why: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = why;
    this.#onClose?.(why);
  }
}

export class WebSocketNetwork implements Network {
  readonly #options: WebSocketNetworkOptions;

  constructor(options: WebSocketNetworkOptions) {
    if (options.secret.length < SECRET_CHARACTERS_MIN) throw shortSecret(options.secret.length);
    this.#options = options;
  }

  async listen(onLink: (link: Link) => void): Promise<LinkListener> {
    const { host, port, advertised } = this.#options;
    const server = new WebSocketServer({ host, port, maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false });
    await new Promise<void>((resolve, reject) => {
      server.once("listening", resolve);
      server.once("error", (cause) => reject(cannotListen(host, port, cause)));
    });
    server.on("connection", (socket, request) => {
      socket.binaryType = "arraybuffer";
      const from = request.socket.remoteAddress ?? "";
      const link = new SocketLink(socket as unknown as Socket);
      const take = this.#expectProof(socket as unknown as Socket, link, from, onLink);
      socket.on("message", (data) => take(bytesOf(data as ArrayBuffer)));
      socket.on("close", (code, reason) => link.ended(String(reason) || `the connection ended with code ${code}`));
      socket.on("error", (error) => link.ended(String(error)));
    });
    const { port: taken } = server.address() as AddressInfo;
    const name = advertised ?? host;
    return {
      address: `ws://${name.includes(":") ? `[${name}]` : name}:${taken}`,
      close: async () => {
        for (const socket of server.clients) socket.terminate();
        await new Promise<void>((resolve) => server.close(() => resolve()));
      },
    };
  }

  /** The listening side of the handshake; answers what is to be done with each message. */
  #expectProof(socket: Socket, link: SocketLink, from: string, onLink: (link: Link) => void): (bytes: Bytes) => void {
    const own = nonce();
    let proven = false;
    const late = setTimeout(() => link.close("the handshake took too long"), HANDSHAKE_MS);
    link.onClose(() => clearTimeout(late));
    socket.send(own);
    return (bytes) => {
      if (proven) return link.arrived(bytes);
      clearTimeout(late);
      const theirs = bytes.slice(0, NONCE_BYTES);
      if (!isProof(bytes.slice(NONCE_BYTES), this.#proof("connects", own, theirs))) {
        this.#options.log.write("warning", "a connection was refused: it does not know the cluster's secret", { from });
        socket.close(WRONG_SECRET, "secret_wrong");
        return link.ended("secret_wrong");
      }
      proven = true;
      socket.send(this.#proof("listens", theirs, own));
      onLink(link);
    };
  }

  connect(address: string): Promise<Link> {
    return new Promise((resolve, reject) => {
      let socket: WebSocket;
      try {
        socket = new WebSocket(address);
      } catch (cause) {
        return reject(unreachable(address, String(cause), cause));
      }
      socket.binaryType = "arraybuffer";
      const own = nonce();
      let expected: Bytes | undefined;
      let link: SocketLink | undefined;
      const fail = (error: MillraceError): void => {
        clearTimeout(late);
        reject(error);
        socket.close(CLOSED);
      };
      const late = setTimeout(() => fail(unreachable(address, "the handshake took too long")), HANDSHAKE_MS);
      socket.onmessage = ({ data }) => {
        const bytes = bytesOf(data as ArrayBuffer);
        if (link !== undefined) return link.arrived(bytes);
        if (expected === undefined) {
          expected = this.#proof("listens", own, bytes);
          return socket.send(Buffer.concat([own, this.#proof("connects", bytes, own)]));
        }
        if (!isProof(bytes, expected)) return fail(wrongSecret(address));
        clearTimeout(late);
        link = new SocketLink(socket as unknown as Socket);
        resolve(link);
      };
      socket.onclose = ({ code, reason }) => {
        if (link !== undefined) return link.ended(reason || `the connection ended with code ${code}`);
        fail(code === WRONG_SECRET ? wrongSecret(address) : unreachable(address, reason || `code ${code}`));
      };
    });
  }

  #proof(role: "connects" | "listens", first: Bytes, second: Bytes): Bytes {
    const hmac = createHmac("sha256", this.#options.secret);
    return new Uint8Array(hmac.update(`millrace ${role}`).update(first).update(second).digest());
  }
}

const nonce = (): Bytes => new Uint8Array(randomBytes(NONCE_BYTES));
const isProof = (given: Bytes, wanted: Bytes): boolean =>
  given.byteLength === PROOF_BYTES && timingSafeEqual(given, wanted);
const bytesOf = (data: ArrayBuffer | Uint8Array): Bytes => new Uint8Array(data as ArrayBuffer);
/** A close frame has room for 123 bytes. */
const shortened = (why: string): string => new TextDecoder().decode(Buffer.from(why).subarray(0, REASON_BYTES_MAX - 3));

const shortSecret = (length: number): MillraceError =>
  userError(
    "secret_too_short",
    "cluster secret",
    `the cluster's secret has ${length} characters; at least ${SECRET_CHARACTERS_MIN} would be right, 32 random ones are good`,
  );
const wrongSecret = (address: string): MillraceError =>
  userError(
    "secret_wrong",
    address,
    `this process and the one at ${address} do not have the same cluster secret; every process of a deployment is given the same one`,
  );
const unreachable = (address: string, why: string, cause?: unknown): MillraceError =>
  externalError("peer_unreachable", address, `nobody can be reached at ${address}: ${why}`, { cause });
const cannotListen = (host: string, port: number, cause: unknown): MillraceError =>
  userError("port_taken", `${host}:${port}`, `cannot listen on ${host}:${port}: ${String(cause)}`, { cause });
