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
  mr_time_bounds(batch: number, column: number, maxTimestamp: bigint, boundMs: bigint, bounds: number): bigint;
}

/**
 * Writes the watermarks of the region's rows, all of one split, and advances the split. Event times are not null. A
 * region that uses time bounds gets them instead: what the watermarks follow from, should a row turn out to need its own.
 */
export function attachWatermarks(
  region: BatchRegion,
  timestampColumn: number,
  split: SplitTime,
  boundMs: bigint,
): void {
  assert(region.schema[timestampColumn]?.type === "timestamp", "watermarks follow a timestamp column");
  const kernels = region.kernel.exports as unknown as TimeKernels;
  const { address, timeBoundsAddress: bounds } = region;
  const latest = split.maxTimestamp;
  split.maxTimestamp =
    bounds === 0
      ? kernels.mr_time_attach(address, timestampColumn, latest, boundMs)
      : kernels.mr_time_bounds(address, timestampColumn, latest, boundMs, bounds);
}
