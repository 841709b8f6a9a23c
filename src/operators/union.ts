// Union: passes the rows of several inputs on as one stream, batch by batch as they come. No row is copied: the output
// region shows the columns of the input that has a batch, in the order of the output.

import { assert, present } from "../base/assert.ts";
import type { Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import { BorrowedRegion } from "../kernel/borrowed_region.ts";
import { MinimumWatermark } from "../time/minimum_watermark.ts";
import { passOnTime, type Receiver } from "./operator.ts";

export interface UnionWiring {
  /** Nobody reads them after the union has. */
  readonly inputs: readonly BatchRegion[];
  /** By input: the position there of each column of `schema`. */
  readonly columns: readonly (readonly number[])[];
  readonly schema: Schema;
  readonly next: readonly Receiver[];
}

export class UnionOperator {
  readonly output: BatchRegion;
  /** One an input. */
  readonly receivers: readonly Receiver[];

  constructor({ inputs, columns, schema, next }: UnionWiring) {
    const first = present(inputs[0], "an input of a union");
    assert(columns.length === inputs.length, "a union knows the columns of each input");
    const capacity = Math.max(...inputs.map((one) => one.capacity));
    const output = new BorrowedRegion(first.kernel, schema, capacity);
    const watermarks = new MinimumWatermark(inputs.length);
    this.output = output;
    this.receivers = inputs.map((input, index) => ({
      process: () => {
        watermarks.active(index);
        output.borrow(input, columns[index] as readonly number[]);
        for (const one of next) one.process();
      },
      onWatermark: (watermark) => passOnTime(watermarks, watermarks.advance(index, watermark), next),
      onIdle: () => passOnTime(watermarks, watermarks.idle(index), next),
    }));
  }
}
