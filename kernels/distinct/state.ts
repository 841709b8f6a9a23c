// Sets out and in: rows of key group, window start, the owner's key and one value.

import {
  BATCH_ROWS,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_BAD_STATE,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  TYPE_BOOL,
  TYPE_UTF8,
  VIEW_INLINE_MAX,
} from "../abi";
import { mr_free } from "../memory/allocator";
import { columnAt, hashKeys, passKeys } from "../table/keys";
import {
  OUT_ENTRIES,
  OUT_ROWS_MAX,
  PASS_HASHES,
  PASS_KEYS,
  PASS_KEYS_AT,
  PASS_ROWS,
  TABLE_CHANGED,
  TABLE_CHANGED_BYTES,
  TABLE_CURSOR_CHUNK,
  TABLE_CURSOR_GROUP,
  TABLE_FIRED,
  TABLE_GROUP_COUNT,
  TABLE_GROUP_START,
  TABLE_KEY_BYTES,
  TABLE_KEY_COUNT,
  TABLE_OFFSET,
  TABLE_SIZE,
} from "../table/layout";
import { groupOf, resolveKey } from "../table/lookup";
import { listAll, listChanges } from "../window/gather";
import { paneAt, timeIntoWindow, windowFits } from "../window/panes";
import { writeKeys, writeStateAddress } from "../window/rows_out";
import { bytesOfView, ownerOf, reserveStaging, stagedBytes, stageRow } from "./keys";
import { LIST_OWNERS, SETS_MAIN, SETS_STAGING, SETS_TABLE, SETS_TYPE } from "./layout";
import { countNew } from "./update";

function writeValue(type: u32, data: usize, row: u32, entry: usize): void {
  if (type == <u32>TYPE_BOOL) {
    const at = data + <usize>(row >> 3);
    const mask: u32 = 1 << (row & 7);
    const old = <u32>load<u8>(at);
    store<u8>(at, <u8>(load<u64>(entry) != 0 ? old | mask : old & ~mask));
  } else if (type == <u32>TYPE_UTF8) {
    const view = data + ((<usize>row) << 4);
    const length = load<u32>(entry) - 8;
    const text = bytesOfView(entry) + 8;
    v128.store(view, i64x2.splat(0));
    store<u32>(view, length);
    if (length <= <u32>VIEW_INLINE_MAX) {
      memory.copy(view + 4, text, <usize>length);
    } else {
      store<u32>(view, load<u32>(text), 4);
      store<u32>(view, <u32>text, 12);
    }
  } else {
    store<u64>(data + ((<usize>row) << 3), load<u64>(entry));
  }
}

/** The next rows of what mr_window_gather_begin or _all has begun on the sets' table; 0 = no more. */
export function mr_distinct_gather_next(sets: u32, batch: u32, capacity: u32): u32 {
  const main = <usize>load<u32>(<usize>sets, SETS_MAIN);
  const t = <usize>load<u32>(<usize>sets, SETS_TABLE);
  const limit = min<u32>(capacity, OUT_ROWS_MAX);
  const changed = load<u32>(t, TABLE_CHANGED);
  const rows = changed != 0 ? listChanges(t, limit) : listAll(t, limit);
  if (rows == 0) {
    if (changed != 0) mr_free(changed, load<u32>(t, TABLE_CHANGED_BYTES));
    store<u32>(t, 0, TABLE_CHANGED);
    store<u32>(t, 0, TABLE_CURSOR_GROUP);
    store<u32>(t, 0, TABLE_CURSOR_CHUNK);
    return 0;
  }
  writeStateAddress(t, <usize>batch, rows);
  const column = columnAt(<usize>batch, 2 + load<u32>(main, TABLE_KEY_COUNT));
  store<u32>(column, 0, COLUMN_VALIDITY);
  for (let row: u32 = 0; row < rows; row++) {
    const at = OUT_ENTRIES + ((<usize>row) << 2);
    const entry = <usize>load<u32>(at);
    writeValue(load<u32>(<usize>sets, SETS_TYPE), <usize>load<u32>(column, COLUMN_DATA), row, entry);
    store<u32>(at, <u32>ownerOf(<usize>sets, entry));
  }
  writeKeys(main, <usize>batch, rows);
  store<u32>(<usize>batch + BATCH_ROWS, rows);
  return rows;
}

@inline
function fail(status: u32, row: u32): bool {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
  return false;
}

/**
 * The owner of a state row, made if the main table has not taken its row in yet; 0 with the status set where that cannot
 * be, 0 without where the row is not this task's or its window is closed.
 */
function ownerOfRow(main: usize, batch: usize, row: u32, hash: u32, key: usize): usize {
  const start = load<i64>(<usize>load<u32>(columnAt(batch, 1), COLUMN_DATA) + ((<usize>row) << 3));
  const itsGroup = load<u64>(<usize>load<u32>(columnAt(batch, 0), COLUMN_DATA) + ((<usize>row) << 3));
  const size = load<i64>(main, TABLE_SIZE);
  const group = groupOf(main, hash);
  const into = timeIntoWindow(start, size, load<i64>(main, TABLE_OFFSET));
  if (itsGroup != <u64>(group + load<u32>(main, TABLE_GROUP_START)) || into != 0 || !windowFits(start, into, size)) {
    fail(STATUS_BAD_STATE, row);
    return 0;
  }
  if (group >= load<u32>(main, TABLE_GROUP_COUNT) || start + size <= load<i64>(main, TABLE_FIRED)) return 0;
  const pane = paneAt(main, start);
  const owner: usize = pane == 0 ? 0 : resolveKey(main, pane, hash, key, 0);
  if (owner == 0) fail(STATUS_OUT_OF_MEMORY, row);
  return owner;
}

/** Adds one state row's value to its owner's set. */
function restoreRow(sets: usize, batch: usize, row: u32, owner: usize, epoch: u32): bool {
  const main = <usize>load<u32>(sets, SETS_MAIN);
  const table = <usize>load<u32>(sets, SETS_TABLE);
  const column = columnAt(batch, 2 + load<u32>(main, TABLE_KEY_COUNT));
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const start = load<i64>(<usize>load<u32>(columnAt(batch, 1), COLUMN_DATA) + ((<usize>row) << 3));
  if (!reserveStaging(sets, stagedBytes(load<u32>(sets, SETS_TYPE), data, row))) return fail(STATUS_OUT_OF_MEMORY, row);
  const hash = stageRow(sets, 0, owner, data, row, <usize>load<u32>(sets, SETS_STAGING));
  const pane = paneAt(table, start);
  const entry: usize = pane == 0 ? 0 : resolveKey(table, pane, hash, PASS_KEYS, 0);
  if (entry == 0 || !countNew(sets, pane, entry, owner, epoch)) return fail(STATUS_OUT_OF_MEMORY, row);
  return true;
}

/** Adds a batch of state rows, leaving out other tasks' key groups and closed windows; epoch 0 leaves them unmarked. */
export function mr_distinct_restore(sets: u32, batch: u32, epoch: u32): void {
  const main = <usize>load<u32>(<usize>sets, SETS_MAIN);
  const keyBytes = load<u32>(main, TABLE_KEY_BYTES);
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  let first: u32 = 0;
  while (first < rows) {
    const count = passKeys(main, <usize>batch, 0, first, min<u32>(PASS_ROWS, rows - first), true);
    if (count == 0) {
      fail(STATUS_OUT_OF_MEMORY, first);
      return;
    }
    const keys = <usize>load<u32>(PASS_KEYS_AT);
    hashKeys(main, keys, count);
    // All owners first: staging a value overwrites the keys of the pass.
    for (let i: u32 = 0; i < count; i++) {
      const hash = load<u32>(PASS_HASHES + ((<usize>i) << 2));
      const owner = ownerOfRow(main, <usize>batch, first + i, hash, keys + <usize>(i * keyBytes));
      if (load<u32>(CONTROL_STATUS) != STATUS_OK) return;
      store<u32>(LIST_OWNERS + ((<usize>i) << 2), <u32>owner);
    }
    for (let i: u32 = 0; i < count; i++) {
      const owner = <usize>load<u32>(LIST_OWNERS + ((<usize>i) << 2));
      if (owner != 0 && !restoreRow(<usize>sets, <usize>batch, first + i, owner, epoch)) return;
    }
    first += count;
  }
}
