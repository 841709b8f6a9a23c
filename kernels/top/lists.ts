// The list of one key: its rows in order, found by halves; rows made, changed, and erased.

import { NODE_EPOCH, noteChange, unlink } from "../changes/list";
import { mr_alloc, mr_free } from "../memory/allocator";
import { TABLE_KEY_BYTES } from "../table/layout";
import { removeEntry } from "../table/remove";
import { compareBytes } from "./rows";
import {
  LIST_BYTES,
  LIST_CAPACITY,
  LIST_CAPACITY_MIN,
  LIST_ENTRY,
  LIST_LENGTH,
  LIST_ROWS,
  LIST_WORST,
  ROW_BORN,
  ROW_COPIES,
  ROW_DATA,
  ROW_LENGTH,
  ROW_LIST,
  ROW_LISTED,
  TOP_CHANGES,
  TOP_PANE,
  TOP_ROW_BYTES,
  TOP_ROWS,
  TOP_STAGING,
  TOP_TABLE,
  TOP_ZEROED,
  TOP_ZEROED_COUNT,
} from "./layout";

/** Where the entry's list is, in the entry. */
@inline
export function listAt(table: usize): usize {
  return <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
}

@inline
export function rowOf(list: usize, index: u32): usize {
  return <usize>load<u32>(<usize>load<u32>(list, LIST_ROWS) + ((<usize>index) << 2));
}

/** The entry's list, made if there is none; 0 where memory is used up. */
export function listOf(top: usize, entry: usize): usize {
  const at = entry + listAt(<usize>load<u32>(top, TOP_TABLE));
  let list = load<u32>(at);
  if (list != 0) return <usize>list;
  list = mr_alloc(LIST_BYTES);
  if (list == 0) return 0;
  const rows = mr_alloc(LIST_CAPACITY_MIN << 2);
  if (rows == 0) {
    mr_free(list, LIST_BYTES);
    return 0;
  }
  memory.fill(<usize>list, 0, <usize>LIST_BYTES);
  store<u32>(list, <u32>entry, LIST_ENTRY);
  store<u32>(list, rows, LIST_ROWS);
  store<u32>(list, LIST_CAPACITY_MIN, LIST_CAPACITY);
  store<u32>(at, list);
  return <usize>list;
}

/** Index of the first row that does not come before these bytes. */
export function placeOf(list: usize, bytes: usize, length: u32): u32 {
  let low: u32 = 0;
  let high = load<u32>(list, LIST_LENGTH);
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rowOf(list, middle);
    if (compareBytes(row + ROW_DATA, load<u32>(row, ROW_LENGTH), bytes, length) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function growRows(list: usize): bool {
  const capacity = load<u32>(list, LIST_CAPACITY);
  if (load<u32>(list, LIST_LENGTH) < capacity) return true;
  const rows = mr_alloc(capacity << 3);
  if (rows == 0) return false;
  memory.copy(<usize>rows, <usize>load<u32>(list, LIST_ROWS), (<usize>capacity) << 2);
  mr_free(load<u32>(list, LIST_ROWS), capacity << 2);
  store<u32>(list, rows, LIST_ROWS);
  store<u32>(list, capacity << 1, LIST_CAPACITY);
  return true;
}

/** The row of the staged bytes, made without copies if there is none; 0 where memory is used up. */
export function resolveRow(top: usize, list: usize, length: u32, epoch: u32): usize {
  const bytes = <usize>load<u32>(top, TOP_STAGING);
  const place = placeOf(list, bytes, length);
  const count = load<u32>(list, LIST_LENGTH);
  if (place < count) {
    const found = rowOf(list, place);
    if (compareBytes(found + ROW_DATA, load<u32>(found, ROW_LENGTH), bytes, length) == 0) return found;
  }
  if (!growRows(list)) return 0;
  const row = <usize>mr_alloc(<u32>ROW_DATA + length);
  if (row == 0) return 0;
  memory.fill(row, 0, ROW_DATA);
  store<u32>(row, <u32>list, ROW_LIST);
  store<u32>(row, epoch, ROW_BORN);
  store<u32>(row, length, ROW_LENGTH);
  memory.copy(row + ROW_DATA, bytes, <usize>length);
  const at = <usize>load<u32>(list, LIST_ROWS) + ((<usize>place) << 2);
  memory.copy(at + 4, at, (<usize>(count - place)) << 2);
  store<u32>(at, <u32>row);
  store<u32>(list, count + 1, LIST_LENGTH);
  store<u32>(top, load<u32>(top, TOP_ROW_BYTES) + length, TOP_ROW_BYTES);
  return row;
}

/** Gives the row other copies and says so to the counts; the caller notes the change. */
export function setCopies(top: usize, row: usize, copies: i32): void {
  const before = load<i32>(row, ROW_COPIES);
  store<i32>(row, copies, ROW_COPIES);
  const rows = load<u32>(top, TOP_ROWS);
  if (before == 0 && copies != 0) store<u32>(top, rows + 1, TOP_ROWS);
  if (before != 0 && copies == 0) store<u32>(top, rows - 1, TOP_ROWS);
}

/** Changes the copies of a row within a batch. */
export function addCopies(top: usize, row: usize, change: i32, epoch: u32): void {
  const copies = load<i32>(row, ROW_COPIES) + change;
  setCopies(top, row, copies);
  const hash = load<u32>(<usize>load<u32>(load<u32>(row, ROW_LIST), LIST_ENTRY) + listAt(<usize>load<u32>(top, TOP_TABLE)) - 4);
  noteChange(top + TOP_CHANGES, row, epoch, hash);
  if (copies != 0 || load<u32>(row, ROW_LISTED) != 0) return;
  const count = load<u32>(top, TOP_ZEROED_COUNT);
  store<u32>(load<u32>(top, TOP_ZEROED) + (count << 2), <u32>row);
  store<u32>(top, count + 1, TOP_ZEROED_COUNT);
  store<u32>(row, 1, ROW_LISTED);
}

/** Takes the entry out of the table; an entry that moves takes its list along. */
export function dropEntry(top: usize, entry: usize): void {
  const table = <usize>load<u32>(top, TOP_TABLE);
  if (removeEntry(table, <usize>load<u32>(top, TOP_PANE), entry) == 0) return;
  const list = load<u32>(entry + listAt(table));
  if (list != 0) store<u32>(list, <u32>entry, LIST_ENTRY);
}

export function freeList(list: usize): void {
  mr_free(load<u32>(list, LIST_ROWS), load<u32>(list, LIST_CAPACITY) << 2);
  mr_free(<u32>list, LIST_BYTES);
}

/** Frees a row that has no copies, and the key's list and entry with its last row. */
export function eraseRow(top: usize, row: usize): void {
  const list = <usize>load<u32>(row, ROW_LIST);
  const length = load<u32>(row, ROW_LENGTH);
  const place = placeOf(list, row + ROW_DATA, length);
  const count = load<u32>(list, LIST_LENGTH) - 1;
  const at = <usize>load<u32>(list, LIST_ROWS) + ((<usize>place) << 2);
  memory.copy(at, at + 4, (<usize>(count - place)) << 2);
  store<u32>(list, count, LIST_LENGTH);
  if (load<u32>(row, NODE_EPOCH) != 0) unlink(top + TOP_CHANGES, row);
  store<u32>(top, load<u32>(top, TOP_ROW_BYTES) - length, TOP_ROW_BYTES);
  mr_free(<u32>row, <u32>ROW_DATA + length);
  if (count != 0) return;
  const entry = <usize>load<u32>(list, LIST_ENTRY);
  freeList(list);
  dropEntry(top, entry);
}

/** The last row with a copy; there must be one. */
export function worstOf(list: usize): usize {
  const known = load<u32>(list, LIST_WORST);
  if (known != 0) return <usize>known;
  let index = load<u32>(list, LIST_LENGTH) - 1;
  while (load<i32>(rowOf(list, index), ROW_COPIES) <= 0) index--;
  const worst = rowOf(list, index);
  store<u32>(list, <u32>worst, LIST_WORST);
  return worst;
}

/** The first `limit` copies in order, a word each; answers how many there are. */
export function listBest(list: usize, limit: u32, to: usize): u32 {
  const length = load<u32>(list, LIST_LENGTH);
  let listed: u32 = 0;
  for (let index: u32 = 0; index < length && listed < limit; index++) {
    const row = rowOf(list, index);
    for (let copies = load<i32>(row, ROW_COPIES); copies > 0 && listed < limit; copies--) {
      store<u32>(to + ((<usize>listed) << 2), <u32>row);
      listed++;
    }
  }
  return listed;
}
