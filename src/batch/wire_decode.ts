// The strict reader of the format that `wire.ts` describes. It takes untrusted bytes: a length or count is used only
// after it has been checked against the bytes that are really there.
// Invariant: returns a well-formed batch or throws `batch_corrupt`; nothing else is ever thrown.

import { align8, type Bytes } from "../base/bytes.ts";
import { corruptionError, type MillraceError } from "../base/errors.ts";
import { COLUMNS_MAX } from "../base/limits.ts";
import { isPackedWidth, PACKED_LEAST_BYTES, PackedColumn } from "./packed_column.ts";
import { bitmapBytes, type Column, type RecordBatch } from "./record_batch.ts";
import { type DataType, type Field, field } from "./schema.ts";
import {
  WIRE_COLUMN_HEADER_BYTES,
  WIRE_FIELD_HEADER_BYTES,
  WIRE_HEADER_BYTES,
  WIRE_MAGIC,
  WIRE_PACKED_FLAG,
  WIRE_PACKED_ROWS_MAX,
  WIRE_ROWS_MAX,
  WIRE_TYPES,
  WIRE_VALIDITY_FLAG,
  WIRE_VERSION,
  WIRE_VERSION_PACKED,
} from "./wire.ts";

/** Text is checked in pieces of this size, so that no long string is ever built. */
const TEXT_CHECK_BYTES = 1 << 20;

/**
 * The batch that `bytes` hold. Its columns are views of `bytes` where these are aligned to 8, else of a copy, so
 * `bytes` must not change afterwards. `where` names the origin in errors.
 */
export function decodeBatch(bytes: Uint8Array, where = "batch"): RecordBatch {
  const aligned = bytes.byteOffset % 8 === 0 && bytes.buffer instanceof ArrayBuffer;
  return new BatchReader(aligned ? (bytes as Bytes) : bytes.slice(), where).read();
}

class BatchReader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  readonly #where: string;
  #at = 0;
  #rows = 0;
  #mayBePacked = false;

  constructor(bytes: Bytes, where: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
  }

  #corrupt(what: string): MillraceError {
    return corruptionError("batch_corrupt", `${this.#where}, byte ${this.#at}`, `the batch cannot be read: ${what}`);
  }

  read(): RecordBatch {
    const view = this.#view;
    const size = this.#bytes.byteLength;
    if (size < WIRE_HEADER_BYTES) throw this.#corrupt(`${size} bytes are fewer than its header`);
    if (view.getUint32(0, true) !== WIRE_MAGIC) throw this.#corrupt("it does not begin with MRBT");
    const version = view.getUint16(4, true);
    if (version !== WIRE_VERSION && version !== WIRE_VERSION_PACKED) {
      throw this.#corrupt(`layout version ${version} is neither ${WIRE_VERSION} nor ${WIRE_VERSION_PACKED}`);
    }
    this.#mayBePacked = version === WIRE_VERSION_PACKED;
    const flags = view.getUint16(6, true);
    if (flags > 1) throw this.#corrupt(`unknown flags ${flags}`);
    const length = view.getUint32(8, true);
    if (length !== size) throw this.#corrupt(`it says ${length} bytes, but there are ${size}`);
    this.#rows = view.getUint32(12, true);
    if (this.#rows > WIRE_ROWS_MAX) throw this.#corrupt(`${this.#rows} rows are more than ${WIRE_ROWS_MAX}`);
    const columnCount = view.getUint32(16, true);
    if (columnCount > COLUMNS_MAX) throw this.#corrupt(`${columnCount} columns are more than ${COLUMNS_MAX}`);
    const schemaBytes = view.getUint32(20, true);

    this.#at = WIRE_HEADER_BYTES;
    const schema = this.#schema(columnCount, schemaBytes);
    const columns = schema.map((one) => this.#column(one.type));
    const weights = flags === 1 ? this.#weights() : undefined;
    if (this.#at !== size) throw this.#corrupt(`${size - this.#at} bytes are left over`);
    return { schema, rowCount: this.#rows, columns, weights };
  }

  /** The next `length` bytes, then zeros up to a multiple of 8. Returns where they start, relative to the buffer. */
  #take(length: number, what: string): number {
    const start = this.#at;
    const end = start + length;
    const paddedEnd = start + align8Safe(length);
    if (paddedEnd > this.#bytes.byteLength) throw this.#corrupt(`${what} of ${length} bytes does not fit`);
    for (let at = end; at < paddedEnd; at++) {
      if (this.#bytes[at] !== 0) throw this.#corrupt(`the padding after ${what} is not zero`);
    }
    this.#at = paddedEnd;
    return this.#bytes.byteOffset + start;
  }

  #schema(columnCount: number, schemaBytes: number): Field[] {
    const start = this.#take(schemaBytes, "the schema") - this.#bytes.byteOffset;
    const end = start + schemaBytes;
    const fields: Field[] = [];
    let at = start;
    for (let index = 0; index < columnCount; index++) {
      if (at + WIRE_FIELD_HEADER_BYTES > end) throw this.#corrupt(`the schema ends within field ${index}`);
      const type = WIRE_TYPES[(this.#bytes[at] as number) - 1];
      const nullable = this.#bytes[at + 1] as number;
      const nameEnd = at + WIRE_FIELD_HEADER_BYTES + this.#view.getUint16(at + 2, true);
      if (type === undefined) throw this.#corrupt(`field ${index} has the unknown type ${this.#bytes[at]}`);
      if (nullable > 1) throw this.#corrupt(`field ${index} has the unknown nullability ${nullable}`);
      if (nameEnd > end) throw this.#corrupt(`the name of field ${index} does not fit`);
      const name = this.#name(this.#bytes.subarray(at + WIRE_FIELD_HEADER_BYTES, nameEnd), index);
      fields.push(field(name, type, nullable === 1));
      at = nameEnd;
    }
    if (at !== end) throw this.#corrupt("the schema is longer than its fields");
    return fields;
  }

  #name(bytes: Uint8Array, index: number): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.#corrupt(`the name of field ${index} is not UTF-8`);
    }
  }

  #column(type: DataType): Column {
    const header = this.#take(WIRE_COLUMN_HEADER_BYTES, "a column header") - this.#bytes.byteOffset;
    const flags = this.#view.getUint32(header, true);
    const textBytes = this.#view.getUint32(header + 4, true);
    const packed = this.#mayBePacked && (flags & WIRE_PACKED_FLAG) !== 0;
    if (flags > (packed ? WIRE_PACKED_FLAG | WIRE_VALIDITY_FLAG : WIRE_VALIDITY_FLAG)) {
      throw this.#corrupt(`unknown column flags ${flags}`);
    }
    if (type !== "utf8" && !packed && textBytes !== 0) throw this.#corrupt(`a ${type} column has text bytes`);
    const rows = this.#rows;
    const buffer = this.#bytes.buffer;
    const validity = (flags & WIRE_VALIDITY_FLAG) !== 0 ? this.#bitmap("a validity bitmap") : undefined;
    if (packed) return this.#packed(type, textBytes, validity);
    switch (type) {
      case "i64":
      case "timestamp":
        return { type, values: new BigInt64Array(buffer, this.#take(rows * 8, "a column"), rows), validity };
      case "f64":
        return { type, values: new Float64Array(buffer, this.#take(rows * 8, "a column"), rows), validity };
      case "bool":
        return { type, bits: this.#bitmap("a bool column"), validity };
      case "utf8": {
        const offsets = new Int32Array(buffer, this.#take((rows + 1) * 4, "the offsets"), rows + 1);
        const bytes = new Uint8Array(buffer, this.#take(textBytes, "the text"), textBytes);
        this.#checkText(offsets, bytes);
        return { type, offsets, bytes, validity };
      }
    }
  }

  #packed(type: DataType, width: number, validity: Bytes | undefined): Column {
    if (type !== "i64" && type !== "timestamp") throw this.#corrupt(`a packed column of type ${type}`);
    if (!isPackedWidth(width)) throw this.#corrupt(`a packed column of ${width} bytes a row`);
    if (this.#rows > WIRE_PACKED_ROWS_MAX) {
      throw this.#corrupt(`a packed column of ${this.#rows} rows, more than ${WIRE_PACKED_ROWS_MAX}`);
    }
    const leastAt = this.#take(PACKED_LEAST_BYTES, "the least of a packed column") - this.#bytes.byteOffset;
    const least = this.#view.getBigInt64(leastAt, true);
    const length = this.#rows * width;
    const packed = new Uint8Array(this.#bytes.buffer, this.#take(length, "a packed column"), length);
    return new PackedColumn(type, this.#rows, least, width, packed, validity);
  }

  #bitmap(what: string): Bytes {
    const length = bitmapBytes(this.#rows);
    const bits = new Uint8Array(this.#bytes.buffer, this.#take(length, what), length);
    const used = this.#rows & 7;
    if (used !== 0 && (bits[length - 1] as number) >>> used !== 0) {
      throw this.#corrupt(`${what} has bits beyond the last row`);
    }
    return bits;
  }

  #weights(): Int8Array<ArrayBuffer> {
    return new Int8Array(this.#bytes.buffer, this.#take(this.#rows, "the weights"), this.#rows);
  }

  #checkText(offsets: Int32Array, bytes: Bytes): void {
    let previous = 0;
    if (offsets[0] !== 0) throw this.#corrupt(`the text offsets begin with ${offsets[0]} instead of 0`);
    for (let row = 1; row < offsets.length; row++) {
      const offset = offsets[row] as number;
      if (offset < previous || offset > bytes.byteLength) {
        throw this.#corrupt(`text offset ${offset} of row ${row - 1} is not in ${previous}..${bytes.byteLength}`);
      }
      // A continuation byte here would split one character over two values.
      if (offset < bytes.byteLength && ((bytes[offset] as number) & 0xc0) === 0x80) {
        throw this.#corrupt(`text offset ${offset} of row ${row - 1} is inside a character`);
      }
      previous = offset;
    }
    if (previous !== bytes.byteLength) {
      throw this.#corrupt(`the text offsets end with ${previous} instead of ${bytes.byteLength}`);
    }
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    try {
      for (let at = 0; at < bytes.byteLength; at += TEXT_CHECK_BYTES) {
        decoder.decode(bytes.subarray(at, at + TEXT_CHECK_BYTES), { stream: true });
      }
      decoder.decode();
    } catch {
      throw this.#corrupt("a text column is not UTF-8");
    }
  }
}

/** `align8` works on 32 bits; a length claimed by the bytes may be larger. */
const align8Safe = (length: number): number => (length < 2 ** 30 ? align8(length) : Math.ceil(length / 8) * 8);
