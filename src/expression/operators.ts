// What each operation takes and gives: the rules that `check_expression.ts` applies and the reference lists.
//
//   comparison   eq ne lt le gt ge   two numbers, two timestamps, two texts (by UTF-8 bytes); eq and ne also two bools
//   logic        and or not          SQL's three values: false and null = false, true or null = true
//   arithmetic   add sub mul div mod neg
//   nulls        is_null is_not_null coalesce
//   choice       if                  (condition, when true, when false or null)
//   conversion   cast                i64 <-> f64, i64 <-> timestamp, bool -> i64, bool -> f64
//   text         length              in Unicode code points
//
// i64 with f64 computes as f64. i64 results are checked: leaving the range, dividing by zero or casting a NaN fails
// the job. f64 is IEEE 754: no failure, NaN equals nothing. Any null argument makes the result null, unless stated
// otherwise. Arguments are evaluated from left to right and only where needed: the branch that `if` does not
// take, the arguments after a deciding one of `and`, `or` and `coalesce` cannot fail.

import type { DataType } from "../batch/schema.ts";
import type { CastTarget, OperatorName } from "./expression_spec.ts";

export const EXPRESSION_DEPTH_MAX = 32;
export const EXPRESSION_NODES_MAX = 1000;
export const TEXT_LITERAL_BYTES_MAX = 4096;

/** Least and greatest count of arguments. */
export const arity: Readonly<Record<OperatorName, readonly [number, number]>> = {
  eq: [2, 2],
  ne: [2, 2],
  lt: [2, 2],
  le: [2, 2],
  gt: [2, 2],
  ge: [2, 2],
  and: [2, 32],
  or: [2, 32],
  not: [1, 1],
  add: [2, 2],
  sub: [2, 2],
  mul: [2, 2],
  div: [2, 2],
  mod: [2, 2],
  neg: [1, 1],
  is_null: [1, 1],
  is_not_null: [1, 1],
  if: [3, 3],
  coalesce: [2, 32],
  cast: [1, 1],
  length: [1, 1],
};

export const operatorNames = Object.keys(arity) as readonly OperatorName[];
export const castTargets: readonly CastTarget[] = ["i64", "f64", "timestamp"];

const casts: Readonly<Record<DataType, readonly DataType[]>> = {
  i64: ["i64", "f64", "timestamp"],
  f64: ["f64", "i64"],
  bool: ["i64", "f64"],
  timestamp: ["timestamp", "i64"],
  utf8: [],
};

export const canCast = (from: DataType, to: DataType): boolean => casts[from].includes(to);
export const isNumber = (type: DataType): boolean => type === "i64" || type === "f64";

/** The type that `if` and `coalesce` give to alternatives of these types, if any. */
export function commonType(left: DataType, right: DataType): DataType | undefined {
  if (left === right) return left;
  return isNumber(left) && isNumber(right) ? "f64" : undefined;
}

/** The result of an arithmetic operation; undefined where the types do not fit. Mixed numbers are cast to f64 first. */
export function arithmeticType(op: OperatorName, left: DataType, right: DataType): DataType | undefined {
  if (isNumber(left) && isNumber(right)) return left === right ? left : "f64";
  if (op === "add" && left === "timestamp" && right === "i64") return "timestamp";
  if (op === "add" && left === "i64" && right === "timestamp") return "timestamp";
  if (op === "sub" && left === "timestamp" && right === "i64") return "timestamp";
  if (op === "sub" && left === "timestamp" && right === "timestamp") return "i64";
  return undefined;
}
