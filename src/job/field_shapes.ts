// Shapes of single fields that stand in many places of a job spec: names, durations, counts, columns.

import { COLUMNS_MAX } from "../base/limits.ts";
import * as shape from "./shape.ts";

export const KEYS_MAX = 8;
const MS_MAX = 8_640_000_000_000_000;

export const uid = shape.text(
  "an operator's uid: letters, digits, - and _, beginning with a letter, at most 64 characters",
  /^[A-Za-z][A-Za-z0-9_-]{0,63}$/,
);
export const input = shape.text(
  'the uid of an operator, or of one of its side outputs, such as "hourly#late"',
  /^.{1,160}$/s,
);
export const columnName = shape.text(shape.COLUMN_NAME_EXPECTED, shape.COLUMN_NAME);
export const resourceName = (what: string) =>
  shape.text(
    `${what}: letters, digits, ., - and _, beginning with a letter or digit, at most 128 characters`,
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  );
export const milliseconds = (least: number) =>
  shape.wholeNumber(least, MS_MAX, `a whole number of milliseconds, at least ${least}`);
export const anyMilliseconds = shape.wholeNumber(-MS_MAX, MS_MAX, "a whole number of milliseconds");
export const count = (least: number, most: number) =>
  shape.wholeNumber(least, most, `a whole number from ${least} to ${most}`);
export const kind = <const Kind extends string>(name: Kind) => shape.oneName([name]);

export const columnList = (what: string) =>
  shape.listOf(columnName, 1, KEYS_MAX, `a list of 1 to ${KEYS_MAX} columns to ${what} by`);

const field = shape.closed(
  {
    name: columnName,
    type: shape.oneName(["i64", "f64", "bool", "utf8", "timestamp"]),
    nullable: shape.optionalOr(shape.flag(), false),
  },
  "a column: an object with name and type",
);
export const fields = shape.listOf(field, 1, COLUMNS_MAX, `a list of 1 to ${COLUMNS_MAX} columns`);
