// A batch region without columns of its own: its descriptor leads to columns of another region, in an order of its own.
// Nothing is copied, so what works in place on it (a filter) changes what the lender's columns hold, though not the
// lender's row count: nobody may read a lender's rows afterwards.
//
// Invariant: it is read only between `borrow` and the next change of the lender.

import { assert } from "../base/assert.ts";
import type { Schema } from "../batch/schema.ts";
import { BATCH_WATERMARKS, BATCH_WEIGHTS, COLUMN_BYTES } from "../../kernels/abi.ts";
import { BatchRegion } from "./batch_region.ts";
import type { KernelInstance } from "./instance.ts";

export class BorrowedRegion extends BatchRegion {
  constructor(kernel: KernelInstance, schema: Schema, capacity: number) {
    super(kernel, schema, capacity, "borrowed");
  }

  /** Shows the lender's rows as its own; `positions[i]` is the lender's column that becomes column `i`. */
  borrow(lender: BatchRegion, positions: readonly number[]): void {
    const { kernel } = this;
    assert(lender.kernel === kernel && positions.length === this.schema.length, "regions are of one memory and fit");
    positions.forEach((position, index) => {
      assert(lender.schema[position]?.type === this.schema[index]?.type, "borrowed columns keep their types");
      const from = lender.columnAddress(position);
      kernel.bytes().copyWithin(this.columnAddress(index), from, from + COLUMN_BYTES);
    });
    for (const offset of [BATCH_WATERMARKS, BATCH_WEIGHTS]) {
      kernel.writeU32(this.address + offset, kernel.readU32(lender.address + offset));
    }
    this.rowCount = lender.rowCount;
  }
}
