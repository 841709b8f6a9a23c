// A program placed in WASM memory, bound to its input and output regions; runs it and turns failures into errors.
//
// Every allocation is remembered, so that `free` gives back exactly what was taken.

import { assert, present } from "../base/assert.ts";
import { utf8 } from "../base/bytes.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { BATCH_ROWS_MAX } from "../base/limits.ts";
import { type Value, valueAt } from "../batch/record_batch.ts";
import type { DataType } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { STATUS_DIVISION_BY_ZERO, STATUS_OVERFLOW, VIEW_BYTES, VIEW_INLINE_MAX } from "../../kernels/abi.ts";
import * as layout from "../../kernels/expression/layout.ts";
import { expressionText, valueText } from "./expression_text.ts";
import type { Instruction, Program, SlotPlan } from "./program.ts";
import { collectColumns, type TypedExpression } from "./typed_expression.ts";

/** The exports of kernels/expression. */
export interface ExpressionExports {
  mr_expression_run(program: number): void;
  mr_filter(program: number): number;
}

const NO_MASK = 0;

export class ProgramMemory {
  readonly kernel: KernelInstance;
  readonly exports: ExpressionExports;
  /** What the kernels are given. */
  readonly address: number;
  readonly #input: BatchRegion;
  readonly #program: Program;
  readonly #where: string;
  readonly #blocks: { readonly address: number; readonly bytes: number }[] = [];

  /** @param where the operator's uid, for errors */
  constructor(program: Program, input: BatchRegion, output: BatchRegion | undefined, where: string) {
    assert(input.capacity <= BATCH_ROWS_MAX, "the scratch of a filter holds a row number for every row");
    this.kernel = input.kernel;
    this.exports = this.kernel.exports as unknown as ExpressionExports;
    this.#input = input;
    this.#program = program;
    this.#where = where;
    this.address = this.#allocate(layout.PROGRAM_BYTES);
    const slots = this.#allocate(Math.max(1, program.slots.length) * layout.SLOT_BYTES);
    const instructions = this.#allocate(Math.max(1, program.instructions.length) * layout.INSTRUCTION_BYTES);
    const selection = output === undefined ? this.#allocate(BATCH_ROWS_MAX / 8) : 0;
    program.slots.forEach((slot, index) => {
      this.#placeSlot(slot, slots + index * layout.SLOT_BYTES);
    });
    program.instructions.forEach((instruction, index) => {
      this.#placeInstruction(instruction, instructions + index * layout.INSTRUCTION_BYTES);
    });
    const write = (offset: number, value: number): void => this.kernel.writeU32(this.address + offset, value);
    write(layout.PROGRAM_INPUT, input.address);
    write(layout.PROGRAM_OUTPUT, output?.address ?? 0);
    write(layout.PROGRAM_INSTRUCTIONS, instructions);
    write(layout.PROGRAM_INSTRUCTION_COUNT, program.instructions.length);
    write(layout.PROGRAM_SLOTS, slots);
    write(layout.PROGRAM_SLOT_COUNT, program.slots.length);
    write(layout.PROGRAM_SELECTION, selection);
  }

  #allocate(bytes: number): number {
    const address = this.kernel.allocate(bytes);
    this.#blocks.push({ address, bytes });
    return address;
  }

  #placeSlot(slot: SlotPlan, at: number): void {
    if (slot.kind === "column") {
      this.kernel.writeU32(at + layout.SLOT_COLUMN, slot.index + 1);
      return;
    }
    if (slot.kind === "literal") {
      this.kernel.writeU32(at + layout.SLOT_DATA, this.#placeLiteral(slot.type, slot.value));
      if (slot.value === null)
        this.kernel.writeU32(at + layout.SLOT_VALIDITY, this.#allocate(layout.PASS_BITMAP_BYTES));
      return;
    }
    const dataBytes = slot.width === 0 ? layout.PASS_BITMAP_BYTES : layout.PASS_ROWS * slot.width;
    this.kernel.writeU32(at + layout.SLOT_DATA, this.#allocate(dataBytes));
    this.kernel.writeU32(at + layout.SLOT_VALIDITY_BUFFER, this.#allocate(layout.PASS_BITMAP_BYTES));
  }

  /** A pass of equal values; zeros for null. */
  #placeLiteral(type: DataType, value: Value): number {
    const rows = layout.PASS_ROWS;
    if (type === "bool") {
      const bits = this.#allocate(layout.PASS_BITMAP_BYTES);
      if (value === true) this.kernel.bytes().fill(0xff, bits, bits + layout.PASS_BITMAP_BYTES);
      return bits;
    }
    if (type === "utf8") return this.#placeText(value as string | null);
    const data = this.#allocate(rows * 8);
    if (value === null) return data;
    if (type === "f64") new Float64Array(this.kernel.buffer, data, rows).fill(value as number);
    else new BigInt64Array(this.kernel.buffer, data, rows).fill(value as bigint);
    return data;
  }

  #placeText(value: string | null): number {
    const bytes = utf8(value ?? "");
    const long = bytes.byteLength > VIEW_INLINE_MAX ? this.#allocate(bytes.byteLength) : 0;
    if (long !== 0) this.kernel.bytes().set(bytes, long);
    const views = this.#allocate(layout.PASS_ROWS * VIEW_BYTES);
    const view = new Uint8Array(VIEW_BYTES);
    new DataView(view.buffer).setUint32(0, bytes.byteLength, true);
    view.set(long === 0 ? bytes : bytes.subarray(0, 4), 4);
    if (long !== 0) new DataView(view.buffer).setUint32(12, long, true);
    const memory = this.kernel.bytes();
    for (let row = 0; row < layout.PASS_ROWS; row++) memory.set(view, views + row * VIEW_BYTES);
    return views;
  }

  #placeInstruction(instruction: Instruction, at: number): void {
    const write = (offset: number, value: number): void => this.kernel.writeU32(at + offset, value);
    write(layout.INSTRUCTION_OP, instruction.op);
    write(layout.INSTRUCTION_OUT, instruction.out);
    write(layout.INSTRUCTION_A, instruction.a);
    write(layout.INSTRUCTION_B, instruction.b);
    write(layout.INSTRUCTION_C, instruction.c);
    write(layout.INSTRUCTION_MASK, instruction.mask === undefined ? NO_MASK : instruction.mask + 1);
  }

  /** Throws what the last run noted, if anything. */
  check(): void {
    const status = this.kernel.readU32(this.address + layout.PROGRAM_FAILED_STATUS);
    if (status !== 0) throw this.#failure(status);
  }

  #failure(status: number): MillraceError {
    const row = this.kernel.readU32(this.address + layout.PROGRAM_FAILED_ROW);
    const number = this.kernel.readU32(this.address + layout.PROGRAM_FAILED_INSTRUCTION);
    const { origin } = present(this.#program.instructions[number], "the instruction that failed");
    const known = status === STATUS_OVERFLOW || status === STATUS_DIVISION_BY_ZERO;
    assert(known, `the compiler made a program that the kernels know, status ${status}`);
    const what = `${expressionText(origin)}${this.#valuesAt(row, origin)}`;
    const where = `operator ${this.#where}, row ${row} of the batch`;
    if (status === STATUS_DIVISION_BY_ZERO) {
      const advice = 'guard it, for example with {"op": "if", "args": [{"op": "eq", "args": [divisor, 0]}, null, …]}';
      return userError("division_by_zero", where, `${what} divides by zero; ${advice}`);
    }
    const advice =
      origin.kind === "call" && origin.op === "cast"
        ? "guard the cast with if"
        : "compute it as f64, or guard it with if";
    return userError("integer_overflow", where, `${what} is no 64-bit integer; ${advice}`);
  }

  /** ` with delay = 9223372036854775807`. */
  #valuesAt(row: number, expression: TypedExpression): string {
    const columns = new Set<number>();
    collectColumns(expression, columns);
    if (columns.size === 0) return "";
    const batch = this.#input.copyOut(row, row + 1);
    const values = [...columns].slice(0, 8).map((index) => {
      const column = present(batch.columns[index], "a column that the expression reads");
      return `${batch.schema[index]?.name} = ${valueText(valueAt(column, 0))}`;
    });
    return ` with ${values.join(", ")}`;
  }

  free(): void {
    for (const { address, bytes } of this.#blocks.splice(0)) this.kernel.free(address, bytes);
  }
}
