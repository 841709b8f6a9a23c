// Keyed state of one tumbling-window operator, addressed by (key group, window start, key); the host side of
// kernels/window. Signatures first: bodies follow.

import { AssertionError } from "../base/assert.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import type { KeyGroupRange } from "../keygroup/key_group.ts";

export interface WindowAggregate {
  readonly function: "count" | "sum" | "min" | "max" | "avg";
  /** Index of the input column; absent only for count(*). */
  readonly column?: number;
  /** Name of the output column. */
  readonly name: string;
}

export interface WindowTableConfig {
  /** Indices of the key columns in the input (i64, timestamp, bool, utf8; nullable or not); at least one. */
  readonly keys: readonly number[];
  /** Index of the event-time column; its rows are never null. */
  readonly timestamp: number;
  readonly sizeMs: number;
  readonly offsetMs: number;
  readonly aggregates: readonly WindowAggregate[];
  readonly maxParallelism: number;
  readonly keyGroups: KeyGroupRange;
}

export class WindowTable {
  /** window_start, window_end, the key columns, the aggregates. */
  readonly outputSchema: Schema = [];
  /** key_group, window_start, the key columns, the accumulators. */
  readonly stateSchema: Schema = [];
  constructor(_kernel: KernelInstance, _input: BatchRegion, _config: WindowTableConfig) {}
  /** Folds the input region's rows into state and marks what changed with `epoch` (>= 1, never decreasing). */
  update(_epoch: number): { readonly lateCount: number; lateRows(): Uint32Array } {
    throw new AssertionError("update");
  }
  /**
   * Closes every window that ends at or before the watermark, in ascending order: fills `output` (its schema is
   * `outputSchema`) and calls `emit(rows)` as often as needed. Text in `output` is valid during `emit` only.
   * Returns the number of rows.
   */
  fire(_watermark: bigint, _output: BatchRegion, _emit: (rows: number) => void): number {
    throw new AssertionError("fire");
  }
  /** The watermark up to which windows were fired: belongs into every checkpoint; set it before `restore`. */
  firedWatermark = -(2n ** 63n);
  /** Entries changed after `afterEpoch`, ordered by key group; -1 gives every entry. */
  gather(_afterEpoch: number): RecordBatch[] {
    throw new AssertionError("gather");
  }
  /** The checkpoint that holds `epoch` is complete: its marks are forgotten. */
  completed(_epoch: number): void {}
  /** Upserts rows of the state schema; rows outside the key group range are ignored. */
  restore(_batch: RecordBatch): void {}
  get entryCount(): number {
    return 0;
  }
  /** Bytes of the entries and of their long keys (without index, marks and unused room). */
  get stateBytes(): number {
    return 0;
  }
  get rowsAggregated(): bigint {
    return 0n;
  }
  free(): void {}
}
