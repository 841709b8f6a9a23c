// The channels of a worker: those between two of its own tasks stay in the event loop, the others go over lines.
//
//   item of a line    {open: n, job, key}          from here on n means that channel
//                     {to: n, frame: head} + rows  a frame
//                     {to: n, credit: frames}      the receiver has room again
//
// Invariant: a frame whose receiver is not there yet waits for it (credit bounds how many there are); one for tasks that
// are gone is dropped.

import type { Bytes } from "../base/bytes.ts";
import {
  type ChannelAddress,
  type ChannelHub,
  type ChannelIn,
  type ChannelOut,
  channelKey,
  type Frame,
} from "../protocol/frames.ts";
import type { LocalChannels } from "../task/exchange/local_channels.ts";
import { bodyOf, type FrameHead, frameOf, headOf } from "./frame_bytes.ts";
import type { Line } from "./line.ts";

type Item =
  | { readonly open: number; readonly run: string; readonly key: string }
  | { readonly to: number; readonly frame: FrameHead }
  | { readonly to: number; readonly credit: number };

/** One direction of one channel at the receiving side of its items. */
interface Inlet {
  frames: Frame[];
  credits: number;
  onFrame: ((frame: Frame) => void) | undefined;
  onCredit: ((frames: number) => void) | undefined;
}

/** All channels over one line. */
export class LineChannels {
  readonly #line: Line;
  readonly #isGone: (run: string) => boolean;
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, { readonly run: string; readonly key: string }>();
  /** By run, then by channel. */
  readonly #inlets = new Map<string, Map<string, Inlet>>();
  #lastId = 0;

  constructor(line: Line, isGone: (run: string) => boolean) {
    this.#line = line;
    this.#isGone = isGone;
  }

  get runs(): Iterable<string> {
    return this.#inlets.keys();
  }

  deliver(item: unknown, body: Bytes): void {
    const known = item as Item;
    if ("open" in known) {
      this.#names.set(known.open, { run: known.run, key: known.key });
      return;
    }
    const name = this.#names.get(known.to);
    if (name === undefined || this.#isGone(name.run)) return;
    const inlet = this.#inlet(name.run, name.key);
    if ("credit" in known) {
      if (inlet.onCredit === undefined) inlet.credits += known.credit;
      else inlet.onCredit(known.credit);
      return;
    }
    const frame = frameOf(known.frame, body, `channel ${name.key} of ${name.run}`);
    if (inlet.onFrame === undefined) inlet.frames.push(frame);
    else inlet.onFrame(frame);
  }

  #inlet(run: string, key: string): Inlet {
    const inlets = this.#inlets.get(run) ?? new Map<string, Inlet>();
    this.#inlets.set(run, inlets);
    const inlet = inlets.get(key) ?? { frames: [], credits: 0, onFrame: undefined, onCredit: undefined };
    inlets.set(key, inlet);
    return inlet;
  }

  #idOf(run: string, key: string): number {
    const name = `${run} ${key}`;
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = ++this.#lastId;
    this.#ids.set(name, id);
    this.#line.send({ open: id, run, key } satisfies Item);
    return id;
  }

  out(run: string, address: ChannelAddress): ChannelOut {
    const key = channelKey(address);
    const inlet = this.#inlet(run, key);
    let closed = false;
    return {
      send: (frame) => {
        if (closed) return;
        this.#line.send({ to: this.#idOf(run, key), frame: headOf(frame) } satisfies Item, bodyOf(frame));
      },
      onCredit: (listener) => {
        inlet.onCredit = (frames) => {
          if (!closed) listener(frames);
        };
        if (inlet.credits > 0) inlet.onCredit(inlet.credits);
        inlet.credits = 0;
      },
      close: () => {
        closed = true;
      },
    };
  }

  in(run: string, address: ChannelAddress): ChannelIn {
    const key = channelKey(address);
    const inlet = this.#inlet(run, key);
    let closed = false;
    return {
      onFrame: (listener) => {
        inlet.onFrame = (frame) => {
          if (!closed) listener(frame);
        };
        for (const frame of inlet.frames.splice(0)) inlet.onFrame(frame);
      },
      credit: (credit) => {
        if (!closed) this.#line.send({ to: this.#idOf(run, key), credit } satisfies Item);
      },
      close: () => {
        closed = true;
      },
    };
  }

  forget(run: string): void {
    for (const key of this.#inlets.get(run)?.keys() ?? []) this.#ids.delete(`${run} ${key}`);
    this.#inlets.delete(run);
  }
}

/** Where the tasks at the two ends of a channel are; undefined: in this process. */
export type PeerOf = (address: ChannelAddress, end: "from" | "to") => LineChannels | undefined;

/** The channels of one job's tasks in this process. */
export class ClusterHub implements ChannelHub {
  readonly #run: string;
  readonly #local: LocalChannels;
  readonly #peerOf: PeerOf;

  constructor(run: string, local: LocalChannels, peerOf: PeerOf) {
    this.#run = run;
    this.#local = local;
    this.#peerOf = peerOf;
  }

  out(address: ChannelAddress): ChannelOut {
    return this.#peerOf(address, "to")?.out(this.#run, address) ?? this.#local.out(address);
  }
  in(address: ChannelAddress): ChannelIn {
    return this.#peerOf(address, "from")?.in(this.#run, address) ?? this.#local.in(address);
  }
}
