// Gives every row of a batch the watermark that its own split had just before it; done once, at the source,
// so that lateness depends on the data alone.

import { MillraceError } from "../base/errors.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";

/** One split's event-time progress; continues over batches and goes into checkpoints. */
export interface SplitTime {
  /** Largest event time of the rows so far; -2^63 before the first. */
  maxTimestamp: bigint;
}

/** Writes the region's watermarks and advances `split`. */
export function attachWatermarks(region: BatchRegion, timestampColumn: number, split: SplitTime, boundMs: number): void {
  const attach = region.kernel.exports.mr_time_attach as unknown as
    | ((batch: number, column: number, maxTimestamp: bigint, boundMs: bigint) => bigint)
    | undefined;
  if (attach === undefined) throw new MillraceError({ code: "internal", message: "no kernel", where: "", fault: "internal", retry: "none" });
  split.maxTimestamp = attach(region.address, timestampColumn, split.maxTimestamp, BigInt(boundMs));
}
