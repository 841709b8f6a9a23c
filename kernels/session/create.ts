// Making, feeding and freeing what is behind session windows; the table of panes is the host's.

import {
  BATCH_ROWS,
  BATCH_WATERMARKS,
  COLUMN_DATA,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_OK,
  STATUS_TIMESTAMP_RANGE,
} from "../abi";
import { addBatch } from "../distinct/update";
import { firstBeyond } from "../hopping/update";
import { mr_alloc, mr_free } from "../memory/allocator";
import { columnAt } from "../table/keys";
import { TABLE_TIME_COLUMN } from "../table/layout";
import { mr_window_update } from "../window/update";
import {
  SESSION_BYTES,
  SESSION_FIRED,
  SESSION_FIRST_AT,
  SESSION_GAP,
  SESSION_LAST_AT,
  SESSION_MARK_ROWS,
  SESSION_MARKS,
  SESSION_PANES,
  SESSION_PENDING,
  SESSION_PENDING_BYTES,
  SESSION_SET_COUNT,
  SESSION_SETS,
} from "./layout";

/** 0 where memory is used up. */
export function mr_session_create(panes: u32, gap: i64, firstAt: u32, lastAt: u32, batchRows: u32): u32 {
  const session = <usize>mr_alloc(SESSION_BYTES);
  if (session == 0) return 0;
  memory.fill(session, 0, <usize>SESSION_BYTES);
  store<u32>(session, panes, SESSION_PANES);
  store<u32>(session, firstAt, SESSION_FIRST_AT);
  store<u32>(session, lastAt, SESSION_LAST_AT);
  store<i64>(session, gap, SESSION_GAP);
  store<i64>(session, i64.MIN_VALUE, SESSION_FIRED);
  store<u32>(session, mr_alloc((batchRows + 1) << 3), SESSION_MARKS);
  store<u32>(session, batchRows, SESSION_MARK_ROWS);
  return load<u32>(session, SESSION_MARKS) == 0 ? 0 : <u32>session;
}

export function mr_session_add_sets(session: u32, sets: u32, at: u32): void {
  const count = load<u32>(<usize>session, SESSION_SET_COUNT);
  const item = <usize>session + SESSION_SETS + ((<usize>count) << 3);
  store<u32>(item, sets);
  store<u32>(item, at, 4);
  store<u32>(<usize>session, count + 1, SESSION_SET_COUNT);
}

export function mr_session_free(session: u32): void {
  const s = <usize>session;
  const pending = load<u32>(s, SESSION_PENDING_BYTES);
  if (pending != 0) mr_free(load<u32>(s, SESSION_PENDING), pending);
  mr_free(load<u32>(s, SESSION_MARKS), (load<u32>(s, SESSION_MARK_ROWS) + 1) << 3);
  mr_free(session, SESSION_BYTES);
}

/**
 * Marks late rows by watermarks that the table of panes takes for such: the last i64 where the row is older than its own
 * watermark, else the first. Answers whether any is late.
 */
function markLate(session: usize, times: usize, watermarks: usize, rows: u32): bool {
  const fired = i64x2.splat(load<i64>(session, SESSION_FIRED));
  const marks = <usize>load<u32>(session, SESSION_MARKS);
  const end = (<usize>rows) << 3;
  let any = i64x2.splat(0);
  // The columns have room for one row more than they hold.
  for (let at: usize = 0; at < end; at += 16) {
    const time = v128.load(times + at);
    let late = i64x2.lt_s(time, fired);
    if (watermarks != 0) late = v128.or(late, i64x2.lt_s(time, v128.load(watermarks + at)));
    if (at + 8 == end) late = i64x2.replace_lane(late, 1, 0);
    any = v128.or(any, late);
    v128.store(marks + at, v128.xor(i64x2.splat(i64.MIN_VALUE), late));
  }
  return v128.any_true(any);
}

/** Folds the whole batch, marking changes with `epoch`; answers how many rows were late. */
export function mr_session_update(session: u32, batch: u32, epoch: u32): u32 {
  const s = <usize>session;
  const panes = load<u32>(s, SESSION_PANES);
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  const times = <usize>load<u32>(columnAt(<usize>batch, load<u32>(<usize>panes, TABLE_TIME_COLUMN)), COLUMN_DATA);
  const beyond = firstBeyond(times, rows, load<i64>(s, SESSION_GAP));
  if (beyond < rows) {
    store<u32>(CONTROL_STATUS, STATUS_TIMESTAMP_RANGE);
    store<u32>(CONTROL_DETAIL, beyond);
    return 0;
  }
  const watermarks = load<u32>(<usize>batch + BATCH_WATERMARKS);
  const isLate = markLate(s, times, <usize>watermarks, rows);
  store<u32>(<usize>batch + BATCH_WATERMARKS, isLate ? load<u32>(s, SESSION_MARKS) : 0);
  const late = mr_window_update(panes, batch, epoch);
  store<u32>(<usize>batch + BATCH_WATERMARKS, watermarks);
  if (load<u32>(CONTROL_STATUS) != STATUS_OK) return 0;
  const sets = load<u32>(s, SESSION_SET_COUNT);
  for (let set: u32 = 0; set < sets; set++) {
    if (!addBatch(<usize>load<u32>(s + SESSION_SETS + ((<usize>set) << 3)), <usize>batch, epoch)) return 0;
  }
  return late;
}
