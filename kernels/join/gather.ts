// State out: the rows that came or went after an epoch, or all that are there, as state rows ordered by key group.
// Gathering changes costs as much as was touched, whatever the size of the state; gathering all, four bytes a row besides.
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
import { columnAt } from "../table/keys";
import {
  MARKS_EPOCH,
  MARKS_HEADER,
  MARKS_NEXT,
  PANE_MARKS_FIRST,
  PANE_NEXT,
  PANE_ROWS_LAST,
  PANE_ROWS_NEXT,
  TABLE_FIRST_PANE,
} from "../table/layout";
import { dropMarks, marksEnd } from "../table/marks";
import { STATE_FIRST_COLUMN } from "./fill";
import {
  MATCH_SLOTS,
  MATCHES_MAX,
  ROWS_CHUNK_END,
  ROWS_CHUNK_HEADER,
  ROWS_CHUNK_NEXT,
  SIDE_CHANGED,
  SIDE_CHANGED_BYTES,
  SIDE_CHANGED_COUNT,
  SIDE_CHANGED_NEXT,
  SIDE_COLUMN_COUNT,
  SIDE_COLUMNS,
  SIDE_GROUP_COUNT,
  SIDE_GROUP_START,
  SIDE_NULLS_AT,
  SIDE_SLOT_BYTES,
  SIDE_TABLE,
  SLOT_DEAD,
  SLOT_EPOCH,
  SLOT_FREE,
  SLOT_HASH,
  SLOT_NUMBER,
  SLOT_PREVIOUS,
  SLOT_TIME,
} from "./layout";
import { writeFromSlots } from "./output";
import { freeSlot, isListed, keyGroupOf } from "./slots";

/** Whether a mark of a block of this epoch is the slot's last, and the slot is not free. */
@inline
function isChange(slot: usize, epoch: u32): bool {
  return load<u32>(slot, SLOT_EPOCH) == epoch && load<u32>(slot, SLOT_PREVIOUS) != SLOT_FREE;
}

/**
 * One slot to be gathered: with `counts` only, counted by key group (one place further on, so that sums become starts);
 * with `slots`, written at its group's next place.
 */
@inline
function visit(side: usize, slot: usize, counts: usize, slots: usize): void {
  if (counts == 0) return;
  const group = counts + ((<usize>keyGroupOf(side, load<u32>(slot, SLOT_HASH))) << 2);
  if (slots == 0) {
    store<u32>(group, load<u32>(group, 4) + 1, 4);
    return;
  }
  const place = load<u32>(group);
  store<u32>(group, place + 1);
  store<u32>(slots + ((<usize>place) << 2), <u32>slot);
}

/** Visits every row that came or went after the epoch; answers how many. */
function visitChanges(side: usize, afterEpoch: u32, counts: usize, slots: usize): u32 {
  let seen: u32 = 0;
  let pane = <usize>load<u32>(<usize>load<u32>(side, SIDE_TABLE), TABLE_FIRST_PANE);
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
        visit(side, slot, counts, slots);
      }
    }
  }
  return seen;
}

/** Visits every row that is there; answers how many. */
function visitAll(side: usize, counts: usize, slots: usize): u32 {
  const slotBytes = <usize>load<u32>(side, SIDE_SLOT_BYTES);
  let seen: u32 = 0;
  let pane = <usize>load<u32>(<usize>load<u32>(side, SIDE_TABLE), TABLE_FIRST_PANE);
  for (; pane != 0; pane = <usize>load<u32>(pane, PANE_NEXT)) {
    let end = <usize>load<u32>(pane, PANE_ROWS_NEXT);
    let chunk = <usize>load<u32>(pane, PANE_ROWS_LAST);
    while (chunk != 0) {
      for (let slot = chunk + ROWS_CHUNK_HEADER; slot < end; slot += slotBytes) {
        if (!isListed(slot)) continue;
        seen++;
        visit(side, slot, counts, slots);
      }
      chunk = <usize>load<u32>(chunk, ROWS_CHUNK_NEXT);
      if (chunk != 0) end = <usize>load<u32>(chunk, ROWS_CHUNK_END);
    }
  }
  return seen;
}

@inline
function visitRows(side: usize, all: bool, afterEpoch: u32, counts: usize, slots: usize): u32 {
  return all ? visitAll(side, counts, slots) : visitChanges(side, afterEpoch, counts, slots);
}

/** Lists rows, sorted by key group: those that changed after the epoch, or all. Answers how many, with the status set. */
export function mr_join_gather_begin(side: u32, all: bool, afterEpoch: u32): u32 {
  const s = <usize>side;
  store<u32>(CONTROL_STATUS, STATUS_OK);
  const changed = visitRows(s, all, afterEpoch, 0, 0);
  const groupCount = load<u32>(s, SIDE_GROUP_COUNT);
  const bytes = (changed << 2) + ((groupCount + 1) << 2);
  const slots = mr_alloc(bytes);
  if (slots == 0) {
    store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
    store<u32>(CONTROL_DETAIL, 0);
    return 0;
  }
  const counts = <usize>(slots + (changed << 2));
  memory.fill(counts, 0, (<usize>groupCount + 1) << 2);
  visitRows(s, all, afterEpoch, counts, 0);
  let total: u32 = 0;
  for (let group: u32 = 0; group <= groupCount; group++) {
    total += load<u32>(counts + ((<usize>group) << 2));
    store<u32>(counts + ((<usize>group) << 2), total);
  }
  visitRows(s, all, afterEpoch, counts, <usize>slots);
  store<u32>(s, slots, SIDE_CHANGED);
  store<u32>(s, bytes, SIDE_CHANGED_BYTES);
  store<u32>(s, changed, SIDE_CHANGED_COUNT);
  store<u32>(s, 0, SIDE_CHANGED_NEXT);
  return changed;
}

function listChanges(side: usize, limit: u32): u32 {
  const from = load<u32>(side, SIDE_CHANGED_NEXT);
  const rows = min<u32>(limit, load<u32>(side, SIDE_CHANGED_COUNT) - from);
  memory.copy(MATCH_SLOTS, <usize>load<u32>(side, SIDE_CHANGED) + ((<usize>from) << 2), (<usize>rows) << 2);
  store<u32>(side, from + rows, SIDE_CHANGED_NEXT);
  return rows;
}

function writeStateRows(side: usize, out: usize, rows: u32): void {
  const columns = load<u32>(side, SIDE_COLUMN_COUNT);
  const groupStart = load<u32>(side, SIDE_GROUP_START);
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
    store<u64>(groups + at, <u64>(keyGroupOf(side, load<u32>(slot, SLOT_HASH)) + groupStart));
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
  const rows = listChanges(s, limit);
  if (rows == 0) {
    mr_free(load<u32>(s, SIDE_CHANGED), load<u32>(s, SIDE_CHANGED_BYTES));
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
