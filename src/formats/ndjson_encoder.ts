// A batch as NDJSON bytes, the same on every runtime: one object a row, fields in the order of the schema, every field
// written, no spaces, a line feed behind each row.
//
//   i64        its digits
//   f64        the shortest number that reads back as the same double (-0 included); NaN and infinities, which JSON
//              has not, as null
//   timestamp  ISO 8601 with milliseconds, 2001-01-31T00:10:00.000Z; outside the years 0000 to 9999 the number
//   utf8       quote, backslash and control characters escaped, everything else as it is (it is valid UTF-8)
//   null       null
//
// A changelog has a first member besides, "op": "+" for a row that is given, "-" for one that is taken back; otherwise
// weights are not written.

import { assert } from "../base/assert.ts";
import { type Bytes, utf8 } from "../base/bytes.ts";
import { bitAt, type Column, type RecordBatch, type TextColumn } from "../batch/record_batch.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";

/** The longest text of a value that is no string: a double such as -2.2250738585072014e-308. */
const FIXED_VALUE_BYTES = 32;
/** A control character becomes six bytes. */
const ESCAPED_BYTES = 6;
const OP_BYTES = '{"op":"+"'.length;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HIGH = 4_294_967_296;
const DAY_MS = 86_400_000;
/** 0000-01-01 and 10000-01-01. */
const FOUR_DIGIT_YEARS_START_MS = -62_167_219_200_000;
const FOUR_DIGIT_YEARS_END_MS = 253_402_300_800_000;

/** What follows the backslash for each control character that has a short escape. */
const shortEscapes: ReadonlyMap<number, string> = new Map([
  [8, "b"],
  [9, "t"],
  [10, "n"],
  [12, "f"],
  [13, "r"],
]);

const escapes: readonly Bytes[] = Array.from({ length: 32 }, (_, code) =>
  utf8(`\\${shortEscapes.get(code) ?? `u${code.toString(16).padStart(4, "0")}`}`),
);

export class NdjsonEncoder {
  readonly schema: Schema;
  /** Brace or comma, name and colon of each field. */
  readonly #keys: readonly Bytes[];
  readonly #keyBytes: number;
  readonly #isChangelog: boolean;
  #buffer: Bytes = new Uint8Array(16 * 1024);
  #at = 0;
  /** The day whose text was made last; most rows share it with the one before. */
  #day = Number.NaN;
  #dayText = "";

  /** @param content `changelog`: of rows whose weights are +1 or -1; `rows`: of rows that are only given. */
  constructor(schema: Schema, content: "rows" | "changelog" = "rows") {
    this.schema = schema;
    this.#isChangelog = content === "changelog";
    this.#keys = schema.map(({ name }, index) =>
      utf8(`${index === 0 && !this.#isChangelog ? "{" : ","}${JSON.stringify(name.toWellFormed())}:`),
    );
    this.#keyBytes = this.#keys.reduce((sum, key) => sum + key.byteLength, 3) + (this.#isChangelog ? OP_BYTES : 0);
  }

  /** Rows `[start, end)` as lines; the bytes are the caller's. */
  encode(batch: RecordBatch, start = 0, end = batch.rowCount): Bytes {
    assert(equalSchemas(batch.schema, this.schema), "encoder and batch have the same schema");
    assert(0 <= start && start <= end && end <= batch.rowCount, "the rows exist");
    const writers = batch.columns.map((column) => this.#valueWriter(column));
    this.#at = 0;
    for (let row = start; row < end; row++) {
      this.#reserve(this.#keyBytes + writers.length * FIXED_VALUE_BYTES);
      if (this.#isChangelog) this.#ascii((batch.weights?.[row] ?? 1) > 0 ? '{"op":"+"' : '{"op":"-"');
      else if (writers.length === 0) this.#ascii("{");
      writers.forEach((write, index) => {
        this.#raw(this.#keys[index] as Bytes);
        const { validity } = batch.columns[index] as Column;
        if (validity !== undefined && !bitAt(validity, row)) this.#ascii("null");
        else write(row);
      });
      this.#ascii("}\n");
    }
    return this.#buffer.slice(0, this.#at);
  }

  #valueWriter(column: Column): (row: number) => void {
    switch (column.type) {
      case "i64": {
        const halves = new Int32Array(column.values.buffer, column.values.byteOffset, column.values.length * 2);
        return (row) => this.#integer(halves, row, column.values);
      }
      case "timestamp":
        return (row) => this.#time(column.values[row] as bigint);
      case "f64":
        return (row) => this.#double(column.values[row] as number);
      case "bool":
        return (row) => this.#ascii(bitAt(column.bits, row) ? "true" : "false");
      case "utf8":
        return (row) => this.#text(column, row);
    }
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.byteLength) return;
    const larger = new Uint8Array(Math.max(needed, this.#buffer.byteLength * 2));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }

  #raw(bytes: Bytes): void {
    const target = this.#buffer;
    const at = this.#at;
    for (let index = 0; index < bytes.length; index++) target[at + index] = bytes[index] as number;
    this.#at = at + bytes.length;
  }

  #ascii(text: string): void {
    const target = this.#buffer;
    const at = this.#at;
    for (let index = 0; index < text.length; index++) target[at + index] = text.charCodeAt(index);
    this.#at = at + text.length;
  }

  #integer(halves: Int32Array, row: number, values: BigInt64Array): void {
    const high = halves[row * 2 + 1] as number;
    // Below 2^53 a number is exact, and its digits come much faster than a BigInt's.
    if (high >= -0x200000 && high < 0x200000) this.#ascii(String(high * HIGH + ((halves[row * 2] as number) >>> 0)));
    else this.#ascii(String(values[row]));
  }

  #double(value: number): void {
    if (!Number.isFinite(value)) this.#ascii("null");
    else this.#ascii(Object.is(value, -0) ? "-0" : String(value));
  }

  #time(value: bigint): void {
    const timeMs = Number(value);
    if (timeMs < FOUR_DIGIT_YEARS_START_MS || timeMs >= FOUR_DIGIT_YEARS_END_MS) {
      this.#ascii(String(value));
      return;
    }
    const days = Math.floor(timeMs / DAY_MS);
    let rest = timeMs - days * DAY_MS;
    const hours = Math.floor(rest / 3_600_000);
    rest -= hours * 3_600_000;
    const minutes = Math.floor(rest / 60_000);
    rest -= minutes * 60_000;
    const seconds = Math.floor(rest / 1000);
    rest -= seconds * 1000;
    if (days !== this.#day) {
      this.#day = days;
      this.#dayText = dateText(days);
    }
    const clock = `${twoDigits(hours)}:${twoDigits(minutes)}:${twoDigits(seconds)}`;
    this.#ascii(`"${this.#dayText}T${clock}.${rest < 100 ? "0" : ""}${twoDigits(rest)}Z"`);
  }

  #text(column: TextColumn, row: number): void {
    const { bytes, offsets } = column;
    const from = offsets[row] as number;
    const to = offsets[row + 1] as number;
    this.#reserve((to - from) * ESCAPED_BYTES + this.#keyBytes + this.#keys.length * FIXED_VALUE_BYTES);
    const target = this.#buffer;
    let at = this.#at;
    target[at++] = QUOTE;
    for (let index = from; index < to; index++) {
      const byte = bytes[index] as number;
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
        target[at++] = byte;
      } else if (byte < 0x20) {
        const escaped = escapes[byte] as Bytes;
        target.set(escaped, at);
        at += escaped.byteLength;
      } else {
        target[at++] = BACKSLASH;
        target[at++] = byte;
      }
    }
    target[at++] = QUOTE;
    this.#at = at;
  }
}

const twoDigits = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** YYYY-MM-DD of a day counted from 1970-01-01; years begin in March, so that the leap day is the last of one. */
function dateText(days: number): string {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${String(year).padStart(4, "0")}-${twoDigits(month)}-${twoDigits(day)}`;
}
