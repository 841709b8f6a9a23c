// What a task hands over at a barrier, and what it is given back at a start.
// Bytes live in immutable parts, named by content; these records only refer to them.

import type { CheckpointId, OperatorUid, SplitId } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";

/** One immutable blob of a checkpoint. */
export interface PartRef {
  readonly name: string;
  readonly byteLength: number;
  /** SHA-256 of the bytes, lower-case hex; checked at every read. */
  readonly sha256: string;
  readonly rowCount: number;
  /** Once the operator's watermark has reached this (decimal digits), every row in it is dead; null: never. */
  readonly expiresAt: string | null;
}

/** One table of keyed state of one subtask: later parts overwrite rows of earlier ones. */
export interface StateSnapshot {
  readonly uid: OperatorUid;
  /** The name of the table within the operator. */
  readonly state: string;
  readonly parts: readonly PartRef[];
  /** Small values beside the rows: the watermark that the operator has seen, counters. */
  readonly scalars: PlainData;
}

export interface SplitSnapshot {
  readonly id: SplitId;
  readonly detail: PlainData;
  /** Where to go on; null: from the beginning. */
  readonly position: PlainData;
  readonly finished: boolean;
  /** Largest event time read from the split, in decimal digits; null before the first row. */
  readonly timestampMax: string | null;
}

export interface SourceSnapshot {
  readonly uid: OperatorUid;
  readonly splits: readonly SplitSnapshot[];
}

/** Staged output of one sink and checkpoint that may not have reached its target yet. */
export interface PendingCommittable {
  readonly sink: OperatorUid;
  readonly checkpoint: CheckpointId;
  /** Tells the subtask that staged it, too: see `committableIndex`. */
  readonly index: number;
  readonly part: PartRef;
}

/** All that a checkpoint holds of one task. */
export interface TaskSnapshot {
  readonly chain: number;
  readonly subtask: number;
  readonly states: readonly StateSnapshot[];
  readonly sources: readonly SourceSnapshot[];
  /** Every committable that is not known to be committed, this checkpoint's own and older ones. */
  readonly pending: readonly PendingCommittable[];
  /** Its inputs had ended and all windows had fired before the barrier. */
  readonly inputEnded: boolean;
  readonly counters: TaskCounters;
}

/** Totals since the job's first start; part of the snapshot so that they survive restarts exactly. */
export interface TaskCounters {
  /** Rows that sources read, rejected ones included. */
  readonly rowsIn: number;
  readonly rowsRejected: number;
  readonly rowsLate: number;
  /** Rows handed to sinks. */
  readonly rowsOut: number;
}

export const zeroCounters: TaskCounters = { rowsIn: 0, rowsRejected: 0, rowsLate: 0, rowsOut: 0 };

export const addCounters = (left: TaskCounters, right: TaskCounters): TaskCounters => ({
  rowsIn: left.rowsIn + right.rowsIn,
  rowsRejected: left.rowsRejected + right.rowsRejected,
  rowsLate: left.rowsLate + right.rowsLate,
  rowsOut: left.rowsOut + right.rowsOut,
});

/** What one table is restored from: the snapshots of every subtask that wrote rows of the key groups wanted. */
export interface StateRestore {
  readonly uid: OperatorUid;
  readonly state: string;
  /**
   * `from` is what this very subtask wrote under the same parallelism: it holds exactly the task's own key groups, and
   * the next checkpoint may build on its parts. Else `from` is what every subtask wrote, and the next checkpoint writes
   * all of the task's state anew: parts must never be listed by two subtasks, or old rows would overwrite new ones.
   */
  readonly own: boolean;
  /** One a subtask that took part in the checkpoint; the parts of one subtask in their order. */
  readonly from: readonly { readonly scalars: PlainData; readonly parts: readonly PartRef[] }[];
}

/** What one task starts with. The layout may differ from the one that wrote the checkpoint. */
export interface TaskRestore {
  /** 0: a first start; the splits are those that were enumerated, and there is nothing else. */
  readonly checkpoint: CheckpointId;
  readonly states: readonly StateRestore[];
  /** The splits that are this task's to read. */
  readonly sources: readonly SourceSnapshot[];
  /** The committables that are this task's to commit. */
  readonly pending: readonly PendingCommittable[];
  readonly counters: TaskCounters;
}
