// The watermark of a row's own split just before the row: the largest event time of the rows before it minus the bound.

import { BATCH_ROWS, BATCH_WATERMARKS, COLUMN_DATA } from "../abi";
import { columnAt } from "../table/keys";

/** Writes one watermark a row; answers the largest event time so far, to be handed in with the split's next batch. */
export function mr_time_attach(batch: u32, column: u32, maxTimestamp: i64, boundMs: i64): i64 {
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  let time = <usize>load<u32>(columnAt(<usize>batch, column), COLUMN_DATA);
  let watermark = <usize>load<u32>(<usize>batch + BATCH_WATERMARKS);
  const end = time + ((<usize>rows) << 3);
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
