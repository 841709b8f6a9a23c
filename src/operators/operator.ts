// What every operator of a chain is to the task.
//
// Data moves through a chain by calls: an operator that has filled its output region calls `process` of what comes
// after it, so a batch is finished with when the call returns. No operator awaits.
//
// Invariants:
// - `gather` covers every change since the epoch it is given; it changes nothing that a later gather would see.
// - What `restore` is given in the order of the checkpoint's parts makes the state equal to that of the barrier.

import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { RecordBatch } from "../batch/record_batch.ts";

/** The receiving end of an edge inside a chain. The rows are in the region that both sides know. */
export interface Receiver {
  process(): void;
  /** Nothing older than `watermark` (ms) will come, but for late rows. */
  onWatermark(watermark: bigint): void;
}

/** A receiver of rows that are already outside WASM memory: side outputs and sinks. */
export interface BatchReceiver {
  write(batch: RecordBatch): void;
}

export interface StatefulOperator extends Receiver {
  readonly uid: OperatorUid;
  /** Rows changed after `afterEpoch`, at their present values. */
  gather(afterEpoch: number): readonly RecordBatch[];
  /** Small values beside the rows. */
  scalars(): PlainData;
  /** The checkpoint that holds all changes up to and including `epoch` is durable. */
  completed(epoch: number): void;
  /** Before any row: the scalars, then the parts' batches in order. */
  restoreScalars(scalars: PlainData): void;
  restore(batch: RecordBatch): void;
  /** The watermark at which the last of these state rows is dead; undefined: never, or there is none. */
  expiryOf(batches: readonly RecordBatch[]): bigint | undefined;
  /** State rows that expire at or before this are dead. */
  readonly watermark: bigint;
  readonly stateBytes: number;
  readonly entryCount: number;
}

/** What operators share of their task. */
export interface OperatorContext {
  /** The epoch that changes are stamped with; one lies between two barriers. */
  epoch(): number;
  countLate(rows: number): void;
}
