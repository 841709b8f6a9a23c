// What hopping and session windows have in common: their kernels derive more than the state rows say (blocks, pending
// sessions), so restored state settles once before the first row or watermark.
//
// Invariants: the fired watermark is set before anything is restored, and nothing is restored once state has settled;
// after an error of the kernels nothing goes on.

import { assert } from "../base/assert.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { WATERMARK_MIN } from "../time/window.ts";
import { STATUS_OK } from "../../kernels/abi.ts";
import { type LateRows, stateFailure } from "./window_state.ts";

/** The kernels of one operator, bound to its table. */
export interface DerivedKernels {
  settle(fired: bigint): void;
  /** Number of late rows. */
  update(epoch: number): number;
  /** Number of rows written to `output`. */
  fire(output: BatchRegion, watermark: bigint, epoch: number): number;
}

export class DerivedWindows {
  readonly #kernel: KernelInstance;
  readonly #where: string;
  readonly #outputSchema: Schema;
  readonly #kernels: DerivedKernels;
  #fired = WATERMARK_MIN;
  #state: "restoring" | "open" | "broken" = "restoring";

  constructor(kernel: KernelInstance, where: string, outputSchema: Schema, kernels: DerivedKernels) {
    this.#kernel = kernel;
    this.#where = where;
    this.#outputSchema = outputSchema;
    this.#kernels = kernels;
  }

  #settle(): void {
    if (this.#state === "open") return;
    assert(this.#state === "restoring", "the table is open");
    this.#kernels.settle(this.#fired);
    this.#check("watermark");
    this.#state = "open";
  }

  #check(what: string): void {
    if (this.#kernel.status === STATUS_OK) return;
    this.#state = "broken";
    throw stateFailure(this.#kernel, this.#where, what);
  }

  update(epoch: number, lateRows: (count: number) => Uint32Array): LateRows {
    this.#settle();
    const lateCount = this.#kernels.update(epoch);
    this.#check("row");
    return { lateCount, lateRows: () => lateRows(lateCount) };
  }

  fire(watermark: bigint, output: BatchRegion, emit: (rows: number) => void, epoch: number): number {
    assert(equalSchemas(output.schema, this.#outputSchema), "results go into a region of the output schema");
    this.#settle();
    let total = 0;
    for (;;) {
      const rows = this.#kernels.fire(output, watermark, epoch);
      this.#check("watermark");
      if (rows === 0) break;
      total += rows;
      emit(rows);
    }
    if (watermark > this.#fired) this.#fired = watermark;
    return total;
  }

  get fired(): bigint {
    return this.#fired;
  }
  set fired(watermark: bigint) {
    assert(this.#state === "restoring", "the fired watermark is set before anything else");
    this.#fired = watermark;
  }
}
