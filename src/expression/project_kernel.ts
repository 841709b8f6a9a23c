// Computes the columns of an output region from those of an input region, row for row.
// Text of the output points at what the input's text points at, or at the program's literals: it is valid as long as
// the input's is, and until `free`.

import { assert } from "../base/assert.ts";
import { field } from "../batch/schema.ts";
import { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { BATCH_WEIGHTS } from "../../kernels/abi.ts";
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
  #weights = 0;

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
    this.#carryWeights();
    this.#memory.exports.mr_expression_run(this.#memory.address);
    this.#memory.check();
  }

  /** A batch without weights needs no memory for them. */
  #carryWeights(): void {
    const { kernel } = this.#memory;
    const weighted = kernel.readU32(this.#input.address + BATCH_WEIGHTS) !== 0;
    if (weighted && this.#weights === 0) this.#weights = kernel.allocate(this.#input.capacity);
    kernel.writeU32(this.output.address + BATCH_WEIGHTS, weighted ? this.#weights : 0);
  }

  free(): void {
    if (this.#weights !== 0) this.#memory.kernel.free(this.#weights, this.#input.capacity);
    this.#weights = 0;
    this.#memory.free();
    this.output.free();
  }
}
