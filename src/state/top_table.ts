// Keyed state of one top-N operator, the best rows of each key, which is all that it is: the host side of kernels/top.
// How its rows of state go out and in, and what must hold of epochs: lasting_rows.ts.

import { assert } from "../base/assert.ts";
import { corruptionError, type MillraceError } from "../base/errors.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import { BatchRegion, typeCode } from "../kernel/batch_region.ts";
import { BorrowedRegion } from "../kernel/borrowed_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { WATERMARK_MIN } from "../time/window.ts";
import { STATUS_BAD_STATE, STATUS_OK, STATUS_OUT_OF_MEMORY } from "../../kernels/abi.ts";
import { LastingRows } from "./lasting_rows.ts";
import { planTopTable, type TopPlan, type TopTableConfig } from "./top_plan.ts";

export type { TopOrder, TopTableConfig } from "./top_plan.ts";

interface TopKernels {
  mr_top_create(
    keyKind: number,
    limit: number,
    keepAll: number,
    ranked: number,
    batchRows: number,
    maxParallelism: number,
    groupStart: number,
    groupCount: number,
  ): number;
  mr_top_add_key(table: number, column: number, type: number, nullable: number): void;
  mr_top_add_column(table: number, column: number, type: number, flags: number): void;
  mr_top_free(table: number): void;
  mr_top_update(table: number, batch: number, first: number, epoch: number): number;
  mr_top_emit(table: number, batch: number, capacity: number): number;
  mr_top_gather_begin(table: number, afterEpoch: number): void;
  mr_top_gather_next(table: number, batch: number, capacity: number): number;
  mr_top_gather_all(table: number): void;
  mr_top_all_next(table: number, batch: number, capacity: number): number;
  mr_top_completed(table: number, epoch: number): void;
  mr_top_restore(table: number, batch: number): void;
  mr_top_rows(table: number): number;
  mr_top_state_bytes(table: number): number;
}

export class TopTable {
  readonly uid: OperatorUid;
  readonly name = "rows";
  /** key_group, the key columns, the other columns, those of the order first, and how often the row is there. */
  readonly schema: Schema;
  /** Best rows know no time: they never expire. */
  readonly watermark: bigint = WATERMARK_MIN;
  /** The columns of the input, then the rank. */
  readonly output: BatchRegion;
  readonly #kernel: KernelInstance;
  readonly #kernels: TopKernels;
  readonly #input: BatchRegion;
  readonly #config: TopTableConfig;
  readonly #plan: TopPlan;
  readonly #table: number;
  readonly #result: BatchRegion;
  readonly #borrowed: BorrowedRegion;
  readonly #rows: LastingRows;

  /** @param outputRows room of the output region, 2 or more. */
  constructor(uid: OperatorUid, kernel: KernelInstance, input: BatchRegion, config: TopTableConfig, outputRows = 4096) {
    assert(outputRows >= 2, "a change of a rank takes two rows");
    this.uid = uid;
    this.#kernel = kernel;
    this.#kernels = kernel.exports as unknown as TopKernels;
    this.#input = input;
    this.#config = config;
    this.#plan = planTopTable(input.schema, config);
    this.schema = this.#plan.stateSchema;
    this.#table = this.#create();
    this.#rows = this.#lasting();
    this.#result = new BatchRegion(kernel, this.#plan.resultSchema, outputRows);
    this.#borrowed = new BorrowedRegion(kernel, this.#plan.outputSchema, outputRows);
    this.output = this.#borrowed;
  }

  #create(): number {
    const { keyKind, columns } = this.#plan;
    const { keys, limit, rank, updating, maxParallelism, keyGroups } = this.#config;
    const { start, end } = keyGroups;
    const kernels = this.#kernels;
    const table =
      kernels.mr_top_create(
        keyKind,
        limit,
        updating ? 1 : 0,
        rank === undefined ? 0 : 1,
        this.#input.capacity,
        maxParallelism,
        start,
        end - start,
      ) >>> 0;
    if (table === 0) throw this.#kernel.outOfMemory("a table of best rows");
    const fieldOf = (column: number): Schema[number] => {
      const found = this.#input.schema[column];
      assert(found !== undefined, "the plan's columns exist");
      return found;
    };
    for (const column of keys) {
      const { type, nullable } = fieldOf(column);
      kernels.mr_top_add_key(table, column, typeCode[type], nullable ? 1 : 0);
    }
    for (const { column, flags } of columns) {
      kernels.mr_top_add_column(table, column, typeCode[fieldOf(column).type], flags);
    }
    return table;
  }

  #lasting(): LastingRows {
    const kernels = this.#kernels;
    const table = this.#table;
    return new LastingRows({
      kernel: this.#kernel,
      schema: this.schema,
      where: this.#config.where,
      failure: (what) => this.#failure(what),
      kernels: {
        gatherBegin: (afterEpoch) => kernels.mr_top_gather_begin(table, afterEpoch),
        gatherNext: (batch, capacity) => kernels.mr_top_gather_next(table, batch, capacity),
        gatherAll: () => kernels.mr_top_gather_all(table),
        allNext: (batch, capacity) => kernels.mr_top_all_next(table, batch, capacity),
        completed: (epoch) => kernels.mr_top_completed(table, epoch),
        restore: (batch) => kernels.mr_top_restore(table, batch),
      },
    });
  }

  /**
   * Takes the input region's rows under `epoch`, then fills `output` with what that changed among the best and calls
   * `emit` as often as needed. Text in `output` is valid during `emit` only.
   */
  update(epoch: number, emit: () => void): void {
    assert(this.#config.updating || !this.#input.weighted, "an append-only input takes no rows back");
    this.#rows.epochs.update(epoch);
    const rows = this.#input.rowCount;
    let taken = 0;
    while (taken < rows) {
      taken = this.#kernels.mr_top_update(this.#table, this.#input.address, taken, epoch) >>> 0;
      if (this.#kernel.status !== STATUS_OK) throw this.#failure("row");
      this.#results(emit);
    }
  }

  #results(emit: () => void): void {
    const { positions } = this.#plan;
    const result = this.#result;
    result.useWeights(true);
    while (this.#kernels.mr_top_emit(this.#table, result.address, result.capacity) !== 0) {
      this.#borrowed.borrow(result, positions);
      emit();
    }
    if (this.#kernel.status !== STATUS_OK) throw this.#failure("results of row");
  }

  #failure(what: string): MillraceError {
    const { status, statusDetail: row } = this.#kernel;
    const where = `${this.#config.where}, ${what} ${row}`;
    switch (status) {
      case STATUS_OUT_OF_MEMORY:
        return this.#kernel.outOfMemory(`more rows among the best (${where})`);
      case STATUS_BAD_STATE:
        return corruptionError("state_invalid", where, "a state row contradicts its own key group or has no copies");
    }
    assert(false, `rows reach the task that owns their key group (${where}, status ${status})`);
  }

  gather(afterEpoch: number): RecordBatch[] {
    return this.#rows.gather(afterEpoch);
  }
  gatherInPieces(): Iterable<RecordBatch> {
    return this.#rows.gatherInPieces();
  }
  completed(epoch: number): void {
    this.#rows.completed(epoch);
  }
  restore(batch: RecordBatch): void {
    this.#rows.restore(batch);
  }
  scalars(): PlainData {
    return {};
  }
  restoreScalars(): void {
    this.#rows.epochs.restore();
  }

  expiryOf(): bigint | undefined {
    return undefined;
  }
  /** Different rows that are kept. */
  get entryCount(): number {
    return this.#kernels.mr_top_rows(this.#table) >>> 0;
  }
  /** Bytes of keys, lists and rows (without index and unused room). */
  get stateBytes(): number {
    return this.#kernels.mr_top_state_bytes(this.#table) >>> 0;
  }

  free(): void {
    this.#rows.free();
    this.#borrowed.free();
    this.#result.free();
    this.#kernels.mr_top_free(this.#table);
  }
}
