// The NDJSON scanner in plain TypeScript: fatal TextDecoder, JSON.parse, and a walk over the parsed line's text for
// what JSON.parse loses (digits of integers, nesting). The oracle of every NDJSON test; it favours being obvious.
//
// Fields are taken from the walk and parsed one by one, because V8 (Node 26, Deno 2.9) can mistake an escaped key for
// the key of an object parsed before: after JSON.parse('{"a":1,"\\\\":2,"c":3}') it reads {"a":1,"\u0062":2,"c":3}
// as having a key "\\" instead of "b". (Node 20 and Bun do not.) Whether a line is JSON is JSON.parse's word alone.

import { JSON_DEPTH_MAX, LINE_BYTES_MAX } from "../../src/base/limits.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import type { Field, Schema } from "../../src/batch/schema.ts";

/** `malformed` stands for every reason for which JSON.parse or the UTF-8 decoder throws. */
export type TwinReason =
  | "blank"
  | "malformed"
  | "too_long"
  | "too_deep"
  | "not_object"
  | `${"missing" | "null" | "type" | "not_integer" | "int64_range" | "time"} ${string}`;

export type TwinLine = { readonly row: Value[] } | { readonly reason: TwinReason };

export interface TwinOutcome {
  readonly rows: Value[][];
  readonly rejected: { readonly offset: number; readonly reason: TwinReason }[];
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const replacing = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
const encoder = new TextEncoder();

export function twinDecode(bytes: Uint8Array, schema: Schema): TwinOutcome {
  const rows: Value[][] = [];
  const rejected: { offset: number; reason: TwinReason }[] = [];
  let start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (start < bytes.length) {
    const feed = bytes.indexOf(10, start);
    const end = feed < 0 ? bytes.length : feed;
    const line = twinLine(bytes.subarray(start, end), schema);
    if ("row" in line) rows.push(line.row);
    else if (line.reason !== "blank") rejected.push({ offset: start, reason: line.reason });
    start = end + 1;
  }
  return { rows, rejected };
}

export function twinLine(line: Uint8Array, schema: Schema): TwinLine {
  if (line.length > LINE_BYTES_MAX) return { reason: "too_long" };
  let text: string;
  let parsed: unknown;
  try {
    text = decoder.decode(line);
    if (/^[ \t\r]*$/.test(text)) return { reason: "blank" };
    parsed = JSON.parse(text);
  } catch {
    return { reason: "malformed" };
  }
  const { depth, fields } = walk(text);
  if (depth > JSON_DEPTH_MAX) return { reason: "too_deep" };
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return { reason: "not_object" };
  const row: Value[] = [];
  for (const field of schema) {
    const raw = fields.get(field.name);
    const cell = cellOf(field, raw === undefined ? undefined : JSON.parse(raw), raw ?? "");
    if ("reason" in cell) return { reason: `${cell.reason} ${field.name}` as TwinReason };
    row.push(cell.value);
  }
  return { row };
}

type Cell =
  | { readonly value: Value }
  | { readonly reason: "missing" | "null" | "type" | "not_integer" | "int64_range" | "time" };

function cellOf(field: Field, value: unknown, raw: string): Cell {
  if (value === undefined || value === null) {
    if (field.nullable) return { value: null };
    return { reason: value === null ? "null" : "missing" };
  }
  switch (field.type) {
    case "utf8":
      return typeof value === "string" ? { value: replacing.decode(encoder.encode(value)) } : { reason: "type" };
    case "bool":
      return typeof value === "boolean" ? { value } : { reason: "type" };
    case "f64":
      return typeof value === "number" ? { value } : { reason: "type" };
    case "i64":
      return typeof value === "number" ? integerOf(raw) : { reason: "type" };
    case "timestamp": {
      if (typeof value === "number") return integerOf(raw);
      return typeof value === "string" ? timeOf(value) : { reason: "type" };
    }
  }
}

/** The exact value of a number's text, by decimal arithmetic on strings and BigInt. */
function integerOf(raw: string): Cell {
  const [, sign, whole = "", fraction = "", exponentText = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(raw) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return { value: 0n };
  const exponent = BigInt(exponentText) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  if (exponent < 0n) return { reason: "not_integer" };
  if (exponent > 20n || significant.length > 20) return { reason: "int64_range" };
  const value = BigInt(significant) * 10n ** exponent * (sign === "-" ? -1n : 1n);
  return BigInt.asIntN(64, value) === value ? { value } : { reason: "int64_range" };
}

const timePattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d))?)?$/;

function timeOf(text: string): Cell {
  const match = timePattern.exec(text);
  if (match === null) return { reason: "time" };
  const part = (index: number): number => Number(match[index] ?? "0");
  const [year, month, day] = [part(1), part(2), part(3)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const real = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!real || part(4) > 23 || part(5) > 59 || part(6) > 59 || part(9) > 23 || part(10) > 59) return { reason: "time" };
  const offset = (part(9) * 60 + part(10)) * (match[8] === "-" ? -1 : 1);
  const fraction = Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  const seconds = (part(4) * 60 + part(5) - offset) * 60 + part(6);
  return { value: BigInt(date.getTime() + seconds * 1000 + fraction) };
}

/** Nesting and, for an object, each top-level field's text; the text is known to be JSON. */
function walk(text: string): { depth: number; fields: Map<string, string> } {
  const fields = new Map<string, string>();
  let depth = 0;
  let deepest = 0;
  let key: string | undefined;
  let valueStart = -1;
  const close = (end: number): void => {
    if (key !== undefined) fields.set(key, text.slice(valueStart, end).trim());
    key = undefined;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      const start = at;
      for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++;
      if (depth === 1 && key === undefined) key = JSON.parse(text.slice(start, at + 1)) as string;
    } else if (char === "{" || char === "[") {
      deepest = Math.max(deepest, ++depth);
    } else if (char === "}" || char === "]") {
      if (depth === 1) close(at);
      depth--;
    } else if (depth === 1 && char === ",") {
      close(at);
    } else if (depth === 1 && char === ":") {
      valueStart = at + 1;
    }
  }
  return { depth: deepest, fields };
}
