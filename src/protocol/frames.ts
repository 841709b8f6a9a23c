// What travels between two tasks: frames on a channel, one channel for each (edge, sending subtask, receiving subtask).
//
//   sender                                        receiver
//     │ rows, watermark, idle, barrier, end  ───────▶ │
//     │ ◀───────────────────────────  credit, after a frame of rows has been processed
//
// Invariants:
// - Frames arrive in the order in which they were sent, each once; a channel that cannot keep to that fails its tasks.
// - What a frame carries belongs to the receiver: buffers are handed over, never shared.
// - A barrier stands after every row and watermark that belongs to its checkpoint, and before all others.

import type { CheckpointId, Generation } from "../base/ids.ts";
import type { Column } from "../batch/record_batch.ts";
import type { BarrierMode } from "./messages.ts";

export type Frame = RowsFrame | WatermarkFrame | IdleFrame | BarrierFrame | EndFrame;

/** The schema is the edge's; both sides have it from the plan. */
export interface RowsFrame {
  readonly kind: "rows";
  readonly rowCount: number;
  readonly columns: readonly Column[];
  readonly weights: Int8Array<ArrayBuffer> | undefined;
  /** The rows' own watermarks, where the edge carries them. */
  readonly watermarks: BigInt64Array<ArrayBuffer> | undefined;
}

/** No row but late ones will come that is older. */
export interface WatermarkFrame {
  readonly kind: "watermark";
  readonly value: bigint;
}

/** Nothing is to be expected for a while: do not wait for this channel's watermark until it sends again. */
export interface IdleFrame {
  readonly kind: "idle";
}

export interface BarrierFrame {
  readonly kind: "barrier";
  readonly checkpoint: CheckpointId;
  readonly mode: BarrierMode;
}

/** No row will follow; barriers still may. */
export interface EndFrame {
  readonly kind: "end";
}

/** Which channel: both ends name it alike. */
export interface ChannelAddress {
  readonly generation: Generation;
  readonly edge: number;
  readonly from: number;
  readonly to: number;
}

export const channelKey = ({ generation, edge, from, to }: ChannelAddress): string =>
  `${generation}/${edge}/${from}-${to}`;

/** The sending end. */
export interface ChannelOut {
  send(frame: Frame): void;
  /**
   * Memory of the channel's own for the next frame of rows, at a multiple of 8 in its buffer: what is written there
   * needs no further copy. It must be sent next, and only while there is credit. Undefined: this channel has none.
   */
  lend?(bytes: number): Uint8Array<ArrayBuffer> | undefined;
  /** The receiver has processed this many frames of rows more. */
  onCredit(listener: (frames: number) => void): void;
  close(): void;
}

/** The receiving end; frames that came before there was a listener are kept for it. */
export interface ChannelIn {
  onFrame(listener: (frame: Frame) => void): void;
  credit(frames: number): void;
  close(): void;
}

/** Connects the tasks of one job. Either end may ask first. */
export interface ChannelHub {
  out(address: ChannelAddress): ChannelOut;
  in(address: ChannelAddress): ChannelIn;
}
