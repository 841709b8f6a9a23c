// Literals of expressions: from JSON to typed values, refusing what JSON numbers cannot hold exactly.

import { utf8 } from "../base/bytes.ts";
import type { DataType } from "../batch/schema.ts";
import type { Value } from "../batch/record_batch.ts";
import { TEXT_LITERAL_BYTES_MAX } from "./operators.ts";
import { parseTimestamp } from "./parse_timestamp.ts";
import { oneOf, type Problem, show } from "./problem.ts";
import type { LiteralNode } from "./typed_expression.ts";

export const literal = (type: DataType, value: Value): LiteralNode => ({
  kind: "literal",
  type,
  value,
  nullable: value === null,
});

type Outcome = LiteralNode | Problem;

/** JSON keeps the value: it has no NaN, no infinities and, in most writers, no negative zero. */
const isPlain = (value: number): boolean => Number.isFinite(value) && !Object.is(value, -0);

const namedForm = (value: number): string =>
  `{"f64": "${Object.is(value, -0) ? "-0" : value}"}: JSON numbers do not keep it`;

/** A JSON primitive other than null. */
export function checkPrimitive(value: boolean | number | string, path: string): Outcome {
  if (typeof value === "boolean") return literal("bool", value);
  if (typeof value === "string") return textLiteral(value, path);
  if (!isPlain(value)) return { path, found: show(value), expected: namedForm(value) };
  if (Number.isSafeInteger(value)) return literal("i64", BigInt(value));
  if (!Number.isInteger(value)) return literal("f64", value);
  const expected = `{"i64": "…"} with all digits or {"f64": ${value}}: a plain whole number is exact up to 2^53 only`;
  return { path, found: show(value), expected };
}

function textLiteral(value: string, path: string): Outcome {
  const bytes = utf8(value).byteLength;
  if (bytes > TEXT_LITERAL_BYTES_MAX) {
    return { path, found: `a text of ${bytes} bytes`, expected: `at most ${TEXT_LITERAL_BYTES_MAX} bytes` };
  }
  if (!value.isWellFormed()) return { path, found: show(value), expected: "text without unpaired surrogates" };
  return literal("utf8", value);
}

export function checkI64(value: unknown, path: string): Outcome {
  if (typeof value === "string" && /^-?(0|[1-9]\d{0,18})$/.test(value)) {
    const exact = BigInt(value);
    if (BigInt.asIntN(64, exact) === exact) return literal("i64", exact);
  }
  return {
    path,
    found: show(value),
    expected: 'a whole number in quotes from "-9223372036854775808" to "9223372036854775807"',
  };
}

const NAMED: ReadonlyMap<unknown, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["-0", -0],
]);

export function checkF64(value: unknown, path: string): Outcome {
  const number = typeof value === "number" && isPlain(value) ? value : NAMED.get(value);
  if (number !== undefined) return literal("f64", number);
  return { path, found: show(value), expected: `a number or ${oneOf([...NAMED.keys()] as string[])}` };
}

export function checkTimestamp(value: unknown, path: string): Outcome {
  const milliseconds = Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
  const instant = typeof value === "string" ? parseTimestamp(value) : milliseconds;
  if (instant !== undefined) return literal("timestamp", instant);
  const expected = 'a time in UTC such as "2001-01-31T06:00:00Z", or whole milliseconds since the Unix epoch';
  return { path, found: show(value), expected };
}
