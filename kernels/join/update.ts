// One batch of one side: sorts out late rows and null keys, keeps the rows, takes back those that are retracted, and
// lists the rows that look for partners on the other side (probe.ts).
//
// Rows without event time get the wall time of their arrival. A row is late when it is older than the watermark of its
// own split, or than `watermark`, which only an idle split that comes back can cause.
//
// Invariants:
// - Where a row cannot be handled, every row before it in its batch has been, and none after it.
// - A retraction takes back one equal row; where there is none, it is listed as late and has no effect.

import {
  BATCH_ROWS,
  BATCH_WATERMARKS,
  BATCH_WEIGHTS,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_FOREIGN_KEY_GROUP,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_TIMESTAMP_RANGE,
} from "../abi";
import { bitAt, columnAt, hashKeys, passKeys, rowAt } from "../table/keys";
import {
  PANE_NEXT,
  PASS_ENTRIES,
  PASS_KEYS_AT,
  PASS_PANES,
  PASS_ROW_NUMBERS,
  PASS_ROWS,
  TABLE_FIRST_PANE,
  TABLE_KEY_BYTES,
  TABLE_KEY_COUNT,
  TABLE_KEYS,
  TABLE_LATE_COUNT,
  TABLE_LATE_ROWS,
  TABLE_SIZE,
} from "../table/layout";
import { lookUp } from "../table/lookup";
import { hasDense, lookUpDense } from "../window/dense_pane";
import { paneAt, timeIntoWindow, windowFits } from "../window/panes";
import { equalRow, fillSlots } from "./fill";
import { findKey } from "./find";
import {
  NO_COLUMN,
  PASS_SLOTS,
  SIDE_CUTOFF,
  SIDE_GROUP_COUNT,
  SIDE_NUMBERS,
  SIDE_PROBE_AT,
  SIDE_PROBE_COUNT,
  SIDE_PROBE_FIRST,
  SIDE_PROBE_PART,
  SIDE_PROBE_ROUND,
  SIDE_PROBE_ROUNDS,
  SIDE_PROBE_ROWS,
  SIDE_PROBE_SLOT,
  SIDE_TABLE,
  SIDE_TIME_COLUMN,
  SLOT_HASH,
  SLOT_NEXT,
  SLOT_NUMBER,
  SLOT_TIME,
} from "./layout";
import { freeMap } from "./number_map";
import { firstRowAt, keyGroupOf, listSlot, removeSlot, takeSlot } from "./slots";

@inline
function stop(status: u32, row: u32): void {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
}

@inline
function addLate(table: usize, row: u32): void {
  const count = load<u32>(table, TABLE_LATE_COUNT);
  store<u32>(<usize>load<u32>(table, TABLE_LATE_ROWS) + ((<usize>count) << 2), row);
  store<u32>(table, count + 1, TABLE_LATE_COUNT);
}

@inline
function addProbe(side: usize, row: u32): void {
  const count = load<u32>(side, SIDE_PROBE_COUNT);
  store<u32>(<usize>load<u32>(side, SIDE_PROBE_ROWS) + ((<usize>count) << 2), row);
  store<u32>(side, count + 1, SIDE_PROBE_COUNT);
}

function hasNullKey(table: usize, batch: usize, row: u32): bool {
  const parts = load<u32>(table, TABLE_KEY_COUNT);
  for (let part: u32 = 0; part < parts; part++) {
    const column = columnAt(batch, load<u32>(table + TABLE_KEYS + ((<usize>part) << 4)));
    const validity = <usize>load<u32>(column, COLUMN_VALIDITY);
    if (validity != 0 && !bitAt(validity, row)) return true;
  }
  return false;
}

/** Whether any key column of the batch has nulls at all. */
function mayHaveNullKeys(table: usize, batch: usize): bool {
  const parts = load<u32>(table, TABLE_KEY_COUNT);
  for (let part: u32 = 0; part < parts; part++) {
    const column = columnAt(batch, load<u32>(table + TABLE_KEYS + ((<usize>part) << 4)));
    if (load<u32>(column, COLUMN_VALIDITY) != 0) return true;
  }
  return false;
}

/** Lists the rows to keep with their panes; stops, with the status set, at a row that it cannot handle. */
function pickRows(side: usize, batch: usize, first: u32, count: u32, watermark: i64, now: i64): u32 {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  const timeColumn = load<u32>(side, SIDE_TIME_COLUMN);
  const times: usize = timeColumn == NO_COLUMN ? 0 : <usize>load<u32>(columnAt(batch, timeColumn), COLUMN_DATA);
  const watermarks: usize = times == 0 ? 0 : <usize>load<u32>(batch, BATCH_WATERMARKS);
  const mayBeNull = mayHaveNullKeys(table, batch);
  const size = load<i64>(table, TABLE_SIZE);
  const cutoff = load<i64>(side, SIDE_CUTOFF);
  let picked: u32 = 0;
  let pane: usize = 0;
  let start: i64 = 0;
  let end: i64 = 0;
  for (let row = first; row < first + count; row++) {
    const time = times == 0 ? now : load<i64>(times + ((<usize>row) << 3));
    if (times != 0) {
      const own = watermarks == 0 ? watermark : max<i64>(watermark, load<i64>(watermarks + ((<usize>row) << 3)));
      if (time < own) {
        addLate(table, row);
        continue;
      }
    }
    if (mayBeNull && hasNullKey(table, batch, row)) continue;
    if (time < cutoff) {
      // No row of the other side that is still to come can join it: it only looks for those that are there.
      addProbe(side, row);
      continue;
    }
    if (pane == 0 || <u64>(time - start) >= <u64>(end - start)) {
      const into = timeIntoWindow(time, size, 0);
      if (!windowFits(time, into, size)) {
        stop(STATUS_TIMESTAMP_RANGE, row);
        break;
      }
      start = time - into;
      end = start + size;
      pane = paneAt(table, start);
      if (pane == 0) {
        stop(STATUS_OUT_OF_MEMORY, row);
        break;
      }
    }
    store<u32>(PASS_ROW_NUMBERS + ((<usize>picked) << 2), row);
    store<u32>(PASS_PANES + ((<usize>picked) << 2), <u32>pane);
    picked++;
  }
  return picked;
}

@inline
function entryOf(place: u32): usize {
  return <usize>load<u32>(PASS_ENTRIES + ((<usize>place) << 2));
}

/** A row of a list that equals a row of the batch, of the same time; 0 = none. */
function findEqual(side: usize, batch: usize, row: u32, slot: usize, time: i64): usize {
  for (; slot != 0; slot = <usize>load<u32>(slot, SLOT_NEXT)) {
    if (load<i64>(slot, SLOT_TIME) == time && equalRow(side, batch, row, slot)) return slot;
  }
  return 0;
}

/** The oldest row of a list that equals a row of the batch and is not dead; 0 = none. */
function findOldestEqual(side: usize, batch: usize, row: u32, slot: usize): usize {
  const cutoff = load<i64>(side, SIDE_CUTOFF);
  let oldest: usize = 0;
  let time: i64 = i64.MAX_VALUE;
  let number: u64 = u64.MAX_VALUE;
  for (; slot != 0; slot = <usize>load<u32>(slot, SLOT_NEXT)) {
    const its = load<i64>(slot, SLOT_TIME);
    if (its < cutoff || its > time || (its == time && load<u64>(slot, SLOT_NUMBER) > number)) continue;
    if (!equalRow(side, batch, row, slot)) continue;
    oldest = slot;
    time = its;
    number = load<u64>(slot, SLOT_NUMBER);
  }
  return oldest;
}

/** Takes back one row that equals a row of the batch. 0: there is none; 1: done; 2: memory is used up. */
function retract(side: usize, batch: usize, row: u32, place: u32, key: usize, time: i64, epoch: u32): u32 {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  const firstAt = firstRowAt(side);
  if (load<u32>(side, SIDE_TIME_COLUMN) != NO_COLUMN) {
    const slot = findEqual(side, batch, row, <usize>load<u32>(entryOf(place) + firstAt), time);
    if (slot == 0) return 0;
    const pane = <usize>load<u32>(PASS_PANES + ((<usize>place) << 2));
    return removeSlot(side, pane, slot, epoch) ? 1 : 2;
  }
  // Nobody knows when the row arrived: the oldest equal one goes.
  const hash = load<u32>(entryOf(place) + <usize>load<u32>(table, TABLE_KEY_BYTES), 4);
  let pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
  for (; pane != 0; pane = <usize>load<u32>(pane, PANE_NEXT)) {
    const entry = findKey(table, pane, hash, key);
    if (entry == 0) continue;
    const slot = findOldestEqual(side, batch, row, <usize>load<u32>(entry + firstAt));
    if (slot != 0) return removeSlot(side, pane, slot, epoch) ? 1 : 2;
  }
  return 0;
}

/** Number and hash of a new row, first in its key's list. */
@inline
function listRow(side: usize, group: u32, hash: u32, entry: usize, slot: usize, time: i64, firstAt: usize): void {
  const number = <usize>load<u32>(side, SIDE_NUMBERS) + ((<usize>group) << 3);
  store<u32>(slot, hash, SLOT_HASH);
  store<u64>(slot, load<u64>(number), SLOT_NUMBER);
  store<u64>(number, load<u64>(number) + 1);
  store<i64>(slot, time, SLOT_TIME);
  listSlot(entry + firstAt, slot);
}

/** Keeps or takes back `count` picked rows whose entries stand ready; places done, with the status set where fewer. */
function applyRows(
  side: usize, batch: usize, rowNumbers: usize, panes: usize, keys: usize, count: u32, now: i64, epoch: u32,
): u32 {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  const timeColumn = load<u32>(side, SIDE_TIME_COLUMN);
  const times: usize = timeColumn == NO_COLUMN ? 0 : <usize>load<u32>(columnAt(batch, timeColumn), COLUMN_DATA);
  const weights = <usize>load<u32>(batch, BATCH_WEIGHTS);
  const keyBytes = <usize>load<u32>(table, TABLE_KEY_BYTES);
  const firstAt = firstRowAt(side);
  const groupCount = load<u32>(side, SIDE_GROUP_COUNT);
  let filled: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(rowNumbers, 0, i);
    const time = times == 0 ? now : load<i64>(times + ((<usize>row) << 3));
    const hash = load<u32>(entryOf(i) + firstAt - 8, 4);
    const group = keyGroupOf(side, hash);
    if (group >= groupCount) {
      store<u32>(CONTROL_STATUS, STATUS_FOREIGN_KEY_GROUP);
      count = i;
      break;
    }
    if (weights == 0 || load<i8>(weights + <usize>row) > 0) {
      const slot = takeSlot(side, <usize>load<u32>(panes + ((<usize>i) << 2)), epoch);
      if (slot == 0) {
        count = i;
        break;
      }
      listRow(side, group, hash, entryOf(i), slot, time, firstAt);
      store<u32>(PASS_SLOTS + ((<usize>i) << 2), <u32>slot);
      addProbe(side, row);
      continue;
    }
    // What is compared must be there, so the rows before it are written first.
    if (fillSlots(side, batch, false, rowNumbers, 0, filled, i) < i) return outOfMemory(i);
    filled = i + 1;
    const done = retract(side, batch, row, i, keys + <usize>i * keyBytes, time, epoch);
    if (done == 2) return outOfMemory(i);
    if (done == 1) addProbe(side, row);
    else addLate(table, row);
  }
  const written = fillSlots(side, batch, false, rowNumbers, 0, filled, count);
  return written < count ? outOfMemory(written) : count;
}

@inline
function outOfMemory(place: u32): u32 {
  store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
  return place;
}

/** False, with the status set, where it had to stop. */
function keepRows(side: usize, batch: usize, picked: u32, now: i64, epoch: u32): bool {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  let rowNumbers = PASS_ROW_NUMBERS;
  let panes = PASS_PANES;
  while (picked > 0) {
    const part = passKeys(table, batch, rowNumbers, 0, picked, false);
    if (part == 0) {
      stop(STATUS_OUT_OF_MEMORY, load<u32>(rowNumbers));
      return false;
    }
    const keys = <usize>load<u32>(PASS_KEYS_AT);
    let found: u32;
    if (hasDense(<usize>load<u32>(panes))) {
      found = lookUpDense(table, 0, panes, keys, part, 0);
    } else {
      hashKeys(table, keys, part);
      found = lookUp(table, 0, panes, keys, part, 0);
    }
    const done = applyRows(side, batch, rowNumbers, panes, keys, found, now, epoch);
    if (done < part) {
      if (load<u32>(CONTROL_STATUS) == STATUS_OK) store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
      store<u32>(CONTROL_DETAIL, load<u32>(rowNumbers + ((<usize>done) << 2)));
      return false;
    }
    picked -= part;
    rowNumbers += (<usize>part) << 2;
    panes += (<usize>part) << 2;
  }
  return true;
}

/**
 * Takes the whole batch in, marking changes with `epoch` (not 0), and prepares the search for partners; answers how
 * many rows are in the list of late rows. `now` is the time of rows that have none of their own.
 */
export function mr_join_update(side: u32, batch: u32, epoch: u32, watermark: i64, now: i64): u32 {
  const s = <usize>side;
  const table = <usize>load<u32>(s, SIDE_TABLE);
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  store<u32>(table, 0, TABLE_LATE_COUNT);
  store<u32>(s, 0, SIDE_PROBE_COUNT);
  store<u32>(s, 0, SIDE_PROBE_FIRST);
  store<u32>(s, 0, SIDE_PROBE_PART);
  store<u32>(s, 0, SIDE_PROBE_ROUND);
  store<u32>(s, 0, SIDE_PROBE_ROUNDS);
  store<u32>(s, 0, SIDE_PROBE_AT);
  store<u32>(s, 0, SIDE_PROBE_SLOT);
  freeMap(s);
  for (let first: u32 = 0; first < rows; first += PASS_ROWS) {
    const count = min<u32>(PASS_ROWS, rows - first);
    const picked = pickRows(s, <usize>batch, first, count, watermark, now);
    const stopped = load<u32>(CONTROL_STATUS);
    const stoppedAt = load<u32>(CONTROL_DETAIL);
    store<u32>(CONTROL_STATUS, STATUS_OK);
    if (!keepRows(s, <usize>batch, picked, now, epoch)) break;
    if (stopped != STATUS_OK) {
      stop(stopped, stoppedAt);
      break;
    }
  }
  return load<u32>(table, TABLE_LATE_COUNT);
}

/** Row numbers of the late rows; ascending within a batch without retractions. */
export function mr_join_late_rows(side: u32): u32 {
  return load<u32>(<usize>load<u32>(<usize>side, SIDE_TABLE), TABLE_LATE_ROWS);
}
