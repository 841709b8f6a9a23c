// The watermark of a row's own split just before the row: the largest event time of the rows before it minus the bound.

import { BATCH_ROWS, BATCH_WATERMARKS, COLUMN_DATA } from "../abi";
import { columnAt } from "../table/keys";
import { PASS_ROWS, TIMES_BOUND, TIMES_LATEST, TIMES_MAX, TIMES_MIN, TIMES_PASS_BYTES, TIMES_PASSES } from "../table/layout";

@inline
export function watermarkOf(latest: i64, boundMs: i64): i64 {
  return latest < i64.MIN_VALUE + boundMs ? i64.MIN_VALUE : latest - boundMs;
}

/** Watermarks of the rows whose event times stand in [time, end); answers the largest event time so far. */
@inline
export function writeWatermarks(time: usize, end: usize, watermark: usize, maxTimestamp: i64, boundMs: i64): i64 {
  const floor: i64 = i64.MIN_VALUE + boundMs;
  let latest = maxTimestamp;
  for (; time < end && latest < floor; time += 8, watermark += 8) {
    store<i64>(watermark, i64.MIN_VALUE);
    latest = max<i64>(latest, load<i64>(time));
  }
  // From here on nothing can fall below the range of i64.
  for (; time + 16 <= end; time += 16, watermark += 16) {
    store<i64>(watermark, latest - boundMs);
    latest = max<i64>(latest, load<i64>(time));
    store<i64>(watermark, latest - boundMs, 8);
    latest = max<i64>(latest, load<i64>(time, 8));
  }
  if (time < end) {
    store<i64>(watermark, latest - boundMs);
    latest = max<i64>(latest, load<i64>(time));
  }
  return latest;
}

/** Writes one watermark a row; answers the largest event time so far, to be handed in with the split's next batch. */
export function mr_time_attach(batch: u32, column: u32, maxTimestamp: i64, boundMs: i64): i64 {
  const time = <usize>load<u32>(columnAt(<usize>batch, column), COLUMN_DATA);
  const end = time + ((<usize>load<u32>(<usize>batch + BATCH_ROWS)) << 3);
  return writeWatermarks(time, end, <usize>load<u32>(<usize>batch + BATCH_WATERMARKS), maxTimestamp, boundMs);
}

/**
 * Instead of one watermark a row: what they can be computed from where a row may be late, and the least and the largest
 * event time of every pass, which mostly show that none is (layout: table/layout.ts). For rows that go from their source
 * straight into windows over this column. Answers what `mr_time_attach` does.
 */
export function mr_time_bounds(batch: u32, column: u32, maxTimestamp: i64, boundMs: i64, times: u32): i64 {
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  const data = <usize>load<u32>(columnAt(<usize>batch, column), COLUMN_DATA);
  store<i64>(times, boundMs, TIMES_BOUND);
  store<i64>(times, maxTimestamp, TIMES_LATEST);
  let to = <usize>times + TIMES_PASSES;
  let latest = maxTimestamp;
  for (let first: u32 = 0; first < rows; first += PASS_ROWS) {
    const at = data + ((<usize>first) << 3);
    const end = at + ((<usize>min<u32>(PASS_ROWS, rows - first)) << 3);
    writeBounds(at, end, to);
    latest = max<i64>(latest, load<i64>(to, TIMES_MAX));
    to += TIMES_PASS_BYTES;
  }
  return latest;
}

/**
 * The least and the largest of one value or more. Integers from 0 up to the bits of infinity have the order of the
 * doubles with their bits, and only doubles have instructions for the smaller and the larger of two.
 */
function writeBounds(first: usize, end: usize, to: usize): void {
  let least = v128.load64_splat(first);
  let largest = least;
  let alsoLeast = least;
  let alsoLargest = least;
  let bits = least;
  let at = first;
  for (; at + 32 <= end; at += 32) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    bits = v128.or(bits, v128.or(a, b));
    least = f64x2.pmin(least, a);
    largest = f64x2.pmax(largest, a);
    alsoLeast = f64x2.pmin(alsoLeast, b);
    alsoLargest = f64x2.pmax(alsoLargest, b);
  }
  least = f64x2.pmin(least, alsoLeast);
  largest = f64x2.pmax(largest, alsoLargest);
  let lowest = min<i64>(i64x2.extract_lane(least, 0), i64x2.extract_lane(least, 1));
  let highest = max<i64>(i64x2.extract_lane(largest, 0), i64x2.extract_lane(largest, 1));
  const unlike = i64x2.extract_lane(bits, 0) | i64x2.extract_lane(bits, 1);
  if (<u64>unlike >= 0x7ff0000000000000) {
    lowest = load<i64>(first);
    highest = lowest;
    at = first;
  }
  for (; at < end; at += 8) {
    lowest = min<i64>(lowest, load<i64>(at));
    highest = max<i64>(highest, load<i64>(at));
  }
  store<i64>(to, lowest, TIMES_MIN);
  store<i64>(to, highest, TIMES_MAX);
}
