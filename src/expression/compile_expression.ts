// Typed expressions to bytecode. An argument is computed before the operation, from left to right.
// A branch that can fail is computed under a mask of the rows that take it, so that only those can fail it.

import { present, unreachable } from "../base/assert.ts";
import type { DataType } from "../batch/schema.ts";
import * as op from "../../kernels/expression/layout.ts";
import type { OperatorName } from "./expression_spec.ts";
import { type Program, ProgramBuilder, type Width, widthOf } from "./program.ts";
import type { CallNode, TypedExpression } from "./typed_expression.ts";

/** The rows for which the condition is true. */
export function compileFilter(where: TypedExpression): Program {
  const builder = new ProgramBuilder();
  const a = compile(where, undefined, builder);
  builder.emit({ op: op.OP_SELECT, out: 0, a, b: 0, c: 0, mask: undefined, origin: where });
  return builder.finish();
}

/** One output column an expression, in order. */
export function compileProjection(columns: readonly TypedExpression[]): Program {
  const builder = new ProgramBuilder();
  for (const [out, expression] of columns.entries()) {
    const a = compile(expression, undefined, builder);
    builder.emit({ op: storeOp(expression.type), out, a, b: 0, c: 0, mask: undefined, origin: expression });
    builder.release(a);
  }
  return builder.finish();
}

function storeOp(type: DataType): number {
  switch (type) {
    case "i64":
    case "timestamp":
      return op.OP_STORE_I64;
    case "f64":
      return op.OP_STORE_F64;
    case "utf8":
      return op.OP_STORE_TEXT;
    case "bool":
      return op.OP_STORE_BOOL;
    default:
      return unreachable(type);
  }
}

/** The slot that holds the value; the caller releases it. */
function compile(expression: TypedExpression, mask: number | undefined, builder: ProgramBuilder): number {
  if (expression.kind === "column") return builder.column(expression.index);
  if (expression.kind === "literal") return builder.literal(expression.type, expression.value);
  switch (expression.op) {
    case "and":
      return compileFold(expression, op.OP_AND, op.OP_MASK_NOT_FALSE, mask, builder);
    case "or":
      return compileFold(expression, op.OP_OR, op.OP_MASK_NOT_TRUE, mask, builder);
    case "coalesce":
      return compileFold(expression, byWidth(expression, COALESCE), op.OP_MASK_NULL, mask, builder);
    case "if":
      return compileIf(expression, mask, builder);
    case "cast":
      return compileCast(expression, mask, builder);
    default:
      return compileStrict(expression, mask, builder);
  }
}

const COALESCE: Readonly<Record<Width, number>> = {
  0: op.OP_COALESCE_BOOL,
  8: op.OP_COALESCE_8,
  16: op.OP_COALESCE_16,
};
const IF: Readonly<Record<Width, number>> = { 0: op.OP_IF_BOOL, 8: op.OP_IF_8, 16: op.OP_IF_16 };
const byWidth = (call: CallNode, table: Readonly<Record<Width, number>>): number => table[widthOf(call.type)];

/** All arguments are needed. */
function compileStrict(call: CallNode, mask: number | undefined, builder: ProgramBuilder): number {
  const slots = call.args.map((one) => compile(one, mask, builder));
  const swapped = call.op === "gt" || call.op === "ge";
  const [first = 0, second = 0] = swapped ? slots.toReversed() : slots;
  const out = builder.register(widthOf(call.type));
  builder.emit({ op: strictOp(call), out, a: first, b: second, c: 0, mask, origin: call });
  for (const slot of slots) builder.release(slot);
  return out;
}

/** i64 and timestamp are the same bits, so a cast between them computes nothing. */
function compileCast(call: CallNode, mask: number | undefined, builder: ProgramBuilder): number {
  const argument = present(call.args[0], "the value to cast");
  const sameBits = widthOf(argument.type) === 8 && argument.type !== "f64" && call.type !== "f64";
  return sameBits ? compile(argument, mask, builder) : compileStrict(call, mask, builder);
}

/** An argument is needed where those before it have not decided: `undecided` makes the mask of these rows. */
function compileFold(
  call: CallNode,
  code: number,
  undecided: number,
  mask: number | undefined,
  builder: ProgramBuilder,
): number {
  const [first, ...others] = call.args;
  let sofar = compile(present(first, "the first argument"), mask, builder);
  for (const one of others) {
    const inner = masked(one, undecided, sofar, mask, builder);
    const next = compile(one, inner, builder);
    if (inner !== undefined && inner !== mask) builder.release(inner);
    const out = builder.register(widthOf(call.type));
    builder.emit({ op: code, out, a: sofar, b: next, c: 0, mask: undefined, origin: call });
    builder.release(sofar);
    builder.release(next);
    sofar = out;
  }
  return sofar;
}

function compileIf(call: CallNode, mask: number | undefined, builder: ProgramBuilder): number {
  const [condition, whenTrue, otherwise] = call.args.map((one) => present(one, "an argument of if"));
  const c = compile(present(condition, "a condition"), mask, builder);
  const branch = (expression: TypedExpression | undefined, code: number): number => {
    const inner = masked(present(expression, "a branch"), code, c, mask, builder);
    const slot = compile(present(expression, "a branch"), inner, builder);
    if (inner !== undefined && inner !== mask) builder.release(inner);
    return slot;
  };
  const a = branch(whenTrue, op.OP_MASK_TRUE);
  const b = branch(otherwise, op.OP_MASK_NOT_TRUE);
  const out = builder.register(widthOf(call.type));
  builder.emit({ op: byWidth(call, IF), out, a, b, c, mask: undefined, origin: call });
  for (const slot of [a, b, c]) builder.release(slot);
  return out;
}

/** The mask for an argument that is needed only in some rows; one that cannot fail needs none. */
function masked(
  expression: TypedExpression,
  code: number,
  decider: number,
  mask: number | undefined,
  builder: ProgramBuilder,
): number | undefined {
  if (!canFail(expression)) return mask;
  const out = builder.register(0);
  builder.emit({ op: code, out, a: decider, b: 0, c: 0, mask, origin: expression });
  return out;
}

const CHECKED: readonly OperatorName[] = ["add", "sub", "mul", "div", "mod", "neg"];

function canFail(expression: TypedExpression): boolean {
  if (expression.kind !== "call") return false;
  if (CHECKED.includes(expression.op) && expression.type !== "f64") return true;
  if (expression.op === "cast" && expression.args[0]?.type === "f64" && expression.type === "i64") return true;
  return expression.args.some(canFail);
}

const COMPARISONS: Readonly<Record<DataType, Readonly<Record<"eq" | "ne" | "lt" | "le", number>>>> = {
  i64: { eq: op.OP_EQ_I64, ne: op.OP_NE_I64, lt: op.OP_LT_I64, le: op.OP_LE_I64 },
  timestamp: { eq: op.OP_EQ_I64, ne: op.OP_NE_I64, lt: op.OP_LT_I64, le: op.OP_LE_I64 },
  f64: { eq: op.OP_EQ_F64, ne: op.OP_NE_F64, lt: op.OP_LT_F64, le: op.OP_LE_F64 },
  utf8: { eq: op.OP_EQ_TEXT, ne: op.OP_NE_TEXT, lt: op.OP_LT_TEXT, le: op.OP_LE_TEXT },
  bool: { eq: op.OP_EQ_BOOL, ne: op.OP_NE_BOOL, lt: 0, le: 0 },
};

function strictOp(call: CallNode): number {
  const type = present(call.args[0], "the first argument").type;
  const floats = call.type === "f64";
  switch (call.op) {
    case "eq":
    case "ne":
    case "lt":
    case "le":
      return COMPARISONS[type][call.op];
    case "gt":
      return COMPARISONS[type].lt;
    case "ge":
      return COMPARISONS[type].le;
    case "not":
      return op.OP_NOT;
    case "is_null":
      return op.OP_IS_NULL;
    case "is_not_null":
      return op.OP_IS_NOT_NULL;
    case "add":
      return floats ? op.OP_ADD_F64 : op.OP_ADD_I64;
    case "sub":
      return floats ? op.OP_SUB_F64 : op.OP_SUB_I64;
    case "mul":
      return floats ? op.OP_MUL_F64 : op.OP_MUL_I64;
    case "div":
      return floats ? op.OP_DIV_F64 : op.OP_DIV_I64;
    case "mod":
      return floats ? op.OP_MOD_F64 : op.OP_MOD_I64;
    case "neg":
      return floats ? op.OP_NEG_F64 : op.OP_NEG_I64;
    case "length":
      return op.OP_LENGTH;
    case "cast":
      if (type === "bool") return floats ? op.OP_BOOL_TO_F64 : op.OP_BOOL_TO_I64;
      return floats ? op.OP_I64_TO_F64 : op.OP_F64_TO_I64;
    case "and":
    case "or":
    case "if":
    case "coalesce":
      return unreachable(call.op as never);
  }
}
