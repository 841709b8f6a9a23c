// The rows that one side of a join keeps for those of the other side that are still to come; the host side of
// kernels/join, where they are kept and found.
//
// Invariants:
// - Epochs begin at 1 and never decrease; an epoch that was completed is not updated again.
// - State is restored before the first batch, never after it: then numbers of rows are no longer looked up.
// - Dead rows, with a time before the cutoff, join nothing; they may still be there, for less than a bucket's length.

import { assert } from "../base/assert.ts";
import { corruptionError, type MillraceError, userError } from "../base/errors.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";
import { BatchRegion, typeCode } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { STATUS_BAD_STATE, STATUS_OK, STATUS_OUT_OF_MEMORY, STATUS_TIMESTAMP_RANGE } from "../../kernels/abi.ts";
import { JOIN_NO_COLUMN } from "../../kernels/join/abi.ts";
import { type JoinSideConfig, type JoinSidePlan, planJoinSide } from "./join_plan.ts";

/** Rows of a batch of state; a column of so many rows and its slack fill a power of two. */
const STATE_ROWS = 4094;

interface SideKernels {
  mr_join_create_side(
    bucketMs: bigint,
    timeColumn: number,
    keyKind: number,
    slotBytes: number,
    nullsAt: number,
    textAt: number,
    batchRows: number,
    maxParallelism: number,
    groupStart: number,
    groupCount: number,
  ): number;
  mr_join_set_interval(side: number, low: bigint, high: bigint): void;
  mr_join_add_key(side: number, column: number, type: number): void;
  mr_join_add_column(side: number, column: number, type: number, at: number, nullBit: number): void;
  mr_join_free_side(side: number): void;
  mr_join_update(side: number, batch: number, epoch: number, watermark: bigint, nowMs: bigint): number;
  mr_join_late_rows(side: number): number;
  mr_join_expire(side: number, cutoff: bigint): void;
  mr_join_cutoff(side: number): bigint;
  mr_join_rows(side: number): number;
  mr_join_text_bytes(side: number): number;
  mr_join_gather_begin(side: number, all: number, afterEpoch: number): number;
  mr_join_gather_next(side: number, batch: number, capacity: number): number;
  mr_join_restore(side: number, batch: number): void;
  mr_join_completed(side: number, epoch: number): void;
  mr_join_keys(side: number): number;
  mr_join_long_key_bytes(side: number): number;
}

export class JoinSide {
  readonly plan: JoinSidePlan;
  readonly config: JoinSideConfig;
  readonly kernel: KernelInstance;
  /** What kernels are given. */
  readonly address: number;
  readonly #kernels: SideKernels;
  readonly #input: Schema;
  #stateRegion: BatchRegion | undefined;
  #epochLatest = 0;
  #epochCompleted = 0;
  #state: "empty" | "open" | "broken" | "freed" = "empty";

  /** @param batchRows rows of the largest batch that will come. */
  constructor(kernel: KernelInstance, input: Schema, batchRows: number, config: JoinSideConfig) {
    this.kernel = kernel;
    this.config = config;
    this.plan = planJoinSide(input, config);
    this.#kernels = kernel.exports as unknown as SideKernels;
    this.#input = input;
    this.address = this.#create(batchRows);
  }

  #create(batchRows: number): number {
    const { plan, config } = this;
    const { start, end } = config.keyGroups;
    const side =
      this.#kernels.mr_join_create_side(
        BigInt(config.bucketMs),
        config.time ?? JOIN_NO_COLUMN,
        plan.keyKind,
        plan.slotBytes,
        plan.nullsAt,
        plan.textAt,
        batchRows,
        config.maxParallelism,
        start,
        end - start,
      ) >>> 0;
    if (side === 0) throw this.kernel.outOfMemory(`a table of ${config.where}`);
    config.keys.forEach((column, index) => {
      const key = plan.keyFields[index];
      assert(key !== undefined, "a key column has its field");
      this.#kernels.mr_join_add_key(side, column, typeCode[key.type]);
    });
    for (const { column, source, at, nullBit } of plan.kept) {
      this.#kernels.mr_join_add_column(side, column, typeCode[source.type], at, nullBit);
    }
    return side;
  }

  get stateSchema(): Schema {
    return this.plan.stateSchema;
  }

  /** Rows of this side join rows of the other whose time is from `lowMs` to `highMs` above theirs. */
  joinFrom(lowMs: number, highMs: number): void {
    this.#kernels.mr_join_set_interval(this.address, BigInt(lowMs), BigInt(highMs));
  }

  /**
   * Takes the rows of `input` in and marks what changed with `epoch`. Answers the numbers of the late rows; without
   * event time those of retractions that found no row.
   * @param watermark of this input: what is older is late, whatever its own watermark says.
   * @param nowMs the time of rows without event time.
   */
  update(input: BatchRegion, epoch: number, watermark: bigint, nowMs: bigint): Uint32Array {
    assert(this.#state === "empty" || this.#state === "open", "the table is open");
    assert(equalSchemas(input.schema, this.#input), "rows have the columns that were planned");
    assert(epoch >= 1 && epoch >= this.#epochLatest && epoch > this.#epochCompleted, "epochs never go back");
    this.#state = "open";
    this.#epochLatest = epoch;
    const count = this.#kernels.mr_join_update(this.address, input.address, epoch, watermark, nowMs);
    if (this.kernel.status !== STATUS_OK) throw this.failure("row");
    if (count === 0) return NO_ROWS;
    const address = this.#kernels.mr_join_late_rows(this.address) >>> 0;
    return new Uint32Array(this.kernel.buffer, address, count).slice();
  }

  /** What the kernels' status says about a row. */
  failure(what: string): MillraceError {
    const { status, statusDetail: row } = this.kernel;
    const where = `${this.config.where}, ${what} ${row}`;
    switch (status) {
      case STATUS_OUT_OF_MEMORY:
        return this.kernel.outOfMemory(`more rows that wait to be joined (${where})`);
      case STATUS_TIMESTAMP_RANGE:
        return userError("timestamp_out_of_range", where, "the row's event time is at the end of 64-bit milliseconds");
      case STATUS_BAD_STATE:
        this.#state = "broken";
        return corruptionError("state_invalid", where, "a state row contradicts its own key group, time or number");
    }
    this.#state = "broken";
    assert(false, `rows reach the task that owns their key group (${where}, status ${status})`);
  }

  /** Rows with an earlier time are dead. It rises only; setting a lower one has no effect. */
  get cutoff(): bigint {
    return this.#kernels.mr_join_cutoff(this.address);
  }
  set cutoff(time: bigint) {
    this.#kernels.mr_join_expire(this.address, time);
  }

  /** Rows that came or went after `afterEpoch`, ordered by key group; -1 gives every row that is there. */
  gather(afterEpoch: number): RecordBatch[] {
    assert(this.#state === "empty" || this.#state === "open", "the table is open");
    assert(afterEpoch === -1 || afterEpoch >= this.#epochCompleted, "marks of completed epochs are gone");
    const region = this.#regionOfState();
    region.useWeights(true);
    this.#kernels.mr_join_gather_begin(this.address, afterEpoch === -1 ? 1 : 0, Math.max(afterEpoch, 0));
    if (this.kernel.status !== STATUS_OK) {
      throw this.kernel.outOfMemory(`a list of the changed rows (${this.config.where})`);
    }
    const batches: RecordBatch[] = [];
    while (this.#kernels.mr_join_gather_next(this.address, region.address, region.capacity) !== 0) {
      const batch = region.packOut();
      batches.push(batch.weights?.includes(-1) ? batch : { ...batch, weights: undefined });
    }
    return batches;
  }

  #regionOfState(): BatchRegion {
    this.#stateRegion ??= new BatchRegion(this.kernel, this.stateSchema, STATE_ROWS);
    return this.#stateRegion;
  }

  /** The checkpoint that holds `epoch` is complete: the marks up to it are forgotten. */
  completed(epoch: number): void {
    this.#epochCompleted = Math.max(this.#epochCompleted, epoch);
    this.#kernels.mr_join_completed(this.address, epoch);
  }

  /** Takes state rows in; the cutoff must be set before. */
  restore(batch: RecordBatch): void {
    assert(this.#state === "empty", "state is restored before the first row");
    if (!equalSchemas(batch.schema, this.stateSchema)) {
      const names = (schema: Schema): string => schema.map((one) => `${one.name} ${one.type}`).join(", ");
      const message = `state has columns (${names(batch.schema)}); this operator keeps (${names(this.stateSchema)})`;
      throw corruptionError("state_schema_mismatch", this.config.where, message);
    }
    const region = this.#regionOfState();
    for (let start = 0; start < batch.rowCount; start += STATE_ROWS) {
      region.load(batch, start, Math.min(start + STATE_ROWS, batch.rowCount));
      this.#kernels.mr_join_restore(this.address, region.address);
      if (this.kernel.status !== STATUS_OK) throw this.failure("state row");
    }
  }

  get rowCount(): number {
    return this.#kernels.mr_join_rows(this.address) >>> 0;
  }
  /** Bytes of rows, keys and their texts (without index, marks and unused room). */
  get stateBytes(): number {
    const keys = this.#kernels.mr_join_keys(this.address) >>> 0;
    const texts = this.#kernels.mr_join_text_bytes(this.address) >>> 0;
    const longKeys = this.#kernels.mr_join_long_key_bytes(this.address) >>> 0;
    return this.rowCount * this.plan.slotBytes + keys * this.plan.entryBytes + texts + longKeys;
  }

  free(): void {
    assert(this.#state !== "freed", "a table is freed once");
    this.#state = "freed";
    this.#stateRegion?.free();
    this.#kernels.mr_join_free_side(this.address);
  }
}

const NO_ROWS = new Uint32Array(0);
