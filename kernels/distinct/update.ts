// Adding the values of rows to the sets of their windows' entries, after the rows have been folded.

import {
  BATCH_ROWS,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  TYPE_UTF8,
} from "../abi";
import { mr_alloc, mr_free } from "../memory/allocator";
import { bitAt, columnAt, hashKeys, passKeys } from "../table/keys";
import {
  PANE_END,
  PANE_START,
  PASS_ENTRIES,
  PASS_HASHES,
  PASS_KEYS,
  PASS_KEYS_AT,
  PASS_ROWS,
  TABLE_CONSTANT,
  TABLE_FIRST_PANE,
  TABLE_LATE_COUNT,
  TABLE_LATE_ROWS,
  TABLE_OFFSET,
  TABLE_SIZE,
  TABLE_TIME_COLUMN,
} from "../table/layout";
import { lookUp } from "../table/lookup";
import { addMark, reserveMark } from "../table/marks";
import { firstPane } from "../pane/walk";
import { hasDense, lookUpDense } from "../window/dense_pane";
import { dropFirstPane, paneAt, timeIntoWindow } from "../window/panes";
import { reserveStaging, stagedBytes, stageRow } from "./keys";
import {
  LIST_OWNERS,
  LIST_PANES,
  LIST_ROWS,
  LIST_SET_PANES,
  SETS_AT,
  SETS_BYTES,
  SETS_COLUMN,
  SETS_MAIN,
  SETS_STAGING,
  SETS_STAGING_BYTES,
  SETS_TABLE,
  SETS_TYPE,
  VALUE_AT,
} from "./layout";

/** Sets of the owners in `main`, kept in `table`; 0 where memory is used up. */
export function mr_distinct_create(main: u32, table: u32, column: u32, type: u32, at: u32): u32 {
  const sets = <usize>mr_alloc(SETS_BYTES);
  if (sets == 0) return 0;
  memory.fill(sets, 0, <usize>SETS_BYTES);
  store<u32>(sets, main, SETS_MAIN);
  store<u32>(sets, table, SETS_TABLE);
  store<u32>(sets, column, SETS_COLUMN);
  store<u32>(sets, type, SETS_TYPE);
  store<u32>(sets, at, SETS_AT);
  store<u32>(<usize>table, 1, TABLE_CONSTANT);
  return <u32>sets;
}

/** Frees all but the two tables. */
export function mr_distinct_free(sets: u32): void {
  const staging = load<u32>(<usize>sets, SETS_STAGING_BYTES);
  if (staging != 0) mr_free(load<u32>(<usize>sets, SETS_STAGING), staging);
  mr_free(sets, SETS_BYTES);
}

export function outOfMemory(row: u32): bool {
  store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
  store<u32>(CONTROL_DETAIL, row);
  return false;
}

/** Counts an entry that is new, and marks it unless `epoch` is 0. */
@inline
export function countNew(sets: usize, pane: usize, entry: usize, owner: usize, epoch: u32): bool {
  if (load<u64>(entry, VALUE_AT) != 0) return true;
  if (epoch != 0) {
    if (!reserveMark(pane, epoch)) return false;
    addMark(pane, entry);
  }
  store<u64>(entry, 1, VALUE_AT);
  const slot = owner + <usize>load<u32>(sets, SETS_AT);
  store<u64>(slot, load<u64>(slot) + 1);
  return true;
}

/** Looks up the owners of `count` rows, whose numbers and panes are listed; answers for how many it was done. */
function findOwners(main: usize, batch: usize, rows: usize, panes: usize, count: u32, epoch: u32): u32 {
  const part = passKeys(main, batch, rows, 0, count, false);
  if (part == 0) return 0;
  const keys = <usize>load<u32>(PASS_KEYS_AT);
  hashKeys(main, keys, part);
  const dense = hasDense(<usize>load<u32>(panes));
  const found = dense ? lookUpDense(main, 0, panes, keys, part, epoch) : lookUp(main, 0, panes, keys, part, epoch);
  if (found < part) return 0;
  memory.copy(LIST_OWNERS, PASS_ENTRIES, (<usize>part) << 2);
  return part;
}

/** Looks up the staged keys, whose owners and panes stand in the lists, and counts the new ones. */
function countStaged(sets: usize, owners: usize, count: u32, epoch: u32): bool {
  const table = <usize>load<u32>(sets, SETS_TABLE);
  if (count == 0) return true;
  if (lookUp(table, 0, LIST_SET_PANES, PASS_KEYS, count, 0) < count) return false;
  for (let i: u32 = 0; i < count; i++) {
    const at = (<usize>i) << 2;
    const pane = <usize>load<u32>(LIST_SET_PANES + at);
    if (!countNew(sets, pane, <usize>load<u32>(PASS_ENTRIES + at), <usize>load<u32>(owners + at), epoch)) return false;
  }
  return true;
}

/** The values of `count` rows whose owners are in LIST_OWNERS; the list is packed in place as rows are staged. */
function addToOwners(sets: usize, batch: usize, rows: usize, panes: usize, count: u32, epoch: u32): bool {
  const table = <usize>load<u32>(sets, SETS_TABLE);
  const column = columnAt(batch, load<u32>(sets, SETS_COLUMN));
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const validity = <usize>load<u32>(column, COLUMN_VALIDITY);
  const type = load<u32>(sets, SETS_TYPE);
  let staged: u32 = 0;
  let used: u32 = 0;
  let pane: usize = 0;
  let setPane: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = load<u32>(rows + ((<usize>i) << 2));
    if (validity != 0 && !bitAt(validity, row)) continue;
    const bytes = stagedBytes(type, data, row);
    if (type == <u32>TYPE_UTF8 && used + bytes > load<u32>(sets, SETS_STAGING_BYTES)) {
      if (!countStaged(sets, LIST_OWNERS, staged, epoch) || !reserveStaging(sets, bytes << 4)) return outOfMemory(row);
      staged = 0;
      used = 0;
    }
    const itsPane = <usize>load<u32>(panes + ((<usize>i) << 2));
    if (itsPane != pane) {
      pane = itsPane;
      setPane = paneAt(table, load<i64>(pane, PANE_START));
      if (setPane == 0) return outOfMemory(row);
    }
    const owner = load<u32>(LIST_OWNERS + ((<usize>i) << 2));
    const at = (<usize>staged) << 2;
    const hash = stageRow(sets, staged, <usize>owner, data, row, <usize>(load<u32>(sets, SETS_STAGING) + used));
    store<u32>(PASS_HASHES + at, hash);
    store<u32>(LIST_OWNERS + at, owner);
    store<u32>(LIST_SET_PANES + at, <u32>setPane);
    used += bytes;
    staged++;
  }
  return countStaged(sets, LIST_OWNERS, staged, epoch) || outOfMemory(load<u32>(rows));
}

/** Adds the values of listed rows to the sets of the entries that they have been folded into, in the listed panes. */
export function addListed(sets: usize, batch: usize, rows: usize, panes: usize, count: u32, epoch: u32): bool {
  const main = <usize>load<u32>(sets, SETS_MAIN);
  while (count > 0) {
    const part = findOwners(main, batch, rows, panes, count, epoch);
    if (part == 0) return outOfMemory(load<u32>(rows));
    if (!addToOwners(sets, batch, rows, panes, part, epoch)) return false;
    count -= part;
    rows += (<usize>part) << 2;
    panes += (<usize>part) << 2;
  }
  return true;
}

/** Adds the values of all rows but those that the main table has just listed as late. */
export function addBatch(sets: usize, batch: usize, epoch: u32): bool {
  const main = <usize>load<u32>(sets, SETS_MAIN);
  const rows = load<u32>(batch, BATCH_ROWS);
  const times = <usize>load<u32>(columnAt(batch, load<u32>(main, TABLE_TIME_COLUMN)), COLUMN_DATA);
  const size = load<i64>(main, TABLE_SIZE);
  let late = <usize>load<u32>(main, TABLE_LATE_ROWS);
  const lateEnd = late + ((<usize>load<u32>(main, TABLE_LATE_COUNT)) << 2);
  let start: i64 = 0;
  let pane: usize = 0;
  let listed: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    if (late < lateEnd && load<u32>(late) == row) {
      late += 4;
      continue;
    }
    const time = load<i64>(times + ((<usize>row) << 3));
    if (pane == 0 || <u64>(time - start) >= <u64>size) {
      start = time - timeIntoWindow(time, size, load<i64>(main, TABLE_OFFSET));
      pane = paneAt(main, start);
      if (pane == 0) return outOfMemory(row);
    }
    store<u32>(LIST_ROWS + ((<usize>listed) << 2), row);
    store<u32>(LIST_PANES + ((<usize>listed) << 2), <u32>pane);
    listed++;
    if (listed < PASS_ROWS) continue;
    if (!addListed(sets, batch, LIST_ROWS, LIST_PANES, listed, epoch)) return false;
    listed = 0;
  }
  return addListed(sets, batch, LIST_ROWS, LIST_PANES, listed, epoch);
}

export function mr_distinct_update(sets: u32, batch: u32, epoch: u32): void {
  store<u32>(CONTROL_STATUS, STATUS_OK);
  addBatch(<usize>sets, <usize>batch, epoch);
}

/** Forgets the sets of windows that end at or before the watermark; none of their owners is left. */
export function mr_distinct_drop(sets: u32, watermark: i64): void {
  const table = <usize>load<u32>(<usize>sets, SETS_TABLE);
  let pane = firstPane(table);
  while (pane != 0 && load<i64>(pane, PANE_END) <= watermark) {
    dropFirstPane(table);
    pane = firstPane(table);
  }
}

/** The same for one window; later ones may be there, earlier ones not. */
export function dropSets(sets: usize, start: i64): void {
  const table = <usize>load<u32>(sets, SETS_TABLE);
  const pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
  if (pane != 0 && load<i64>(pane, PANE_START) == start) dropFirstPane(table);
}
