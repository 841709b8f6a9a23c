// One table of keyed state of one operator: what checkpoints, savepoints and rescaling deal with.
//
// Its rows are batches whose first column is `key_group` (i64). A row with weight -1 is a tombstone: the row of that
// key is gone; a batch without weights holds no tombstone.
//
// Invariants:
// - `gather(e)` covers every change since epoch `e`, tombstones included, ordered by key group; it changes nothing that
//   a later gather would see. `gather(-1)` gives all that is there, so it has no tombstones.
// - Restoring what was gathered, in the order of the checkpoints, makes the state equal to that of the last barrier;
//   rows of key groups that the task does not own are left out, so that any parallelism can restore any other's.

import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";

export interface KeyedState {
  readonly uid: OperatorUid;
  /** Unique within the operator: `windows`, `left`, `timers`. */
  readonly name: string;
  readonly schema: Schema;
  /** Rows changed after `afterEpoch`, at their present values. */
  gather(afterEpoch: number): readonly RecordBatch[];
  /**
   * What `gather(-1)` gives, a batch at a time, where a table can do that; nothing may change in between. For tables
   * apart from any task, in processes that must not stand still for as long as the whole takes.
   */
  gatherInPieces?(): Iterable<RecordBatch>;
  /** Small values beside the rows. */
  scalars(): PlainData;
  /** The checkpoint that holds all changes up to and including `epoch` is durable. */
  completed(epoch: number): void;
  /** Before any row: what each of the subtasks that wrote the checkpoint had; one or more. */
  restoreScalars(scalars: readonly PlainData[]): void;
  restore(batch: RecordBatch): void;
  /** The watermark at which the last of these state rows is dead; undefined: never, or there is none. */
  expiryOf(batches: readonly RecordBatch[]): bigint | undefined;
  /** State rows that expire at or before this are dead. */
  readonly watermark: bigint;
  readonly stateBytes: number;
  readonly entryCount: number;
}

/** An operator that acts when wall time passes, rows or not: processing-time timers. */
export interface TimedOperator {
  /** Wall time of the next act; undefined: none is due. */
  readonly wakeAtMs: number | undefined;
  onTime(nowMs: number): void;
}
