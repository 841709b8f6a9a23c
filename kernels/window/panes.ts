// The directory of live windows: a list in ascending order, a direct-mapped cache in front of it.

import { mr_alloc, mr_free } from "../memory/allocator";
import { beginDense, endDense } from "../table/dense";
import { freeGroup } from "../table/entries";
import {
  GROUP_END,
  GROUP_INDEX,
  GROUP_SHIFT,
  KEYS_BYTES,
  KEYS_NEXT,
  PANE_BYTES,
  PANE_END,
  PANE_ENTRIES,
  PANE_GROUPS,
  PANE_KEY_BYTES,
  PANE_KEYS_LAST,
  PANE_NEXT,
  PANE_PREVIOUS,
  PANE_START,
  TABLE_CURRENT_PANE,
  TABLE_EMPTY_BUCKET,
  TABLE_ENTRIES,
  TABLE_FIRST_PANE,
  TABLE_GROUP_COUNT,
  TABLE_LAST_PANE,
  TABLE_LONG_KEY_BYTES,
  TABLE_PANE_CACHE,
  TABLE_PANE_CACHE_SHIFT,
  TABLE_SIZE,
} from "../table/layout";
import { dropMarks } from "../table/marks";

/** Milliseconds from the window's start to `timestamp`, rounding down for negative times too. */
@inline
export function timeIntoWindow(timestamp: i64, size: i64, offset: i64): i64 {
  let into: i64 = timestamp % size;
  if (into < 0) into += size;
  into -= offset;
  return into < 0 ? into + size : into;
}

/** Whether the window that began `into` ms before `timestamp` lies within the range of i64. */
@inline
export function windowFits(timestamp: i64, into: i64, size: i64): bool {
  return timestamp >= i64.MIN_VALUE + into && timestamp - into <= i64.MAX_VALUE - size;
}

@inline
function cacheSlot(table: usize, start: i64): usize {
  return table + TABLE_PANE_CACHE + ((<usize>((<u64>start * 0x9e3779b97f4a7c15) >> TABLE_PANE_CACHE_SHIFT)) << 2);
}

/** The pane of the window that begins at `start`; 0 where there is none. */
export function findPane(table: usize, start: i64): usize {
  const slot = cacheSlot(table, start);
  const cached = <usize>load<u32>(slot);
  if (cached != 0 && load<i64>(cached, PANE_START) == start) return cached;
  let pane = <usize>load<u32>(table, TABLE_LAST_PANE);
  while (pane != 0 && load<i64>(pane, PANE_START) > start) pane = <usize>load<u32>(pane, PANE_PREVIOUS);
  if (pane == 0 || load<i64>(pane, PANE_START) != start) return 0;
  store<u32>(slot, <u32>pane);
  return pane;
}

/** The pane of the window that begins at `start`, made if there is none; 0 where memory is used up. */
export function paneAt(table: usize, start: i64): usize {
  const slot = cacheSlot(table, start);
  const cached = <usize>load<u32>(slot);
  if (cached != 0 && load<i64>(cached, PANE_START) == start) return cached;
  let before = <usize>load<u32>(table, TABLE_LAST_PANE);
  while (before != 0 && load<i64>(before, PANE_START) > start) before = <usize>load<u32>(before, PANE_PREVIOUS);
  let pane = before;
  if (pane == 0 || load<i64>(pane, PANE_START) != start) {
    pane = createPane(table, start, before);
    if (pane == 0) return 0;
  }
  store<u32>(slot, <u32>pane);
  return pane;
}

function createPane(table: usize, start: i64, before: usize): usize {
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  const pane = <usize>mr_alloc(PANE_BYTES);
  if (pane == 0) return 0;
  const groups = <usize>mr_alloc(groupCount << GROUP_SHIFT);
  if (groups == 0) {
    mr_free(<u32>pane, PANE_BYTES);
    return 0;
  }
  memory.fill(pane, 0, <usize>PANE_BYTES);
  memory.fill(groups, 0, (<usize>groupCount) << GROUP_SHIFT);
  const empty = load<u32>(table, TABLE_EMPTY_BUCKET);
  const end = groups + ((<usize>groupCount) << GROUP_SHIFT);
  for (let group = groups; group < end; group += 1 << GROUP_SHIFT) store<u32>(group, empty, GROUP_INDEX);
  store<i64>(pane, start, PANE_START);
  store<i64>(pane, start + load<i64>(table, TABLE_SIZE), PANE_END);
  store<u32>(pane, <u32>groups, PANE_GROUPS);
  beginDense(table, pane, before);
  linkPane(table, pane, before);
  return pane;
}

@inline
function linkPane(table: usize, pane: usize, before: usize): void {
  const next = before == 0 ? load<u32>(table, TABLE_FIRST_PANE) : load<u32>(before, PANE_NEXT);
  store<u32>(pane, <u32>before, PANE_PREVIOUS);
  store<u32>(pane, next, PANE_NEXT);
  if (before == 0) store<u32>(table, <u32>pane, TABLE_FIRST_PANE);
  else store<u32>(before, <u32>pane, PANE_NEXT);
  if (next == 0) store<u32>(table, <u32>pane, TABLE_LAST_PANE);
  else store<u32>(next, <u32>pane, PANE_PREVIOUS);
}

/** Frees the oldest pane with its entries, keys and marks; nothing outside the pane points into it. */
export function dropFirstPane(table: usize): void {
  const pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
  const next = load<u32>(pane, PANE_NEXT);
  store<u32>(table, next, TABLE_FIRST_PANE);
  if (next == 0) store<u32>(table, 0, TABLE_LAST_PANE);
  else store<u32>(next, 0, PANE_PREVIOUS);
  if (load<u32>(table, TABLE_CURRENT_PANE) == <u32>pane) store<u32>(table, 0, TABLE_CURRENT_PANE);
  const slot = cacheSlot(table, load<i64>(pane, PANE_START));
  if (load<u32>(slot) == <u32>pane) store<u32>(slot, 0);

  const groups = <usize>load<u32>(pane, PANE_GROUPS);
  const groupBytes = load<u32>(table, TABLE_GROUP_COUNT) << GROUP_SHIFT;
  for (let group = groups; group < groups + groupBytes; group += 1 << GROUP_SHIFT) {
    if (load<u32>(group, GROUP_END) != 0 || load<u32>(group, GROUP_INDEX) != load<u32>(table, TABLE_EMPTY_BUCKET)) {
      freeGroup(group);
    }
  }
  mr_free(<u32>groups, groupBytes);
  endDense(table, pane);
  dropMarks(pane, u32.MAX_VALUE);
  let chunk = load<u32>(pane, PANE_KEYS_LAST);
  while (chunk != 0) {
    const previous = load<u32>(chunk, KEYS_NEXT);
    mr_free(chunk, load<u32>(chunk, KEYS_BYTES));
    chunk = previous;
  }
  store<u32>(table, load<u32>(table, TABLE_ENTRIES) - load<u32>(pane, PANE_ENTRIES), TABLE_ENTRIES);
  store<u32>(table, load<u32>(table, TABLE_LONG_KEY_BYTES) - load<u32>(pane, PANE_KEY_BYTES), TABLE_LONG_KEY_BYTES);
  mr_free(<u32>pane, PANE_BYTES);
}

/** Forgets the marks of completed epochs. */
export function mr_window_completed(table: u32, epoch: u32): void {
  let pane = <usize>load<u32>(<usize>table, TABLE_FIRST_PANE);
  for (; pane != 0; pane = <usize>load<u32>(pane, PANE_NEXT)) dropMarks(pane, epoch);
}
