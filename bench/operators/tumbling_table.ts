// Contestant: Millrace's window table, fed batch by batch from the prebuilt columns. Copying the columns in, attaching
// watermarks, taking checkpoints, closing windows and writing the results into columns are all inside the time.

import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { attachWatermarks, type SplitTime } from "../../src/state/attach_watermarks.ts";
import { WindowTable, type WindowTableConfig } from "../../src/state/window_table.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../../src/time/window.ts";
import { startCoreClock } from "./core_seconds.ts";
import {
  addGroup,
  emptyFingerprint,
  type Fingerprint,
  JITTER_MS,
  type Outcome,
  type TumblingData,
  WINDOW_MS,
} from "./tumbling_data.ts";

export const tumblingSchema: Schema = [field("key", "i64"), field("time", "timestamp"), field("value", "i64")];

export const tumblingConfig: WindowTableConfig = {
  keys: [0],
  timestamp: 1,
  sizeMs: WINDOW_MS,
  offsetMs: 0,
  aggregates: [
    { function: "count", name: "count" },
    { function: "sum", column: 2, name: "sum" },
    { function: "min", column: 2, name: "min" },
    { function: "max", column: 2, name: "max" },
  ],
  maxParallelism: 128,
  keyGroups: { start: 0, end: 128 },
};

export interface TableOutcome extends Outcome {
  /** Rows that the kernels counted. */
  readonly rowsAggregated: number;
  readonly checkpoints: number;
}

/** `checkpoints` are spread evenly over the run: gathered, and completed at once. */
export function runTable(
  kernels: WebAssembly.Module,
  data: TumblingData,
  checkpoints: number,
  check: boolean,
): TableOutcome {
  const kernel = new KernelInstance(kernels, 1024 * 1024 * 1024);
  const input = new BatchRegion(kernel, tumblingSchema);
  input.useTimeBounds();
  const table = new WindowTable(kernel, input, tumblingConfig);
  const output = new BatchRegion(kernel, table.outputSchema);
  const fingerprint = emptyFingerprint();
  const emit = (rows: number): void => {
    if (check) fingerprintRows(output, rows, fingerprint);
    else fingerprint.groups += rows;
  };
  const split: SplitTime = { maxTimestamp: WATERMARK_MIN };
  const batches = Math.ceil(data.rows / BATCH_ROWS_MAX);
  const checkpointEvery = Math.ceil(batches / (checkpoints + 1));
  let epoch = 1;
  const seconds = startCoreClock();
  for (let batch = 0; batch < batches; batch++) {
    const start = batch * BATCH_ROWS_MAX;
    const end = Math.min(start + BATCH_ROWS_MAX, data.rows);
    input.int64(0).set(data.key.subarray(start, end));
    input.int64(1).set(data.time.subarray(start, end));
    input.int64(2).set(data.value.subarray(start, end));
    input.rowCount = end - start;
    attachWatermarks(input, 1, split, BigInt(JITTER_MS));
    table.update(epoch);
    table.fire(split.maxTimestamp - BigInt(JITTER_MS), output, emit);
    if ((batch + 1) % checkpointEvery === 0 && epoch <= checkpoints) {
      table.gather(epoch - 1);
      table.completed(epoch);
      epoch++;
    }
  }
  table.fire(WATERMARK_MAX, output, emit);
  return { seconds: seconds(), fingerprint, rowsAggregated: Number(kernel.rowsAggregated), checkpoints: epoch - 1 };
}

function fingerprintRows(output: BatchRegion, rows: number, into: Fingerprint): void {
  const columns = output.schema.map((_, index) => output.int64(index));
  const at = (column: number, row: number): number => Number((columns[column] as BigInt64Array)[row]);
  for (let row = 0; row < rows; row++)
    addGroup(into, at(2, row), at(0, row), at(3, row), at(4, row), at(5, row), at(6, row));
}
