// Copying columns out of WASM memory: a range of rows, or chosen ones.

import { isPackedWidth, PackedColumn } from "../batch/packed_column.ts";
import { bitmapBytes, type Column } from "../batch/record_batch.ts";
import type { DataType } from "../batch/schema.ts";
import type { Bytes } from "../base/bytes.ts";
import { SCRATCH, VIEW_BYTES, VIEW_INLINE_MAX } from "../../kernels/abi.ts";
import type { KernelInstance } from "./instance.ts";

/** Rows `[start, end)`, or where there are indices, the rows at `indices[start]` to `indices[end - 1]`. */
export interface RowChoice {
  readonly start: number;
  readonly end: number;
  readonly indices: Uint32Array | undefined;
}

/** @param data and @param validity are addresses; validity 0: every row is present. */
export function columnOut(
  kernel: KernelInstance,
  type: DataType,
  data: number,
  validity: number,
  rows: RowChoice,
): Column {
  const present = validity === 0 ? undefined : bitsOut(kernel, validity, rows);
  switch (type) {
    case "i64":
    case "timestamp":
      return { type, values: wordsOut(new BigInt64Array(kernel.buffer, data), rows), validity: present };
    case "f64":
      return { type, values: wordsOut(new Float64Array(kernel.buffer, data), rows), validity: present };
    case "bool":
      return { type, bits: bitsOut(kernel, data, rows), validity: present };
    case "utf8":
      return { type, ...textOut(kernel, data, rows), validity: present };
  }
}

/** A column that shows the memory itself, but for text; good until the memory is written or grows. */
export function columnView(
  kernel: KernelInstance,
  type: DataType,
  data: number,
  validity: number,
  rows: number,
): Column {
  const bits = (address: number): Bytes => new Uint8Array(kernel.buffer, address, bitmapBytes(rows));
  const present = validity === 0 ? undefined : bits(validity);
  switch (type) {
    case "i64":
    case "timestamp":
      return { type, values: new BigInt64Array(kernel.buffer, data, rows), validity: present };
    case "f64":
      return { type, values: new Float64Array(kernel.buffer, data, rows), validity: present };
    case "bool":
      return { type, bits: bits(data), validity: present };
    case "utf8":
      return { type, ...textOut(kernel, data, { start: 0, end: rows, indices: undefined }), validity: present };
  }
}

interface PackKernel {
  mr_column_pack(data: number, rows: number): number;
}

/** An integer column in as few bytes a row as will do. What is at `data` means nothing afterwards. */
export function packedOut(
  kernel: KernelInstance,
  type: "i64" | "timestamp",
  data: number,
  validity: number,
  rowCount: number,
): Column {
  const rows: RowChoice = { start: 0, end: rowCount, indices: undefined };
  const width = rowCount === 0 ? 8 : (kernel.exports as unknown as PackKernel).mr_column_pack(data, rowCount);
  if (!isPackedWidth(width)) return columnOut(kernel, type, data, validity, rows);
  const present = validity === 0 ? undefined : bitsOut(kernel, validity, rows);
  const least = kernel.view().getBigInt64(SCRATCH, true);
  const packed = kernel.bytes().slice(data, data + rowCount * width);
  return new PackedColumn(type, rowCount, least, width, packed, present);
}

function wordsOut<Words extends BigInt64Array<ArrayBuffer> | Float64Array<ArrayBuffer>>(
  from: Words,
  rows: RowChoice,
): Words {
  const { start, end, indices } = rows;
  if (indices === undefined) return from.slice(start, end) as Words;
  const out = from.slice(0, end - start) as Words;
  for (let row = start; row < end; row++) out[row - start] = from[indices[row] as number] as never;
  return out;
}

function bitsOut(kernel: KernelInstance, address: number, { start, end, indices }: RowChoice): Bytes {
  const memory = kernel.bytes();
  const out = new Uint8Array(bitmapBytes(end - start));
  if (indices === undefined) {
    copyBits(memory.subarray(address), start, end, out, 0);
    return out;
  }
  for (let row = start; row < end; row++) {
    const from = indices[row] as number;
    const bit = ((memory[address + (from >>> 3)] as number) >>> (from & 7)) & 1;
    const to = row - start;
    out[to >>> 3] = (out[to >>> 3] as number) | (bit << (to & 7));
  }
  return out;
}

/** Byte by byte: most texts are short, and for those a call of `set` costs more than its bytes. */
function textOut(kernel: KernelInstance, data: number, { start, end, indices }: RowChoice) {
  const memory = kernel.bytes();
  const views = new Int32Array(kernel.buffer, data);
  const rowAt = (row: number): number => (indices === undefined ? row : (indices[row] as number));
  const offsets = new Int32Array(end - start + 1);
  let total = 0;
  for (let row = start; row < end; row++) {
    total += views[rowAt(row) * WORDS_PER_VIEW] as number;
    offsets[row - start + 1] = total;
  }
  const bytes = new Uint8Array(total);
  let to = 0;
  for (let row = start; row < end; row++) {
    const at = rowAt(row) * WORDS_PER_VIEW;
    const length = views[at] as number;
    let from = length <= VIEW_INLINE_MAX ? data + at * 4 + 4 : (views[at + 3] as number) >>> 0;
    if (length > LONG_TEXT_BYTES) {
      bytes.set(memory.subarray(from, from + length), to);
      to += length;
      continue;
    }
    for (const last = to + length; to < last; to++, from++) bytes[to] = memory[from] as number;
  }
  return { offsets, bytes };
}

const WORDS_PER_VIEW = VIEW_BYTES / 4;
const LONG_TEXT_BYTES = 64;

/** Copies bits `[start, end)` to the beginning of the target bitmap. */
export function copyBits(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
  if ((start & 7) === 0) {
    into.set(from.subarray(start >>> 3, (end + 7) >>> 3), at);
    return;
  }
  into.fill(0, at, at + bitmapBytes(end - start));
  for (let bit = start; bit < end; bit++) {
    if ((((from[bit >>> 3] as number) >>> (bit & 7)) & 1) === 0) continue;
    const to = at + ((bit - start) >>> 3);
    into[to] = (into[to] as number) | (1 << ((bit - start) & 7));
  }
}
