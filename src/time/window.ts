// Arithmetic of tumbling windows on the host, for messages, tests and look-ups; kernels/window does it for rows.
//
// A window is [start, start + size) in milliseconds; starts are the times t with t = offset (mod size), also below 0.

/** A watermark before every event. */
export const WATERMARK_MIN: bigint = -(2n ** 63n);
/** The watermark of an ended input: nothing more will come. */
export const WATERMARK_MAX: bigint = 2n ** 63n - 1n;

/** Start of the window that holds the time. */
export function windowStart(timestamp: bigint, sizeMs: number, offsetMs: number): bigint {
  const size = BigInt(sizeMs);
  const into = (timestamp - BigInt(offsetMs)) % size;
  return timestamp - (into < 0n ? into + size : into);
}

/** What a bounded out-of-orderness promises after an event at `maxTimestamp`, held within the range of i64. */
export function watermarkAfter(maxTimestamp: bigint, boundMs: number): bigint {
  const watermark = maxTimestamp - BigInt(boundMs);
  return watermark < WATERMARK_MIN ? WATERMARK_MIN : watermark;
}
