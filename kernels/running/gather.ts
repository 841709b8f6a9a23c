// State of a running aggregate out and in: | key_group | key columns | rows, accumulators |, one row an entry, ordered
// by key group. A row of weight -1 is a tombstone: its key is gone.

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
import { changesLeft, endGathering, firstChange, followMove, gatherChanges, nextChange, NODE_EPOCH, unlink } from "../changes/list";
import { columnAt, hashKeys, passKeys } from "../table/keys";
import {
  COUNT,
  GROUP_SHIFT,
  ORDERED_FLOAT,
  OUT_ROWS_MAX,
  PANE_GROUPS,
  PASS_HASHES,
  PASS_KEYS_AT,
  PASS_ROWS,
  TABLE_CURSOR_CHUNK,
  TABLE_CURSOR_GROUP,
  TABLE_GROUP_COUNT,
  TABLE_GROUP_START,
  TABLE_KEY_BYTES,
  TABLE_KEY_COUNT,
  TABLE_STATE_COUNT,
  TABLE_STATES,
  TABLE_TEMPLATE,
} from "../table/layout";
import { groupOf, resolveKey } from "../table/lookup";
import { compactLongKeys, removeEntry } from "../table/remove";
import { listGroup } from "../window/fire";
import { orderedOf } from "../window/fold";
import { writeKeys } from "../window/rows_out";
import { keysFrom, listRow, writeWeights } from "./emit";
import { RAW, RUN_CHANGES, RUN_DEAD, RUN_NODE_AT, RUN_PANE, RUN_TABLE, RUN_WEIGHTED } from "./layout";
import { entryOf, writeColumns } from "./values";

/** Begins listing the entries that changed after the epoch. */
export function mr_running_gather_begin(run: u32, afterEpoch: u32): void {
  const done = gatherChanges(<usize>load<u32>(run, RUN_TABLE), <usize>run + RUN_CHANGES, afterEpoch);
  store<u32>(CONTROL_STATUS, done ? STATUS_OK : STATUS_OUT_OF_MEMORY);
}

/** The column of key groups, of the entries in OUT_ENTRIES. */
export function writeKeyGroups(table: usize, batch: usize, rows: u32): void {
  const column = columnAt(batch, 0);
  const groups = <usize>load<u32>(column, COLUMN_DATA);
  store<u32>(column, 0, COLUMN_VALIDITY);
  const hashAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 4;
  const groupStart = load<u32>(table, TABLE_GROUP_START);
  for (let row: u32 = 0; row < rows; row++) {
    store<u64>(groups + ((<usize>row) << 3), <u64>(groupOf(table, load<u32>(entryOf(row) + hashAt)) + groupStart));
  }
}

function writeStateRows(table: usize, batch: usize, rows: u32): void {
  writeKeyGroups(table, batch, rows);
  writeKeys(table, keysFrom(batch, 1), rows);
  const firstColumn = 1 + load<u32>(table, TABLE_KEY_COUNT);
  writeColumns(batch, firstColumn, rows, table + TABLE_STATES, load<u32>(table, TABLE_STATE_COUNT));
  store<u32>(batch, rows, BATCH_ROWS);
}

/** The next changed rows, with their weights; 0 = no more, and their list is freed. */
export function mr_running_gather_next(run: u32, batch: u32, capacity: u32): u32 {
  const table = <usize>load<u32>(run, RUN_TABLE);
  const head = <usize>run + RUN_CHANGES;
  const nodeAt = <usize>load<u32>(run, RUN_NODE_AT);
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  const rows = min<u32>(min<u32>(capacity, OUT_ROWS_MAX), changesLeft(head));
  if (rows == 0) {
    endGathering(head);
    return 0;
  }
  for (let row: u32 = 0; row < rows; row++) {
    const entry = nextChange(head) - nodeAt;
    listRow(row, entry, load<i64>(entry + rowsAt) == 0 ? -1 : 1);
  }
  writeStateRows(table, <usize>batch, rows);
  writeWeights(<usize>batch, rows);
  return rows;
}

/** Begins listing every entry, by key group. */
export function mr_running_gather_all(run: u32): void {
  const table = load<u32>(run, RUN_TABLE);
  store<u32>(table, 0, TABLE_CURSOR_GROUP);
  store<u32>(table, 0, TABLE_CURSOR_CHUNK);
  store<u32>(CONTROL_STATUS, STATUS_OK);
}

/** The next rows of all, without dead ones and without weights; 0 = no more. */
export function mr_running_all_next(run: u32, batch: u32, capacity: u32): u32 {
  const table = <usize>load<u32>(run, RUN_TABLE);
  const groups = <usize>load<u32>(load<u32>(run, RUN_PANE), PANE_GROUPS);
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  const limit = min<u32>(capacity, OUT_ROWS_MAX);
  let number = load<u32>(table, TABLE_CURSOR_GROUP);
  let rows: u32 = 0;
  while (number < groupCount && rows < limit) {
    const listed = listGroup(table, 0, groups + ((<usize>number) << GROUP_SHIFT), rows, limit);
    for (let row = rows; row < listed; row++) {
      const entry = entryOf(row);
      if (load<i64>(entry + rowsAt) != 0) listRow(rows++, entry, 1);
    }
    if (load<u32>(table, TABLE_CURSOR_CHUNK) == 0) number++;
  }
  store<u32>(table, number, TABLE_CURSOR_GROUP);
  if (rows != 0) writeStateRows(table, <usize>batch, rows);
  return rows;
}

function drop(run: usize, entry: usize): void {
  const nodeAt = <usize>load<u32>(run, RUN_NODE_AT);
  const moved = removeEntry(<usize>load<u32>(run, RUN_TABLE), <usize>load<u32>(run, RUN_PANE), entry);
  if (moved != 0) followMove(run + RUN_CHANGES, entry + nodeAt);
}

/** The checkpoint that holds the changes up to the epoch is durable: they are forgotten, and dead entries go. */
export function mr_running_completed(run: u32, epoch: u32): void {
  const table = <usize>load<u32>(run, RUN_TABLE);
  const head = <usize>run + RUN_CHANGES;
  const nodeAt = <usize>load<u32>(run, RUN_NODE_AT);
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  for (;;) {
    const node = firstChange(head);
    if (node == 0 || load<u32>(node, NODE_EPOCH) > epoch) break;
    unlink(head, node);
    if (load<i64>(node - nodeAt + rowsAt) != 0) continue;
    drop(<usize>run, node - nodeAt);
    store<u32>(run, load<u32>(run, RUN_DEAD) - 1, RUN_DEAD);
  }
  compactLongKeys(table, <usize>load<u32>(run, RUN_PANE));
}

/** Writes one state row's accumulators; false where no table can have produced them. */
function writeEntry(table: usize, weighted: bool, batch: usize, row: u32, entry: usize): bool {
  const columns = load<u32>(table, TABLE_STATE_COUNT);
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  const template = <usize>load<u32>(table, TABLE_TEMPLATE) - rowsAt;
  const firstColumn = 1 + load<u32>(table, TABLE_KEY_COUNT);
  for (let index: u32 = 0; index < columns; index++) {
    const program = table + TABLE_STATES + ((<usize>index) << 4);
    const operation = load<u32>(program);
    const at = <usize>load<u32>(program, 4);
    const from = <usize>load<u32>(columnAt(batch, firstColumn + index), COLUMN_DATA) + ((<usize>row) << 3);
    if (operation == COUNT) {
      const count = load<i64>(from);
      store<i64>(entry + at, count);
      if (at == rowsAt && count == 0) return false;
      if (!weighted && (count < 0 || count > load<i64>(entry + rowsAt))) return false;
    } else if (operation != RAW && load<i64>(entry + <usize>load<u32>(program, 8)) == 0) {
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
function fail(status: u32, row: u32): bool {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
  return false;
}

/** Takes over `count` rows from `first`, whose keys and hashes stand ready. */
function restoreRows(run: usize, batch: usize, first: u32, count: u32, keys: usize): bool {
  const table = <usize>load<u32>(run, RUN_TABLE);
  const groups = <usize>load<u32>(columnAt(batch, 0), COLUMN_DATA);
  const weights = <usize>load<u32>(batch, BATCH_WEIGHTS);
  const keyBytes = load<u32>(table, TABLE_KEY_BYTES);
  const weighted = load<u32>(run, RUN_WEIGHTED) != 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = first + i;
    const hash = load<u32>(PASS_HASHES + ((<usize>i) << 2));
    const group = groupOf(table, hash);
    if (load<u64>(groups + ((<usize>row) << 3)) != <u64>(group + load<u32>(table, TABLE_GROUP_START))) {
      return fail(STATUS_BAD_STATE, row);
    }
    if (group >= load<u32>(table, TABLE_GROUP_COUNT)) continue;
    const entry = resolveKey(table, <usize>load<u32>(run, RUN_PANE), hash, keys + <usize>(i * keyBytes), 0);
    if (entry == 0) return fail(STATUS_OUT_OF_MEMORY, row);
    if (weights != 0 && load<i8>(weights + <usize>row) < 0) drop(run, entry);
    else if (!writeEntry(table, weighted, batch, row, entry)) return fail(STATUS_BAD_STATE, row);
  }
  return true;
}

/** Takes over a batch of state rows before any other row, leaving out those of other tables' key groups. */
export function mr_running_restore(run: u32, batch: u32): void {
  const table = <usize>load<u32>(run, RUN_TABLE);
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
    if (!restoreRows(<usize>run, <usize>batch, first, count, keys)) return;
    first += count;
  }
  compactLongKeys(table, <usize>load<u32>(run, RUN_PANE));
}
