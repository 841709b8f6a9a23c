// Keys of 8 bytes that lie close together: an array of entry addresses over a range of key values, so that finding an
// entry takes neither hash nor comparison, and inserting one no index. Keys outside of the range live in the groups'
// indexes as ever. The range is made, and later widened, once enough entries lie outside of it and the least and the
// largest key seen are close enough together; nothing depends on it but speed, so it is done without for want of memory.
//
//   range   | u32 slot of key base | of base + 1 | … | 0 |      2^k words; reading beyond the span gives the 0
//   slot    entry address, 0 = none, with the lowest bit set where the entry is known to bear the pane's slot epoch
//
// Invariant: a slot with that bit holds an entry with the epoch PANE_SLOT_EPOCH, or with a later one; the bits are
// taken away before they are read for another epoch. So whoever wants that epoch need not touch the entry to know.
//
// Key values wrap around at 64 bits: `key - base` is a different number for every key, also at the extremes.

import { mr_alloc, mr_free } from "../memory/allocator";
import { chunkEnd, freeIndex } from "./entries";
import {
  CHUNK_HEADER,
  CHUNK_NEXT,
  DENSE_SLOTS_MAX,
  DENSE_SLOTS_MIN,
  DENSE_SPAN_FREE,
  DENSE_SPREAD,
  GROUP_FIRST_CHUNK,
  GROUP_SHIFT,
  KEY_FIXED,
  PANE_CHECK_AT,
  PANE_DENSE,
  PANE_DENSE_BASE,
  PANE_DENSE_SPAN,
  PANE_ENTRIES,
  PANE_GROUPS,
  PANE_INDEXED,
  PANE_KEY_MAX,
  PANE_KEY_MIN,
  PANE_SLOT_EPOCH,
  TABLE_DENSE_SLOTS,
  TABLE_EMPTY_BUCKET,
  TABLE_ENTRIES,
  TABLE_ENTRY_BYTES,
  TABLE_GROUP_COUNT,
  TABLE_HINT_BASE,
  TABLE_HINT_ENTRIES,
  TABLE_HINT_SLOTS,
  TABLE_KEY_KIND,
} from "./layout";

@inline
export function isDense(pane: usize, key: u64): bool {
  return key - load<u64>(pane, PANE_DENSE_BASE) < load<u64>(pane, PANE_DENSE_SPAN);
}

/** Address of the slot of a key that is in the range. */
@inline
export function denseSlot(pane: usize, key: u64): usize {
  return <usize>load<u32>(pane, PANE_DENSE) + ((<usize>(key - load<u64>(pane, PANE_DENSE_BASE))) << 2);
}

export const SLOT_MARKED: u32 = 1;

/** Entry of a key that is in the range, 0 = none. */
@inline
export function entryAtSlot(pane: usize, key: u64): usize {
  return <usize>(load<u32>(denseSlot(pane, key)) & ~SLOT_MARKED);
}

/** From here on the slots' bits speak of `epoch`. */
@inline
export function useSlotEpoch(pane: usize, epoch: u32): void {
  if (load<u32>(pane, PANE_SLOT_EPOCH) != epoch) clearSlotMarks(pane, epoch);
}

function clearSlotMarks(pane: usize, epoch: u32): void {
  // Four slots at a time: what lies behind the span is part of the range. The empty range of a pane is none of its own.
  const slots = slotsOf(pane);
  const range = <usize>load<u32>(pane, PANE_DENSE);
  const end = range + ((<usize>slots) << 2);
  const unmarked = i32x4.splat(~SLOT_MARKED);
  for (let at = range; at < end; at += 16) v128.store(at, v128.and(v128.load(at), unmarked));
  store<u32>(pane, epoch, PANE_SLOT_EPOCH);
}

/** Slots of the pane's range with the 0 behind it; 0 = it has none. */
@inline
function slotsOf(pane: usize): u32 {
  const span = load<u64>(pane, PANE_DENSE_SPAN);
  return span == 0 ? 0 : <u32>span + 1;
}

/** Gives the pane an empty range; false where memory is used up. */
function openRange(table: usize, pane: usize, base: u64, slots: u32): bool {
  const range = mr_alloc(slots << 2);
  if (range == 0) return false;
  memory.fill(<usize>range, 0, (<usize>slots) << 2);
  freeRange(table, pane);
  store<u32>(pane, range, PANE_DENSE);
  store<u64>(pane, base, PANE_DENSE_BASE);
  store<u64>(pane, <u64>(slots - 1), PANE_DENSE_SPAN);
  store<u32>(table, load<u32>(table, TABLE_DENSE_SLOTS) + slots, TABLE_DENSE_SLOTS);
  return true;
}

function freeRange(table: usize, pane: usize): void {
  const slots = slotsOf(pane);
  if (slots == 0) return;
  mr_free(load<u32>(pane, PANE_DENSE), slots << 2);
  store<u32>(table, load<u32>(table, TABLE_DENSE_SLOTS) - slots, TABLE_DENSE_SLOTS);
}

/** A range that holds every key of the pane, if they lie close enough together; else the question waits for more of them. */
export function makeDense(table: usize, pane: usize): void {
  store<u32>(pane, load<u32>(pane, PANE_INDEXED) << 1, PANE_CHECK_AT);
  const lowest = load<i64>(pane, PANE_KEY_MIN);
  const values = <u64>(load<i64>(pane, PANE_KEY_MAX) - lowest);
  const entries = load<u32>(pane, PANE_ENTRIES);
  if (values >= max<u64>(DENSE_SPAN_FREE, (<u64>entries) << DENSE_SPREAD) || values + 2 > <u64>DENSE_SLOTS_MAX) return;
  let slots = DENSE_SLOTS_MIN;
  while (<u64>slots < values + 2) slots <<= 1;
  // What is too many lies on both sides.
  if (!openRange(table, pane, <u64>lowest - ((<u64>slots - values - 2) >> 1), slots)) return;
  const stride = <usize>load<u32>(table, TABLE_ENTRY_BYTES);
  let group = <usize>load<u32>(pane, PANE_GROUPS);
  const groupsEnd = group + ((<usize>load<u32>(table, TABLE_GROUP_COUNT)) << GROUP_SHIFT);
  for (; group < groupsEnd; group += 1 << GROUP_SHIFT) {
    let chunk = <usize>load<u32>(group, GROUP_FIRST_CHUNK);
    while (chunk != 0) {
      const end = chunkEnd(group, chunk);
      for (let entry = chunk + CHUNK_HEADER; entry < end; entry += stride) {
        store<u32>(denseSlot(pane, load<u64>(entry)), <u32>entry);
      }
      chunk = <usize>load<u32>(chunk, CHUNK_NEXT);
    }
    freeIndex(group, load<u32>(table, TABLE_EMPTY_BUCKET));
  }
  store<u32>(pane, 0, PANE_INDEXED);
  store<u32>(pane, (entries >> 3) + 1, PANE_CHECK_AT);
}

/** A new pane begins with the range of the window before it, unless the table's ranges are wide for its entries already. */
export function beginDense(table: usize, pane: usize, before: usize): void {
  store<u32>(pane, load<u32>(table, TABLE_EMPTY_BUCKET), PANE_DENSE);
  store<u32>(pane, 1, PANE_CHECK_AT);
  store<i64>(pane, i64.MAX_VALUE, PANE_KEY_MIN);
  store<i64>(pane, i64.MIN_VALUE, PANE_KEY_MAX);
  if (load<u32>(table, TABLE_KEY_KIND) != KEY_FIXED) return;
  if (before != 0) keepHint(table, before);
  const slots = load<u32>(table, TABLE_HINT_SLOTS);
  if (slots == 0) return;
  const entries = max<u32>(load<u32>(table, TABLE_ENTRIES), load<u32>(table, TABLE_HINT_ENTRIES));
  if (<u64>load<u32>(table, TABLE_DENSE_SLOTS) + <u64>slots > ((<u64>entries) << (DENSE_SPREAD + 2)) + DENSE_SPAN_FREE) return;
  openRange(table, pane, load<u64>(table, TABLE_HINT_BASE), slots);
}

function keepHint(table: usize, pane: usize): void {
  store<u32>(table, slotsOf(pane), TABLE_HINT_SLOTS);
  store<u64>(table, load<u64>(pane, PANE_DENSE_BASE), TABLE_HINT_BASE);
  store<u32>(table, load<u32>(pane, PANE_ENTRIES), TABLE_HINT_ENTRIES);
}

/** The pane goes. */
export function endDense(table: usize, pane: usize): void {
  keepHint(table, pane);
  freeRange(table, pane);
}
