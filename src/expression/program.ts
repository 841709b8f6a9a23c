// A program before it is placed in WASM memory: instructions over numbered slots (kernels/expression/layout.ts).
// Registers are reused as soon as their value has been read, so a program needs few of them whatever its length.

import { assert } from "../base/assert.ts";
import type { Value } from "../batch/record_batch.ts";
import type { DataType } from "../batch/schema.ts";
import type { TypedExpression } from "./typed_expression.ts";

/** Bytes a row: 8, 16 (text views), or 0 for a bitmap. */
export type Width = 0 | 8 | 16;

export const widthOf = (type: DataType): Width => (type === "bool" ? 0 : type === "utf8" ? 16 : 8);

export type SlotPlan =
  | { readonly kind: "column"; readonly index: number }
  | { readonly kind: "literal"; readonly type: DataType; readonly value: Value }
  | { readonly kind: "register"; readonly width: Width };

export interface Instruction {
  readonly op: number;
  /** A slot; for the store instructions the position of the output column. */
  readonly out: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** The slot of the rows whose failure counts; undefined: all rows. */
  readonly mask: number | undefined;
  /** What the instruction computes a part of, for error messages. */
  readonly origin: TypedExpression;
}

export interface Program {
  readonly slots: readonly SlotPlan[];
  readonly instructions: readonly Instruction[];
}

export class ProgramBuilder {
  readonly #slots: SlotPlan[] = [];
  readonly #instructions: Instruction[] = [];
  readonly #named = new Map<string, number>();
  readonly #free: Record<Width, number[]> = { 0: [], 8: [], 16: [] };

  column(index: number): number {
    return this.#shared(`column ${index}`, { kind: "column", index });
  }

  literal(type: DataType, value: Value): number {
    const text = Object.is(value, -0) ? "-0" : String(value);
    return this.#shared(`${type} ${value === null ? "null" : `value ${text}`}`, { kind: "literal", type, value });
  }

  #shared(name: string, slot: SlotPlan): number {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    this.#named.set(name, this.#slots.length);
    return this.#slots.push(slot) - 1;
  }

  register(width: Width): number {
    return this.#free[width].pop() ?? this.#slots.push({ kind: "register", width }) - 1;
  }

  /** Nothing reads the slot's value any more. Columns and literals are kept. */
  release(slot: number): void {
    const plan = this.#slots[slot];
    if (plan?.kind !== "register") return;
    assert(!this.#free[plan.width].includes(slot), "a register is released once");
    this.#free[plan.width].push(slot);
  }

  emit(instruction: Instruction): void {
    this.#instructions.push(instruction);
  }

  finish(): Program {
    return { slots: this.#slots, instructions: this.#instructions };
  }
}
