// Channels between tasks of one event loop: frames are handed over by reference.
//
// Invariant: a frame is delivered after the sender's synchronous work, never within it, as on any other channel.

import {
  type ChannelAddress,
  type ChannelHub,
  type ChannelIn,
  type ChannelOut,
  channelKey,
  type Frame,
} from "../../protocol/frames.ts";

/** One direction: what is sent before there is a listener waits for it. */
class Pipe<Item> {
  #listener: ((item: Item) => void) | undefined;
  readonly #items: Item[] = [];
  #scheduled = false;
  #closed = false;

  send(item: Item): void {
    if (this.#closed) return;
    this.#items.push(item);
    this.#schedule();
  }

  listen(listener: (item: Item) => void): void {
    this.#listener = listener;
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#items.length = 0;
  }

  #schedule(): void {
    if (this.#scheduled || this.#listener === undefined || this.#items.length === 0) return;
    this.#scheduled = true;
    void Promise.resolve().then(() => {
      this.#scheduled = false;
      for (const item of this.#items.splice(0)) this.#listener?.(item);
    });
  }
}

interface Pair {
  readonly frames: Pipe<Frame>;
  readonly credits: Pipe<number>;
  open: number;
}

export class LocalChannels implements ChannelHub {
  readonly #pairs = new Map<string, Pair>();

  #pair(address: ChannelAddress): Pair {
    const key = channelKey(address);
    const known = this.#pairs.get(key);
    if (known !== undefined) return known;
    const pair: Pair = { frames: new Pipe(), credits: new Pipe(), open: 2 };
    this.#pairs.set(key, pair);
    return pair;
  }

  /** After one end has closed, nothing is delivered any more; after both have, nothing is left. */
  #close(address: ChannelAddress, pair: Pair): void {
    pair.frames.close();
    pair.credits.close();
    pair.open--;
    if (pair.open === 0) this.#pairs.delete(channelKey(address));
  }

  out(address: ChannelAddress): ChannelOut {
    const pair = this.#pair(address);
    return {
      send: (frame) => pair.frames.send(frame),
      onCredit: (listener) => pair.credits.listen(listener),
      close: () => this.#close(address, pair),
    };
  }

  in(address: ChannelAddress): ChannelIn {
    const pair = this.#pair(address);
    return {
      onFrame: (listener) => pair.frames.listen(listener),
      credit: (frames) => pair.credits.send(frames),
      close: () => this.#close(address, pair),
    };
  }
}
