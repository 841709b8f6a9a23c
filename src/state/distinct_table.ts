// The different values of one column, a set a key and window: what count_distinct keeps; the host side of
// kernels/distinct. The entries of a window table own the sets and count them.
//
// Invariants:
// - A set lives as long as its owner; both are dropped with their window.
// - A state row is one value of one owner. It is written once, in the epoch in which the value came first.

import { present } from "../base/assert.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { field, type Field, type Schema } from "../batch/schema.ts";
import { BatchRegion, typeCode } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { STATUS_OK } from "../../kernels/abi.ts";
import type { SetPlan, WindowTableConfig } from "./window_plan.ts";
import { checkStateSchema, STATE_ROWS, stateFailure, type WindowStateTable } from "./window_state.ts";

interface DistinctKernels {
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
  mr_window_add_state(table: number, operation: number, at: number, countAt: number, initial: bigint): void;
  mr_window_free(table: number): void;
  mr_window_gather_begin(table: number, afterEpoch: number): number;
  mr_window_gather_all(table: number): void;
  mr_window_completed(table: number, epoch: number): void;
  mr_window_entries(table: number): number;
  mr_window_long_key_bytes(table: number): number;
  mr_distinct_create(main: number, table: number, column: number, type: number, at: number): number;
  mr_distinct_free(sets: number): void;
  mr_distinct_update(sets: number, batch: number, epoch: number): void;
  mr_distinct_drop(sets: number, watermark: bigint): void;
  mr_distinct_gather_next(sets: number, batch: number, capacity: number): number;
  mr_distinct_restore(sets: number, batch: number, epoch: number): void;
}

/** Kinds of keys of kernels/table: {value, owner}, and a text view. */
const valueKind = { fixed: 1, text: 2 } as const;
const ENTRY_BYTES = 32;
const VALUE_AT = 24;

/** A table of values under owners, with panes of `sizeMs`. `initial` is what a new entry holds beside its key. */
export function createValueTable(
  kernel: KernelInstance,
  config: WindowTableConfig,
  sizeMs: number,
  source: Field,
  initial = 0n,
): number {
  const kernels = kernel.exports as unknown as DistinctKernels;
  const size = BigInt(sizeMs);
  const offset = ((BigInt(config.offsetMs) % size) + size) % size;
  const { start, end } = config.keyGroups;
  const kind = source.type === "utf8" ? valueKind.text : valueKind.fixed;
  const table = kernels.mr_window_create(size, offset, 0, kind, 8, 1, config.maxParallelism, start, end - start) >>> 0;
  if (table === 0) throw kernel.outOfMemory("a table of different values");
  kernels.mr_window_add_state(table, 0, VALUE_AT, VALUE_AT, initial);
  return table;
}

export class DistinctTable implements WindowStateTable {
  readonly name: string;
  readonly stateSchema: Schema;
  readonly livesMs: number;
  /** The set's record in the kernels. */
  readonly address: number;
  readonly #kernel: KernelInstance;
  readonly #kernels: DistinctKernels;
  readonly #input: BatchRegion;
  readonly #where: string;
  readonly #table: number;
  #stateRegion: BatchRegion | undefined;

  /** @param main address of the window table whose state rows have `mainSchema`. */
  constructor(input: BatchRegion, config: WindowTableConfig, plan: SetPlan, main: number, mainSchema: Schema) {
    const source = present(input.schema[plan.column], "the counted column");
    this.#kernel = input.kernel;
    this.#kernels = input.kernel.exports as unknown as DistinctKernels;
    this.#input = input;
    this.#where = config.where ?? "window";
    this.name = `${config.setPrefix ?? ""}distinct:${source.name}`;
    this.livesMs = config.livesMs ?? config.sizeMs;
    this.stateSchema = [...mainSchema.slice(0, 2 + config.keys.length), field(`value:${source.name}`, source.type)];
    this.#table = createValueTable(this.#kernel, config, config.sizeMs, source);
    const code = typeCode[source.type];
    this.address = this.#kernels.mr_distinct_create(main, this.#table, plan.column, code, plan.at) >>> 0;
    if (this.address === 0) throw this.#kernel.outOfMemory("a set of different values");
  }

  /** Adds the values of the input region's rows, which the main table has just folded. */
  update(epoch: number): void {
    this.#kernels.mr_distinct_update(this.address, this.#input.address, epoch);
    if (this.#kernel.status !== STATUS_OK) throw stateFailure(this.#kernel, this.#where, "row");
  }

  /** Forgets what belongs to windows that end at or before the watermark. */
  drop(watermark: bigint): void {
    this.#kernels.mr_distinct_drop(this.address, watermark);
  }

  gather(afterEpoch: number): RecordBatch[] {
    const region = this.#regionOfState();
    if (afterEpoch === -1) this.#kernels.mr_window_gather_all(this.#table);
    else this.#kernels.mr_window_gather_begin(this.#table, afterEpoch);
    if (this.#kernel.status !== STATUS_OK) {
      throw this.#kernel.outOfMemory(`a list of the changed values (${this.#where})`);
    }
    const batches: RecordBatch[] = [];
    while (this.#kernels.mr_distinct_gather_next(this.address, region.address, region.capacity) !== 0) {
      batches.push(region.packOut());
    }
    return batches;
  }

  completed(epoch: number): void {
    this.#kernels.mr_window_completed(this.#table, epoch);
  }

  restore(batch: RecordBatch, epoch = 0): void {
    checkStateSchema(this.#where, batch.schema, this.stateSchema);
    const region = this.#regionOfState();
    for (let start = 0; start < batch.rowCount; start += STATE_ROWS) {
      region.load(batch, start, Math.min(start + STATE_ROWS, batch.rowCount));
      this.#kernels.mr_distinct_restore(this.address, region.address, epoch);
      if (this.#kernel.status !== STATUS_OK) throw stateFailure(this.#kernel, this.#where, "state row");
    }
  }

  #regionOfState(): BatchRegion {
    this.#stateRegion ??= new BatchRegion(this.#kernel, this.stateSchema, STATE_ROWS);
    return this.#stateRegion;
  }

  get entryCount(): number {
    return this.#kernels.mr_window_entries(this.#table) >>> 0;
  }
  get stateBytes(): number {
    return this.entryCount * ENTRY_BYTES + (this.#kernels.mr_window_long_key_bytes(this.#table) >>> 0);
  }

  free(): void {
    this.#stateRegion?.free();
    this.#kernels.mr_distinct_free(this.address);
    this.#kernels.mr_window_free(this.#table);
  }
}
