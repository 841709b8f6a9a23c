// State out: the rows that came or went after an epoch, or all that are there, as state rows ordered by key group.
// Gathering changes costs as much as was touched, whatever the size of the state.
//
//   state row | key group | time | the columns of the slot | number |   weight -1: the row of that number is gone

import {
  BATCH_ROWS,
  BATCH_WEIGHTS,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from "../abi";
import { mr_alloc, mr_free } from "../memory/allocator";
import { chunkEnd } from "../table/entries";
import { columnAt } from "../table/keys";
import {
  CHUNK_HEADER,
  CHUNK_NEXT,
  GROUP_FIRST_CHUNK,
  GROUP_SHIFT,
  MARKS_EPOCH,
  MARKS_HEADER,
  MARKS_NEXT,
  PANE_GROUPS,
  PANE_MARKS_FIRST,
  PANE_NEXT,
  TABLE_ENTRY_BYTES,
  TABLE_FIRST_PANE,
  TABLE_GROUP_COUNT,
  TABLE_GROUP_START,
} from "../table/layout";
import { groupOf } from "../table/lookup";
import { dropMarks, marksEnd } from "../table/marks";
import { STATE_FIRST_COLUMN } from "./fill";
import {
  MATCH_SLOTS,
  MATCHES_MAX,
  SIDE_CHANGED,
  SIDE_CHANGED_BYTES,
  SIDE_CHANGED_COUNT,
  SIDE_CHANGED_NEXT,
  SIDE_COLUMN_COUNT,
  SIDE_COLUMNS,
  SIDE_CURSOR_CHUNK,
  SIDE_CURSOR_ENTRY,
  SIDE_CURSOR_GROUP,
  SIDE_CURSOR_PANE,
  SIDE_CURSOR_SLOT,
  SIDE_NULLS_AT,
  SIDE_TABLE,
  SLOT_DEAD,
  SLOT_EPOCH,
  SLOT_FREE,
  SLOT_HASH,
  SLOT_NEXT,
  SLOT_NUMBER,
  SLOT_PREVIOUS,
  SLOT_TIME,
} from "./layout";
import { writeFromSlots } from "./output";
import { firstRowAt, freeSlot } from "./slots";

/** Whether a mark of a block of this epoch is the slot's last, and the slot is not free. */
@inline
function isChange(slot: usize, epoch: u32): bool {
  return load<u32>(slot, SLOT_EPOCH) == epoch && load<u32>(slot, SLOT_PREVIOUS) != SLOT_FREE;
}

/**
 * Visits every change: with `counts` only, counts them by key group (one place further on, so that sums become
 * starts); with `slots`, writes the slot at its group's next place.
 */
function visitChanges(side: usize, afterEpoch: u32, counts: usize, slots: usize): u32 {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  let seen: u32 = 0;
  let pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
  for (; pane != 0; pane = <usize>load<u32>(pane, PANE_NEXT)) {
    let block = <usize>load<u32>(pane, PANE_MARKS_FIRST);
    for (; block != 0; block = <usize>load<u32>(block, MARKS_NEXT)) {
      const epoch = load<u32>(block, MARKS_EPOCH);
      if (epoch <= afterEpoch) continue;
      const end = marksEnd(pane, block);
      for (let at = block + MARKS_HEADER; at < end; at += 4) {
        const slot = <usize>load<u32>(at);
        if (!isChange(slot, epoch)) continue;
        seen++;
        if (counts == 0) continue;
        const group = counts + ((<usize>groupOf(table, load<u32>(slot, SLOT_HASH))) << 2);
        if (slots == 0) {
          store<u32>(group, load<u32>(group, 4) + 1, 4);
          continue;
        }
        const place = load<u32>(group);
        store<u32>(group, place + 1);
        store<u32>(slots + ((<usize>place) << 2), <u32>slot);
      }
    }
  }
  return seen;
}

/** Lists what changed after the epoch, sorted by key group; answers how many, with the status set. */
export function mr_join_gather_begin(side: u32, afterEpoch: u32): u32 {
  const s = <usize>side;
  store<u32>(CONTROL_STATUS, STATUS_OK);
  const changed = visitChanges(s, afterEpoch, 0, 0);
  const groupCount = load<u32>(<usize>load<u32>(s, SIDE_TABLE), TABLE_GROUP_COUNT);
  const bytes = (changed << 2) + ((groupCount + 1) << 2);
  const slots = mr_alloc(bytes);
  if (slots == 0) {
    store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
    store<u32>(CONTROL_DETAIL, 0);
    return 0;
  }
  const counts = <usize>(slots + (changed << 2));
  memory.fill(counts, 0, (<usize>groupCount + 1) << 2);
  visitChanges(s, afterEpoch, counts, 0);
  let total: u32 = 0;
  for (let group: u32 = 0; group <= groupCount; group++) {
    total += load<u32>(counts + ((<usize>group) << 2));
    store<u32>(counts + ((<usize>group) << 2), total);
  }
  visitChanges(s, afterEpoch, counts, <usize>slots);
  store<u32>(s, slots, SIDE_CHANGED);
  store<u32>(s, bytes, SIDE_CHANGED_BYTES);
  store<u32>(s, changed, SIDE_CHANGED_COUNT);
  store<u32>(s, 0, SIDE_CHANGED_NEXT);
  return changed;
}

/** Begins listing every row, by key group. */
export function mr_join_gather_all(side: u32): void {
  const s = <usize>side;
  store<u32>(CONTROL_STATUS, STATUS_OK);
  store<u32>(s, 0, SIDE_CHANGED);
  store<u32>(s, 0, SIDE_CURSOR_GROUP);
  openPane(s, <usize>load<u32>(<usize>load<u32>(s, SIDE_TABLE), TABLE_FIRST_PANE));
}

/** The cursor stands before the first row of the current group in a pane. */
function openPane(side: usize, pane: usize): void {
  let chunk: u32 = 0;
  if (pane != 0) {
    const group = <usize>load<u32>(pane, PANE_GROUPS) + ((<usize>load<u32>(side, SIDE_CURSOR_GROUP)) << GROUP_SHIFT);
    chunk = load<u32>(group, GROUP_FIRST_CHUNK);
  }
  store<u32>(side, <u32>pane, SIDE_CURSOR_PANE);
  store<u32>(side, chunk, SIDE_CURSOR_CHUNK);
  store<u32>(side, chunk + CHUNK_HEADER, SIDE_CURSOR_ENTRY);
  store<u32>(side, 0, SIDE_CURSOR_SLOT);
}

/** Lists rows of one key group in one pane from the cursor on; the cursor's chunk is 0 once they are exhausted. */
function listGroup(side: usize, rows: u32, limit: u32): u32 {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  const pane = <usize>load<u32>(side, SIDE_CURSOR_PANE);
  const group = <usize>load<u32>(pane, PANE_GROUPS) + ((<usize>load<u32>(side, SIDE_CURSOR_GROUP)) << GROUP_SHIFT);
  const stride = <usize>load<u32>(table, TABLE_ENTRY_BYTES);
  const firstAt = firstRowAt(side);
  let chunk = <usize>load<u32>(side, SIDE_CURSOR_CHUNK);
  let entry = <usize>load<u32>(side, SIDE_CURSOR_ENTRY);
  let slot = <usize>load<u32>(side, SIDE_CURSOR_SLOT);
  while (chunk != 0 && rows < limit) {
    const end = chunkEnd(group, chunk);
    while (rows < limit) {
      if (slot == 0) {
        if (entry >= end) break;
        slot = <usize>load<u32>(entry + firstAt);
        entry += stride;
        continue;
      }
      store<u32>(MATCH_SLOTS + ((<usize>rows) << 2), <u32>slot);
      rows++;
      slot = <usize>load<u32>(slot, SLOT_NEXT);
    }
    if (slot != 0 || entry < end) break;
    chunk = <usize>load<u32>(chunk, CHUNK_NEXT);
    entry = chunk + CHUNK_HEADER;
  }
  store<u32>(side, <u32>chunk, SIDE_CURSOR_CHUNK);
  store<u32>(side, <u32>entry, SIDE_CURSOR_ENTRY);
  store<u32>(side, <u32>slot, SIDE_CURSOR_SLOT);
  return rows;
}

function listAll(side: usize, limit: u32): u32 {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  let rows: u32 = 0;
  while (rows < limit && load<u32>(side, SIDE_CURSOR_GROUP) < groupCount) {
    const pane = <usize>load<u32>(side, SIDE_CURSOR_PANE);
    if (pane == 0) {
      const first = <usize>load<u32>(table, TABLE_FIRST_PANE);
      if (first == 0) break;
      store<u32>(side, load<u32>(side, SIDE_CURSOR_GROUP) + 1, SIDE_CURSOR_GROUP);
      if (load<u32>(side, SIDE_CURSOR_GROUP) < groupCount) openPane(side, first);
      continue;
    }
    rows = listGroup(side, rows, limit);
    if (load<u32>(side, SIDE_CURSOR_CHUNK) == 0) openPane(side, <usize>load<u32>(pane, PANE_NEXT));
  }
  return rows;
}

function listChanges(side: usize, limit: u32): u32 {
  const from = load<u32>(side, SIDE_CHANGED_NEXT);
  const rows = min<u32>(limit, load<u32>(side, SIDE_CHANGED_COUNT) - from);
  memory.copy(MATCH_SLOTS, <usize>load<u32>(side, SIDE_CHANGED) + ((<usize>from) << 2), (<usize>rows) << 2);
  store<u32>(side, from + rows, SIDE_CHANGED_NEXT);
  return rows;
}

function writeStateRows(side: usize, out: usize, rows: u32): void {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  const columns = load<u32>(side, SIDE_COLUMN_COUNT);
  const groupStart = load<u32>(table, TABLE_GROUP_START);
  const groups = <usize>load<u32>(columnAt(out, 0), COLUMN_DATA);
  const times = <usize>load<u32>(columnAt(out, 1), COLUMN_DATA);
  const numbers = <usize>load<u32>(columnAt(out, STATE_FIRST_COLUMN + columns), COLUMN_DATA);
  store<u32>(columnAt(out, 0), 0, COLUMN_VALIDITY);
  store<u32>(columnAt(out, 1), 0, COLUMN_VALIDITY);
  store<u32>(columnAt(out, STATE_FIRST_COLUMN + columns), 0, COLUMN_VALIDITY);
  const weights = <usize>load<u32>(out, BATCH_WEIGHTS);
  for (let row: u32 = 0; row < rows; row++) {
    const slot = <usize>load<u32>(MATCH_SLOTS + ((<usize>row) << 2));
    const at = (<usize>row) << 3;
    store<u64>(groups + at, <u64>(groupOf(table, load<u32>(slot, SLOT_HASH)) + groupStart));
    store<i64>(times + at, load<i64>(slot, SLOT_TIME));
    store<u64>(numbers + at, load<u64>(slot, SLOT_NUMBER));
    store<i8>(weights + <usize>row, load<u32>(slot, SLOT_PREVIOUS) == SLOT_DEAD ? -1 : 1);
  }
  const nullsAt = <usize>load<u32>(side, SIDE_NULLS_AT);
  for (let index: u32 = 0; index < columns; index++) {
    const program = side + SIDE_COLUMNS + ((<usize>index) << 4);
    const column = columnAt(out, STATE_FIRST_COLUMN + index);
    const at = <usize>load<u32>(program, 8);
    writeFromSlots(column, load<u32>(program, 4), at, nullsAt, load<u32>(program, 12), rows);
  }
}

/** The next rows of what was begun, with weights; 0 = no more, and its list is freed. */
export function mr_join_gather_next(side: u32, batch: u32, capacity: u32): u32 {
  const s = <usize>side;
  const limit = min<u32>(capacity, MATCHES_MAX);
  const changed = load<u32>(s, SIDE_CHANGED);
  const rows = changed != 0 ? listChanges(s, limit) : listAll(s, limit);
  if (rows == 0) {
    if (changed != 0) mr_free(changed, load<u32>(s, SIDE_CHANGED_BYTES));
    store<u32>(s, 0, SIDE_CHANGED);
    return 0;
  }
  writeStateRows(s, <usize>batch, rows);
  store<u32>(<usize>batch + BATCH_ROWS, rows);
  return rows;
}

/** Forgets the marks of completed epochs, and the rows that went in them. */
export function mr_join_completed(side: u32, epoch: u32): void {
  const s = <usize>side;
  let pane = <usize>load<u32>(<usize>load<u32>(s, SIDE_TABLE), TABLE_FIRST_PANE);
  for (; pane != 0; pane = <usize>load<u32>(pane, PANE_NEXT)) {
    let block = <usize>load<u32>(pane, PANE_MARKS_FIRST);
    for (; block != 0 && load<u32>(block, MARKS_EPOCH) <= epoch; block = <usize>load<u32>(block, MARKS_NEXT)) {
      const itsEpoch = load<u32>(block, MARKS_EPOCH);
      const end = marksEnd(pane, block);
      for (let at = block + MARKS_HEADER; at < end; at += 4) {
        const slot = <usize>load<u32>(at);
        if (load<u32>(slot, SLOT_PREVIOUS) == SLOT_DEAD && load<u32>(slot, SLOT_EPOCH) == itsEpoch) freeSlot(s, pane, slot);
      }
    }
    dropMarks(pane, epoch);
  }
}
