// Channels between threads: each is a pair of message ports, frames are moved, not copied.

import type { MessagePort } from "node:worker_threads";
import type { Column } from "../../../src/batch/record_batch.ts";
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
    return {
      send: (frame) => port.postMessage(frame, buffersOf(frame)),
      onCredit: (listener) => port.on("message", listener),
      close: () => port.close(),
    };
  }

  in(address: ChannelAddress): ChannelIn {
    const port = this.#port("in", address);
    return {
      onFrame: (listener) => port.on("message", listener),
      credit: (frames) => port.postMessage(frames),
      close: () => port.close(),
    };
  }
}

function buffersOf(frame: Frame): ArrayBuffer[] {
  if (frame.kind !== "rows") return [];
  const buffers = new Set<ArrayBuffer>();
  for (const column of frame.columns) addBuffers(column, buffers);
  if (frame.weights !== undefined) buffers.add(frame.weights.buffer);
  if (frame.watermarks !== undefined) buffers.add(frame.watermarks.buffer);
  return [...buffers];
}

function addBuffers(column: Column, into: Set<ArrayBuffer>): void {
  if (column.validity !== undefined) into.add(column.validity.buffer);
  switch (column.type) {
    case "i64":
    case "timestamp":
    case "f64":
      into.add(column.values.buffer);
      return;
    case "bool":
      into.add(column.bits.buffer);
      return;
    case "utf8":
      into.add(column.offsets.buffer);
      into.add(column.bytes.buffer);
  }
}
