// The directory of live windows: a list in ascending order, and a cache in front of it in which each window has two
// places. With one place alone, windows of splits that lie far apart displace each other batch by batch, and a walk along
// a list of thousands costs more than folding the batch.

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

/** The other place of the same window. */
@inline
function otherSlot(table: usize, start: i64): usize {
  return table + TABLE_PANE_CACHE + ((<usize>((<u64>start * 0xc2b2ae3d27d4eb4f) >> TABLE_PANE_CACHE_SHIFT)) << 2);
}

/** The pane of the window that begins at `start` where it is in the cache, otherwise 0. */
@inline
function cachedPane(table: usize, start: i64): usize {
  const first = <usize>load<u32>(cacheSlot(table, start));
  if (first != 0 && load<i64>(first, PANE_START) == start) return first;
  const second = <usize>load<u32>(otherSlot(table, start));
  return second != 0 && load<i64>(second, PANE_START) == start ? second : 0;
}

/** Takes the pane into the cache; what was in its place goes to its own other one. */
function keepPane(table: usize, pane: usize): void {
  const slot = cacheSlot(table, load<i64>(pane, PANE_START));
  const before = <usize>load<u32>(slot);
  store<u32>(slot, <u32>pane);
  if (before == 0 || before == pane) return;
  const its = cacheSlot(table, load<i64>(before, PANE_START));
  store<u32>(its == slot ? otherSlot(table, load<i64>(before, PANE_START)) : its, <u32>before);
}

/**
 * The last pane that begins at or before `start`; 0 where there is none. Looked for from the current one on: windows that
 * are made one after another lie close together.
 */
function lastPaneUpTo(table: usize, start: i64): usize {
  let pane = <usize>load<u32>(table, TABLE_CURRENT_PANE);
  if (pane == 0) pane = <usize>load<u32>(table, TABLE_LAST_PANE);
  while (pane != 0 && load<i64>(pane, PANE_START) > start) pane = <usize>load<u32>(pane, PANE_PREVIOUS);
  let next = pane == 0 ? 0 : <usize>load<u32>(pane, PANE_NEXT);
  while (next != 0 && load<i64>(next, PANE_START) <= start) {
    pane = next;
    next = <usize>load<u32>(pane, PANE_NEXT);
  }
  return pane;
}

/** The pane of the window that begins at `start`; 0 where there is none. */
export function findPane(table: usize, start: i64): usize {
  const cached = cachedPane(table, start);
  if (cached != 0) return cached;
  const pane = lastPaneUpTo(table, start);
  if (pane == 0 || load<i64>(pane, PANE_START) != start) return 0;
  keepPane(table, pane);
  return pane;
}

/** The pane of the window that begins at `start`, made if there is none; 0 where memory is used up. */
export function paneAt(table: usize, start: i64): usize {
  const cached = cachedPane(table, start);
  if (cached != 0) return cached;
  const before = lastPaneUpTo(table, start);
  let pane = before;
  if (pane == 0 || load<i64>(pane, PANE_START) != start) {
    pane = createPane(table, start, before);
    if (pane == 0) return 0;
  }
  keepPane(table, pane);
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
  const other = otherSlot(table, load<i64>(pane, PANE_START));
  if (load<u32>(other) == <u32>pane) store<u32>(other, 0);

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
