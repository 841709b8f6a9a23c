// Which Parquet columns can be read as which declared columns, and how their values become ours.
//
//   declared    Parquet
//   i64         INT32 or INT64 that is an integer (unsigned up to 32 bits)
//   f64         FLOAT, DOUBLE
//   bool        BOOLEAN
//   utf8        BYTE_ARRAY marked as text (STRING, ENUM, JSON)
//   timestamp   TIMESTAMP (ms, µs, ns: rounded down to ms), INT96, DATE; local times are taken as UTC
//
// A column that may be null in the file fits a column that may not: rows that are null there are rejected one by one.
// A nullable column that the file does not have is null in every row.

import type { SchemaElement } from "hyparquet/src/index.js";
import type { DataType, Field, Schema } from "../batch/schema.ts";
import { type MillraceError, userError } from "../base/errors.ts";

const TEXT_MARKS = ["UTF8", "STRING", "ENUM", "JSON"];

/** The columns of `wanted` that the file has; throws `schema_mismatch` where one does not fit. */
export function matchColumns(elements: readonly SchemaElement[], wanted: Schema, path: string): readonly string[] {
  const top = topLevel(elements);
  return wanted.flatMap((field) => {
    const element = top.find((one) => one.name === field.name);
    if (element !== undefined) {
      if (readableAs(element) !== field.type) throw mismatch(path, field, `is ${describe(element)} in the file`);
      return [field.name];
    }
    if (field.nullable) return [];
    const names = top.map((one) => one.name).join(", ");
    throw mismatch(path, field, `is not in the file, which has ${names === "" ? "no columns" : names}`);
  });
}

const mismatch = (path: string, { name, type, nullable }: Field, found: string): MillraceError =>
  userError(
    "schema_mismatch",
    path,
    `column ${JSON.stringify(name)} of ${path} ${found}; the job declares it as ${type}${nullable ? "" : ", not null"}`,
  );

/** The elements are a tree in depth-first order, its root first. */
function topLevel(elements: readonly SchemaElement[]): readonly SchemaElement[] {
  const found: SchemaElement[] = [];
  const skip = (at: number): number => {
    let next = at + 1;
    const children = elements[at]?.num_children ?? 0;
    for (let child = 0; child < children && next < elements.length; child++) next = skip(next);
    return next;
  };
  for (let at = 1; at < elements.length; at = skip(at)) found.push(elements[at] as SchemaElement);
  return found;
}

function readableAs(element: SchemaElement): DataType | undefined {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (element.num_children !== undefined || element.repetition_type === "REPEATED") return undefined;
  const mark = logical?.type ?? converted;
  switch (type) {
    case "BOOLEAN":
      return "bool";
    case "FLOAT":
    case "DOUBLE":
      return "f64";
    case "INT96":
      return "timestamp";
    case "BYTE_ARRAY":
      return mark !== undefined && TEXT_MARKS.includes(mark) ? "utf8" : undefined;
    case "INT32":
    case "INT64":
      if (mark === undefined) return "i64";
      if (mark === "DATE" || mark.startsWith("TIMESTAMP")) return "timestamp";
      return isInteger(mark, logical) ? "i64" : undefined;
    default:
      return undefined;
  }
}

/** Unsigned integers of 64 bits do not fit. */
function isInteger(mark: string, logical: SchemaElement["logical_type"]): boolean {
  if (logical?.type === "INTEGER") return logical.isSigned || logical.bitWidth < 64;
  return mark.startsWith("INT_") || (mark.startsWith("UINT_") && mark !== "UINT_64");
}

/** `INT32 (DECIMAL)`, `a group`, `a list`. */
function describe(element: SchemaElement): string {
  if (element.repetition_type === "REPEATED") return "repeated";
  const mark = element.logical_type?.type ?? element.converted_type;
  if (element.num_children !== undefined) return mark === undefined ? "a group of columns" : `a ${mark}`;
  const { logical_type: logical } = element;
  const sign = logical?.type === "INTEGER" && !logical.isSigned ? ", unsigned" : "";
  return mark === undefined ? `${element.type}` : `${element.type} (${mark}${sign})`;
}
