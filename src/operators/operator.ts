// What every operator of a chain is to the task.
//
// Data moves through a chain by calls: an operator that has filled its output region calls `process` of what comes
// after it, so a batch is finished with when the call returns. No operator awaits.
//
// An operator with two inputs is two receivers. What it keeps by key are `KeyedState`s (keyed_state.ts).

import type { RecordBatch } from "../batch/record_batch.ts";
import type { MinimumWatermark } from "../time/minimum_watermark.ts";

/** The receiving end of an edge inside a chain. The rows are in the region that both sides know. */
export interface Receiver {
  process(): void;
  /** Nothing older than `watermark` (ms) will come, but for late rows. */
  onWatermark(watermark: bigint): void;
  /** No row is expected for now: it holds time back no more, until rows or a later watermark come. Said again and again. */
  onIdle(): void;
}

/** Passes on what several inputs have come to together: their common watermark where it has risen, or that all are idle. */
export function passOnTime(watermarks: MinimumWatermark, risen: bigint | undefined, next: readonly Receiver[]): void {
  if (risen !== undefined) for (const one of next) one.onWatermark(risen);
  else if (watermarks.isIdle) for (const one of next) one.onIdle();
}

/** A receiver of rows that are already outside WASM memory: side outputs and sinks. */
export interface BatchReceiver {
  write(batch: RecordBatch): void;
}

/** What operators share of their task. */
export interface OperatorContext {
  /** The epoch that changes are stamped with; one lies between two barriers. */
  epoch(): number;
  countLate(rows: number): void;
}
