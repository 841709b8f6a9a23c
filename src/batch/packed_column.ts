// Integers in fewer bytes a row than eight: the least of them once, and of each row what it is more than that.
//
//   packed   u8, u16 or u32 of row 0 | of row 1 | …       none of it where all rows are equal
//   value    least + packed, modulo 2^64
//
// Invariant: whoever reads `values` gets what the column stands for, made when first asked for; it is a FixedColumn.

import type { Bytes } from "../base/bytes.ts";
import type { FixedColumn } from "./record_batch.ts";

/** Bytes a row. */
export type PackedWidth = 0 | 1 | 2 | 4;

export const isPackedWidth = (width: number): width is PackedWidth =>
  width === 0 || width === 1 || width === 2 || width === 4;

/** Of the least value in an encoded batch. */
export const PACKED_LEAST_BYTES = 8;

export class PackedColumn implements FixedColumn {
  readonly type: FixedColumn["type"];
  readonly rowCount: number;
  readonly least: bigint;
  readonly width: PackedWidth;
  /** Begins at a multiple of 8 in its buffer. */
  readonly packed: Bytes;
  readonly validity: Bytes | undefined;
  #values: FixedColumn["values"] | undefined;

  constructor(
    type: FixedColumn["type"],
    rowCount: number,
    least: bigint,
    width: PackedWidth,
    packed: Bytes,
    validity: Bytes | undefined,
  ) {
    this.type = type;
    this.rowCount = rowCount;
    this.least = least;
    this.width = width;
    this.packed = packed;
    this.validity = validity;
  }

  get values(): FixedColumn["values"] {
    this.#values ??= this.#unpack();
    return this.#values;
  }

  #unpack(): FixedColumn["values"] {
    if (this.width === 0) return new BigInt64Array(this.rowCount).fill(this.least);
    const values = new BigInt64Array(this.rowCount);
    const words = new Uint32Array(values.buffer);
    const more = this.#more();
    // By halves, because a bigint a row would take longer than all else.
    const low = Number(BigInt.asUintN(32, this.least));
    const high = Number(BigInt.asIntN(32, this.least >> 32n));
    for (let row = 0; row < more.length; row++) {
      const word = low + (more[row] as number);
      words[row * 2] = word;
      words[row * 2 + 1] = word < 2 ** 32 ? high : high + 1;
    }
    return values;
  }

  #more(): Uint8Array | Uint16Array | Uint32Array {
    const { buffer, byteOffset } = this.packed;
    if (this.width === 4) return new Uint32Array(buffer, byteOffset, this.rowCount);
    return this.width === 2 ? new Uint16Array(buffer, byteOffset, this.rowCount) : this.packed;
  }
}

/** The largest of the values, nulls' places among them; undefined where there is none. */
export function largestOf(column: FixedColumn): bigint | undefined {
  const few = column instanceof PackedColumn && column.width === 0;
  return few && column.rowCount > 0 ? column.least : largestOfValues(column.values);
}

/** Made for columns with few different values: one that repeats is recognised by its words, without making a bigint of it. */
function largestOfValues(values: BigInt64Array): bigint | undefined {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  let largest = values[0];
  if (largest === undefined) return undefined;
  let at = 0;
  for (let row = 1; row < values.length; row++) {
    if (words[row * 2] === words[at * 2] && words[row * 2 + 1] === words[at * 2 + 1]) continue;
    at = row;
    const value = values[row] as bigint;
    if (value > largest) largest = value;
  }
  return largest;
}
