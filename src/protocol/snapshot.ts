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

/** The state of one operator: later parts overwrite rows of earlier ones. */
export interface OperatorSnapshot {
  readonly uid: OperatorUid;
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
  readonly index: number;
  readonly part: PartRef;
}

/** All that a checkpoint holds of one task. */
export interface TaskSnapshot {
  readonly operators: readonly OperatorSnapshot[];
  readonly sources: readonly SourceSnapshot[];
  /** Every committable that is not known to be committed, this checkpoint's own and older ones. */
  readonly pending: readonly PendingCommittable[];
  /** All splits had ended and all windows had fired before the barrier. */
  readonly inputEnded: boolean;
  readonly counters: TaskCounters;
}

/** Totals since the job's first start; part of the snapshot so that they survive restarts exactly. */
export interface TaskCounters {
  readonly rowsIn: number;
  readonly rowsRejected: number;
  readonly rowsLate: number;
  readonly rowsOut: number;
}

export const zeroCounters: TaskCounters = { rowsIn: 0, rowsRejected: 0, rowsLate: 0, rowsOut: 0 };
