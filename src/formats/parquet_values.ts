// Decoded Parquet values as columns of a batch, copied into typed arrays row group by row group.
//
// The decoder hands out a column in pages; a page is a typed array where the column cannot be null, else an array whose
// nulls are `undefined` or `null`. Texts arrive as bytes: each entry of a dictionary is looked at once, not once a row.

import type { Bytes } from "../base/bytes.ts";
import { bitAt, bitmapBytes, type Column } from "../batch/record_batch.ts";
import type { Field } from "../batch/schema.ts";

export type Page = ArrayLike<unknown>;

/** Stands for text that is not UTF-8: its row is rejected. */
export const NOT_UTF8: Bytes = new Uint8Array(0);

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const MILLIS_PER_DAY = 86_400_000n;

/** How the decoder turns stored values into ours; called for values that are present only. */
export const parquetParsers = {
  timestampFromMilliseconds: (ms: bigint): bigint => ms,
  timestampFromMicroseconds: (us: bigint): bigint => floorDivide(us, 1000n),
  timestampFromNanoseconds: (ns: bigint): bigint => floorDivide(ns, 1_000_000n),
  dateFromDays: (days: number): bigint => BigInt(days) * MILLIS_PER_DAY,
  stringFromBytes: (bytes: Uint8Array): Uint8Array => utf8OrNot(bytes),
  jsonFromBytes: (bytes: Uint8Array): Uint8Array => utf8OrNot(bytes),
};

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}

function utf8OrNot(bytes: Uint8Array): Uint8Array {
  try {
    strict.decode(bytes);
    return bytes;
  } catch {
    return NOT_UTF8; // The only thing that a strict decoder throws for.
  }
}

export interface ReadColumn {
  readonly column: Column;
  /** Rows that no batch can hold, and why. */
  readonly bad: ReadonlyMap<number, string>;
}

/** `pages` hold `rows` values together; none at all where the file does not have the column. */
export function columnOfPages(field: Field, pages: readonly Page[], rows: number): ReadColumn {
  const bad = new Map<number, string>();
  const each: Each = (take) => {
    let row = 0;
    for (const page of pages) {
      for (let index = 0; index < page.length; index++, row++) {
        const value = page[index];
        if (value !== undefined && value !== null) take(value, row);
      }
    }
  };
  const column = fill(field, rows, each, bad);
  const validity = validityOf(each, rows);
  if (validity === undefined) return { column, bad };
  for (let row = 0; row < rows && !field.nullable; row++) {
    if (!bitAt(validity, row)) bad.set(row, `field ${JSON.stringify(field.name)} is null; the column is not nullable`);
  }
  return { column: { ...column, validity }, bad };
}

/** Calls `take` for every value that is not null. */
type Each = (take: (value: unknown, row: number) => void) => void;

function validityOf(each: Each, rows: number): Bytes | undefined {
  const bits = new Uint8Array(bitmapBytes(rows));
  let present = 0;
  each((_value, row) => {
    bits[row >>> 3] = (bits[row >>> 3] as number) | (1 << (row & 7));
    present++;
  });
  return present === rows ? undefined : bits;
}

function fill(field: Field, rows: number, each: Each, bad: Map<number, string>): Column {
  switch (field.type) {
    case "i64":
    case "timestamp": {
      const values = new BigInt64Array(rows);
      const words = new Int32Array(values.buffer);
      each((value, row) => {
        if (typeof value === "bigint") values[row] = value;
        else writeWords(words, row, value as number);
      });
      return { type: field.type, values, validity: undefined };
    }
    case "f64": {
      const values = new Float64Array(rows);
      each((value, row) => {
        values[row] = value as number;
      });
      return { type: "f64", values, validity: undefined };
    }
    case "bool": {
      const bits = new Uint8Array(bitmapBytes(rows));
      each((value, row) => {
        if (value === true) bits[row >>> 3] = (bits[row >>> 3] as number) | (1 << (row & 7));
      });
      return { type: "bool", bits, validity: undefined };
    }
    case "utf8":
      return textColumn(field, rows, each, bad);
  }
}

/** A number of at most 32 bits, signed or not, as 64 bits; making a bigint of each costs several times as much. */
function writeWords(words: Int32Array, row: number, value: number): void {
  words[row * 2] = value;
  words[row * 2 + 1] = value < 0 ? -1 : 0;
}

function textColumn(field: Field, rows: number, each: Each, bad: Map<number, string>): Column {
  const offsets = new Int32Array(rows + 1);
  each((value, row) => {
    offsets[row + 1] = (value as Uint8Array).byteLength;
  });
  for (let row = 0; row < rows; row++) offsets[row + 1] = (offsets[row + 1] as number) + (offsets[row] as number);
  // Offsets are signed 32-bit numbers: what does not fit has gone below zero somewhere.
  if (offsets.some((offset) => offset < 0)) throw new RangeError(`column ${field.name}: 2 GiB of text or more at once`);
  const bytes = new Uint8Array(offsets[rows] as number);
  each((value, row) => {
    const text = value as Uint8Array;
    if (text === NOT_UTF8) bad.set(row, `field ${JSON.stringify(field.name)} is not UTF-8`);
    copyText(text, bytes, offsets[row] as number);
  });
  return { type: "utf8", offsets, bytes, validity: undefined };
}

function copyText(from: Uint8Array, into: Uint8Array, at: number): void {
  if (from.byteLength > 32) {
    into.set(from, at);
    return;
  }
  // A loop is faster than `set` for so few bytes.
  for (let index = 0; index < from.byteLength; index++) into[at + index] = from[index] as number;
}
