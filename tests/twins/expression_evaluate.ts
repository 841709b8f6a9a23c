// The plain twin of kernels/expression: evaluates a typed expression for one row, in the order in which it is written.

import type { Value } from "../../src/batch/record_batch.ts";
import type { CallNode, TypedExpression } from "../../src/expression/typed_expression.ts";

export class TwinFailure extends Error {
  readonly code: "integer_overflow" | "division_by_zero";
  constructor(code: TwinFailure["code"]) {
    super(code);
    this.code = code;
  }
}

type Row = readonly Value[];

export function evaluate(expression: TypedExpression, row: Row): Value {
  if (expression.kind === "column") return row[expression.index] as Value;
  if (expression.kind === "literal") return expression.value;
  const { op, args } = expression;
  const value = (index: number): Value => evaluate(args[index] as TypedExpression, row);
  switch (op) {
    case "if":
      return value(0) === true ? value(1) : value(2);
    case "is_null":
      return value(0) === null;
    case "is_not_null":
      return value(0) !== null;
    case "coalesce":
      for (const one of args) {
        const found = evaluate(one, row);
        if (found !== null) return found;
      }
      return null;
    case "and":
      return fold(args, row, false);
    case "or":
      return fold(args, row, true);
    default: {
      const values = args.map((one) => evaluate(one, row));
      return values.includes(null) ? null : strict(expression, values);
    }
  }
}

/** `deciding` settles the result at once; a null leaves it open. */
function fold(args: readonly TypedExpression[], row: Row, deciding: boolean): Value {
  let result: Value = !deciding;
  for (const one of args) {
    const found = evaluate(one, row);
    if (found === deciding) return deciding;
    if (found === null) result = null;
  }
  return result;
}

function strict(call: CallNode, values: readonly Value[]): Value {
  const [a, b] = values;
  switch (call.op) {
    case "not":
      return !(a as boolean);
    case "length":
      return BigInt([...(a as string)].length);
    case "neg":
      return typeof a === "bigint" ? exact(-a) : -(a as number);
    case "cast":
      return cast(a as Value, call.type === "f64");
    case "eq":
      return a === b;
    case "ne":
      return a !== b;
    case "lt":
      return before(a as Value, b as Value);
    case "gt":
      return before(b as Value, a as Value);
    case "le":
      return a === b || before(a as Value, b as Value);
    case "ge":
      return a === b || before(b as Value, a as Value);
    default:
      return typeof a === "bigint" ? integers(call, a, b as bigint) : floats(call, a as number, b as number);
  }
}

/** Text by its UTF-8 bytes, which is by its code points: surrogate pairs make JavaScript's own order differ. */
function before(a: Value, b: Value): boolean {
  if (typeof a !== "string" || typeof b !== "string") return (a as number) < (b as number);
  const left = [...a].map((one) => one.codePointAt(0) as number);
  const right = [...b].map((one) => one.codePointAt(0) as number);
  const differing = left.findIndex((one, index) => one !== right[index]);
  if (differing < 0) return left.length < right.length;
  const other = right[differing];
  return other !== undefined && (left[differing] as number) < other;
}

function exact(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new TwinFailure("integer_overflow");
  return value;
}

function integers(call: CallNode, a: bigint, b: bigint): bigint {
  if ((call.op === "div" || call.op === "mod") && b === 0n) throw new TwinFailure("division_by_zero");
  switch (call.op) {
    case "add":
      return exact(a + b);
    case "sub":
      return exact(a - b);
    case "mul":
      return exact(a * b);
    case "div":
      return exact(a / b);
    default:
      return a % b;
  }
}

function floats(call: CallNode, a: number, b: number): number {
  switch (call.op) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "div":
      return a / b;
    default:
      return a % b;
  }
}

function cast(value: Value, toFloat: boolean): Value {
  if (toFloat) return Number(value);
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  const whole = Math.trunc(value as number);
  if (!Number.isFinite(whole)) throw new TwinFailure("integer_overflow");
  return exact(BigInt(whole));
}
