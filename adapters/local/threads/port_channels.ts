// Channels between threads: each is a pair of message ports; rows lie in memory that both threads share.

import type { MessagePort } from "node:worker_threads";
import { assert } from "../../../src/base/assert.ts";
import {
  type ChannelAddress,
  type ChannelHub,
  type ChannelIn,
  type ChannelOut,
  channelKey,
  type Frame,
} from "../../../src/protocol/frames.ts";
import type { ChannelPort } from "./messages.ts";
import { FrameSlots, FrameViews, type SharedFrame } from "./shared_frames.ts";

/** The ends that one task was given. */
export class PortChannels implements ChannelHub {
  readonly #ports = new Map<string, MessagePort>();

  constructor(ports: readonly ChannelPort[]) {
    for (const { side, address, port } of ports) this.#ports.set(`${side} ${channelKey(address)}`, port);
  }

  #port(side: "in" | "out", address: ChannelAddress): MessagePort {
    const port = this.#ports.get(`${side} ${channelKey(address)}`);
    assert(port !== undefined, "a task was given every channel of its plan");
    return port;
  }

  out(address: ChannelAddress): ChannelOut {
    const port = this.#port("out", address);
    const slots = new FrameSlots();
    return {
      send: (frame) => port.postMessage(frame.kind === "rows" ? slots.put(frame) : frame),
      lend: (bytes) => slots.lend(bytes),
      onCredit: (listener) =>
        port.on("message", (frames: number) => {
          slots.credited(frames);
          listener(frames);
        }),
      close: () => port.close(),
    };
  }

  in(address: ChannelAddress): ChannelIn {
    const port = this.#port("in", address);
    const views = new FrameViews();
    return {
      onFrame: (listener) =>
        port.on("message", (frame: Frame | SharedFrame) =>
          listener(frame.kind === "shared_rows" ? views.take(frame) : frame),
        ),
      credit: (frames) => port.postMessage(frames),
      close: () => port.close(),
    };
  }
}
