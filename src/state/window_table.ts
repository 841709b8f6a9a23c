// Keyed state of one tumbling-window operator, addressed by (key group, window start, key); the host side of
// kernels/window, where the rows are folded.
//
// Invariants:
// - Epochs begin at 1 and never decrease; an epoch that was completed is not updated again.
// - A row is late when its window ends at or before its own watermark, or before what has fired already (which
//   only an idle split that comes back can cause). Late rows are not folded; their numbers are handed out.
// - After a sum has overflowed the table is unusable: the job fails over to its last checkpoint.

import { assert } from "../base/assert.ts";
import type { MillraceError } from "../base/errors.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";
import { BatchRegion, typeCode } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { STATUS_OK, STATUS_OUT_OF_MEMORY, STATUS_TIMESTAMP_RANGE } from "../../kernels/abi.ts";
import { WATERMARK_MIN } from "../time/window.ts";
import { DistinctTable } from "./distinct_table.ts";
import { planWindowTable, type WindowPlan, type WindowTableConfig } from "./window_plan.ts";
import {
  checkStateSchema,
  type LateRows,
  STATE_ROWS,
  stateFailure,
  type WindowState,
  type WindowStateTable,
} from "./window_state.ts";

export type { WindowAggregate, WindowTableConfig } from "./window_plan.ts";
export type { LateRows } from "./window_state.ts";

interface WindowKernels {
  mr_window_create(
    size: bigint,
    offset: bigint,
    timeColumn: number,
    keyKind: number,
    valueBytes: number,
    batchRows: number,
    maxParallelism: number,
    groupStart: number,
    groupCount: number,
  ): number;
  mr_window_add_key(table: number, column: number, type: number, nullable: number): void;
  mr_window_add_fold(table: number, column: number, flags: number, at: number): void;
  mr_window_add_output(table: number, operation: number, at: number, countAt: number, nullable: number): void;
  mr_window_add_state(table: number, operation: number, at: number, countAt: number, initial: bigint): void;
  mr_window_free(table: number): void;
  mr_window_update(table: number, batch: number, epoch: number): number;
  mr_window_update_bounded(table: number, batch: number, bounds: number, epoch: number): number;
  mr_window_late_rows(table: number): number;
  mr_window_fire(table: number, batch: number, capacity: number, watermark: bigint): number;
  mr_window_set_fired(table: number, watermark: bigint): void;
  mr_window_gather_begin(table: number, afterEpoch: number): number;
  mr_window_gather_all(table: number): void;
  mr_window_gather_next(table: number, batch: number, capacity: number): number;
  mr_window_restore(table: number, batch: number, epoch: number): void;
  mr_window_completed(table: number, epoch: number): void;
  mr_window_entries(table: number): number;
  mr_window_long_key_bytes(table: number): number;
}

const NONE_LATE: LateRows = { lateCount: 0, lateRows: () => new Uint32Array(0) };

export class WindowTable implements WindowState, WindowStateTable {
  readonly name: string;
  readonly livesMs: number;
  /** window_start, window_end, the key columns, the aggregates. */
  readonly outputSchema: Schema;
  /** key_group, window_start, the key columns, the accumulators. */
  readonly stateSchema: Schema;
  /** The sets of different values that the entries own. */
  readonly sets: readonly DistinctTable[];
  readonly plan: WindowPlan;
  readonly #kernel: KernelInstance;
  readonly #kernels: WindowKernels;
  readonly #input: BatchRegion;
  readonly #where: string;
  readonly #table: number;
  #stateRegion: BatchRegion | undefined;
  readonly #sizeMs: bigint;
  readonly #offsetMs: bigint;
  #fired = WATERMARK_MIN;
  /** The first window end after what has fired: up to it no watermark closes anything. */
  #nextEnd = WATERMARK_MIN;
  #epochLatest = 0;
  #epochCompleted = 0;
  #state: "open" | "firing" | "broken" | "freed" = "open";

  constructor(kernel: KernelInstance, input: BatchRegion, config: WindowTableConfig) {
    this.#kernel = kernel;
    this.#kernels = kernel.exports as unknown as WindowKernels;
    this.#input = input;
    this.#where = config.where ?? "window";
    this.plan = planWindowTable(input.schema, config);
    this.outputSchema = this.plan.outputSchema;
    this.stateSchema = this.plan.stateSchema;
    this.name = config.stateName ?? "windows";
    this.livesMs = config.livesMs ?? config.sizeMs;
    this.#sizeMs = BigInt(config.sizeMs);
    this.#offsetMs = BigInt(config.offsetMs);
    this.#table = this.#create(config);
    this.sets = this.plan.sets.map((one) => new DistinctTable(input, config, one, this.#table, this.stateSchema));
  }

  /** Of the table's record in the kernels. */
  get address(): number {
    return this.#table;
  }
  get stateTables(): readonly WindowStateTable[] {
    return [this, ...this.sets];
  }

  #create(config: WindowTableConfig): number {
    const { keyKind, valueBytes, folds, outputs, states } = this.plan;
    const { start, end } = config.keyGroups;
    const kernels = this.#kernels;
    const table =
      kernels.mr_window_create(
        this.#sizeMs,
        positive(this.#offsetMs, this.#sizeMs),
        config.timestamp,
        keyKind,
        valueBytes,
        this.#input.capacity,
        config.maxParallelism,
        start,
        end - start,
      ) >>> 0;
    if (table === 0) throw this.#kernel.outOfMemory("a window table");
    config.keys.forEach((column, index) => {
      const key = this.outputSchema[2 + index];
      assert(key !== undefined, "a key column has its field");
      kernels.mr_window_add_key(table, column, typeCode[key.type], key.nullable ? 1 : 0);
    });
    for (const fold of folds) kernels.mr_window_add_fold(table, fold.column, fold.flags, fold.at);
    for (const one of outputs) {
      kernels.mr_window_add_output(table, one.operation, one.at, one.countAt, one.nullable ? 1 : 0);
    }
    for (const one of states) kernels.mr_window_add_state(table, one.operation, one.at, one.countAt, one.initial);
    return table;
  }

  /**
   * Folds the input region's rows into state and marks what changed with `epoch`. When it throws for want of
   * memory or for a timestamp, exactly the rows before the one that is named have been folded.
   */
  update(epoch: number): LateRows {
    assert(this.#state === "open", "the table is open");
    assert(epoch >= 1 && epoch >= this.#epochLatest && epoch > this.#epochCompleted, "epochs never go back");
    this.#epochLatest = epoch;
    const { address, timeBoundsAddress: bounds } = this.#input;
    const lateCount =
      bounds === 0
        ? this.#kernels.mr_window_update(this.#table, address, epoch)
        : this.#kernels.mr_window_update_bounded(this.#table, address, bounds, epoch);
    if (this.#kernel.status !== STATUS_OK) throw this.#failure("row");
    for (const one of this.sets) one.update(epoch);
    return lateCount === 0 ? NONE_LATE : { lateCount, lateRows: () => this.lateRows(lateCount) };
  }

  /** The first of the late rows of the last batch. */
  lateRows(count: number): Uint32Array {
    const address = this.#kernels.mr_window_late_rows(this.#table) >>> 0;
    return new Uint32Array(this.#kernel.buffer, address, count).slice();
  }

  #failure(what: string): MillraceError {
    // A row that memory or its time forbids leaves the rows before it folded; anything else, a state in between.
    const { status } = this.#kernel;
    if (status !== STATUS_OUT_OF_MEMORY && status !== STATUS_TIMESTAMP_RANGE) this.#state = "broken";
    return stateFailure(this.#kernel, this.#where, what);
  }

  /**
   * Closes every window that ends at or before the watermark, in ascending order: fills `output`, a region of
   * `outputSchema`, and calls `emit(rows)` as often as needed. Text in `output` is valid during `emit` only.
   * Returns the number of rows.
   */
  fire(watermark: bigint, output: BatchRegion, emit: (rows: number) => void): number {
    assert(this.#state === "open", "the table is open");
    const { schema } = output;
    assert(
      schema === this.outputSchema || equalSchemas(schema, this.outputSchema),
      "results go into a region of the output schema",
    );
    if (watermark > this.#fired) this.#fired = watermark;
    // Lateness does not change either before that: the kernels need not know how far time has come.
    if (watermark < this.#nextEnd) return 0;
    this.#nextEnd = watermark - positive(watermark - this.#offsetMs, this.#sizeMs) + this.#sizeMs;
    this.#state = "firing";
    let total = 0;
    for (;;) {
      const rows = this.#kernels.mr_window_fire(this.#table, output.address, output.capacity, watermark);
      if (rows === 0) break;
      total += rows;
      emit(rows);
    }
    for (const one of this.sets) one.drop(watermark);
    this.#state = "open";
    return total;
  }

  /**
   * Windows that end at or before it are closed for ever. Belongs into every checkpoint; set it before `restore`,
   * which then leaves out rows of closed windows.
   */
  get firedWatermark(): bigint {
    return this.#fired;
  }
  set firedWatermark(watermark: bigint) {
    assert(this.entryCount === 0, "the fired watermark is set on an empty table only");
    this.#kernels.mr_window_set_fired(this.#table, watermark);
    this.#fired = watermark;
    this.#nextEnd = WATERMARK_MIN;
  }

  /** Entries changed after `afterEpoch` in batches of the state schema, ordered by key group; -1 gives every entry. */
  gather(afterEpoch: number): RecordBatch[] {
    assert(this.#state === "open", "the table is open");
    assert(afterEpoch === -1 || afterEpoch >= this.#epochCompleted, "marks of completed epochs are gone");
    const region = this.#regionOfState();
    if (afterEpoch === -1) this.#kernels.mr_window_gather_all(this.#table);
    else this.#kernels.mr_window_gather_begin(this.#table, afterEpoch);
    if (this.#kernel.status !== STATUS_OK)
      throw this.#kernel.outOfMemory(`a list of the changed keys (${this.#where})`);
    const batches: RecordBatch[] = [];
    while (this.#kernels.mr_window_gather_next(this.#table, region.address, region.capacity) !== 0) {
      batches.push(region.packOut());
    }
    return batches;
  }

  #regionOfState(): BatchRegion {
    this.#stateRegion ??= new BatchRegion(this.#kernel, this.stateSchema, STATE_ROWS);
    return this.#stateRegion;
  }

  /** The checkpoint that holds `epoch` is complete: the marks up to it are forgotten. */
  completed(epoch: number): void {
    assert(this.#state === "open", "the table is open");
    this.#epochCompleted = Math.max(this.#epochCompleted, epoch);
    this.#kernels.mr_window_completed(this.#table, epoch);
  }

  /**
   * Upserts rows of the state schema; later rows win. Rows outside the key group range and rows of closed windows
   * are left out. `epoch` 0 says that a completed checkpoint holds the rows; another one marks them as changed.
   */
  restore(batch: RecordBatch, epoch = 0): void {
    assert(this.#state === "open", "the table is open");
    checkStateSchema(this.#where, batch.schema, this.stateSchema);
    if (epoch !== 0) {
      assert(epoch >= this.#epochLatest && epoch > this.#epochCompleted, "epochs never go back");
      this.#epochLatest = epoch;
    }
    const region = this.#regionOfState();
    for (let start = 0; start < batch.rowCount; start += STATE_ROWS) {
      region.load(batch, start, Math.min(start + STATE_ROWS, batch.rowCount));
      this.#kernels.mr_window_restore(this.#table, region.address, epoch);
      if (this.#kernel.status !== STATUS_OK) throw this.#failure("state row");
    }
  }

  get entryCount(): number {
    return this.#kernels.mr_window_entries(this.#table) >>> 0;
  }
  /** Bytes of the entries and of their long keys (without index, marks and unused room). */
  get stateBytes(): number {
    return this.entryCount * this.plan.entryBytes + (this.#kernels.mr_window_long_key_bytes(this.#table) >>> 0);
  }

  free(): void {
    assert(this.#state !== "freed", "a table is freed once");
    this.#state = "freed";
    this.#stateRegion?.free();
    for (const one of this.sets) one.free();
    this.#kernels.mr_window_free(this.#table);
  }
}

/** The remainder that is never negative. */
const positive = (value: bigint, size: bigint): bigint => ((value % size) + size) % size;
