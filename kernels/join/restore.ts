// State rows back into a side: a row of a known number replaces it, a row of weight -1 takes it away.
// Rows of other tasks' key groups and rows that are dead are left out, but for their numbers: none is given twice.

import {
  BATCH_ROWS,
  BATCH_WEIGHTS,
  COLUMN_DATA,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_BAD_STATE,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from "../abi";
import { columnAt, hashKeys, passKeys } from "../table/keys";
import {
  PASS_HASHES,
  PASS_KEYS_AT,
  PASS_ROW_NUMBERS,
  PASS_ROWS,
  TABLE_KEY_BYTES,
  TABLE_SIZE,
} from "../table/layout";
import { resolveKey } from "../table/lookup";
import { findPane, paneAt, timeIntoWindow, windowFits } from "../window/panes";
import { fillSlots, STATE_FIRST_COLUMN } from "./fill";
import {
  PASS_SLOTS,
  SIDE_COLUMN_COUNT,
  SIDE_CUTOFF,
  SIDE_GROUP_COUNT,
  SIDE_GROUP_START,
  SIDE_NUMBERS,
  SIDE_TABLE,
  SLOT_HASH,
  SLOT_NUMBER,
  SLOT_TIME,
} from "./layout";
import { addNumber, findNumber, forgetNumber, reserveNumbers } from "./number_map";
import { firstRowAt, keyGroupOf, listSlot, removeSlot, takeSlot } from "./slots";

/** A checkpoint holds these rows, so they are not marked as changed. */
const UNMARKED: u32 = 0;

@inline
function fail(status: u32, row: u32): void {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
}

/** `at` is where the map holds the row. */
function removeNumber(side: usize, table: usize, at: usize): void {
  const slot = <usize>load<u32>(at);
  const time = load<i64>(slot, SLOT_TIME);
  forgetNumber(at);
  removeSlot(side, findPane(table, time - timeIntoWindow(time, load<i64>(table, TABLE_SIZE), 0)), slot, UNMARKED);
}

/** A new slot for a state row; 0 where memory is used up. */
function placeRow(side: usize, table: usize, hash: u32, key: usize, time: i64, number: u64): usize {
  const pane = paneAt(table, time - timeIntoWindow(time, load<i64>(table, TABLE_SIZE), 0));
  if (pane == 0) return 0;
  const entry = resolveKey(table, pane, hash, key, UNMARKED);
  if (entry == 0 || !reserveNumbers(side, 1)) return 0;
  const slot = takeSlot(side, pane, UNMARKED);
  if (slot == 0) return 0;
  store<u32>(slot, hash, SLOT_HASH);
  store<u64>(slot, number, SLOT_NUMBER);
  store<i64>(slot, time, SLOT_TIME);
  listSlot(entry + firstRowAt(side), slot);
  addNumber(side, slot);
  return slot;
}

/** Writes the listed rows from `from` on into their slots; false, with the status set, where memory is used up. */
function fillListed(side: usize, batch: usize, from: u32, listed: u32): bool {
  const filled = fillSlots(side, batch, true, PASS_ROW_NUMBERS, 0, from, listed);
  if (filled == listed) return true;
  fail(STATUS_OUT_OF_MEMORY, load<u32>(PASS_ROW_NUMBERS + ((<usize>filled) << 2)));
  return false;
}

/** Handles the rows whose keys and hashes stand ready; false, with the status set, where it had to stop. */
function restoreRows(side: usize, batch: usize, first: u32, count: u32, keys: usize): bool {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  const size = load<i64>(table, TABLE_SIZE);
  const keyBytes = <usize>load<u32>(table, TABLE_KEY_BYTES);
  const groups = <usize>load<u32>(columnAt(batch, 0), COLUMN_DATA);
  const times = <usize>load<u32>(columnAt(batch, 1), COLUMN_DATA);
  const numberColumn = columnAt(batch, STATE_FIRST_COLUMN + load<u32>(side, SIDE_COLUMN_COUNT));
  const numbers = <usize>load<u32>(numberColumn, COLUMN_DATA);
  const weights = <usize>load<u32>(batch, BATCH_WEIGHTS);
  const counters = <usize>load<u32>(side, SIDE_NUMBERS);
  let listed: u32 = 0;
  let filled: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = first + i;
    const hash = load<u32>(PASS_HASHES + ((<usize>i) << 2));
    const group = keyGroupOf(side, hash);
    const time = load<i64>(times + ((<usize>row) << 3));
    const number = load<i64>(numbers + ((<usize>row) << 3));
    const itsGroup = load<u64>(groups + ((<usize>row) << 3));
    if (
      itsGroup != <u64>(group + load<u32>(side, SIDE_GROUP_START)) || number < 0 ||
      !windowFits(time, timeIntoWindow(time, size, 0), size)
    ) {
      fillListed(side, batch, filled, listed);
      fail(STATUS_BAD_STATE, row);
      return false;
    }
    if (group >= load<u32>(side, SIDE_GROUP_COUNT)) continue;
    const counter = counters + ((<usize>group) << 3);
    store<i64>(counter, max<i64>(load<i64>(counter), number + 1));
    const known = findNumber(side, group, number);
    if (known != 0) {
      // It may be one of those that are listed, and what goes must be whole.
      if (!fillListed(side, batch, filled, listed)) return false;
      filled = listed;
      removeNumber(side, table, known);
    }
    if (weights != 0 && load<i8>(weights + <usize>row) < 0) continue;
    if (time < load<i64>(side, SIDE_CUTOFF)) continue;
    const slot = placeRow(side, table, hash, keys + <usize>i * keyBytes, time, number);
    if (slot == 0) {
      fillListed(side, batch, filled, listed);
      fail(STATUS_OUT_OF_MEMORY, row);
      return false;
    }
    store<u32>(PASS_SLOTS + ((<usize>listed) << 2), <u32>slot);
    store<u32>(PASS_ROW_NUMBERS + ((<usize>listed) << 2), row);
    listed++;
  }
  return fillListed(side, batch, filled, listed);
}

/** Takes a batch of state rows in; `mr_join_update` ends the restoring. */
export function mr_join_restore(side: u32, batch: u32): void {
  const s = <usize>side;
  const table = <usize>load<u32>(s, SIDE_TABLE);
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  let first: u32 = 0;
  while (first < rows) {
    const count = passKeys(table, <usize>batch, 0, first, min<u32>(PASS_ROWS, rows - first), true);
    if (count == 0) return fail(STATUS_OUT_OF_MEMORY, first);
    const keys = <usize>load<u32>(PASS_KEYS_AT);
    hashKeys(table, keys, count);
    if (!restoreRows(s, <usize>batch, first, count, keys)) return;
    first += count;
  }
}
