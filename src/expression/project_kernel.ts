// Computes the columns of an output region from those of an input region, row for row.
// Text of the output points at what the input's text points at, or at the program's literals: it is valid as long as
// the input's is, and until `free`.

import { assert } from "../base/assert.ts";
import { field } from "../batch/schema.ts";
import { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { compileProjection } from "./compile_expression.ts";
import { ProgramMemory } from "./program_memory.ts";
import type { TypedExpression } from "./typed_expression.ts";

export interface ProjectionColumn {
  readonly name: string;
  readonly expression: TypedExpression;
}

export class ProjectKernel {
  readonly output: BatchRegion;
  readonly #input: BatchRegion;
  readonly #memory: ProgramMemory;

  /** @param uid the operator's, for errors */
  constructor(kernel: KernelInstance, input: BatchRegion, columns: readonly ProjectionColumn[], uid = "project") {
    assert(kernel === input.kernel, "a region and its kernels share one memory");
    const schema = columns.map(({ name, expression }) => field(name, expression.type, expression.nullable));
    this.#input = input;
    this.output = new BatchRegion(kernel, schema, input.capacity);
    const program = compileProjection(columns.map((one) => one.expression));
    this.#memory = new ProgramMemory(program, input, this.output, uid);
  }

  /**
   * Fills `output` with as many rows as the input has; watermarks and weights go along.
   * Throws `integer_overflow` or `division_by_zero` for the first row that fails.
   */
  apply(): void {
    this.output.useWeights(this.#input.weighted);
    this.#memory.exports.mr_expression_run(this.#memory.address);
    this.#memory.check();
  }

  free(): void {
    this.#memory.free();
    this.output.free();
  }
}
