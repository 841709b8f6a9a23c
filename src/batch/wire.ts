// A RecordBatch as one contiguous, versioned buffer: what channels and checkpoint parts carry.
//
// Little-endian. Every section starts at a multiple of 8; the bytes between are zero, and so are the bits of a bitmap
// beyond the last row, so one batch has one encoding. Layout version 2 is version 1 with packed columns: only where a
// batch has some is it written.
//
//   OFFSET   SIZE   DESCRIPTION
//   0        4      magic "MRBT"
//   4        2      layout version
//   6        2      flags: bit 0 = weights present
//   8        4      length of the whole in bytes
//   12       4      row count
//   16       4      column count
//   20       4      bytes of the schema section
//   24       …      schema: per field u8 type, u8 nullable, u16 bytes of the name, the name in UTF-8
//   then per column:
//            8      u32 flags (bit 0 = validity present, bit 1 = packed), u32 text bytes (utf8) or bytes a row
//                   (packed: 0, 1, 2 or 4), else 0
//            …      validity bitmap, where present
//            …      i64, timestamp, f64: 8 bytes a row; bool: bitmap; utf8: rows + 1 i32 offsets, then the text;
//                   packed i64 or timestamp: i64 least, then what each row is more than it, unsigned
//   then, where present:
//            …      weights, one i8 a row
//
// Invariant: whatever bytes are given, `decodeBatch` returns a batch that `valueAt` can read at every row, or throws
// `batch_corrupt`. Offsets start at 0, never fall and end at the text's length; no text begins or ends inside a
// character. What the values mean is not its business: the bytes carry no digest of their own.

import { assert } from "../base/assert.ts";
import { align8, type Bytes, utf8 } from "../base/bytes.ts";
import { COLUMNS_MAX } from "../base/limits.ts";
import { PACKED_LEAST_BYTES, PackedColumn } from "./packed_column.ts";
import { bitmapBytes, type Column, type RecordBatch } from "./record_batch.ts";
import type { DataType, Schema } from "./schema.ts";

export const WIRE_MAGIC = 0x5442524d; // "MRBT"
export const WIRE_VERSION = 1;
export const WIRE_VERSION_PACKED = 2;
export const WIRE_HEADER_BYTES = 24;
export const WIRE_COLUMN_HEADER_BYTES = 8;
export const WIRE_FIELD_HEADER_BYTES = 4;
export const WIRE_VALIDITY_FLAG = 1;
export const WIRE_PACKED_FLAG = 2;

/** A bitmap takes an eighth of a byte a row, and no column none: bounds what few bytes can claim. */
export const WIRE_ROWS_MAX = 1 << 24;

/** A packed column may take none at all, so that a batch with one may have no more rows than kernels make at a time. */
export const WIRE_PACKED_ROWS_MAX = 1 << 13;

/** Codes are part of the format: never renumber. */
export const WIRE_TYPES: readonly DataType[] = ["i64", "f64", "bool", "utf8", "timestamp"];

export function encodeBatch(batch: RecordBatch): Bytes {
  return encodeBatches([batch]);
}

/** One after the other in one buffer, so that a large part is not copied once more. */
export function encodeBatches(batches: readonly RecordBatch[]): Bytes {
  const lengths = batches.map(encodedBytes);
  const out = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  batches.forEach((batch, index) => {
    const length = lengths[index] as number;
    writeBatch(out.subarray(at, at + length), batch);
    at += length;
  });
  return out;
}

function encodedBytes(batch: RecordBatch): number {
  const rows = batch.rowCount;
  assert(rows <= WIRE_ROWS_MAX && batch.columns.length <= COLUMNS_MAX, "the batch is within the limits of the format");
  assert(batch.columns.length === batch.schema.length, "a batch has one column a field");
  let length = WIRE_HEADER_BYTES + align8(schemaBytes(batch.schema));
  for (const column of batch.columns) length += columnBytes(column, rows);
  if (batch.weights !== undefined) length += align8(rows);
  assert(length < 2 ** 32, "an encoded batch is shorter than 4 GiB");
  return length;
}

/** Header and schema into zeroed bytes; answers where the columns begin. */
function writeHead(out: Bytes, view: DataView, batch: RecordBatch): number {
  const schema = schemaSection(batch.schema);
  const packed = batch.columns.some((column) => column instanceof PackedColumn);
  view.setUint32(0, WIRE_MAGIC, true);
  view.setUint16(4, packed ? WIRE_VERSION_PACKED : WIRE_VERSION, true);
  view.setUint16(6, batch.weights === undefined ? 0 : 1, true);
  view.setUint32(8, out.byteLength, true);
  view.setUint32(12, batch.rowCount, true);
  view.setUint32(16, batch.columns.length, true);
  view.setUint32(20, schema.byteLength, true);
  out.set(schema, WIRE_HEADER_BYTES);
  return WIRE_HEADER_BYTES + align8(schema.byteLength);
}

/** `out` is zeroed, exactly as long as needed, and begins at a multiple of 8 in its buffer. */
function writeBatch(out: Bytes, batch: RecordBatch): void {
  const rows = batch.rowCount;
  const length = out.byteLength;
  const view = new DataView(out.buffer, out.byteOffset, length);
  let at = writeHead(out, view, batch);
  for (const column of batch.columns) at = writeColumn(out, view, at, column, rows);
  if (batch.weights !== undefined) {
    out.set(rawBytes(batch.weights, rows), at);
    at += align8(rows);
  }
  assert(at === length, "an encoded batch is as long as computed");
}

const schemaBytes = (schema: Schema): number => schemaSection(schema).byteLength;

/** A schema is made once and written with every batch. */
const schemaSections = new WeakMap<Schema, Bytes>();

function schemaSection(schema: Schema): Bytes {
  const known = schemaSections.get(schema);
  if (known !== undefined) return known;
  const made = encodeSchema(schema);
  schemaSections.set(schema, made);
  return made;
}

function encodeSchema(schema: Schema): Bytes {
  const names = schema.map((one) => utf8(one.name));
  const out = new Uint8Array(names.reduce((sum, name) => sum + WIRE_FIELD_HEADER_BYTES + name.byteLength, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  schema.forEach((one, index) => {
    const name = names[index] as Bytes;
    assert(name.byteLength <= 0xffff, "a field's name is shorter than 64 KiB");
    out[at] = WIRE_TYPES.indexOf(one.type) + 1;
    out[at + 1] = one.nullable ? 1 : 0;
    view.setUint16(at + 2, name.byteLength, true);
    out.set(name, at + WIRE_FIELD_HEADER_BYTES);
    at += WIRE_FIELD_HEADER_BYTES + name.byteLength;
  });
  return out;
}

/** Bytes of the text of `rows` rows. */
const textLength = (offsets: Int32Array, rows: number): number => (offsets[rows] as number) - (offsets[0] as number);

function columnBytes(column: Column, rows: number): number {
  let length = WIRE_COLUMN_HEADER_BYTES;
  if (column.validity !== undefined) length += align8(bitmapBytes(rows));
  if (column instanceof PackedColumn) return length + PACKED_LEAST_BYTES + align8(rows * column.width);
  if (column.type === "bool") return length + align8(bitmapBytes(rows));
  if (column.type === "utf8") return length + align8((rows + 1) * 4) + align8(textLength(column.offsets, rows));
  return length + rows * 8;
}

function writeColumn(out: Bytes, view: DataView, start: number, column: Column, rows: number): number {
  const packed = column instanceof PackedColumn;
  view.setUint32(
    start,
    (column.validity === undefined ? 0 : WIRE_VALIDITY_FLAG) | (packed ? WIRE_PACKED_FLAG : 0),
    true,
  );
  let at = start + WIRE_COLUMN_HEADER_BYTES;
  if (column.validity !== undefined) at = writeBitmap(out, at, column.validity, rows);
  if (packed) {
    assert(column.rowCount === rows && rows <= WIRE_PACKED_ROWS_MAX, "a packed column has the batch's rows");
    view.setUint32(start + 4, column.width, true);
    view.setBigInt64(at, column.least, true);
    at += PACKED_LEAST_BYTES;
    out.set(column.packed, at);
    return at + align8(column.packed.byteLength);
  }
  if (column.type === "bool") return writeBitmap(out, at, column.bits, rows);
  if (column.type !== "utf8") {
    out.set(rawBytes(column.values, rows), at);
    return at + rows * 8;
  }
  const first = column.offsets[0] as number;
  const length = textLength(column.offsets, rows);
  view.setUint32(start + 4, length, true);
  const offsets = new Int32Array(out.buffer, out.byteOffset + at, rows + 1);
  offsets.set(column.offsets.subarray(0, rows + 1));
  if (first !== 0) for (let row = 0; row <= rows; row++) offsets[row] = (offsets[row] as number) - first;
  at += align8((rows + 1) * 4);
  out.set(column.bytes.subarray(first, first + length), at);
  return at + align8(length);
}

function writeBitmap(out: Bytes, at: number, bits: Uint8Array, rows: number): number {
  const length = bitmapBytes(rows);
  assert(bits.byteLength >= length, "a bitmap has a bit for every row");
  out.set(bits.subarray(0, length), at);
  const last = at + length - 1;
  if ((rows & 7) !== 0) out[last] = (out[last] as number) & ((1 << (rows & 7)) - 1);
  return at + align8(length);
}

function rawBytes(values: BigInt64Array | Float64Array | Int8Array, rows: number): Uint8Array {
  assert(values.length >= rows, "a column has a value for every row");
  return new Uint8Array(values.buffer, values.byteOffset, rows * values.BYTES_PER_ELEMENT);
}
