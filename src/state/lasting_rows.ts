// The rows of state of a table that lives for ever (kernels/running, kernels/top): out into checkpoints, in at a restore.
//
// Invariants:
// - Epochs begin at 1 and never decrease; an epoch that was completed is not updated again.
// - After an error the table is unusable: the job fails over to its last checkpoint.

import type { MillraceError } from "../base/errors.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { STATUS_OK } from "../../kernels/abi.ts";
import { checkStateSchema, Epochs } from "./epochs.ts";

/** Rows of a batch of state; a column of so many rows and its slack fill a power of two. */
const STATE_ROWS = 4094;

/** The kernels of one table, bound to it. Each sets the status; the `next` ones answer 0 after the last row. */
export interface LastingKernels {
  gatherBegin(afterEpoch: number): void;
  gatherNext(batch: number, capacity: number): number;
  gatherAll(): void;
  allNext(batch: number, capacity: number): number;
  completed(epoch: number): void;
  restore(batch: number): void;
}

export interface LastingWiring {
  readonly kernel: KernelInstance;
  readonly kernels: LastingKernels;
  readonly schema: Schema;
  /** Of errors: the operator. */
  readonly where: string;
  /** What the kernel's status means, for a row of `what`. */
  readonly failure: (what: string) => MillraceError;
}

export class LastingRows {
  readonly epochs = new Epochs();
  readonly #wiring: LastingWiring;
  #region: BatchRegion | undefined;

  constructor(wiring: LastingWiring) {
    this.#wiring = wiring;
  }

  #stateRegion(): BatchRegion {
    const { kernel, schema } = this.#wiring;
    this.#region ??= new BatchRegion(kernel, schema, STATE_ROWS);
    return this.#region;
  }

  #check(what: string): void {
    if (this.#wiring.kernel.status !== STATUS_OK) throw this.#wiring.failure(what);
  }

  /** What changed after `afterEpoch`, what is gone as tombstones; -1 gives everything there is. */
  gather(afterEpoch: number): RecordBatch[] {
    return [...this.#gathered(afterEpoch)];
  }

  /** All that there is, a batch at a time; nothing may change in between. */
  gatherInPieces(): Iterable<RecordBatch> {
    return this.#gathered(-1);
  }

  *#gathered(afterEpoch: number): Generator<RecordBatch> {
    this.epochs.gather(afterEpoch);
    const { kernels } = this.#wiring;
    const region = this.#stateRegion();
    const whole = afterEpoch === -1;
    region.useWeights(!whole);
    if (whole) kernels.gatherAll();
    else kernels.gatherBegin(afterEpoch);
    for (;;) {
      this.#check("gathered row");
      const { address, capacity } = region;
      const rows = whole ? kernels.allNext(address, capacity) : kernels.gatherNext(address, capacity);
      if (rows === 0) break;
      yield region.packOut();
    }
    this.#check("gathered row");
  }

  /** The checkpoint that holds `epoch` is durable: changes up to it are forgotten, and the memory of what is gone is freed. */
  completed(epoch: number): void {
    this.epochs.completed(epoch);
    this.#wiring.kernels.completed(epoch);
  }

  /** Takes over state rows; later rows win, tombstones remove. Rows outside the key group range are left out. */
  restore(batch: RecordBatch): void {
    const { kernels, schema, where } = this.#wiring;
    this.epochs.restore();
    checkStateSchema(batch.schema, schema, where);
    const region = this.#stateRegion();
    for (let start = 0; start < batch.rowCount; start += STATE_ROWS) {
      region.load(batch, start, Math.min(start + STATE_ROWS, batch.rowCount));
      kernels.restore(region.address);
      this.#check("state row");
    }
  }

  free(): void {
    this.#region?.free();
  }
}
