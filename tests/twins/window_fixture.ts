// What tests of window tables share: tables over rows of plain values, one region per table.

import { batchOfRows, type RecordBatch, rowOf, type Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import type { KernelInstance } from "../../src/kernel/instance.ts";
import { WindowTable, type WindowTableConfig } from "../../src/state/window_table.ts";

export const NO_WATERMARK: bigint = -(2n ** 63n);
export const LAST_WATERMARK: bigint = 2n ** 63n - 1n;

export class WindowFixture {
  readonly schema: Schema;
  readonly input: BatchRegion;
  readonly output: BatchRegion;
  readonly table: WindowTable;
  readonly #kernel: KernelInstance;

  constructor(kernel: KernelInstance, schema: Schema, config: WindowTableConfig, capacity = 4096, outputRows = 1000) {
    this.#kernel = kernel;
    this.schema = schema;
    this.input = new BatchRegion(kernel, schema, capacity);
    this.table = new WindowTable(kernel, this.input, config);
    this.output = new BatchRegion(kernel, this.table.outputSchema, outputRows);
  }

  /** Rows that the kernels have folded, into this and all other tables of their memory. */
  get rowsAggregated(): bigint {
    return this.#kernel.rowsAggregated;
  }

  load(rows: readonly (readonly Value[])[], watermarks?: readonly bigint[]): void {
    this.input.load(batchOfRows(this.schema, rows));
    const into = this.input.watermarks();
    for (let row = 0; row < rows.length; row++) into[row] = watermarks?.[row] ?? NO_WATERMARK;
  }

  /** Numbers of the late rows. */
  update(epoch: number, rows: readonly (readonly Value[])[], watermarks?: readonly bigint[]): number[] {
    this.load(rows, watermarks);
    return Array.from(this.table.update(epoch).lateRows());
  }

  fire(watermark: bigint): Value[][] {
    const rows: Value[][] = [];
    this.table.fire(watermark, this.output, () => {
      rows.push(...rowsOf(this.output.copyOut()));
    });
    return rows;
  }

  free(): void {
    this.table.free();
    this.input.free();
    this.output.free();
  }
}

export const rowsOf = (batch: RecordBatch): Value[][] =>
  Array.from({ length: batch.rowCount }, (_, row) => rowOf(batch, row));
