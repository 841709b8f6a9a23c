// Picking rows and columns of a standalone batch.

import { bitAt, bitmapBytes, type Column, type RecordBatch } from "./record_batch.ts";
import type { Bytes } from "../base/bytes.ts";
import type { Schema } from "./schema.ts";

/** The rows at `indices`, in that order. */
export function takeRows(batch: RecordBatch, indices: ArrayLike<number>): RecordBatch {
  const columns = batch.columns.map((column) => takeColumn(column, indices));
  const weights = batch.weights === undefined ? undefined : Int8Array.from(indices, (row) => batch.weights?.[row] ?? 1);
  return { schema: batch.schema, rowCount: indices.length, columns, weights };
}

/** The columns at `positions`, in that order and under the names of `schema`; buffers are shared. */
export function pickColumns(batch: RecordBatch, schema: Schema, positions: readonly number[]): RecordBatch {
  const columns = positions.map((position) => batch.columns[position] as Column);
  return { schema, rowCount: batch.rowCount, columns, weights: batch.weights };
}

function takeColumn(column: Column, indices: ArrayLike<number>): Column {
  const validity = column.validity === undefined ? undefined : takeBits(column.validity, indices);
  switch (column.type) {
    case "i64":
    case "timestamp":
      return {
        type: column.type,
        values: BigInt64Array.from(indices, (row) => column.values[row] as bigint),
        validity,
      };
    case "f64":
      return { type: "f64", values: Float64Array.from(indices, (row) => column.values[row] as number), validity };
    case "bool":
      return { type: "bool", bits: takeBits(column.bits, indices), validity };
    case "utf8":
      return { type: "utf8", ...takeText(column.offsets, column.bytes, indices), validity };
  }
}

function takeBits(bits: Uint8Array, indices: ArrayLike<number>): Bytes {
  const out = new Uint8Array(bitmapBytes(indices.length));
  for (let row = 0; row < indices.length; row++) {
    if (bitAt(bits, indices[row] as number)) out[row >>> 3] = (out[row >>> 3] as number) | (1 << (row & 7));
  }
  return out;
}

function takeText(from: Int32Array, bytes: Bytes, indices: ArrayLike<number>) {
  const offsets = new Int32Array(indices.length + 1);
  for (let row = 0; row < indices.length; row++) {
    const at = indices[row] as number;
    offsets[row + 1] = (offsets[row] as number) + (from[at + 1] as number) - (from[at] as number);
  }
  const out = new Uint8Array(offsets[indices.length] as number);
  for (let row = 0; row < indices.length; row++) {
    const at = indices[row] as number;
    out.set(bytes.subarray(from[at] as number, from[at + 1] as number), offsets[row] as number);
  }
  return { offsets, bytes: out };
}
