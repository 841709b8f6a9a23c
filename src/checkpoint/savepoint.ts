// What a savepoint holds, and how its reader complains. The byte format is in savepoint_file.ts.

import { corruptionError, type MillraceError } from "../base/errors.ts";
import type { PlainData } from "../base/plain.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import type { SourceSnapshot, TaskCounters } from "../protocol/snapshot.ts";

export const SAVEPOINT_FORMAT = 2;
export const SAVEPOINT_MAGIC = "millrace-savepoint";
export const SAVEPOINT_BYTES_MAX = 1024 * 1024 * 1024;

export interface SavepointHeader {
  readonly savepoint: string;
  readonly jobId: string;
  readonly jobName: string;
  readonly branch: string;
  readonly checkpoint: number;
  readonly createdAtMs: number;
  readonly maxParallelism: number;
  readonly inputEnded: boolean;
  readonly counters: TaskCounters;
}

/** One table of one operator, of all its subtasks together. */
export interface SavepointState {
  readonly uid: string;
  readonly state: string;
  readonly schema: Schema;
  /** One a subtask, the same count for every table of an operator. */
  readonly scalars: readonly PlainData[];
  /** Ordered by key group; the first column is `key_group`. */
  readonly batches: readonly RecordBatch[];
}

export interface Savepoint {
  readonly header: SavepointHeader;
  readonly sources: readonly SourceSnapshot[];
  readonly states: readonly SavepointState[];
}

/** One verified payload with the byte at which its item begins. */
export interface ItemPayload {
  readonly at: number;
  readonly kind: string;
  readonly value: Readonly<Record<string, unknown>>;
}

export const corrupt = (where: string, at: number, why: string): MillraceError =>
  corruptionError("savepoint_corrupt", where, `not a whole savepoint file: ${why} (byte ${at})`);
