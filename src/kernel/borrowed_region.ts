// A batch region without memory of its own: its descriptor leads to the columns of another region, in an order of its
// own. It makes no copies, so what works in place on it (a filter) changes what the lender's columns hold, though not
// the lender's row count: a lender whose rows others still read afterwards must be copied instead (`copyFrom`).
//
// Invariant: it is read only between `borrow` or `copyFrom` and the next change of the lender.

import { assert } from "../base/assert.ts";
import { bitmapBytes } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import {
  BATCH_WATERMARKS,
  BATCH_WEIGHTS,
  COLUMN_BYTES,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  COLUMN_VALIDITY_BUFFER,
} from "../../kernels/abi.ts";
import { BatchRegion, columnDataBytes } from "./batch_region.ts";
import type { KernelInstance } from "./instance.ts";

/** `positions[i]` is the lender's column that becomes column `i`. */
export class BorrowedRegion extends BatchRegion {
  /** What `copyFrom` fills; its descriptor is then borrowed from. */
  #copies: BatchRegion | undefined;

  constructor(kernel: KernelInstance, schema: Schema, capacity: number) {
    super(kernel, schema, capacity, "borrowed");
  }

  /** Shows the lender's rows as its own. */
  borrow(lender: BatchRegion, positions: readonly number[]): void {
    const { kernel } = this;
    assert(lender.kernel === kernel && lender.rowCount <= this.capacity, "both regions are in one memory, the rows fit");
    positions.forEach((position, index) => {
      const from = lender.columnAddress(position);
      const to = this.columnAddress(index);
      assert(lender.schema[position]?.type === this.schema[index]?.type, "borrowed columns keep their types");
      kernel.bytes().copyWithin(to, from, from + COLUMN_BYTES);
    });
    for (const offset of [BATCH_WATERMARKS, BATCH_WEIGHTS]) {
      kernel.writeU32(this.address + offset, kernel.readU32(lender.address + offset));
    }
    this.rowCount = lender.rowCount;
  }

  /** Shows copies of the lender's rows. Text is not copied: it is valid as long as the lender's is. */
  copyFrom(lender: BatchRegion, positions: readonly number[]): void {
    const copies = this.#copyRegion();
    const { kernel } = this;
    const rows = lender.rowCount;
    const copy = (from: number, to: number, bytes: number): void => {
      kernel.bytes().copyWithin(to, from, from + bytes);
    };
    positions.forEach((position, index) => {
      const from = lender.columnAddress(position);
      const to = copies.columnAddress(index);
      const { type } = copies.schema[index] as Schema[number];
      assert(lender.schema[position]?.type === type, "copied columns keep their types");
      copy(kernel.readU32(from + COLUMN_DATA), kernel.readU32(to + COLUMN_DATA), columnDataBytes(type, rows));
      const validity = kernel.readU32(from + COLUMN_VALIDITY);
      const bitmap = kernel.readU32(to + COLUMN_VALIDITY_BUFFER);
      if (validity !== 0) copy(validity, bitmap, bitmapBytes(rows));
      kernel.writeU32(to + COLUMN_VALIDITY, validity === 0 ? 0 : bitmap);
    });
    copies.useWeights(lender.weighted);
    if (lender.weighted) copies.weights().set(lender.weights().subarray(0, rows));
    copies.watermarks().set(lender.watermarks().subarray(0, rows));
    copies.rowCount = rows;
    this.borrow(
      copies,
      this.schema.map((_, index) => index),
    );
  }

  #copyRegion(): BatchRegion {
    this.#copies ??= new BatchRegion(this.kernel, this.schema, this.capacity);
    return this.#copies;
  }

  override free(): void {
    this.#copies?.free();
    super.free();
  }
}
