// Whatever travels between processes: in order on one way, out of step with every other, late or lost as the seed says.
//
// Invariant: what is sent on one way arrives in its order, each item once, or not at all from some point on.

import {
  type ChannelAddress,
  type ChannelHub,
  type ChannelIn,
  type ChannelOut,
  channelKey,
  type Frame,
} from "../../src/protocol/frames.ts";
import type { SimHost } from "./sim_platform.ts";
import { strikes } from "./sim_platform.ts";
import type { SimProcess } from "./world.ts";

/** One direction. What is sent before there is a receiver waits for it. */
export class Pipe<Item> {
  readonly #host: SimHost;
  readonly #latencyMs: () => number;
  #receiver: { readonly process: SimProcess; readonly take: (item: Item) => void } | undefined;
  #items: Item[] = [];
  #scheduled = false;
  #closed = false;

  constructor(host: SimHost, latencyMs: () => number) {
    this.#host = host;
    this.#latencyMs = latencyMs;
  }

  send(item: Item): void {
    if (this.#closed) return;
    this.#items.push(item);
    this.#schedule();
  }

  receive(process: SimProcess, take: (item: Item) => void): void {
    this.#receiver = { process, take };
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#items = [];
  }

  #schedule(): void {
    const receiver = this.#receiver;
    if (this.#scheduled || receiver === undefined || this.#items.length === 0) return;
    this.#scheduled = true;
    this.#host.world.schedule(this.#latencyMs(), receiver.process, () => {
      this.#scheduled = false;
      const { prng } = this.#host.world;
      const many = this.#items.length > 1 && prng.chance(0.2);
      const due = this.#items.splice(0, many ? 1 + prng.below(this.#items.length - 1) : this.#items.length);
      for (const item of due) receiver.take(item);
      this.#schedule();
    });
  }
}

interface End {
  readonly process: SimProcess;
  readonly fail: (why: string) => void;
}

interface Pair {
  readonly frames: Pipe<Frame>;
  readonly credits: Pipe<number>;
  readonly ends: End[];
  open: boolean;
}

/** All channels between the tasks of all jobs. */
export class SimChannels {
  readonly #host: SimHost;
  readonly #pairs = new Map<string, Pair>();

  constructor(host: SimHost) {
    this.#host = host;
  }

  /** What one task is given; `fail` is told when a channel of it is lost. */
  hub(jobId: string, process: SimProcess, fail: (why: string) => void): ChannelHub {
    const end: End = { process, fail };
    return {
      out: (address) => this.#out(this.#pair(jobId, address, end), process),
      in: (address) => this.#in(this.#pair(jobId, address, end), process),
    };
  }

  #pair(jobId: string, address: ChannelAddress, end: End): Pair {
    const key = `${jobId}/${channelKey(address)}`;
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      const { prng } = this.#host.world;
      const slow = strikes(this.#host, "slow_channel") ? 1 + prng.below(40) : 0;
      const latency = (): number => 0.05 + prng.below(10) / 10 + (slow > 0 ? prng.below(slow) : 0);
      pair = { frames: new Pipe(this.#host, latency), credits: new Pipe(this.#host, latency), ends: [], open: true };
      this.#pairs.set(key, pair);
    }
    pair.ends.push(end);
    return pair;
  }

  #out(pair: Pair, process: SimProcess): ChannelOut {
    return {
      send: (frame) => pair.frames.send(frame),
      onCredit: (listener) => pair.credits.receive(process, listener),
      close: () => close(pair),
    };
  }

  #in(pair: Pair, process: SimProcess): ChannelIn {
    return {
      onFrame: (listener) => pair.frames.receive(process, listener),
      credit: (frames) => pair.credits.send(frames),
      close: () => close(pair),
    };
  }

  /** A connection breaks: nothing arrives any more, and the tasks at both ends fail. Answers whether there was one. */
  breakOne(): boolean {
    const open = [...this.#pairs.values()].filter((pair) => pair.open && pair.ends.length === 2);
    if (open.length === 0) return false;
    const { world } = this.#host;
    this.#lose(world.prng.pick(open), "the connection was lost");
    return true;
  }

  /** The peers of a dead process find their connections reset. */
  processDied(process: SimProcess): void {
    for (const [key, pair] of this.#pairs) {
      if (!pair.ends.some((end) => end.process === process)) continue;
      this.#pairs.delete(key);
      if (pair.open) this.#lose(pair, "the peer is gone");
    }
  }

  #lose(pair: Pair, why: string): void {
    const { world } = this.#host;
    close(pair);
    for (const { process, fail } of pair.ends) world.schedule(0.5 + world.prng.below(40), process, () => fail(why));
  }
}

function close(pair: Pair): void {
  pair.open = false;
  pair.frames.close();
  pair.credits.close();
}
