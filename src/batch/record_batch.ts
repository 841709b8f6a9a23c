// A batch of rows outside WASM memory: standalone, immutable columns in Arrow's layout.
//
//   i64, timestamp   BigInt64Array, one value a row
//   f64              Float64Array, one value a row
//   bool             Uint8Array bitmap, least significant bit first
//   utf8             Int32Array of rows + 1 offsets into `bytes`
//   validity         Uint8Array bitmap, bit set = value present; absent = all present
//
// Rows carry a weight (+1 inserts, -1 retracts); a batch without `weights` is all +1.

import { assert } from "../base/assert.ts";
import { type Bytes, concatBytes, utf8 } from "../base/bytes.ts";
import type { DataType, Schema } from "./schema.ts";

export interface FixedColumn {
  readonly type: "i64" | "timestamp";
  readonly values: BigInt64Array<ArrayBuffer>;
  readonly validity: Bytes | undefined;
}
export interface FloatColumn {
  readonly type: "f64";
  readonly values: Float64Array<ArrayBuffer>;
  readonly validity: Bytes | undefined;
}
export interface BoolColumn {
  readonly type: "bool";
  readonly bits: Bytes;
  readonly validity: Bytes | undefined;
}
export interface TextColumn {
  readonly type: "utf8";
  readonly offsets: Int32Array<ArrayBuffer>;
  readonly bytes: Bytes;
  readonly validity: Bytes | undefined;
}
export type Column = FixedColumn | FloatColumn | BoolColumn | TextColumn;

export interface RecordBatch {
  readonly schema: Schema;
  readonly rowCount: number;
  readonly columns: readonly Column[];
  readonly weights: Int8Array<ArrayBuffer> | undefined;
}

/** A cell as a JavaScript value. i64 is always bigint, so that no digit is lost; timestamps are bigint ms. */
export type Value = null | bigint | number | boolean | string;

export const bitmapBytes = (rowCount: number): number => (rowCount + 7) >>> 3;

export const bitAt = (bits: Uint8Array, index: number): boolean =>
  (((bits[index >>> 3] as number) >>> (index & 7)) & 1) === 1;

// A byte order mark is part of the value, not a mark to be dropped.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function valueAt(column: Column, row: number): Value {
  if (column.validity !== undefined && !bitAt(column.validity, row)) return null;
  switch (column.type) {
    case "i64":
    case "timestamp":
      return column.values[row] as bigint;
    case "f64":
      return column.values[row] as number;
    case "bool":
      return bitAt(column.bits, row);
    case "utf8":
      return decoder.decode(column.bytes.subarray(column.offsets[row] as number, column.offsets[row + 1] as number));
  }
}

export const rowOf = (batch: RecordBatch, row: number): Value[] => batch.columns.map((column) => valueAt(column, row));

/** Builds a batch from rows of values; the slow, simple way in (tests, staging of small outputs). */
export function batchOfRows(schema: Schema, rows: readonly (readonly Value[])[]): RecordBatch {
  const columns = schema.map((one, index) =>
    columnOfValues(
      one.type,
      rows.map((row) => {
        assert(row.length === schema.length, "a row has one value a column");
        return row[index] as Value;
      }),
    ),
  );
  return { schema, rowCount: rows.length, columns, weights: undefined };
}

export function columnOfValues(type: DataType, values: readonly Value[]): Column {
  const validity = validityOf(values);
  switch (type) {
    case "i64":
    case "timestamp": {
      const out = new BigInt64Array(values.length);
      values.forEach((value, row) => {
        if (value !== null) out[row] = value as bigint;
      });
      return { type, values: out, validity };
    }
    case "f64":
      return { type, values: Float64Array.from(values, (value) => (value ?? 0) as number), validity };
    case "bool": {
      const bits = new Uint8Array(bitmapBytes(values.length));
      values.forEach((value, row) => {
        if (value === true) bits[row >>> 3] = (bits[row >>> 3] as number) | (1 << (row & 7));
      });
      return { type, bits, validity };
    }
    case "utf8":
      return textColumn(values, validity);
  }
}

function validityOf(values: readonly Value[]): Bytes | undefined {
  if (!values.includes(null)) return undefined;
  const bits = new Uint8Array(bitmapBytes(values.length));
  values.forEach((value, row) => {
    if (value !== null) bits[row >>> 3] = (bits[row >>> 3] as number) | (1 << (row & 7));
  });
  return bits;
}

/** One call of the encoder for all rows; where every character is one byte, text lengths are byte lengths. */
function textColumn(values: readonly Value[], validity: Bytes | undefined): TextColumn {
  const offsets = new Int32Array(values.length + 1);
  let text = "";
  values.forEach((value, row) => {
    if (value !== null) text += value as string;
    offsets[row + 1] = text.length;
  });
  const bytes = utf8(text);
  return bytes.byteLength === text.length ? { type: "utf8", offsets, bytes, validity } : mixedColumn(values, validity);
}

function mixedColumn(values: readonly Value[], validity: Bytes | undefined): TextColumn {
  const parts = values.map((value) => utf8((value ?? "") as string));
  const offsets = new Int32Array(values.length + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = (offsets[row] as number) + part.byteLength;
  });
  return { type: "utf8", offsets, bytes: concatBytes(parts), validity };
}
