// Why the NDJSON scanner gave up a line, as text for the dead-letter output.

import type { Field } from "../batch/schema.ts";
import { JSON_DEPTH_MAX, LINE_BYTES_MAX } from "../base/limits.ts";
import {
  REASON_CONTROL,
  REASON_DEPTH,
  REASON_ESCAPE,
  REASON_INT64_RANGE,
  REASON_LINE_TOO_LONG,
  REASON_LITERAL,
  REASON_MISSING,
  REASON_NOT_INTEGER,
  REASON_NOT_OBJECT,
  REASON_NULL,
  REASON_NUMBER,
  REASON_STRUCTURE,
  REASON_TIME,
  REASON_TYPE,
  REASON_UTF8,
} from "../../kernels/ndjson/abi.ts";

const malformed: Readonly<Record<number, string>> = {
  [REASON_STRUCTURE]: "unexpected byte",
  [REASON_CONTROL]: "raw control character in a string",
  [REASON_ESCAPE]: "escape sequence that JSON does not have",
  [REASON_NUMBER]: "number that JSON does not allow",
  [REASON_LITERAL]: "word that is none of true, false and null",
};

const wanted: Readonly<Record<Field["type"], string>> = {
  i64: "an integer",
  f64: "a number",
  bool: "true or false",
  utf8: "a string",
  timestamp: "milliseconds since 1970 or an ISO 8601 time",
};

/** @param position byte of the line, counted from 0, where the line stops being JSON */
export function reasonText(code: number, column: Field | undefined, position: number): string {
  switch (code) {
    case REASON_UTF8:
      return `not UTF-8 at byte ${position} of the line`;
    case REASON_DEPTH:
      return `nested deeper than ${JSON_DEPTH_MAX} levels at byte ${position} of the line`;
    case REASON_NOT_OBJECT:
      return "not a JSON object";
    case REASON_LINE_TOO_LONG:
      return `line is longer than ${LINE_BYTES_MAX} bytes`;
    default:
      if (column !== undefined && code >= REASON_MISSING) return columnReason(code, column);
      return `not valid JSON: ${malformed[code]} at byte ${position} of the line`;
  }
}

function columnReason(code: number, { name, type }: Field): string {
  const field = `field ${JSON.stringify(name)}`;
  switch (code) {
    case REASON_MISSING:
      return `${field} is missing; the column is not nullable`;
    case REASON_NULL:
      return `${field} is null; the column is not nullable`;
    case REASON_NOT_INTEGER:
      return `${field} is not a whole number; the column is ${type}`;
    case REASON_INT64_RANGE:
      return `${field} is outside the range of 64-bit integers`;
    case REASON_TIME:
      return `${field} is no ISO 8601 time such as 2001-01-31T00:10:00Z`;
    case REASON_TYPE:
      return `${field} is not ${wanted[type]}; the column is ${type}`;
    default:
      return `${field} does not fit the column`;
  }
}
