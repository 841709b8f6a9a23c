// Folding a batch into the panes of hopping windows; rows that are late for their pane go to the windows still open.

import {
  BATCH_ROWS,
  BATCH_WATERMARKS,
  COLUMN_DATA,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_TIMESTAMP_RANGE,
} from "../abi";
import { addBatch, addListed } from "../distinct/update";
import { LIST_ENTRIES, LIST_MORE } from "../distinct/layout";
import { columnAt } from "../table/keys";
import {
  PASS_ROWS,
  TABLE_FIRED,
  TABLE_LATE_COUNT,
  TABLE_LATE_ROWS,
  TABLE_OFFSET,
  TABLE_TIME_COLUMN,
} from "../table/layout";
import { paneAt, timeIntoWindow } from "../window/panes";
import { aggregate, mr_window_update } from "../window/update";
import { HOP_LATE, HOP_PANES, HOP_SET_COUNT, HOP_SETS, HOP_SIZE, HOP_SLIDE } from "./layout";

/** The first row whose windows may leave the range of i64, or the number of rows. */
export function firstBeyond(times: usize, rows: u32, size: i64): u32 {
  const lowest = i64.MIN_VALUE + 2 * size;
  const highest = i64.MAX_VALUE - 2 * size;
  let low = i64.MAX_VALUE;
  let high = i64.MIN_VALUE;
  for (let row: u32 = 0; row < rows; row++) {
    const time = load<i64>(times + ((<usize>row) << 3));
    low = min<i64>(low, time);
    high = max<i64>(high, time);
  }
  if (low >= lowest && high <= highest) return rows;
  let row: u32 = 0;
  for (; row < rows; row++) {
    const time = load<i64>(times + ((<usize>row) << 3));
    if (time < lowest || time > highest) break;
  }
  return row;
}

@inline
function fail(status: u32, row: u32): void {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
}

/** Folds the listed pairs of row and window into the table of late rows. */
function foldPairs(hop: usize, batch: usize, count: u32, epoch: u32): bool {
  const late = <usize>load<u32>(hop, HOP_LATE);
  if (count == 0) return true;
  if (!aggregate(late, batch, 0, LIST_MORE, LIST_ENTRIES, 0, count, epoch)) return false;
  const sets = load<u32>(hop, HOP_SET_COUNT);
  for (let set: u32 = 0; set < sets; set++) {
    const its = <usize>load<u32>(hop + HOP_SETS + ((<usize>set) << 4), 4);
    if (!addListed(its, batch, LIST_ENTRIES, LIST_MORE, count, epoch)) return false;
  }
  return true;
}

/**
 * Folds the rows that are late for their pane into every window that is open for their own watermark. What is late for
 * all of them stays in the panes' list of late rows; answers how many those are.
 */
function foldLate(hop: usize, batch: usize, lateCount: u32, epoch: u32): u32 {
  const panes = <usize>load<u32>(hop, HOP_PANES);
  const late = <usize>load<u32>(hop, HOP_LATE);
  const times = <usize>load<u32>(columnAt(batch, load<u32>(panes, TABLE_TIME_COLUMN)), COLUMN_DATA);
  const watermarks = <usize>load<u32>(batch, BATCH_WATERMARKS);
  const lateRows = <usize>load<u32>(panes, TABLE_LATE_ROWS);
  const slide = load<i64>(hop, HOP_SLIDE);
  const offset = load<i64>(panes, TABLE_OFFSET);
  const fired = load<i64>(panes, TABLE_FIRED);
  let left: u32 = 0;
  let pairs: u32 = 0;
  for (let i: u32 = 0; i < lateCount; i++) {
    const row = load<u32>(lateRows + ((<usize>i) << 2));
    const time = load<i64>(times + ((<usize>row) << 3));
    const start = time - timeIntoWindow(time, slide, offset);
    const lastEnd = start + load<i64>(hop, HOP_SIZE);
    let watermark = fired;
    if (watermarks != 0) watermark = max<i64>(watermark, load<i64>(watermarks + ((<usize>row) << 3)));
    if (lastEnd <= watermark) {
      store<u32>(lateRows + ((<usize>left) << 2), row);
      left++;
      continue;
    }
    // The pane of the table of late rows that ends where a window does stands for the window.
    for (let pane = start + ((watermark - start) / slide) * slide; pane < lastEnd; pane += slide) {
      const its = paneAt(late, pane);
      if (its == 0) {
        fail(STATUS_OUT_OF_MEMORY, row);
        return left;
      }
      store<u32>(LIST_ENTRIES + ((<usize>pairs) << 2), row);
      store<u32>(LIST_MORE + ((<usize>pairs) << 2), <u32>its);
      pairs++;
      if (pairs < PASS_ROWS) continue;
      if (!foldPairs(hop, batch, pairs, epoch)) return left;
      pairs = 0;
    }
  }
  foldPairs(hop, batch, pairs, epoch);
  store<u32>(panes, left, TABLE_LATE_COUNT);
  return left;
}

/** Folds the whole batch, marking changes with `epoch`; answers how many rows were late for all of their windows. */
export function mr_hop_update(hop: u32, batch: u32, epoch: u32): u32 {
  const h = <usize>hop;
  const panes = load<u32>(h, HOP_PANES);
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  const times = <usize>load<u32>(columnAt(<usize>batch, load<u32>(<usize>panes, TABLE_TIME_COLUMN)), COLUMN_DATA);
  const beyond = firstBeyond(times, rows, load<i64>(h, HOP_SIZE));
  if (beyond < rows) {
    fail(STATUS_TIMESTAMP_RANGE, beyond);
    return 0;
  }
  const late = mr_window_update(panes, batch, epoch);
  if (load<u32>(CONTROL_STATUS) != STATUS_OK) return 0;
  const sets = load<u32>(h, HOP_SET_COUNT);
  for (let set: u32 = 0; set < sets; set++) {
    if (!addBatch(<usize>load<u32>(h + HOP_SETS + ((<usize>set) << 4)), <usize>batch, epoch)) return 0;
  }
  return late == 0 ? 0 : foldLate(h, <usize>batch, late, epoch);
}
