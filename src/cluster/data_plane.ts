// The lines between this worker and the others: made when a task needs one, opened again when a link breaks, given up
// when the peer is away for too long or is another process than it was.
//
// Of two workers the one with the smaller id connects, so that there is one link a pair.
//
//   connecting ─ {worker, to, line, received, opened} ─▶ listening
//   connecting ◀─ {received} or {refused: why} ───────── listening

import { hexOf, type Bytes } from "../base/bytes.ts";
import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { asMillraceError } from "../base/errors.ts";
import { Abort } from "../platform/abort.ts";
import type { Link, LinkListener, Network } from "../platform/network.ts";
import type { Clock, Entropy, LogSink, Timers } from "../platform/ports.ts";
import { LineChannels } from "./channels.ts";
import { Line } from "./line.ts";
import type { ClusterTimes } from "./times.ts";

export interface PeerAddress {
  readonly worker: string;
  readonly address: string;
}

export interface DataPlaneOptions {
  /** Of this process: nobody else has it, also no later life of it. */
  readonly worker: string;
  readonly network: Network;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly log: LogSink;
  readonly times: ClusterTimes;
  /** The tasks of these runs had channels to a peer that is lost. */
  readonly onLost: (runs: readonly string[], peer: string, why: string) => void;
}

interface Hello {
  readonly worker: string;
  readonly to: string;
  readonly line: string;
  readonly received: number;
  /** The line has been open before: the other side must know it. */
  readonly opened: boolean;
}
type Answer = { readonly received: number } | { readonly refused: string };

interface Peer {
  readonly line: Line;
  readonly channels: LineChannels;
  lost: boolean;
}

const GONE_RUNS_MAX = 1000;

export class DataPlane {
  readonly #options: DataPlaneOptions;
  readonly #peers = new Map<string, Peer>();
  /** Runs whose tasks here have all ended, the oldest first. */
  readonly #gone = new Set<string>();
  readonly #ending = new Abort();
  #listener: LinkListener | undefined;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
  }

  async open(): Promise<string> {
    this.#listener = await this.#options.network.listen((link) => this.#accept(link));
    void this.#watch();
    return this.#listener.address;
  }

  async close(): Promise<void> {
    this.#ending.abort("closed");
    for (const { line } of this.#peers.values()) line.drop("the worker ends");
    this.#peers.clear();
    await this.#listener?.close();
  }

  /** The channels to a peer; the line to it is opened when it is first asked for. */
  peer({ worker, address }: PeerAddress): LineChannels {
    const known = this.#peers.get(worker);
    if (known !== undefined) return known.channels;
    const peer = this.#make(worker);
    if (this.#options.worker < worker) void this.#keepConnected(peer, address);
    return peer.channels;
  }

  /** Nothing that still comes for this run is kept. */
  forget(run: string): void {
    this.#gone.add(run);
    for (const oldest of this.#gone) {
      if (this.#gone.size <= GONE_RUNS_MAX) break;
      this.#gone.delete(oldest);
    }
    for (const { channels } of this.#peers.values()) channels.forget(run);
  }

  #make(worker: string): Peer {
    const now = this.#options.clock.monotonicMs();
    const line = new Line(worker, now, (item, body) => channels.deliver(item, body));
    const channels = new LineChannels(line, (run) => this.#gone.has(run));
    const peer: Peer = { line, channels, lost: false };
    this.#peers.set(worker, peer);
    return peer;
  }

  #lose(peer: Peer, why: string): void {
    if (peer.lost) return;
    peer.lost = true;
    if (this.#peers.get(peer.line.peer) === peer) this.#peers.delete(peer.line.peer);
    peer.line.drop(why);
    const runs = [...peer.channels.runs];
    this.#options.log.write(runs.length === 0 ? "info" : "warning", "a peer is lost", { peer: peer.line.peer, why });
    this.#options.onLost(runs, peer.line.peer, why);
  }

  /** The connecting side: for as long as the line lives, one attempt or one link after the other. */
  async #keepConnected(peer: Peer, address: string): Promise<void> {
    const { times, timers, entropy } = this.#options;
    peer.line.id = hexOf(entropy.bytes(8));
    let opened = false;
    while (!peer.lost && !this.#ending.aborted) {
      try {
        const link = await this.#options.network.connect(address);
        const ended = await this.#dial(peer, link, opened);
        if (ended === "refused") return;
        opened = true;
      } catch (thrown) {
        const { code } = asMillraceError(thrown, address);
        this.#options.log.write("debug", "a peer cannot be reached", { peer: peer.line.peer, code });
      }
      await timers.sleep(times.retryMs, this.#ending).catch(() => undefined); // the loop looks
    }
  }

  /** Resolves when the link has closed, or the peer does not know the line. */
  #dial(peer: Peer, link: Link, opened: boolean): Promise<"closed" | "refused"> {
    const { line } = peer;
    return new Promise((resolve) => {
      let answered = false;
      link.onMessage((bytes) => {
        if (answered) return this.#take(peer, link, bytes);
        answered = true;
        const answer = decodeCbor(bytes, `answer of ${line.peer}`) as Answer;
        if ("refused" in answer) {
          link.close("refused");
          this.#lose(peer, answer.refused);
          return resolve("refused");
        }
        line.heardMs = this.#options.clock.monotonicMs();
        line.attach(link, answer.received);
      });
      link.onClose(() => {
        line.detach(link);
        resolve("closed");
      });
      const { worker } = this.#options;
      const hello: Hello = { worker, to: line.peer, line: line.id ?? "", received: line.received, opened };
      link.send(encodeCbor(hello));
    });
  }

  #accept(link: Link): void {
    let peer: Peer | undefined;
    link.onMessage((bytes) => {
      if (peer !== undefined) return this.#take(peer, link, bytes);
      const hello = decodeCbor(bytes, "hello of a worker") as Hello;
      const found = this.#lineFor(hello);
      if (typeof found === "string") {
        link.send(encodeCbor({ refused: found } satisfies Answer));
        return;
      }
      peer = found;
      peer.line.heardMs = this.#options.clock.monotonicMs();
      link.send(encodeCbor({ received: peer.line.received } satisfies Answer));
      peer.line.attach(link, hello.received);
    });
    link.onClose(() => peer?.line.detach(link));
  }

  #lineFor(hello: Hello): Peer | string {
    if (hello.to !== this.#options.worker) return `worker ${hello.to} is gone; ${this.#options.worker} has its place`;
    let peer = this.#peers.get(hello.worker);
    if (peer?.line.id === hello.line) return peer;
    if (hello.opened) return `worker ${this.#options.worker} has given the line up`;
    if (peer?.line.id !== undefined) {
      this.#lose(peer, "the peer has given the line up and begun another one");
      peer = undefined;
    }
    peer ??= this.#make(hello.worker);
    peer.line.id = hello.line;
    return peer;
  }

  #take(peer: Peer, link: Link, bytes: Bytes): void {
    if (peer.lost) return;
    try {
      peer.line.take(bytes, this.#options.clock.monotonicMs());
    } catch (thrown) {
      link.close("what came cannot be understood");
      this.#lose(peer, asMillraceError(thrown, `line from ${peer.line.peer}`).message);
    }
  }

  async #watch(): Promise<void> {
    const { times, timers, clock } = this.#options;
    while (!this.#ending.aborted) {
      await timers.sleep(times.beatMs, this.#ending).catch(() => undefined); // the loop looks
      const now = clock.monotonicMs();
      for (const peer of [...this.#peers.values()]) {
        const silentMs = now - peer.line.heardMs;
        peer.line.acknowledge();
        if (peer.line.open && silentMs > times.silenceMs) peer.line.drop("nothing was heard on the link");
        if (!peer.line.open && silentMs > times.absenceMs) this.#lose(peer, `away for ${Math.round(silentMs)} ms`);
      }
    }
  }
}
