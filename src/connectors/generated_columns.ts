// The values of the generator source, written straight into the columns of a region.
//
// Invariant: a value depends on (seed, declared column, row) alone, by 32-bit integer arithmetic and exact doubles, so
// it is the same on every runtime, wherever reading begins and whichever columns are read.
//
//   word(stream, row)   32 pseudo-random bits; each declared column has two streams of its own
//   timestamp           startMs + row * stepMs - (0 … jitterMs)
//   i64, utf8           n, key-<n>, for n = 0 … keys - 1
//   f64                 53 bits as a fraction in [0, 1)
//   bool                one bit

import { assert } from "../base/assert.ts";
import { columnIndex, type Field, type Schema } from "../batch/schema.ts";
import type { GeneratorSpec } from "../job/job_spec.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { COLUMN_VALIDITY, VIEW_BYTES, VIEW_INLINE_MAX } from "../../kernels/abi.ts";

const WORD = 4_294_967_296;
const ZERO = 48;
/** `key-` as the first four bytes of a view. */
const KEY_PREFIX = 0x2d79656b;
const KEY_PREFIX_BYTES = 4;
/** A key whose text does not fit its view takes this much of the text block: `key-` and up to ten digits. */
const LONG_KEY_BYTES = 16;
const VIEW_WORDS = VIEW_BYTES / 4;

/** Rows `first`, `first + step`, … */
export interface RowRange {
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

/** A bijection of 32 bits in which every input bit moves every output bit (the finalizer of MurmurHash3). */
function scramble(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

const streamOf = (seed: number, column: number, half: number): number =>
  scramble(scramble(seed) + Math.imul(column * 2 + half + 1, 0x9e3779b1));

/** Rows beyond 2^32 go on with other bits. */
const wordAt = (stream: number, row: number): number =>
  scramble(stream ^ scramble(row | 0) ^ Math.imul(Math.floor(row / WORD), 0x9e3779b1));

export class GeneratedColumns {
  readonly #spec: GeneratorSpec;
  readonly #kernel: KernelInstance;
  readonly #region: BatchRegion;
  readonly #fills: readonly ((range: RowRange) => void)[];
  #texts = 0;
  #textBytes = 0;

  constructor(spec: GeneratorSpec, declared: Schema, region: BatchRegion) {
    this.#spec = spec;
    this.#kernel = region.kernel;
    this.#region = region;
    this.#fills = region.schema.map((field, column) => this.#fillOf(field, column, columnIndex(declared, field.name)));
    const longest = String(spec.keys - 1).length + KEY_PREFIX_BYTES;
    if (longest > VIEW_INLINE_MAX) {
      const columns = region.schema.filter((field) => field.type === "utf8").length;
      this.#textBytes = columns * region.capacity * LONG_KEY_BYTES;
      if (columns > 0) this.#texts = this.#kernel.allocate(this.#textBytes);
    }
  }

  #fillOf({ type }: Field, column: number, position: number): (range: RowRange) => void {
    assert(position >= 0, "a column that is read is declared");
    const stream = streamOf(this.#spec.seed, position, 0);
    const other = streamOf(this.#spec.seed, position, 1);
    switch (type) {
      case "i64":
        return (range) => this.#integers(column, stream, range);
      case "timestamp":
        return (range) => this.#times(column, stream, range);
      case "f64":
        return (range) => this.#fractions(column, stream, other, range);
      case "bool":
        return (range) => this.#bits(column, stream, range);
      case "utf8":
        return (range) => this.#keys(column, stream, range);
    }
  }

  fill(range: RowRange): void {
    assert(range.count <= this.#region.capacity, "the rows fit the region");
    for (const one of this.#fills) one(range);
    this.#region.schema.forEach((_field, column) => {
      this.#kernel.writeU32(this.#region.columnAddress(column) + COLUMN_VALIDITY, 0);
    });
    this.#region.rowCount = range.count;
  }

  free(): void {
    if (this.#texts !== 0) this.#kernel.free(this.#texts, this.#textBytes);
    this.#texts = 0;
  }

  #words(column: number, length: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.#kernel.buffer, this.#region.dataAddress(column), length);
  }

  #integers(column: number, stream: number, { first, step, count }: RowRange): void {
    const { keys } = this.#spec;
    const words = this.#words(column, count * 2);
    for (let index = 0, row = first; index < count; index++, row += step) {
      words[index * 2] = (wordAt(stream, row) * keys) / WORD;
      words[index * 2 + 1] = 0;
    }
  }

  #times(column: number, stream: number, { first, step, count }: RowRange): void {
    const { startMs, stepMs, jitterMs } = this.#spec;
    const words = this.#words(column, count * 2);
    for (let index = 0, row = first; index < count; index++, row += step) {
      const back = jitterMs === 0 ? 0 : Math.floor((wordAt(stream, row) * (jitterMs + 1)) / WORD);
      const time = startMs + row * stepMs - back;
      const high = Math.floor(time / WORD);
      words[index * 2] = time - high * WORD;
      words[index * 2 + 1] = high;
    }
  }

  #fractions(column: number, high: number, low: number, { first, step, count }: RowRange): void {
    const values = this.#region.float64(column);
    for (let index = 0, row = first; index < count; index++, row += step) {
      values[index] = ((wordAt(high, row) >>> 5) * 67_108_864 + (wordAt(low, row) >>> 6)) / 9_007_199_254_740_992;
    }
  }

  #bits(column: number, stream: number, { first, step, count }: RowRange): void {
    const address = this.#region.dataAddress(column);
    const bytes = this.#kernel.bytes();
    bytes.fill(0, address, address + ((count + 7) >>> 3));
    for (let index = 0, row = first; index < count; index++, row += step) {
      const at = address + (index >>> 3);
      bytes[at] = (bytes[at] as number) | ((wordAt(stream, row) >>> 31) << (index & 7));
    }
  }

  #keys(column: number, stream: number, { first, step, count }: RowRange): void {
    const { keys } = this.#spec;
    const views = this.#words(column, count * VIEW_WORDS);
    for (let index = 0, row = first; index < count; index++, row += step) {
      const key = Math.floor((wordAt(stream, row) * keys) / WORD);
      const at = index * VIEW_WORDS;
      let digits = 1;
      for (let power = 10; power <= key; power *= 10) digits++;
      views[at] = KEY_PREFIX_BYTES + digits;
      views[at + 1] = KEY_PREFIX;
      views[at + 2] = 0;
      views[at + 3] = 0;
      if (digits + KEY_PREFIX_BYTES <= VIEW_INLINE_MAX) writeDigits(views, at, key, digits);
      else views[at + 3] = this.#longKey(column, index, key, digits);
    }
  }

  /** Writes the text of a long key, and says where it is. */
  #longKey(column: number, index: number, key: number, digits: number): number {
    const before = this.#region.schema.slice(0, column).filter((field) => field.type === "utf8").length;
    const address = this.#texts + (before * this.#region.capacity + index) * LONG_KEY_BYTES;
    this.#kernel.writeU32(address, KEY_PREFIX);
    const bytes = this.#kernel.bytes();
    for (let at = address + KEY_PREFIX_BYTES + digits - 1; at >= address + KEY_PREFIX_BYTES; at--) {
      bytes[at] = ZERO + (key % 10);
      key = Math.floor(key / 10);
    }
    return address;
  }
}

/** The digits become the 8 bytes behind the prefix, in words of four. */
function writeDigits(views: Int32Array, at: number, key: number, digits: number): void {
  for (let place = digits - 1; place >= 0; place--) {
    const word = at + 2 + (place >>> 2);
    views[word] = (views[word] as number) | ((ZERO + (key % 10)) << ((place & 3) * 8));
    key = Math.floor(key / 10);
  }
}
