// The memory that decoder and scanner share: the context block of `kernels/ndjson/abi.ts`, its lists and tables.

import { assert } from "../base/assert.ts";
import { userError } from "../base/errors.ts";
import { JSON_DEPTH_MAX, LINE_BYTES_MAX } from "../base/limits.ts";
import { bitmapBytes } from "../batch/record_batch.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { COLUMN_VALIDITY, COLUMN_VALIDITY_BUFFER } from "../../kernels/abi.ts";
import {
  GAP_BYTES,
  GAP_COUNT_MAX,
  GAP_SLOTS,
  KEY_BYTES_MAX,
  NDJSON_ALL,
  NDJSON_ARENA_AT,
  NDJSON_ARENA_END,
  NDJSON_AT,
  NDJSON_BATCH,
  NDJSON_COLUMN_0,
  NDJSON_COLUMN_BYTES,
  NDJSON_COLUMN_NAME,
  NDJSON_COLUMN_NAME_BYTES,
  NDJSON_COLUMN_NULLABLE,
  NDJSON_DEPTH_MAX,
  NDJSON_END,
  NDJSON_GAPS,
  NDJSON_LINE_BYTES_MAX,
  NDJSON_NAME_BYTES_MAX,
  NDJSON_NULLED,
  NDJSON_PATCH_COUNT,
  NDJSON_PATCHES,
  NDJSON_POWERS,
  NDJSON_REJECT_COUNT,
  NDJSON_REJECTS,
  NDJSON_ROW,
  NDJSON_ROWS_MAX,
  NDJSON_STOP,
  PATCH_BYTES,
  PATCHES_MAX,
  REJECT_BYTES,
  REJECTS_MAX,
} from "../../kernels/ndjson/abi.ts";
import { POWERS_BYTES, powersTable } from "./ndjson_powers.ts";

/** Holds the unescaped strings of one batch; a batch ends early where they do not fit. */
const ARENA_BYTES = 2 * 1024 * 1024;
/** In front, because views are loaded from 4 bytes before a text; behind, because copies of 16 bytes overshoot. */
const SPARE = 16;

assert(ARENA_BYTES - 2 * SPARE > LINE_BYTES_MAX, "the arena holds the strings of one line");

type DecodeKernel = (context: number) => void;

/** A line that the scanner gave up: addresses, and what `reasonText` needs. */
export interface Reject {
  readonly start: number;
  readonly end: number;
  readonly reason: number;
  readonly column: number;
  readonly position: number;
}

export class NdjsonContext {
  readonly #kernel: KernelInstance;
  readonly #region: BatchRegion;
  readonly #address: number;
  readonly #decode: DecodeKernel;
  /** Addresses a column: descriptor, bitmap of validity (0 where not nullable) and of data (0 where not bool). */
  readonly #bits: readonly { readonly column: number; readonly validity: number; readonly data: number }[];
  readonly #blocks: { readonly address: number; readonly bytes: number }[] = [];
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #arena = 0;

  constructor(kernel: KernelInstance, region: BatchRegion) {
    this.#kernel = kernel;
    this.#region = region;
    this.#decode = kernel.exports["mr_ndjson_decode"] as unknown as DecodeKernel;
    const columns = region.schema.length;
    this.#address = this.#allocate(NDJSON_COLUMN_0 + columns * NDJSON_COLUMN_BYTES);
    this.#set(NDJSON_BATCH, region.address);
    this.#set(NDJSON_REJECTS, this.#allocate(REJECTS_MAX * REJECT_BYTES));
    this.#set(NDJSON_PATCHES, this.#allocate(PATCHES_MAX * PATCH_BYTES));
    this.#set(NDJSON_GAPS, this.#allocate(GAP_SLOTS * 4 + GAP_COUNT_MAX * GAP_BYTES));
    this.#set(NDJSON_LINE_BYTES_MAX, LINE_BYTES_MAX);
    this.#set(NDJSON_DEPTH_MAX, JSON_DEPTH_MAX);
    const all = (1n << BigInt(columns)) - 1n;
    kernel.view().setBigUint64(this.#address + NDJSON_ALL, all, true);
    this.#writeColumns();
    this.#bits = region.schema.map(({ type, nullable }, index) => {
      const column = region.columnAddress(index);
      const validity = nullable ? kernel.readU32(column + COLUMN_VALIDITY_BUFFER) : 0;
      return { column, validity, data: type === "bool" ? region.dataAddress(index) : 0 };
    });
    if (region.schema.some((field) => field.type === "f64")) {
      const powers = this.#allocate(POWERS_BYTES);
      kernel.bytes().set(powersTable(), powers);
      this.#set(NDJSON_POWERS, powers);
    }
  }

  #allocate(bytes: number): number {
    const address = this.#kernel.allocate(bytes);
    this.#blocks.push({ address, bytes });
    return address;
  }
  #get(offset: number): number {
    return this.#kernel.readU32(this.#address + offset);
  }
  #set(offset: number, value: number): void {
    this.#kernel.writeU32(this.#address + offset, value);
  }

  #writeColumns(): void {
    const encoder = new TextEncoder();
    this.#region.schema.forEach((field, index) => {
      const name = encoder.encode(field.name);
      if (name.byteLength > KEY_BYTES_MAX) {
        const where = `column ${JSON.stringify(field.name.slice(0, 40))}…`;
        throw userError("schema_invalid", where, `the name takes more than ${KEY_BYTES_MAX} bytes`);
      }
      const address = this.#allocate(name.byteLength);
      this.#kernel.bytes().set(name, address);
      const column = NDJSON_COLUMN_0 + index * NDJSON_COLUMN_BYTES;
      this.#set(column + NDJSON_COLUMN_NAME, address);
      this.#set(column + NDJSON_COLUMN_NAME_BYTES, name.byteLength);
      this.#set(column + NDJSON_COLUMN_NULLABLE, field.nullable ? 1 : 0);
      this.#set(NDJSON_NAME_BYTES_MAX, Math.max(this.#get(NDJSON_NAME_BYTES_MAX), name.byteLength));
    });
  }

  /** Address of the next line. */
  get at(): number {
    return this.#get(NDJSON_AT);
  }

  /** Starts a batch: no row filled, every value present, the arena empty. */
  begin(at: number, end: number, rowsMax: number): void {
    const view = this.#kernel.view();
    view.setUint32(this.#address + NDJSON_AT, at, true);
    view.setUint32(this.#address + NDJSON_END, end, true);
    view.setUint32(this.#address + NDJSON_ROW, 0, true);
    view.setUint32(this.#address + NDJSON_ROWS_MAX, rowsMax, true);
    view.setUint32(this.#address + NDJSON_ARENA_AT, this.#arena + SPARE, true);
    view.setBigUint64(this.#address + NDJSON_NULLED, 0n, true);
    const memory = this.#kernel.bytes();
    const bytes = bitmapBytes(rowsMax);
    for (const { validity } of this.#bits) if (validity !== 0) memory.fill(0xff, validity, validity + bytes);
  }

  /** Runs the scanner; why it stopped (STOP_*). */
  run(): number {
    this.#decode(this.#address);
    return this.#get(NDJSON_STOP);
  }

  /** Allocates the arena at its first use; false where it exists. Nothing has been stored in it so far. */
  makeArena(): boolean {
    if (this.#arena !== 0) return false;
    this.#arena = this.#allocate(ARENA_BYTES);
    this.#set(NDJSON_ARENA_AT, this.#arena + SPARE);
    this.#set(NDJSON_ARENA_END, this.#arena + ARENA_BYTES - SPARE);
    return true;
  }

  takeRejects(): Reject[] {
    const count = this.#get(NDJSON_REJECT_COUNT);
    const list = this.#get(NDJSON_REJECTS);
    const rejects: Reject[] = [];
    for (let index = 0; index < count; index++) {
      const at = list + index * REJECT_BYTES;
      const word = (offset: number): number => this.#kernel.readU32(at + offset);
      rejects.push({ start: word(0), end: word(4), reason: word(8), column: word(12), position: word(16) });
    }
    this.#set(NDJSON_REJECT_COUNT, 0);
    return rejects;
  }

  /** Converts the numbers that the scanner left over: more than 19 digits, or too close to call. */
  applyPatches(): void {
    const count = this.#get(NDJSON_PATCH_COUNT);
    const list = this.#get(NDJSON_PATCHES);
    const view = this.#kernel.view();
    for (let index = 0; index < count; index++) {
      const at = list + index * PATCH_BYTES;
      const word = (offset: number): number => this.#kernel.readU32(at + offset);
      const text = this.#text.decode(this.#kernel.bytes().subarray(word(8), word(8) + word(12)));
      view.setFloat64(this.#region.dataAddress(word(4)) + word(0) * 8, Number(text), true);
    }
    this.#set(NDJSON_PATCH_COUNT, 0);
  }

  /** Ends the batch: publishes row count and validity, clears the bits behind the last row. */
  seal(): void {
    const rows = this.#get(NDJSON_ROW);
    const view = this.#kernel.view();
    const memory = this.#kernel.bytes();
    const nulled = view.getBigUint64(this.#address + NDJSON_NULLED, true);
    this.#region.rowCount = rows;
    this.#bits.forEach(({ column, validity, data }, index) => {
      const hasNulls = nulled !== 0n && ((nulled >> BigInt(index)) & 1n) === 1n;
      view.setUint32(column + COLUMN_VALIDITY, hasNulls ? validity : 0, true);
      if (hasNulls) clearTail(memory, validity, rows);
      if (data !== 0) clearTail(memory, data, rows);
    });
  }

  free(): void {
    for (const { address, bytes } of this.#blocks) this.#kernel.free(address, bytes);
    this.#blocks.length = 0;
  }
}

/** Clears the bits behind `count` in the last byte of a bitmap. */
function clearTail(memory: Uint8Array, bits: number, count: number): void {
  if ((count & 7) === 0) return;
  const last = bits + (count >>> 3);
  memory[last] = (memory[last] as number) & ((1 << (count & 7)) - 1);
}
