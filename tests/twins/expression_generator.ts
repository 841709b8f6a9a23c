// Random schemas, rows and well-typed expressions for the property tests of kernels/expression.
// Values are drawn from the corners of each type; `tame` ones are small, so that most runs do not fail.

import type { Prng } from "../../src/base/prng.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import { type DataType, field, type Schema } from "../../src/batch/schema.ts";
import type { ExpressionSpec, OperatorName } from "../../src/expression/expression_spec.ts";

const types: readonly DataType[] = ["i64", "f64", "bool", "utf8", "timestamp"];

const corners: Readonly<Record<Exclude<DataType, "bool">, readonly Value[]>> = {
  i64: [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 2n ** 31n, -(2n ** 31n), 3037000500n, -3037000500n],
  timestamp: [0n, 978_307_200_000n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 86_400_000n],
  f64: [
    0,
    -0,
    1.5,
    -1.5,
    Number.NaN,
    Infinity,
    -Infinity,
    5e-324,
    1e308,
    2 ** 63,
    -(2 ** 63),
    2 ** 53 + 2,
    0.1,
    9.2e18,
  ],
  utf8: [
    "",
    "a",
    "a\0",
    "ab",
    "abcd",
    "abcde",
    "twelve bytes",
    "thirteen byte",
    "same start, ab, same end",
    "same start, ba, same end",
    "naïve",
    "日本語",
    "𝄞",
    "\uffff",
    "long ".repeat(9),
  ],
};

export function randomValue(type: DataType, prng: Prng, tame: boolean): Value {
  if (type === "bool") return prng.chance(0.5);
  if (tame && type !== "utf8") {
    const small = prng.below(41) - 20;
    return type === "f64" ? small / 4 : BigInt(small);
  }
  if (prng.chance(0.6)) return prng.pick(corners[type]);
  if (type === "utf8") return prng.pick(["k", "key", "long key of "]).padEnd(prng.below(24), "xyz") + prng.below(9);
  if (type === "f64") return (prng.nextU32() - 2 ** 31) * 2 ** (prng.below(120) - 60);
  const wide = BigInt.asIntN(64, (BigInt(prng.nextU32()) << 32n) | BigInt(prng.nextU32()));
  return wide >> BigInt(prng.below(64));
}

export function randomSchema(prng: Prng): Schema {
  return Array.from({ length: 3 + prng.below(5) }, (_, index) =>
    field(`c${index}`, prng.pick(types), prng.chance(0.5)),
  );
}

export function randomRows(schema: Schema, count: number, prng: Prng): Value[][] {
  const tame = prng.chance(0.7);
  const nullRate = prng.pick([0, 0.05, 0.5, 1]);
  return Array.from({ length: count }, () =>
    schema.map((one) => (one.nullable && prng.chance(nullRate) ? null : randomValue(one.type, prng, tame))),
  );
}

const calls = (op: OperatorName, args: readonly ExpressionSpec[]): ExpressionSpec => ({ op, args });

/** A well-typed expression of the wanted type, at most `depth` levels deep. */
export function randomExpression(type: DataType, schema: Schema, depth: number, prng: Prng): ExpressionSpec {
  if (depth <= 1 || prng.chance(0.1)) return leaf(type, schema, prng);
  const of = (wanted: DataType): ExpressionSpec => randomExpression(wanted, schema, depth - 1, prng);
  const several = (wanted: DataType): ExpressionSpec[] => Array.from({ length: 2 + prng.below(2) }, () => of(wanted));
  if (prng.chance(0.2)) return calls("if", [of("bool"), of(type), prng.chance(0.1) ? null : of(type)]);
  if (prng.chance(0.15)) return calls("coalesce", several(type));
  const arithmetic = (): OperatorName => prng.pick(["add", "sub", "mul", "div", "mod"] as const);
  switch (type) {
    case "bool":
      return randomCondition(of, several, prng);
    case "i64":
      return prng.pick([
        () => calls(arithmetic(), [of("i64"), of("i64")]),
        () => calls("neg", [of("i64")]),
        () => calls("length", [of("utf8")]),
        () => calls("sub", [of("timestamp"), of("timestamp")]),
        () => ({
          op: "cast" as const,
          args: [of(prng.pick(["f64", "bool", "timestamp"] as const))],
          to: "i64" as const,
        }),
      ])();
    case "f64":
      return prng.pick([
        () => calls(arithmetic(), [of("f64"), of("f64")]),
        () => calls(arithmetic(), prng.chance(0.5) ? [of("i64"), of("f64")] : [of("f64"), of("i64")]),
        () => calls("neg", [of("f64")]),
        () => ({ op: "cast" as const, args: [of(prng.pick(["i64", "bool"] as const))], to: "f64" as const }),
      ])();
    case "timestamp":
      return prng.pick([
        () => calls(prng.pick(["add", "sub"] as const), [of("timestamp"), of("i64")]),
        () => ({ op: "cast" as const, args: [of("i64")], to: "timestamp" as const }),
      ])();
    case "utf8":
      return leaf(type, schema, prng);
  }
}

function randomCondition(
  of: (type: DataType) => ExpressionSpec,
  several: (type: DataType) => ExpressionSpec[],
  prng: Prng,
): ExpressionSpec {
  const compared = prng.pick(types);
  const comparisons: readonly OperatorName[] =
    compared === "bool" ? ["eq", "ne"] : ["eq", "ne", "lt", "le", "gt", "ge"];
  return prng.pick([
    () => calls(prng.pick(comparisons), [of(compared), of(compared)]),
    () => calls(prng.pick(comparisons), [of(compared), of(compared)]),
    () => calls(prng.pick(["and", "or"] as const), several("bool")),
    () => calls("not", [of("bool")]),
    () => calls(prng.pick(["is_null", "is_not_null"] as const), [of(prng.pick(types))]),
    () => calls(prng.pick(["lt", "eq"] as const), [of("i64"), of("f64")]),
  ])();
}

function leaf(type: DataType, schema: Schema, prng: Prng): ExpressionSpec {
  const columns = schema.filter((one) => one.type === type);
  if (columns.length > 0 && prng.chance(0.75)) return { col: prng.pick(columns).name };
  if (prng.chance(0.05) && type !== "bool" && type !== "utf8") return { op: "cast", args: [null], to: type };
  return literalSpec(type, randomValue(type, prng, prng.chance(0.7)));
}

function literalSpec(type: DataType, value: Value): ExpressionSpec {
  if (type === "i64") return { i64: String(value) };
  if (type === "timestamp")
    return typeof value === "bigint" && value === BigInt.asIntN(53, value)
      ? { timestamp: Number(value) }
      : { timestamp: 0 };
  if (type === "f64") {
    const plain = Number.isFinite(value) && !Object.is(value, -0);
    return { f64: plain ? (value as number) : Object.is(value, -0) ? "-0" : (String(value) as "NaN") };
  }
  return value as boolean | string;
}
