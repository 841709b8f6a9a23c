// Gives every row of a batch the watermark that its own split had just before it; done once, at the source,
// so that lateness depends on the data alone and not on batch sizes, parallelism or restarts.

import { assert } from "../base/assert.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";

/** One split's progress in event time; it continues over batches and goes into checkpoints. */
export interface SplitTime {
  /** Largest event time of the rows so far; -2^63 before the first. */
  maxTimestamp: bigint;
}

interface TimeKernels {
  mr_time_attach(batch: number, column: number, maxTimestamp: bigint, boundMs: bigint): bigint;
}

/** Writes the watermarks of the region's rows, all of one split, and advances the split. Event times are not null. */
export function attachWatermarks(
  region: BatchRegion,
  timestampColumn: number,
  split: SplitTime,
  boundMs: number,
): void {
  assert(Number.isSafeInteger(boundMs) && boundMs >= 0, "the bound is a whole number of milliseconds");
  assert(region.schema[timestampColumn]?.type === "timestamp", "watermarks follow a timestamp column");
  const kernels = region.kernel.exports as unknown as TimeKernels;
  split.maxTimestamp = kernels.mr_time_attach(region.address, timestampColumn, split.maxTimestamp, BigInt(boundMs));
}
