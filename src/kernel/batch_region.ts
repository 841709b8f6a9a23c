// A batch inside WASM memory: the columns that kernels read and write in place.
// Layout: `kernels/abi.ts`. Text views hold absolute addresses; what they point at must outlive the batch.

import { assert } from "../base/assert.ts";
import { KERNEL_PASS_ROWS } from "../base/limits.ts";
import { bitmapBytes, type Column, type RecordBatch } from "../batch/record_batch.ts";
import type { DataType, Schema } from "../batch/schema.ts";
import {
  BATCH_COLUMN_0,
  BATCH_COLUMNS,
  BATCH_ROWS,
  BATCH_WATERMARKS,
  BATCH_WEIGHTS,
  COLUMN_BYTES,
  COLUMN_DATA,
  COLUMN_TYPE,
  COLUMN_VALIDITY,
  COLUMN_VALIDITY_BUFFER,
  TYPE_BOOL,
  TYPE_F64,
  TYPE_I64,
  TYPE_TIMESTAMP,
  TYPE_UTF8,
  VIEW_BYTES,
  VIEW_INLINE_MAX,
} from "../../kernels/abi.ts";
import { columnOut, columnView, copyBits, packedOut, type RowChoice } from "./column_out.ts";
import type { KernelInstance } from "./instance.ts";

export const typeCode: Readonly<Record<DataType, number>> = {
  i64: TYPE_I64,
  f64: TYPE_F64,
  bool: TYPE_BOOL,
  utf8: TYPE_UTF8,
  timestamp: TYPE_TIMESTAMP,
};

/** Bytes that `rows` rows of a column take (without validity and without text bytes). */
export function columnDataBytes(type: DataType, rows: number): number {
  if (type === "bool") return bitmapBytes(rows);
  return rows * (type === "utf8" ? VIEW_BYTES : 8);
}

/** A header of 16 bytes, 16 a kernel pass. */
const timeBoundsBytes = (capacity: number): number => 16 + Math.ceil(capacity / KERNEL_PASS_ROWS) * 16;

export class BatchRegion {
  readonly kernel: KernelInstance;
  readonly schema: Schema;
  readonly capacity: number;
  /** Address of the batch descriptor, what kernels are given. */
  readonly address: number;
  #heapAddress = 0;
  #heapBytes = 0;
  /** Most batches have no weights and need no memory for them. */
  #weightsBuffer = 0;
  #timeBounds = 0;
  readonly #ownsColumns: boolean;
  readonly #hasText: boolean;

  /** @param columns `borrowed`: only the descriptor is this region's own (BorrowedRegion). */
  constructor(
    kernel: KernelInstance,
    schema: Schema,
    capacity = kernel.regionRows,
    columns: "own" | "borrowed" = "own",
  ) {
    this.kernel = kernel;
    this.schema = schema;
    this.capacity = capacity;
    this.#ownsColumns = columns === "own";
    this.#hasText = schema.some((one) => one.type === "utf8");
    this.address = kernel.allocate(BATCH_COLUMN_0 + schema.length * COLUMN_BYTES);
    kernel.writeU32(this.address + BATCH_COLUMNS, schema.length);
    if (this.#ownsColumns) this.#allocateColumns();
  }

  #allocateColumns(): void {
    const { kernel, schema, capacity } = this;
    schema.forEach((field, index) => {
      const data = kernel.allocate(columnDataBytes(field.type, capacity) + 16);
      const validity = kernel.allocate(bitmapBytes(capacity) + 16);
      const column = this.columnAddress(index);
      kernel.writeU32(column + COLUMN_TYPE, typeCode[field.type]);
      kernel.writeU32(column + COLUMN_DATA, data);
      kernel.writeU32(column + COLUMN_VALIDITY_BUFFER, validity);
    });
    kernel.writeU32(this.address + BATCH_WATERMARKS, kernel.allocate(capacity * 8));
  }

  get rowCount(): number {
    return this.kernel.readU32(this.address + BATCH_ROWS);
  }
  set rowCount(rows: number) {
    assert(rows >= 0 && rows <= this.capacity, "a batch holds at most its capacity");
    this.kernel.writeU32(this.address + BATCH_ROWS, rows);
  }

  columnAddress(index: number): number {
    return this.address + BATCH_COLUMN_0 + index * COLUMN_BYTES;
  }
  dataAddress(index: number): number {
    return this.kernel.readU32(this.columnAddress(index) + COLUMN_DATA);
  }
  /** Address of the bounds that stand for the rows' watermarks (kernels/window/watermarks.ts); 0: each row has its own. */
  get timeBoundsAddress(): number {
    return this.#timeBounds;
  }
  /** For a region that a source fills and only windows over its event time read. */
  useTimeBounds(): void {
    if (this.#timeBounds === 0) this.#timeBounds = this.kernel.allocate(timeBoundsBytes(this.capacity));
  }

  get watermarksAddress(): number {
    return this.kernel.readU32(this.address + BATCH_WATERMARKS);
  }

  int64(index: number): BigInt64Array<ArrayBuffer> {
    return new BigInt64Array(this.kernel.buffer, this.dataAddress(index), this.capacity);
  }
  float64(index: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.kernel.buffer, this.dataAddress(index), this.capacity);
  }
  watermarks(): BigInt64Array<ArrayBuffer> {
    return new BigInt64Array(this.kernel.buffer, this.watermarksAddress, this.capacity);
  }

  /** Whether rows have weights; without them each is +1. */
  get weighted(): boolean {
    return this.kernel.readU32(this.address + BATCH_WEIGHTS) !== 0;
  }
  /** Says whether the rows that are now written have weights, and makes room for them. */
  useWeights(weighted: boolean): void {
    assert(this.#ownsColumns, "borrowed columns are not written");
    if (weighted && this.#weightsBuffer === 0) this.#weightsBuffer = this.kernel.allocate(this.capacity);
    this.kernel.writeU32(this.address + BATCH_WEIGHTS, weighted ? this.#weightsBuffer : 0);
  }
  /** The weights of a weighted batch. */
  weights(): Int8Array<ArrayBuffer> {
    assert(this.weighted, "the batch has weights");
    return new Int8Array(this.kernel.buffer, this.kernel.readU32(this.address + BATCH_WEIGHTS), this.capacity);
  }

  /** Copies rows `[start, end)` of a standalone batch in; this region's schema must equal the batch's. */
  load(batch: RecordBatch, start = 0, end = batch.rowCount): void {
    assert(this.#ownsColumns, "borrowed columns are not written");
    const rows = end - start;
    assert(rows <= this.capacity, "the batch fits the region");
    assert(batch.columns.length === this.schema.length, "batch and region have the same columns");
    const { columns, weights } = batch;
    if (this.#hasText) this.#reserveHeap(textBytes(batch, start, end));
    let heapAt = this.#heapAddress;
    for (let index = 0; index < columns.length; index++) {
      heapAt = this.#loadColumn(index, columns[index] as Column, start, end, heapAt);
    }
    this.useWeights(weights !== undefined);
    if (weights !== undefined) this.weights().set(weights.subarray(start, end));
    this.kernel.writeU32(this.address + BATCH_ROWS, rows);
  }

  #reserveHeap(bytes: number): void {
    if (bytes <= this.#heapBytes) return;
    if (this.#heapAddress !== 0) this.kernel.free(this.#heapAddress, this.#heapBytes);
    this.#heapBytes = Math.max(bytes, 4096);
    this.#heapAddress = this.kernel.allocate(this.#heapBytes);
  }

  #loadColumn(index: number, column: Column, start: number, end: number, heapAt: number): number {
    // Once a column and batch: what the accessors do is written out.
    const view = this.kernel.view();
    const descriptor = this.address + BATCH_COLUMN_0 + index * COLUMN_BYTES;
    const data = view.getUint32(descriptor + COLUMN_DATA, true);
    if (column.validity === undefined) view.setUint32(descriptor + COLUMN_VALIDITY, 0, true);
    else this.#loadValidity(index, column.validity, start, end);
    switch (column.type) {
      case "i64":
      case "timestamp":
      case "f64": {
        const { buffer, byteOffset } = column.values;
        this.kernel.bytes().set(new Uint8Array(buffer, byteOffset + start * 8, (end - start) * 8), data);
        return heapAt;
      }
      case "bool":
        copyBits(column.bits, start, end, this.kernel.bytes(), data);
        return heapAt;
      case "utf8":
        return this.#loadText(column.offsets, column.bytes, data, start, end, heapAt);
    }
  }

  /** The text of all rows goes to the heap in one piece; short ones are in their views besides. */
  #loadText(offsets: Int32Array, bytes: Uint8Array, data: number, start: number, end: number, heapAt: number): number {
    const first = offsets[start] as number;
    const last = offsets[end] as number;
    this.kernel.bytes().set(bytes.subarray(first, last), heapAt);
    const views = new Int32Array(this.kernel.buffer, data, (end - start) * (VIEW_BYTES / 4));
    let at = 0;
    for (let row = start; row < end; row++, at += VIEW_BYTES / 4) {
      const from = offsets[row] as number;
      const length = (offsets[row + 1] as number) - from;
      views[at] = length;
      views[at + 1] = wordOf(bytes, from, length);
      if (length <= VIEW_INLINE_MAX) {
        views[at + 2] = wordOf(bytes, from + 4, length - 4);
        views[at + 3] = wordOf(bytes, from + 8, length - 8);
      } else {
        views[at + 2] = 0;
        views[at + 3] = heapAt + from - first;
      }
    }
    return heapAt + last - first;
  }

  #loadValidity(index: number, validity: Uint8Array, start: number, end: number): void {
    const column = this.columnAddress(index);
    const address = this.kernel.readU32(column + COLUMN_VALIDITY_BUFFER);
    copyBits(validity, start, end, this.kernel.bytes(), address);
    this.kernel.writeU32(column + COLUMN_VALIDITY, address);
  }

  /** A standalone copy of rows `[start, end)`. */
  copyOut(start = 0, end = this.rowCount): RecordBatch {
    return this.#copy({ start, end, indices: undefined }, end - start);
  }

  /** The rows where they are: for a reader that is done with them when it returns, before a kernel runs again. */
  view(): RecordBatch {
    const rowCount = this.rowCount;
    const columns = this.schema.map(({ type }, index) => {
      const validity = this.kernel.readU32(this.columnAddress(index) + COLUMN_VALIDITY);
      return columnView(this.kernel, type, this.dataAddress(index), validity, rowCount);
    });
    return {
      schema: this.schema,
      rowCount,
      columns,
      weights: this.weighted ? this.weights().subarray(0, rowCount) : undefined,
    };
  }

  /**
   * A standalone copy of all rows whose integers take as few bytes as they need, for state on its way into a checkpoint.
   * The region's columns mean nothing afterwards.
   */
  packOut(): RecordBatch {
    const rowCount = this.rowCount;
    const rows = { start: 0, end: rowCount, indices: undefined };
    const columns = this.schema.map(({ type }, index): Column => {
      const data = this.dataAddress(index);
      const validity = this.kernel.readU32(this.columnAddress(index) + COLUMN_VALIDITY);
      if (type !== "i64" && type !== "timestamp") return columnOut(this.kernel, type, data, validity, rows);
      return packedOut(this.kernel, type, data, validity, rowCount);
    });
    return { schema: this.schema, rowCount, columns, weights: this.#weightsOut(rows) };
  }

  /** A standalone copy of the rows at `indices`, in that order. */
  copyRows(indices: Uint32Array): RecordBatch {
    return this.#copy({ start: 0, end: indices.length, indices }, indices.length);
  }

  #copy(rows: RowChoice, rowCount: number): RecordBatch {
    const columns = this.schema.map(({ type }, index) => {
      const validity = this.kernel.readU32(this.columnAddress(index) + COLUMN_VALIDITY);
      return columnOut(this.kernel, type, this.dataAddress(index), validity, rows);
    });
    return { schema: this.schema, rowCount, columns, weights: this.#weightsOut(rows) };
  }

  #weightsOut({ start, end, indices }: RowChoice): Int8Array<ArrayBuffer> | undefined {
    if (!this.weighted) return undefined;
    const weights = this.weights();
    return indices === undefined ? weights.slice(start, end) : Int8Array.from(indices, (row) => weights[row] as number);
  }

  #freeColumns(): void {
    this.schema.forEach((field, index) => {
      const column = this.columnAddress(index);
      this.kernel.free(this.dataAddress(index), columnDataBytes(field.type, this.capacity) + 16);
      this.kernel.free(this.kernel.readU32(column + COLUMN_VALIDITY_BUFFER), bitmapBytes(this.capacity) + 16);
    });
    this.kernel.free(this.watermarksAddress, this.capacity * 8);
  }

  free(): void {
    if (this.#ownsColumns) this.#freeColumns();
    if (this.#timeBounds !== 0) this.kernel.free(this.#timeBounds, timeBoundsBytes(this.capacity));
    if (this.#weightsBuffer !== 0) this.kernel.free(this.#weightsBuffer, this.capacity);
    if (this.#heapAddress !== 0) this.kernel.free(this.#heapAddress, this.#heapBytes);
    this.kernel.free(this.address, BATCH_COLUMN_0 + this.schema.length * COLUMN_BYTES);
  }
}

function textBytes(batch: RecordBatch, start: number, end: number): number {
  let total = 0;
  for (const column of batch.columns) {
    if (column.type === "utf8") total += (column.offsets[end] as number) - (column.offsets[start] as number);
  }
  return total;
}

/** Up to `length` bytes from `at` on as a little-endian word, filled up with zeros. */
function wordOf(bytes: Uint8Array, at: number, length: number): number {
  if (length <= 0) return 0;
  let word = bytes[at] as number;
  if (length > 1) word |= (bytes[at + 1] as number) << 8;
  if (length > 2) word |= (bytes[at + 2] as number) << 16;
  if (length > 3) word |= (bytes[at + 3] as number) << 24;
  return word;
}
