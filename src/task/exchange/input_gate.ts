// All channels into one task: takes their frames in turn, merges watermarks edge by edge, aligns barriers.
//
//   channel  ─ rows ─ watermark ─▌barrier  ┐
//   channel  ─ rows ─▌barrier (held)       ├─▶ next()
//   trigger  ────────▌(a task with sources)┘
//
// Invariants:
// - After a channel's barrier nothing of it is taken until every channel (and the trigger, where the task has sources
//   of its own) has delivered the same barrier: what is processed before belongs to the checkpoint, nothing else does.
// - The watermark of an edge is the smallest of its channels that are neither idle nor ended; it never goes back.
// - A channel that has ended sends no rows, but it still delivers barriers, so it still counts for alignment.

import { assert } from "../../base/assert.ts";
import type { CheckpointId } from "../../base/ids.ts";
import type { BarrierFrame, ChannelIn, Frame, RowsFrame } from "../../protocol/frames.ts";
import type { BarrierMode } from "../../protocol/messages.ts";
import { MinimumWatermark } from "../../time/minimum_watermark.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../../time/window.ts";

export type GateEvent =
  /** `done` must be called when the rows have been processed: it gives the sender credit. */
  | { readonly kind: "rows"; readonly edge: number; readonly frame: RowsFrame; readonly done: () => void }
  | { readonly kind: "watermark"; readonly edge: number; readonly value: bigint }
  /** No channel of the edge is expected to send rows now. */
  | { readonly kind: "idle"; readonly edge: number }
  /** Every channel has delivered it; `firstAtMs` is when the first did. */
  | {
      readonly kind: "barrier";
      readonly checkpoint: CheckpointId;
      readonly mode: BarrierMode;
      readonly firstAtMs: number;
    };

interface Channel {
  readonly edge: number;
  readonly channel: ChannelIn;
  readonly frames: Frame[];
  /** Of its edge, and its number among the inputs of that. */
  readonly watermarks: MinimumWatermark;
  readonly input: number;
  watermark: bigint;
  ended: boolean;
  /** Barriers among `frames`. */
  barriers: number;
  /** Frames of rows that were processed and for which no credit was given yet. */
  owed: number;
  /** Its barrier waits for those of the others. */
  held: BarrierFrame | undefined;
}

interface Alignment {
  readonly checkpoint: CheckpointId;
  readonly mode: BarrierMode;
  readonly firstAtMs: number;
  triggered: boolean;
}

export class InputGate {
  readonly #channels: Channel[] = [];
  readonly #watermarks = new Map<number, MinimumWatermark>();
  readonly #hasTrigger: boolean;
  readonly #nowMs: () => number;
  #aligning: Alignment | undefined;
  /** Triggers that came while an earlier barrier was still being aligned. */
  readonly #triggers: { readonly checkpoint: CheckpointId; readonly mode: BarrierMode }[] = [];
  #turn = 0;

  /** @param hasTrigger the task reads sources, so barriers come from the coordinator as well. */
  constructor(hasTrigger: boolean, nowMs: () => number) {
    this.#hasTrigger = hasTrigger;
    this.#nowMs = nowMs;
  }

  /** @param onFrame called at every frame that arrives. */
  add(edge: number, channel: ChannelIn, onFrame: () => void): void {
    const watermarks = this.#watermarks.get(edge) ?? new MinimumWatermark(0);
    this.#watermarks.set(edge, watermarks);
    const one: Channel = {
      edge,
      channel,
      frames: [],
      watermarks,
      input: watermarks.add(),
      watermark: WATERMARK_MIN,
      ended: false,
      barriers: 0,
      owed: 0,
      held: undefined,
    };
    this.#channels.push(one);
    channel.onFrame((frame) => {
      one.frames.push(frame);
      if (frame.kind === "barrier") one.barriers++;
      onFrame();
    });
  }

  /** The coordinator's barrier: this task's own sources stand still from here on until it is aligned. */
  trigger(checkpoint: CheckpointId, mode: BarrierMode): void {
    assert(this.#hasTrigger, "barriers are sent to tasks with sources only");
    this.#triggers.push({ checkpoint, mode });
  }

  /** Own sources must not be read: their part of the barrier has been passed, that of other inputs has not. */
  get holdsSources(): boolean {
    return this.#triggers.length > 0 || this.#aligning?.triggered === true;
  }

  get ended(): boolean {
    return this.#channels.every((one) => one.ended);
  }
  /** Edges of which no channel is expected to send rows now. */
  get idleEdges(): readonly number[] {
    return [...this.#watermarks].filter(([, watermarks]) => watermarks.isIdle).map(([edge]) => edge);
  }

  /** Whether `next` would find something. */
  ready(pressed: boolean): boolean {
    if (this.#triggers.length > 0 && this.#aligning?.triggered !== true) return true;
    return this.#channels.some((one) => mayTake(one, pressed));
  }

  /**
   * What is to be done next; undefined: nothing has arrived that may be taken.
   * @param pressed the task's output has nowhere to go: only what stands before a barrier is taken, so that the barrier
   * can pass, and no credit is given for it until the pressure is gone; senders that are owed credit send no rows.
   */
  next(pressed: boolean): GateEvent | undefined {
    if (!pressed) this.#payCredit();
    const aligned = this.#takeTrigger() ?? this.#takeAligned();
    if (aligned !== undefined) return aligned;
    for (let tried = 0; tried < this.#channels.length; ) {
      const one = this.#channels[this.#turn % this.#channels.length] as Channel;
      const event = this.#takeFrom(one, pressed);
      if (event === "nothing") {
        this.#turn++;
        tried++;
        continue;
      }
      if (event === undefined) continue; // a frame without an event of its own
      if (event.kind === "rows") this.#turn++;
      return event;
    }
    return undefined;
  }

  #takeFrom(one: Channel, pressed: boolean): GateEvent | "nothing" | undefined {
    if (!mayTake(one, pressed)) return "nothing";
    const frame = one.frames.shift() as Frame;
    switch (frame.kind) {
      case "rows":
        one.watermarks.active(one.input);
        return { kind: "rows", edge: one.edge, frame, done: () => this.#processed(one, pressed) };
      case "watermark":
        assert(frame.value >= one.watermark, "a channel's watermark never goes back");
        one.watermark = frame.value;
        return timeOf(one, one.watermarks.advance(one.input, frame.value));
      case "idle":
        return timeOf(one, one.watermarks.idle(one.input));
      case "end":
        one.ended = true;
        one.watermark = WATERMARK_MAX;
        return timeOf(one, one.watermarks.advance(one.input, WATERMARK_MAX));
      case "barrier":
        one.barriers--;
        one.held = frame;
        this.#begin(frame);
        return this.#takeAligned();
    }
  }

  #processed(one: Channel, pressed: boolean): void {
    if (pressed) one.owed++;
    else one.channel.credit(1);
  }

  #payCredit(): void {
    for (const one of this.#channels) {
      if (one.owed === 0) continue;
      one.channel.credit(one.owed);
      one.owed = 0;
    }
  }

  #begin({ checkpoint, mode }: Pick<BarrierFrame, "checkpoint" | "mode">): void {
    if (this.#aligning !== undefined) {
      assert(this.#aligning.checkpoint === checkpoint, "every input delivers the barriers in the same order");
      return;
    }
    this.#aligning = { checkpoint, mode, firstAtMs: this.#nowMs(), triggered: !this.#hasTrigger };
  }

  #takeTrigger(): GateEvent | undefined {
    const first = this.#triggers[0];
    if (first === undefined || this.#aligning?.triggered === true) return undefined;
    this.#triggers.shift();
    this.#begin(first);
    (this.#aligning as Alignment).triggered = true;
    return this.#takeAligned();
  }

  #takeAligned(): GateEvent | undefined {
    const aligning = this.#aligning;
    if (aligning === undefined || !aligning.triggered) return undefined;
    if (!this.#channels.every((one) => one.held !== undefined)) return undefined;
    this.#aligning = undefined;
    for (const one of this.#channels) one.held = undefined;
    const { checkpoint, mode, firstAtMs } = aligning;
    return { kind: "barrier", checkpoint, mode, firstAtMs };
  }

  close(): void {
    for (const one of this.#channels) one.channel.close();
  }
}

function timeOf({ edge, watermarks }: Channel, risen: bigint | undefined): GateEvent | undefined {
  if (risen !== undefined) return { kind: "watermark", edge, value: risen };
  return watermarks.isIdle ? { kind: "idle", edge } : undefined;
}

const mayTake = (one: Channel, pressed: boolean): boolean =>
  one.frames.length > 0 && one.held === undefined && (!pressed || one.barriers > 0);
