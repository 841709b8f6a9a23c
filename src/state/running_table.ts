// Keyed state of one running aggregate, which is all that it is: the host side of kernels/running, where rows are
// folded and results compared.
// How its rows of state go out and in, and what must hold of epochs: lasting_rows.ts.

import { assert } from "../base/assert.ts";
import { corruptionError, type MillraceError, userError } from "../base/errors.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";
import { type BatchRegion, typeCode } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { WATERMARK_MIN } from "../time/window.ts";
import { STATUS_BAD_STATE, STATUS_OK, STATUS_OUT_OF_MEMORY, STATUS_OVERFLOW } from "../../kernels/abi.ts";
import { LastingRows } from "./lasting_rows.ts";
import { planRunningTable, type RunningPlan, type RunningTableConfig } from "./running_plan.ts";

export type { RunningAggregate, RunningTableConfig } from "./running_plan.ts";

interface RunningKernels {
  mr_running_create(
    keyKind: number,
    valueBytes: number,
    batchRows: number,
    weighted: number,
    maxParallelism: number,
    groupStart: number,
    groupCount: number,
  ): number;
  mr_running_add_key(table: number, column: number, type: number, nullable: number): void;
  mr_running_add_fold(table: number, column: number, flags: number, at: number): void;
  mr_running_add_output(table: number, operation: number, at: number, countAt: number, nullable: number): void;
  mr_running_add_state(table: number, operation: number, at: number, countAt: number, initial: bigint): void;
  mr_running_free(table: number): void;
  mr_running_update(table: number, batch: number, epoch: number): void;
  mr_running_emit(table: number, batch: number, capacity: number): number;
  mr_running_gather_begin(table: number, afterEpoch: number): void;
  mr_running_gather_next(table: number, batch: number, capacity: number): number;
  mr_running_gather_all(table: number): void;
  mr_running_all_next(table: number, batch: number, capacity: number): number;
  mr_running_completed(table: number, epoch: number): void;
  mr_running_restore(table: number, batch: number): void;
  mr_running_entries(table: number): number;
  mr_running_long_key_bytes(table: number): number;
}

export class RunningTable {
  readonly uid: OperatorUid;
  readonly name = "keys";
  /** The keys, then the aggregates. */
  readonly outputSchema: Schema;
  /** key_group, the key columns, the row count and the accumulators. */
  readonly schema: Schema;
  /** A running aggregate knows no time: its rows never expire. */
  readonly watermark: bigint = WATERMARK_MIN;
  readonly #kernel: KernelInstance;
  readonly #kernels: RunningKernels;
  readonly #input: BatchRegion;
  readonly #config: RunningTableConfig;
  readonly #plan: RunningPlan;
  readonly #table: number;
  readonly #rows: LastingRows;

  constructor(uid: OperatorUid, kernel: KernelInstance, input: BatchRegion, config: RunningTableConfig) {
    this.uid = uid;
    this.#kernel = kernel;
    this.#kernels = kernel.exports as unknown as RunningKernels;
    this.#input = input;
    this.#config = config;
    this.#plan = planRunningTable(input.schema, config);
    this.outputSchema = this.#plan.outputSchema;
    this.schema = this.#plan.stateSchema;
    this.#table = this.#create();
    this.#rows = this.#lasting();
  }

  #create(): number {
    const { keyKind, valueBytes, folds, outputs, states } = this.#plan;
    const { keys, updating, maxParallelism, keyGroups } = this.#config;
    const { start, end } = keyGroups;
    const kernels = this.#kernels;
    const rows = this.#input.capacity;
    const weighted = updating ? 1 : 0;
    const table =
      kernels.mr_running_create(keyKind, valueBytes, rows, weighted, maxParallelism, start, end - start) >>> 0;
    if (table === 0) throw this.#kernel.outOfMemory("a table of running aggregates");
    keys.forEach((column, index) => {
      const key = this.outputSchema[index];
      assert(key !== undefined, "a key column has its field");
      kernels.mr_running_add_key(table, column, typeCode[key.type], key.nullable ? 1 : 0);
    });
    for (const fold of folds) kernels.mr_running_add_fold(table, fold.column, fold.flags, fold.at);
    for (const one of outputs) {
      kernels.mr_running_add_output(table, one.operation, one.at, one.countAt, one.nullable ? 1 : 0);
    }
    for (const one of states) kernels.mr_running_add_state(table, one.operation, one.at, one.countAt, one.initial);
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
        gatherBegin: (afterEpoch) => kernels.mr_running_gather_begin(table, afterEpoch),
        gatherNext: (batch, capacity) => kernels.mr_running_gather_next(table, batch, capacity),
        gatherAll: () => kernels.mr_running_gather_all(table),
        allNext: (batch, capacity) => kernels.mr_running_all_next(table, batch, capacity),
        completed: (epoch) => kernels.mr_running_completed(table, epoch),
        restore: (batch) => kernels.mr_running_restore(table, batch),
      },
    });
  }

  /**
   * Folds the input region's rows into state under `epoch`, then fills `output`, a region of `outputSchema` for 2 rows
   * or more, with what that changed and calls `emit` as often as needed: for each key the old row (weight -1) and the
   * new one (+1), the two always in the same batch. Text in `output` is valid during `emit` only.
   */
  update(epoch: number, output: BatchRegion, emit: () => void): void {
    assert(output.capacity >= 2 && equalSchemas(output.schema, this.outputSchema), "results fit the output region");
    assert(this.#config.updating || !this.#input.weighted, "an append-only input takes no rows back");
    this.#rows.epochs.update(epoch);
    this.#kernels.mr_running_update(this.#table, this.#input.address, epoch);
    if (this.#kernel.status !== STATUS_OK) throw this.#failure("row");
    output.useWeights(true);
    while (this.#kernels.mr_running_emit(this.#table, output.address, output.capacity) !== 0) emit();
  }

  #failure(what: string): MillraceError {
    const { status, statusDetail: row } = this.#kernel;
    const where = `${this.#config.where}, ${what} ${row}`;
    switch (status) {
      case STATUS_OUT_OF_MEMORY:
        return this.#kernel.outOfMemory(`more keys of a running aggregate (${where})`);
      case STATUS_OVERFLOW: {
        const message = "a sum of i64 values left the range of 64 bits; cast the column to f64";
        return userError("sum_overflow", where, message);
      }
      case STATUS_BAD_STATE:
        return corruptionError("state_invalid", where, "a state row contradicts its own key group or counts");
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
  get entryCount(): number {
    return this.#kernels.mr_running_entries(this.#table) >>> 0;
  }
  /** Bytes of the entries and of their long keys (without index and unused room). */
  get stateBytes(): number {
    return this.entryCount * this.#plan.entryBytes + (this.#kernels.mr_running_long_key_bytes(this.#table) >>> 0);
  }

  free(): void {
    this.#rows.free();
    this.#kernels.mr_running_free(this.#table);
  }
}
