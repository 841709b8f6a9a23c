// Folds one batch into the window table, 512 rows a pass: panes and lateness, keys, hashes, entries, columns.
//
// A pass whose rows all lie in the window of the row before it, none late, is recognised by a few vector
// instructions a row and runs on the columns in place. Any other pass first picks its rows one by one.
//
// Invariant: where a row cannot be handled, every row before it in its batch has been, and none after it.

import {
  BATCH_ROWS,
  BATCH_WATERMARKS,
  COLUMN_DATA,
  CONTROL_DETAIL,
  CONTROL_ROWS_AGGREGATED,
  CONTROL_STATUS,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_TIMESTAMP_RANGE,
} from "../abi";
import { columnAt, hashKeys, passKeys, rowAt } from "../table/keys";
import {
  PANE_END,
  PANE_START,
  PASS_KEYS_AT,
  PASS_PANES,
  PASS_ROW_NUMBERS,
  PASS_ROWS,
  PASS_WATERMARKS,
  TABLE_CURRENT_PANE,
  TABLE_FIRED,
  TABLE_LATE_COUNT,
  TABLE_LATE_ROWS,
  TABLE_OFFSET,
  TABLE_SIZE,
  TABLE_TIME_COLUMN,
  TIMES_BOUND,
  TIMES_LATEST,
  TIMES_MAX,
  TIMES_MIN,
  TIMES_PASS_BYTES,
  TIMES_PASSES,
} from "../table/layout";
import { lookUp } from "../table/lookup";
import { foldRows } from "./fold";
import { paneAt, timeIntoWindow, windowFits } from "./panes";
import { watermarkOf, writeWatermarks } from "./watermarks";
import { aggregateDense, foldsOneInteger } from "./dense_fold";
import { hasDense, lookUpDense } from "./dense_pane";

/** Whether all rows lie in the pane's window and none is late. `watermarks` may be 0. */
function allInPane(times: usize, watermarks: usize, count: u32, start: i64, end: i64): bool {
  const last: i64 = end - start - 1;
  let row: u32 = 0;
  // d = time - start is in [0, last] exactly where neither d nor last - d is negative.
  let outside = i64x2.splat(0);
  const starts = i64x2.splat(start);
  const lasts = i64x2.splat(last);
  for (; row + 4 <= count; row += 4) {
    const at = times + ((<usize>row) << 3);
    const into = i64x2.sub(v128.load(at), starts);
    const more = i64x2.sub(v128.load(at, 16), starts);
    outside = v128.or(outside, v128.or(v128.or(into, i64x2.sub(lasts, into)), v128.or(more, i64x2.sub(lasts, more))));
  }
  if ((i64x2.extract_lane(outside, 0) | i64x2.extract_lane(outside, 1)) < 0) return false;
  for (; row < count; row++) {
    const into: i64 = load<i64>(times + ((<usize>row) << 3)) - start;
    if ((into | (last - into)) < 0) return false;
  }
  if (watermarks == 0) return true;
  let late = i64x2.splat(0);
  const ends = i64x2.splat(end);
  for (row = 0; row + 4 <= count; row += 4) {
    const at = watermarks + ((<usize>row) << 3);
    late = v128.or(late, v128.or(i64x2.ge_s(v128.load(at), ends), i64x2.ge_s(v128.load(at, 16), ends)));
  }
  if (v128.any_true(late)) return false;
  for (; row < count; row++) {
    if (load<i64>(watermarks + ((<usize>row) << 3)) >= end) return false;
  }
  return true;
}

@inline
function stop(status: u32, row: u32): void {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
}

/** Lists the rows to fold with their panes, and the late rows; stops, with the status set, at a row it cannot handle. */
function pickRows(table: usize, times: usize, watermarks: usize, first: u32, count: u32): u32 {
  const size = load<i64>(table, TABLE_SIZE);
  const offset = load<i64>(table, TABLE_OFFSET);
  const fired = load<i64>(table, TABLE_FIRED);
  const lateRows = <usize>load<u32>(table, TABLE_LATE_ROWS);
  let lateCount = load<u32>(table, TABLE_LATE_COUNT);
  let picked: u32 = 0;
  let pane: usize = 0;
  let start: i64 = 0;
  let end: i64 = 0;
  for (let row = first; row < first + count; row++) {
    const time = load<i64>(times + ((<usize>row) << 3));
    if (<u64>(time - start) >= <u64>(end - start)) {
      const into = timeIntoWindow(time, size, offset);
      if (!windowFits(time, into, size)) {
        stop(STATUS_TIMESTAMP_RANGE, row);
        break;
      }
      start = time - into;
      end = start + size;
      pane = 0;
    }
    let watermark = fired;
    if (watermarks != 0) watermark = max<i64>(watermark, load<i64>(watermarks + ((<usize>row) << 3)));
    if (end <= watermark) {
      store<u32>(lateRows + ((<usize>lateCount) << 2), row);
      lateCount++;
      continue;
    }
    if (pane == 0) {
      pane = paneAt(table, start);
      if (pane == 0) {
        stop(STATUS_OUT_OF_MEMORY, row);
        break;
      }
      store<u32>(table, <u32>pane, TABLE_CURRENT_PANE);
    }
    store<u32>(PASS_ROW_NUMBERS + ((<usize>picked) << 2), row);
    store<u32>(PASS_PANES + ((<usize>picked) << 2), <u32>pane);
    picked++;
  }
  store<u32>(table, lateCount, TABLE_LATE_COUNT);
  return picked;
}

/** Folds rows of one pane (`panes` = 0) or of a pane each; false, with the status set, where it had to stop. */
export function aggregate(
  table: usize, batch: usize, pane: usize, panes: usize, rowNumbers: usize, first: u32, count: u32, epoch: u32,
): bool {
  while (count > 0) {
    const part = passKeys(table, batch, rowNumbers, first, count, false);
    if (part == 0) {
      stop(STATUS_OUT_OF_MEMORY, rowAt(rowNumbers, first, 0));
      return false;
    }
    const keys = <usize>load<u32>(PASS_KEYS_AT);
    const dense = hasDense(panes == 0 ? pane : <usize>load<u32>(panes));
    const folded = dense && panes == 0 && foldsOneInteger(table);
    let found: u32;
    if (folded) {
      found = aggregateDense(table, batch, pane, keys, first, part, epoch);
    } else if (dense) {
      found = lookUpDense(table, pane, panes, keys, part, epoch);
    } else {
      hashKeys(table, keys, part);
      found = lookUp(table, pane, panes, keys, part, epoch);
    }
    if (found < part) store<u32>(CONTROL_DETAIL, rowAt(rowNumbers, first, found));
    if (!folded && !foldRows(table, batch, rowNumbers, first, found)) return false;
    store<u64>(CONTROL_ROWS_AGGREGATED, load<u64>(CONTROL_ROWS_AGGREGATED) + <u64>found);
    if (found < part) return false;
    count -= part;
    if (rowNumbers == 0) first += part;
    else rowNumbers += (<usize>part) << 2;
    if (panes != 0) panes += (<usize>part) << 2;
  }
  return true;
}

/** Folds one pass whose rows are not known to lie all in one window, none late; false where it had to stop. */
function foldPicked(table: usize, batch: usize, times: usize, watermarks: usize, first: u32, count: u32, epoch: u32): bool {
  const picked = pickRows(table, times, watermarks, first, count);
  const stopped = load<u32>(CONTROL_STATUS);
  const stoppedAt = load<u32>(CONTROL_DETAIL);
  if (!aggregate(table, batch, 0, PASS_PANES, PASS_ROW_NUMBERS, 0, picked, epoch)) return false;
  if (stopped == STATUS_OK) return true;
  stop(stopped, stoppedAt);
  return false;
}

@inline
function beginUpdate(table: usize): void {
  store<u32>(CONTROL_STATUS, STATUS_OK);
  store<u32>(table, 0, TABLE_LATE_COUNT);
}

@inline
function timesOf(table: usize, batch: usize): usize {
  return <usize>load<u32>(columnAt(batch, load<u32>(table, TABLE_TIME_COLUMN)), COLUMN_DATA);
}

/** Folds the whole batch, marking changes with `epoch` (not 0); answers how many rows were late. */
export function mr_window_update(table: u32, batch: u32, epoch: u32): u32 {
  const t = <usize>table;
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  const times = timesOf(t, <usize>batch);
  const watermarks = <usize>load<u32>(<usize>batch + BATCH_WATERMARKS);
  beginUpdate(t);
  for (let first: u32 = 0; first < rows; first += PASS_ROWS) {
    const count = min<u32>(PASS_ROWS, rows - first);
    const at = (<usize>first) << 3;
    const pane = <usize>load<u32>(t, TABLE_CURRENT_PANE);
    if (
      pane != 0 &&
      allInPane(times + at, watermarks == 0 ? 0 : watermarks + at, count, load<i64>(pane, PANE_START), load<i64>(pane, PANE_END))
    ) {
      if (!aggregate(t, <usize>batch, pane, 0, 0, first, count, epoch)) break;
    } else if (!foldPicked(t, <usize>batch, times, watermarks, first, count, epoch)) break;
  }
  return load<u32>(t, TABLE_LATE_COUNT);
}

/** The same where bounds stand for the rows' watermarks (`mr_time_bounds`): those of a pass are made where a row may be late. */
export function mr_window_update_bounded(table: u32, batch: u32, bounds: u32, epoch: u32): u32 {
  const t = <usize>table;
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  const times = timesOf(t, <usize>batch);
  const boundMs = load<i64>(<usize>bounds, TIMES_BOUND);
  let latest = load<i64>(<usize>bounds, TIMES_LATEST);
  let its = <usize>bounds + TIMES_PASSES;
  beginUpdate(t);
  for (let first: u32 = 0; first < rows; first += PASS_ROWS, its += TIMES_PASS_BYTES) {
    const count = min<u32>(PASS_ROWS, rows - first);
    const pane = <usize>load<u32>(t, TABLE_CURRENT_PANE);
    const most = load<i64>(its, TIMES_MAX);
    const known =
      pane != 0 && load<i64>(its, TIMES_MIN) >= load<i64>(pane, PANE_START) && most < load<i64>(pane, PANE_END) &&
      watermarkOf(max<i64>(latest, most), boundMs) < load<i64>(pane, PANE_END);
    if (known) {
      if (!aggregate(t, <usize>batch, pane, 0, 0, first, count, epoch)) break;
    } else {
      const at = times + ((<usize>first) << 3);
      writeWatermarks(at, at + ((<usize>count) << 3), PASS_WATERMARKS, latest, boundMs);
      const watermarks = PASS_WATERMARKS - ((<usize>first) << 3);
      if (!foldPicked(t, <usize>batch, times, watermarks, first, count, epoch)) break;
    }
    latest = max<i64>(latest, most);
  }
  return load<u32>(t, TABLE_LATE_COUNT);
}
