// State out and in: the entries changed after an epoch (or all of them) as rows ordered by key group, and such
// rows back into a table. Gathering changes costs as much as was touched, whatever the size of the state.

import {
  BATCH_ROWS,
  COLUMN_DATA,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_BAD_STATE,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from "../abi";
import { mr_alloc, mr_free } from "../memory/allocator";
import { columnAt, hashKeys, passKeys } from "../table/keys";
import {
  COUNT,
  GROUP_SHIFT,
  MARKS_EPOCH,
  MARKS_HEADER,
  MARKS_NEXT,
  ORDERED_FLOAT,
  OUT_ENTRIES,
  OUT_PANES,
  OUT_ROWS_MAX,
  PANE_GROUPS,
  PANE_MARKS_FIRST,
  PANE_NEXT,
  PASS_HASHES,
  PASS_KEYS_AT,
  PASS_ROWS,
  TABLE_CHANGED,
  TABLE_CHANGED_BYTES,
  TABLE_CHANGED_COUNT,
  TABLE_CHANGED_NEXT,
  TABLE_CONSTANT,
  TABLE_CURSOR_CHUNK,
  TABLE_CURSOR_GROUP,
  TABLE_CURSOR_PANE,
  TABLE_FIRED,
  TABLE_FIRST_PANE,
  TABLE_GROUP_COUNT,
  TABLE_GROUP_START,
  TABLE_KEY_BYTES,
  TABLE_KEY_COUNT,
  TABLE_OFFSET,
  TABLE_SIZE,
  TABLE_STATE_COUNT,
  TABLE_STATES,
  TABLE_TEMPLATE,
} from "../table/layout";
import { groupOf, resolveKey } from "../table/lookup";
import { marksEnd } from "../table/marks";
import { listGroup } from "./fire";
import { orderedOf } from "./fold";
import { paneAt, timeIntoWindow, windowFits } from "./panes";
import { writeKeys, writeStateAddress, writeValues } from "./rows_out";

const STALE: u32 = 0xffffffff; // no key group

/** Marks of epochs after `afterEpoch`, those that are the entry's last no more among them. */
function countMarks(table: usize, afterEpoch: u32): u32 {
  let bytes: usize = 0;
  let pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
  for (; pane != 0; pane = <usize>load<u32>(pane, PANE_NEXT)) {
    let block = <usize>load<u32>(pane, PANE_MARKS_FIRST);
    for (; block != 0; block = <usize>load<u32>(block, MARKS_NEXT)) {
      if (load<u32>(block, MARKS_EPOCH) > afterEpoch) bytes += marksEnd(pane, block) - block - MARKS_HEADER;
    }
  }
  return <u32>(bytes >> 2);
}

/**
 * Writes the key group of each mark's entry to `groups`, STALE where the mark is the entry's last no more, and counts
 * the others by key group (one slot further on, so that sums become starts). Only here are entries touched, which lie
 * all over memory. Answers how many are not stale.
 */
function groupMarks(table: usize, afterEpoch: u32, groups: usize, counts: usize): u32 {
  const epochAt = <usize>load<u32>(table, TABLE_KEY_BYTES);
  const constant = load<u32>(table, TABLE_CONSTANT) != 0;
  let changed: u32 = 0;
  let pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
  for (; pane != 0; pane = <usize>load<u32>(pane, PANE_NEXT)) {
    let block = <usize>load<u32>(pane, PANE_MARKS_FIRST);
    for (; block != 0; block = <usize>load<u32>(block, MARKS_NEXT)) {
      const epoch = load<u32>(block, MARKS_EPOCH);
      if (epoch <= afterEpoch) continue;
      const end = marksEnd(pane, block);
      for (let at = block + MARKS_HEADER; at < end; at += 4, groups += 4) {
        const entry = <usize>load<u32>(at);
        if (!constant && load<u32>(entry + epochAt) != epoch) {
          store<u32>(groups, STALE);
          continue;
        }
        const group = groupOf(table, load<u32>(entry + epochAt, 4));
        store<u32>(groups, group);
        const count = counts + ((<usize>group) << 2);
        store<u32>(count, load<u32>(count, 4) + 1, 4);
        changed++;
      }
    }
  }
  return changed;
}

/** Writes {entry, pane} of each mark at its group's next place. */
function placeMarks(table: usize, afterEpoch: u32, groups: usize, counts: usize, pairs: usize): void {
  let pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
  for (; pane != 0; pane = <usize>load<u32>(pane, PANE_NEXT)) {
    let block = <usize>load<u32>(pane, PANE_MARKS_FIRST);
    for (; block != 0; block = <usize>load<u32>(block, MARKS_NEXT)) {
      if (load<u32>(block, MARKS_EPOCH) <= afterEpoch) continue;
      const end = marksEnd(pane, block);
      for (let at = block + MARKS_HEADER; at < end; at += 4, groups += 4) {
        const group = load<u32>(groups);
        if (group == STALE) continue;
        const next = counts + ((<usize>group) << 2);
        const place = load<u32>(next);
        store<u32>(next, place + 1);
        store<u32>(pairs + ((<usize>place) << 3), load<u32>(at));
        store<u32>(pairs + ((<usize>place) << 3), <u32>pane, 4);
      }
    }
  }
}

/** Lists what changed after the epoch, sorted by key group; answers how many, with the status set. */
export function mr_window_gather_begin(table: u32, afterEpoch: u32): u32 {
  const t = <usize>table;
  store<u32>(CONTROL_STATUS, STATUS_OK);
  store<u32>(CONTROL_DETAIL, 0);
  const marks = countMarks(t, afterEpoch);
  const groupCount = load<u32>(t, TABLE_GROUP_COUNT);
  const groupsBytes = (marks << 2) + ((groupCount + 1) << 2);
  const groups = mr_alloc(groupsBytes);
  if (groups == 0) {
    store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
    return 0;
  }
  const counts = <usize>(groups + (marks << 2));
  memory.fill(counts, 0, (<usize>groupCount + 1) << 2);
  const changed = groupMarks(t, afterEpoch, <usize>groups, counts);
  const pairs = mr_alloc(changed << 3);
  if (pairs == 0) {
    mr_free(groups, groupsBytes);
    store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
    return 0;
  }
  let total: u32 = 0;
  for (let group: u32 = 0; group <= groupCount; group++) {
    total += load<u32>(counts + ((<usize>group) << 2));
    store<u32>(counts + ((<usize>group) << 2), total);
  }
  placeMarks(t, afterEpoch, <usize>groups, counts, <usize>pairs);
  mr_free(groups, groupsBytes);
  store<u32>(t, pairs, TABLE_CHANGED);
  store<u32>(t, changed << 3, TABLE_CHANGED_BYTES);
  store<u32>(t, changed, TABLE_CHANGED_COUNT);
  store<u32>(t, 0, TABLE_CHANGED_NEXT);
  return changed;
}

/** Begins listing every entry, by key group. */
export function mr_window_gather_all(table: u32): void {
  const t = <usize>table;
  store<u32>(CONTROL_STATUS, STATUS_OK);
  store<u32>(t, 0, TABLE_CHANGED);
  store<u32>(t, 0, TABLE_CURSOR_GROUP);
  store<u32>(t, 0, TABLE_CURSOR_CHUNK);
  store<u32>(t, load<u32>(t, TABLE_FIRST_PANE), TABLE_CURSOR_PANE);
}

export function listChanges(table: usize, limit: u32): u32 {
  const from = load<u32>(table, TABLE_CHANGED_NEXT);
  const rows = min<u32>(limit, load<u32>(table, TABLE_CHANGED_COUNT) - from);
  const pairs = <usize>load<u32>(table, TABLE_CHANGED) + ((<usize>from) << 3);
  for (let row: u32 = 0; row < rows; row++) {
    store<u32>(OUT_ENTRIES + ((<usize>row) << 2), load<u32>(pairs + ((<usize>row) << 3)));
    store<u32>(OUT_PANES + ((<usize>row) << 2), load<u32>(pairs + ((<usize>row) << 3), 4));
  }
  store<u32>(table, from + rows, TABLE_CHANGED_NEXT);
  return rows;
}

export function listAll(table: usize, limit: u32): u32 {
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  let number = load<u32>(table, TABLE_CURSOR_GROUP);
  let pane = <usize>load<u32>(table, TABLE_CURSOR_PANE);
  let rows: u32 = 0;
  while (number < groupCount && rows < limit) {
    if (pane == 0) {
      number++;
      pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
      if (pane == 0) break;
      continue;
    }
    const group = <usize>load<u32>(pane, PANE_GROUPS) + ((<usize>number) << GROUP_SHIFT);
    rows = listGroup(table, pane, group, rows, limit);
    if (load<u32>(table, TABLE_CURSOR_CHUNK) == 0) pane = <usize>load<u32>(pane, PANE_NEXT);
  }
  store<u32>(table, number, TABLE_CURSOR_GROUP);
  store<u32>(table, <u32>pane, TABLE_CURSOR_PANE);
  return rows;
}

/** The next rows of what was begun; 0 = no more, and its list is freed. */
export function mr_window_gather_next(table: u32, batch: u32, capacity: u32): u32 {
  const t = <usize>table;
  const out = <usize>batch;
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
  writeStateAddress(t, out, rows);
  writeKeys(t, out, rows);
  writeValues(t, out, rows, t + TABLE_STATES, load<u32>(t, TABLE_STATE_COUNT));
  store<u32>(out + BATCH_ROWS, rows);
  return rows;
}

/** Writes one state row's accumulators; false where no table can have produced them. */
function writeEntry(table: usize, batch: usize, row: u32, entry: usize): bool {
  const columns = load<u32>(table, TABLE_STATE_COUNT);
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  const template = <usize>load<u32>(table, TABLE_TEMPLATE) - rowsAt;
  for (let index: u32 = 0; index < columns; index++) {
    const program = table + TABLE_STATES + ((<usize>index) << 4);
    const operation = load<u32>(program);
    const at = <usize>load<u32>(program, 4);
    const column = columnAt(batch, 2 + load<u32>(table, TABLE_KEY_COUNT) + index);
    const from = <usize>load<u32>(column, COLUMN_DATA) + ((<usize>row) << 3);
    if (operation == COUNT) {
      const count = load<i64>(from);
      store<i64>(entry + at, count);
      if (count < 0 || (at == rowsAt && count == 0) || count > load<i64>(entry + rowsAt)) return false;
    } else if (load<u64>(entry + <usize>load<u32>(program, 8)) == 0) {
      store<u64>(entry + at, load<u64>(template + at));
    } else if (operation == ORDERED_FLOAT) {
      store<i64>(entry + at, orderedOf(load<f64>(from)));
    } else {
      store<u64>(entry + at, load<u64>(from));
    }
  }
  return true;
}

@inline
function fail(status: u32, row: u32): void {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
}

/** Upserts `count` rows from `first`, whose keys and hashes stand ready. */
function restoreRows(table: usize, batch: usize, first: u32, count: u32, keys: usize, epoch: u32): bool {
  const size = load<i64>(table, TABLE_SIZE);
  const groups = <usize>load<u32>(columnAt(batch, 0), COLUMN_DATA);
  const starts = <usize>load<u32>(columnAt(batch, 1), COLUMN_DATA);
  const keyBytes = load<u32>(table, TABLE_KEY_BYTES);
  for (let i: u32 = 0; i < count; i++) {
    const row = first + i;
    const hash = load<u32>(PASS_HASHES + ((<usize>i) << 2));
    const group = groupOf(table, hash);
    const start = load<i64>(starts + ((<usize>row) << 3));
    const into = timeIntoWindow(start, size, load<i64>(table, TABLE_OFFSET));
    const itsGroup = load<u64>(groups + ((<usize>row) << 3));
    if (itsGroup != <u64>(group + load<u32>(table, TABLE_GROUP_START)) || into != 0 || !windowFits(start, into, size)) {
      fail(STATUS_BAD_STATE, row);
      return false;
    }
    if (group >= load<u32>(table, TABLE_GROUP_COUNT) || start + size <= load<i64>(table, TABLE_FIRED)) continue;
    const pane = paneAt(table, start);
    const entry: usize = pane == 0 ? 0 : resolveKey(table, pane, hash, keys + <usize>(i * keyBytes), epoch);
    if (entry == 0) {
      fail(STATUS_OUT_OF_MEMORY, row);
      return false;
    }
    if (!writeEntry(table, batch, row, entry)) {
      fail(STATUS_BAD_STATE, row);
      return false;
    }
  }
  return true;
}

/** Upserts a batch of state rows, skipping other tables' key groups and closed windows; epoch 0 leaves the entries unmarked. */
export function mr_window_restore(table: u32, batch: u32, epoch: u32): void {
  const t = <usize>table;
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  let first: u32 = 0;
  while (first < rows) {
    const count = passKeys(t, <usize>batch, 0, first, min<u32>(PASS_ROWS, rows - first), true);
    if (count == 0) return fail(STATUS_OUT_OF_MEMORY, first);
    const keys = <usize>load<u32>(PASS_KEYS_AT);
    hashKeys(t, keys, count);
    if (!restoreRows(t, <usize>batch, first, count, keys, epoch)) return;
    first += count;
  }
}
