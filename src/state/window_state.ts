// What the kinds of windows have in common: rows go in, closed windows come out, tables of state rows are kept.

import { corruptionError, type MillraceError, userError } from "../base/errors.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { STATUS_BAD_STATE, STATUS_OUT_OF_MEMORY, STATUS_OVERFLOW, STATUS_TIMESTAMP_RANGE } from "../../kernels/abi.ts";
import { assert } from "../base/assert.ts";

/** Rows of a batch of state; a column of so many rows and its slack fill a power of two. */
export const STATE_ROWS = 4094;

export interface LateRows {
  readonly lateCount: number;
  /** Numbers of the late rows in the input region, ascending. */
  lateRows(): Uint32Array;
}

/** One table of state rows: key group, window start, the key, what is kept of it. */
export interface WindowStateTable {
  /** Unique within the operator. */
  readonly name: string;
  readonly stateSchema: Schema;
  /** A state row is dead once the watermark is this long after the row's window start. */
  readonly livesMs: number;
  gather(afterEpoch: number): RecordBatch[];
  completed(epoch: number): void;
  restore(batch: RecordBatch, epoch?: number): void;
  readonly stateBytes: number;
  readonly entryCount: number;
}

export interface WindowState {
  /** window_start, window_end, the key columns, the aggregates. */
  readonly outputSchema: Schema;
  /** Folds the input region's rows into state and marks what changed with `epoch`. */
  update(epoch: number): LateRows;
  /**
   * Closes what the watermark closes: fills `output` and calls `emit(rows)` as often as needed; answers the number of
   * rows. Text in `output` is valid during `emit` only.
   */
  fire(watermark: bigint, output: BatchRegion, emit: (rows: number) => void, epoch: number): number;
  /** Belongs into every checkpoint; set it before anything is restored. */
  firedWatermark: bigint;
  readonly stateTables: readonly WindowStateTable[];
  free(): void;
}

/** The error that the kernels' last status stands for. All but the two of a single row leave the state unusable. */
export function stateFailure(kernel: KernelInstance, operator: string, what: string): MillraceError {
  const { status, statusDetail: row } = kernel;
  const where = `${operator}, ${what} ${row}`;
  switch (status) {
    case STATUS_OUT_OF_MEMORY:
      return kernel.outOfMemory(`more window state (${where})`);
    case STATUS_OVERFLOW:
      return userError("sum_overflow", where, "a sum of i64 values left the range of 64 bits; cast the column to f64");
    case STATUS_TIMESTAMP_RANGE: {
      const message = "the row's event time lies in a window that leaves the range of 64-bit milliseconds";
      return userError("timestamp_out_of_range", where, message);
    }
    case STATUS_BAD_STATE:
      return corruptionError("state_invalid", where, "a state row contradicts its own key group, window or counts");
  }
  assert(false, `rows reach the task that owns their key group (${where}, status ${status})`);
}

/** Refuses state rows of another shape than the operator keeps. */
export function checkStateSchema(where: string, found: Schema, kept: Schema): void {
  if (equalSchemas(found, kept)) return;
  const names = (schema: Schema): string => schema.map((one) => `${one.name} ${one.type}`).join(", ");
  const message = `state has columns (${names(found)}); this operator keeps (${names(kept)})`;
  throw corruptionError("state_schema_mismatch", where, message);
}
