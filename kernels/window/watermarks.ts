// The watermark of a row's own split just before the row: the largest event time of the rows before it minus the bound.

import { BATCH_ROWS, BATCH_WATERMARKS, COLUMN_DATA } from "../abi";
import { columnAt } from "../table/keys";

/** Writes one watermark a row; answers the largest event time so far, to be handed in with the split's next batch. */
export function mr_time_attach(batch: u32, column: u32, maxTimestamp: i64, boundMs: i64): i64 {
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  const times = <usize>load<u32>(columnAt(<usize>batch, column), COLUMN_DATA);
  const watermarks = <usize>load<u32>(<usize>batch + BATCH_WATERMARKS);
  const floor: i64 = i64.MIN_VALUE + boundMs;
  let latest = maxTimestamp;
  for (let row: u32 = 0; row < rows; row++) {
    const at = (<usize>row) << 3;
    store<i64>(watermarks + at, latest < floor ? i64.MIN_VALUE : latest - boundMs);
    latest = max<i64>(latest, load<i64>(times + at));
  }
  return latest;
}
