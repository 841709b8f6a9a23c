// State of the best rows out and in: | key_group | key columns | the other columns, those of the order first | copies |,
// one row a row that is there, ordered by key group. A row of weight -1 is a tombstone: that row is gone.

import {
  BATCH_ROWS,
  BATCH_WEIGHTS,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_BAD_STATE,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from "../abi";
import { changesLeft, endGathering, firstChange, gatherChanges, nextChange, NODE_EPOCH, unlink } from "../changes/list";
import { keysFrom, writeWeights } from "../running/emit";
import { writeKeyGroups } from "../running/gather";
import { chunkEnd } from "../table/entries";
import { columnAt, hashKeys, passKeys } from "../table/keys";
import {
  CHUNK_HEADER,
  CHUNK_NEXT,
  GROUP_FIRST_CHUNK,
  GROUP_SHIFT,
  OUT_ROWS_MAX,
  PANE_GROUPS,
  PASS_HASHES,
  PASS_KEYS_AT,
  PASS_ROWS,
  TABLE_ENTRY_BYTES,
  TABLE_GROUP_COUNT,
  TABLE_GROUP_START,
  TABLE_KEY_BYTES,
  TABLE_KEY_COUNT,
} from "../table/layout";
import { groupOf, resolveKey } from "../table/lookup";
import { compactLongKeys } from "../table/remove";
import { writeKeys } from "../window/rows_out";
import { listTopRow } from "./emit";
import {
  LIST_LENGTH,
  LIST_LIVE,
  OUT_ROWS,
  ROW_COPIES,
  TOP_ALL_CHUNK,
  TOP_ALL_ENTRY,
  TOP_ALL_GROUP,
  TOP_ALL_ROW,
  TOP_CHANGES,
  TOP_COLUMN_COUNT,
  TOP_KEEP_ALL,
  TOP_PANE,
  TOP_TABLE,
} from "./layout";
import { dropEntry, eraseRow, listAt, listOf, resolveRow, rowOf, setCopies } from "./lists";
import { stageRow, writeRows } from "./rows";

/** Begins listing the rows that changed after the epoch. */
export function mr_top_gather_begin(top: u32, afterEpoch: u32): void {
  const done = gatherChanges(<usize>load<u32>(top, TOP_TABLE), <usize>top + TOP_CHANGES, afterEpoch);
  store<u32>(CONTROL_STATUS, done ? STATUS_OK : STATUS_OUT_OF_MEMORY);
}

/** 0, with the status set, where memory is used up. */
function writeStateRows(top: usize, batch: usize, rows: u32): u32 {
  const table = <usize>load<u32>(top, TOP_TABLE);
  const firstColumn = 1 + load<u32>(table, TABLE_KEY_COUNT);
  writeKeyGroups(table, batch, rows);
  writeKeys(table, keysFrom(batch, 1), rows);
  if (!writeRows(top, batch, firstColumn, rows)) {
    store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
    return 0;
  }
  const column = columnAt(batch, firstColumn + load<u32>(top, TOP_COLUMN_COUNT));
  const data = <usize>load<u32>(column, COLUMN_DATA);
  store<u32>(column, 0, COLUMN_VALIDITY);
  for (let row: u32 = 0; row < rows; row++) {
    const copies = load<i32>(<usize>load<u32>(OUT_ROWS + ((<usize>row) << 2)), ROW_COPIES);
    store<i64>(data + ((<usize>row) << 3), <i64>copies);
  }
  store<u32>(batch, rows, BATCH_ROWS);
  return rows;
}

/** The next changed rows, with their weights; 0 = no more, or the status says why; their list is then freed. */
export function mr_top_gather_next(top: u32, batch: u32, capacity: u32): u32 {
  const head = <usize>top + TOP_CHANGES;
  let rows = min<u32>(min<u32>(capacity, OUT_ROWS_MAX), changesLeft(head));
  store<u32>(CONTROL_STATUS, STATUS_OK);
  for (let place: u32 = 0; place < rows; place++) {
    const row = nextChange(head);
    listTopRow(place, row, load<i32>(row, ROW_COPIES) == 0 ? -1 : 1);
  }
  if (rows != 0) rows = writeStateRows(<usize>top, <usize>batch, rows);
  if (rows == 0) endGathering(head);
  else writeWeights(<usize>batch, rows);
  return rows;
}

/** Begins listing every row, by key group. */
export function mr_top_gather_all(top: u32): void {
  store<u32>(top, 0, TOP_ALL_GROUP);
  store<u32>(top, 0, TOP_ALL_CHUNK);
  store<u32>(top, 0, TOP_ALL_ROW);
  store<u32>(CONTROL_STATUS, STATUS_OK);
}

/** The next entry from the cursor on, at which it then stands; 0 = there is none. */
function seekEntry(top: usize): usize {
  const table = <usize>load<u32>(top, TOP_TABLE);
  const groups = <usize>load<u32>(load<u32>(top, TOP_PANE), PANE_GROUPS);
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  let number = load<u32>(top, TOP_ALL_GROUP);
  let chunk = <usize>load<u32>(top, TOP_ALL_CHUNK);
  let entry = <usize>load<u32>(top, TOP_ALL_ENTRY);
  let found: usize = 0;
  for (; number < groupCount && found == 0; number += <u32>(found == 0)) {
    const group = groups + ((<usize>number) << GROUP_SHIFT);
    if (chunk == 0) {
      chunk = <usize>load<u32>(group, GROUP_FIRST_CHUNK);
      entry = chunk + CHUNK_HEADER;
    }
    while (chunk != 0 && found == 0) {
      if (entry < chunkEnd(group, chunk)) {
        found = entry;
      } else {
        chunk = <usize>load<u32>(chunk, CHUNK_NEXT);
        entry = chunk + CHUNK_HEADER;
      }
    }
  }
  store<u32>(top, number, TOP_ALL_GROUP);
  store<u32>(top, <u32>chunk, TOP_ALL_CHUNK);
  store<u32>(top, <u32>entry, TOP_ALL_ENTRY);
  return found;
}

/** The next rows of all, without dead ones and without weights; 0 = no more, or the status says why. */
export function mr_top_all_next(top: u32, batch: u32, capacity: u32): u32 {
  const t = <usize>top;
  const table = <usize>load<u32>(t, TOP_TABLE);
  const stride = load<u32>(table, TABLE_ENTRY_BYTES);
  const limit = min<u32>(capacity, OUT_ROWS_MAX);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  let rows: u32 = 0;
  let index = load<u32>(t, TOP_ALL_ROW);
  while (rows < limit) {
    const entry = seekEntry(t);
    if (entry == 0) break;
    const list = <usize>load<u32>(entry + listAt(table));
    const length = load<u32>(list, LIST_LENGTH);
    for (; index < length && rows < limit; index++) {
      const row = rowOf(list, index);
      if (load<i32>(row, ROW_COPIES) != 0) listTopRow(rows++, row, 1);
    }
    if (index < length) break;
    index = 0;
    store<u32>(t, <u32>entry + stride, TOP_ALL_ENTRY);
  }
  store<u32>(t, index, TOP_ALL_ROW);
  return rows == 0 ? 0 : writeStateRows(t, <usize>batch, rows);
}

/** The checkpoint that holds the changes up to the epoch is durable: they are forgotten, and dead rows go. */
export function mr_top_completed(top: u32, epoch: u32): void {
  const head = <usize>top + TOP_CHANGES;
  for (;;) {
    const row = firstChange(head);
    if (row == 0 || load<u32>(row, NODE_EPOCH) > epoch) break;
    unlink(head, row);
    if (load<i32>(row, ROW_COPIES) == 0) eraseRow(<usize>top, row);
  }
  compactLongKeys(<usize>load<u32>(top, TOP_TABLE), <usize>load<u32>(top, TOP_PANE));
}

@inline
function fail(status: u32, row: u32): bool {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
  return false;
}

function restoreRow(top: usize, batch: usize, row: u32, entry: usize): bool {
  const table = <usize>load<u32>(top, TOP_TABLE);
  const firstColumn = 1 + load<u32>(table, TABLE_KEY_COUNT);
  const keepAll = load<u32>(top, TOP_KEEP_ALL) != 0;
  const weights = <usize>load<u32>(batch, BATCH_WEIGHTS);
  const copiesColumn = columnAt(batch, firstColumn + load<u32>(top, TOP_COLUMN_COUNT));
  let copies = load<i64>(<usize>load<u32>(copiesColumn, COLUMN_DATA) + ((<usize>row) << 3));
  const gone = weights != 0 && load<i8>(weights + <usize>row) < 0;
  if (gone) copies = 0;
  else if (copies == 0 || <i64>(<i32>copies) != copies || (copies < 0 && !keepAll)) return fail(STATUS_BAD_STATE, row);
  if (gone && load<u32>(entry + listAt(table)) == 0) {
    dropEntry(top, entry);
    return true;
  }
  const list = listOf(top, entry);
  const length: u32 = list == 0 ? 0 : stageRow(top, batch, row, firstColumn);
  const its: usize = length == 0 ? 0 : resolveRow(top, list, length, 0);
  if (its == 0) return fail(STATUS_OUT_OF_MEMORY, row);
  if (!keepAll) store<u32>(list, load<u32>(list, LIST_LIVE) + <u32>(<i32>copies - load<i32>(its, ROW_COPIES)), LIST_LIVE);
  setCopies(top, its, <i32>copies);
  if (gone) eraseRow(top, its);
  return true;
}

/** Takes over `count` rows from `first`, whose keys and hashes stand ready. */
function restoreRows(top: usize, batch: usize, first: u32, count: u32, keys: usize): bool {
  const table = <usize>load<u32>(top, TOP_TABLE);
  const groups = <usize>load<u32>(columnAt(batch, 0), COLUMN_DATA);
  const keyBytes = load<u32>(table, TABLE_KEY_BYTES);
  for (let i: u32 = 0; i < count; i++) {
    const row = first + i;
    const hash = load<u32>(PASS_HASHES + ((<usize>i) << 2));
    const group = groupOf(table, hash);
    if (load<u64>(groups + ((<usize>row) << 3)) != <u64>(group + load<u32>(table, TABLE_GROUP_START))) {
      return fail(STATUS_BAD_STATE, row);
    }
    if (group >= load<u32>(table, TABLE_GROUP_COUNT)) continue;
    const entry = resolveKey(table, <usize>load<u32>(top, TOP_PANE), hash, keys + <usize>(i * keyBytes), 0);
    if (entry == 0) return fail(STATUS_OUT_OF_MEMORY, row);
    if (!restoreRow(top, batch, row, entry)) return false;
  }
  return true;
}

/** Takes over a batch of state rows before any other row, leaving out those of other tables' key groups. */
export function mr_top_restore(top: u32, batch: u32): void {
  const table = <usize>load<u32>(top, TOP_TABLE);
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  let first: u32 = 0;
  while (first < rows) {
    const state = keysFrom(<usize>batch, 1);
    const count = passKeys(table, state, 0, first, min<u32>(PASS_ROWS, rows - first), true);
    if (count == 0) {
      fail(STATUS_OUT_OF_MEMORY, first);
      return;
    }
    const keys = <usize>load<u32>(PASS_KEYS_AT);
    hashKeys(table, keys, count);
    if (!restoreRows(<usize>top, <usize>batch, first, count, keys)) return;
    first += count;
  }
  compactLongKeys(table, <usize>load<u32>(top, TOP_PANE));
}
