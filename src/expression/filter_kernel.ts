// Keeps the rows of a batch for which a condition is true, in place. False and null drop a row.

import { assert } from "../base/assert.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { compileFilter } from "./compile_expression.ts";
import { ProgramMemory } from "./program_memory.ts";
import type { TypedExpression } from "./typed_expression.ts";

export class FilterKernel {
  readonly #memory: ProgramMemory;

  /** @param uid the operator's, for errors */
  constructor(kernel: KernelInstance, input: BatchRegion, where: TypedExpression, uid = "filter") {
    assert(kernel === input.kernel, "a region and its kernels share one memory");
    assert(where.type === "bool", "a filter's condition is a bool");
    this.#memory = new ProgramMemory(compileFilter(where), input, undefined, uid);
  }

  /**
   * Returns how many rows are left. Watermarks and weights stay with their rows.
   * Throws `integer_overflow` or `division_by_zero` for the first row that fails; the batch is then unchanged.
   */
  apply(): number {
    const kept = this.#memory.exports.mr_filter(this.#memory.address);
    this.#memory.check();
    return kept;
  }

  free(): void {
    this.#memory.free();
  }
}
