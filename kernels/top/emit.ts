// The results of the last rows taken: for each list that they touched, the rows that are no longer among the best with
// weight -1, those that now are with +1; with ranks, both for every rank that another row has. Resumable: call until
// it answers 0.

import { BATCH_ROWS, COLUMN_DATA, COLUMN_VALIDITY, CONTROL_STATUS, STATUS_OK, STATUS_OUT_OF_MEMORY } from "../abi";
import { keysFrom, listRow, writeWeights } from "../running/emit";
import { columnAt } from "../table/keys";
import { OUT_ROWS_MAX, TABLE_KEY_COUNT } from "../table/layout";
import { writeKeys } from "../window/rows_out";
import {
  LIST_ENTRY,
  NOT_BEGUN,
  OUT_RANKS,
  OUT_ROWS,
  ROW_BORN,
  ROW_COPIES,
  ROW_LIST,
  ROW_LISTED,
  TOP_COLUMN_COUNT,
  TOP_EPOCH,
  TOP_LIMIT,
  TOP_NEW,
  TOP_NEW_AT,
  TOP_NEW_COUNT,
  TOP_NEXT,
  TOP_OLD,
  TOP_OLD_AT,
  TOP_RANKED,
  TOP_TABLE,
  TOP_TOUCHED,
  TOP_TOUCHED_COUNT,
  TOP_ZEROED,
  TOP_ZEROED_COUNT,
  TOUCHED_BYTES,
  TOUCHED_LIST,
  TOUCHED_OLD,
  TOUCHED_OLD_COUNT,
} from "./layout";
import { eraseRow, listBest } from "./lists";
import { compareRows, writeRows } from "./rows";

@inline
export function listTopRow(place: u32, row: usize, weight: i8): void {
  listRow(place, <usize>load<u32>(load<u32>(row, ROW_LIST), LIST_ENTRY), weight);
  store<u32>(OUT_ROWS + ((<usize>place) << 2), <u32>row);
}

@inline
function listRanked(place: u32, row: usize, weight: i8, rank: u32): void {
  listTopRow(place, row, weight);
  store<u32>(OUT_RANKS + ((<usize>place) << 2), rank);
}

@inline
function wordAt(words: usize, index: u32): usize {
  return <usize>load<u32>(words + ((<usize>index) << 2));
}

/** Compares rank by rank; answers how many rows are listed. The cursor is at `newCount` or `oldCount` at the end. */
function listRanks(top: usize, old: usize, oldCount: u32, newCount: u32, rows: u32, limit: u32): u32 {
  const now = <usize>load<u32>(top, TOP_NEW);
  let at = load<u32>(top, TOP_OLD_AT);
  for (; (at < oldCount || at < newCount) && rows < limit; at++) {
    const before: usize = at < oldCount ? wordAt(old, at) : 0;
    const after: usize = at < newCount ? wordAt(now, at) : 0;
    if (before == after) continue;
    if (before != 0) listRanked(rows++, before, -1, at + 1);
    if (after != 0) listRanked(rows++, after, 1, at + 1);
  }
  store<u32>(top, at, TOP_OLD_AT);
  store<u32>(top, at, TOP_NEW_AT);
  return rows;
}

/** Compares as sets; both are in order. */
function listDifference(top: usize, old: usize, oldCount: u32, newCount: u32, rows: u32, limit: u32): u32 {
  const now = <usize>load<u32>(top, TOP_NEW);
  let oldAt = load<u32>(top, TOP_OLD_AT);
  let newAt = load<u32>(top, TOP_NEW_AT);
  while ((oldAt < oldCount || newAt < newCount) && rows < limit) {
    const before: usize = oldAt < oldCount ? wordAt(old, oldAt) : 0;
    const after: usize = newAt < newCount ? wordAt(now, newAt) : 0;
    if (before == after) {
      oldAt++;
      newAt++;
    } else if (after == 0 || (before != 0 && compareRows(before, after) < 0)) {
      listTopRow(rows++, before, -1);
      oldAt++;
    } else {
      listTopRow(rows++, after, 1);
      newAt++;
    }
  }
  store<u32>(top, oldAt, TOP_OLD_AT);
  store<u32>(top, newAt, TOP_NEW_AT);
  return rows;
}

/** Rows that have no copies and that no checkpoint can have seen go now. */
function settle(top: usize): void {
  const count = load<u32>(top, TOP_ZEROED_COUNT);
  const epoch = load<u32>(top, TOP_EPOCH);
  for (let index: u32 = 0; index < count; index++) {
    const row = wordAt(<usize>load<u32>(top, TOP_ZEROED), index);
    store<u32>(row, 0, ROW_LISTED);
    if (load<i32>(row, ROW_COPIES) == 0 && load<u32>(row, ROW_BORN) == epoch) eraseRow(top, row);
  }
  store<u32>(top, 0, TOP_ZEROED_COUNT);
}

function writeRanks(batch: usize, columnIndex: u32, rows: u32): void {
  const column = columnAt(batch, columnIndex);
  const data = <usize>load<u32>(column, COLUMN_DATA);
  store<u32>(column, 0, COLUMN_VALIDITY);
  for (let row: u32 = 0; row < rows; row++) {
    store<u64>(data + ((<usize>row) << 3), <u64>load<u32>(OUT_RANKS + ((<usize>row) << 2)));
  }
}

/** Fills the batch (keys, row columns, rank) with up to `capacity` rows, 2 or more; 0 = no more, or the status says why. */
export function mr_top_emit(top: u32, batch: u32, capacity: u32): u32 {
  const t = <usize>top;
  const touched = load<u32>(t, TOP_TOUCHED_COUNT);
  const limit = min<u32>(capacity, OUT_ROWS_MAX) - 1;
  const ranked = load<u32>(t, TOP_RANKED) != 0;
  store<u32>(CONTROL_STATUS, STATUS_OK);
  let rows: u32 = 0;
  let next = load<u32>(t, TOP_NEXT);
  while (next < touched && rows < limit) {
    const record = <usize>(load<u32>(t, TOP_TOUCHED) + next * TOUCHED_BYTES);
    if (load<u32>(t, TOP_NEW_COUNT) == NOT_BEGUN) {
      const list = <usize>load<u32>(record, TOUCHED_LIST);
      store<u32>(t, listBest(list, load<u32>(t, TOP_LIMIT), <usize>load<u32>(t, TOP_NEW)), TOP_NEW_COUNT);
      store<u32>(t, 0, TOP_OLD_AT);
      store<u32>(t, 0, TOP_NEW_AT);
    }
    const old = <usize>(load<u32>(t, TOP_OLD) + load<u32>(record, TOUCHED_OLD));
    const oldCount = load<u32>(record, TOUCHED_OLD_COUNT);
    const newCount = load<u32>(t, TOP_NEW_COUNT);
    if (ranked) rows = listRanks(t, old, oldCount, newCount, rows, limit);
    else rows = listDifference(t, old, oldCount, newCount, rows, limit);
    if (load<u32>(t, TOP_OLD_AT) < oldCount || load<u32>(t, TOP_NEW_AT) < newCount) break;
    store<u32>(t, NOT_BEGUN, TOP_NEW_COUNT);
    next++;
  }
  store<u32>(t, next, TOP_NEXT);
  if (rows == 0) {
    settle(t);
    return 0;
  }
  const table = <usize>load<u32>(t, TOP_TABLE);
  const keys = load<u32>(table, TABLE_KEY_COUNT);
  writeKeys(table, keysFrom(<usize>batch, 0), rows);
  if (!writeRows(t, <usize>batch, keys, rows)) {
    store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
    return 0;
  }
  if (ranked) writeRanks(<usize>batch, keys + load<u32>(t, TOP_COLUMN_COUNT), rows);
  writeWeights(<usize>batch, rows);
  store<u32>(batch, rows, BATCH_ROWS);
  return rows;
}
