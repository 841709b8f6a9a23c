// Row slots: taken, listed behind their key's entry, taken out again, freed. Layout and invariants: layout.ts.

import { mr_alloc, mr_free } from "../memory/allocator";
import {
  PANE_ROWS,
  PANE_ROWS_FREE,
  PANE_ROWS_LAST,
  PANE_ROWS_NEXT,
  TABLE_KEY_BYTES,
} from "../table/layout";
import { addMark, reserveMark } from "../table/marks";
import {
  ROWS_CHUNK_BYTES,
  ROWS_CHUNK_BYTES_MAX,
  ROWS_CHUNK_BYTES_MIN,
  ROWS_CHUNK_END,
  ROWS_CHUNK_HEADER,
  ROWS_CHUNK_NEXT,
  SIDE_GROUP_START,
  SIDE_MAX_PARALLELISM,
  SIDE_ROWS,
  SIDE_SLOT_BYTES,
  SIDE_TABLE,
  SIDE_TEXT_AT,
  SIDE_TEXT_BYTES,
  SLOT_DEAD,
  SLOT_EPOCH,
  SLOT_FREE,
  SLOT_IS_FIRST,
  SLOT_NEXT,
  SLOT_PREVIOUS,
  SLOT_UNLISTED,
} from "./layout";

/** Where an entry holds the address of its key's first row. */
@inline
export function firstRowAt(side: usize): usize {
  return <usize>load<u32>(<usize>load<u32>(side, SIDE_TABLE), TABLE_KEY_BYTES) + 8;
}

/** The hash's key group, counted from the side's first; beyond its range the result is at least its group count. */
@inline
export function keyGroupOf(side: usize, hash: u32): u32 {
  return <u32>((<u64>hash * <u64>load<u32>(side, SIDE_MAX_PARALLELISM)) >> 32) - load<u32>(side, SIDE_GROUP_START);
}

@inline
export function isListed(slot: usize): bool {
  return (load<u32>(slot, SLOT_PREVIOUS) & SLOT_UNLISTED) == 0;
}

function growSlots(side: usize, pane: usize): bool {
  const last = load<u32>(pane, PANE_ROWS_LAST);
  const slotBytes = load<u32>(side, SIDE_SLOT_BYTES);
  let bytes = last == 0 ? ROWS_CHUNK_BYTES_MIN : min<u32>(load<u32>(last, ROWS_CHUNK_BYTES) << 1, ROWS_CHUNK_BYTES_MAX);
  while (bytes < ROWS_CHUNK_HEADER + slotBytes) bytes <<= 1;
  const chunk = mr_alloc(bytes);
  if (chunk == 0) return false;
  store<u32>(chunk, last, ROWS_CHUNK_NEXT);
  store<u32>(chunk, chunk + ROWS_CHUNK_HEADER + ((bytes - ROWS_CHUNK_HEADER) / slotBytes) * slotBytes, ROWS_CHUNK_END);
  store<u32>(chunk, bytes, ROWS_CHUNK_BYTES);
  store<u32>(pane, chunk, PANE_ROWS_LAST);
  store<u32>(pane, chunk + ROWS_CHUNK_HEADER, PANE_ROWS_NEXT);
  return true;
}

/** A slot for a new row, marked with `epoch` unless that is 0; 0 where memory is used up. */
export function takeSlot(side: usize, pane: usize, epoch: u32): usize {
  const reused = <usize>load<u32>(pane, PANE_ROWS_FREE);
  if (epoch != 0 && !reserveMark(pane, epoch)) return 0;
  if (reused != 0) {
    store<u32>(pane, load<u32>(reused, SLOT_NEXT), PANE_ROWS_FREE);
    if (epoch != 0 && load<u32>(reused, SLOT_EPOCH) != epoch) addMark(pane, reused);
    store<u32>(reused, epoch, SLOT_EPOCH);
    countRow(side, pane);
    return reused;
  }
  const last = <usize>load<u32>(pane, PANE_ROWS_LAST);
  if ((last == 0 || load<u32>(pane, PANE_ROWS_NEXT) == load<u32>(last, ROWS_CHUNK_END)) && !growSlots(side, pane)) return 0;
  const slot = <usize>load<u32>(pane, PANE_ROWS_NEXT);
  store<u32>(pane, <u32>slot + load<u32>(side, SIDE_SLOT_BYTES), PANE_ROWS_NEXT);
  if (epoch != 0) addMark(pane, slot);
  store<u32>(slot, epoch, SLOT_EPOCH);
  countRow(side, pane);
  return slot;
}

@inline
function countRow(side: usize, pane: usize): void {
  store<u32>(side, load<u32>(side, SIDE_ROWS) + 1, SIDE_ROWS);
  store<u32>(pane, load<u32>(pane, PANE_ROWS) + 1, PANE_ROWS);
}

/** Puts the row first in its entry's list; `entryFirst` is where the entry holds the list. */
@inline
export function listSlot(entryFirst: usize, slot: usize): void {
  const next = load<u32>(entryFirst);
  store<u32>(slot, next, SLOT_NEXT);
  store<u32>(slot, <u32>entryFirst + SLOT_IS_FIRST, SLOT_PREVIOUS);
  if (next != 0) store<u32>(next, <u32>slot, SLOT_PREVIOUS);
  store<u32>(entryFirst, <u32>slot);
}

function unlistSlot(slot: usize): void {
  const next = load<u32>(slot, SLOT_NEXT);
  const previous = load<u32>(slot, SLOT_PREVIOUS);
  if (next != 0) store<u32>(next, previous, SLOT_PREVIOUS);
  if ((previous & SLOT_IS_FIRST) != 0) store<u32>(previous - SLOT_IS_FIRST, next);
  else store<u32>(previous, next, SLOT_NEXT);
}

/** Gives the row's texts back. */
@inline
function freeText(side: usize, slot: usize): void {
  const at = <usize>load<u32>(side, SIDE_TEXT_AT);
  if (at == 0) return;
  const bytes = load<u32>(slot + at, 4);
  if (bytes == 0) return;
  mr_free(load<u32>(slot + at), bytes);
  store<u32>(slot + at, 0, 4);
  store<u32>(side, load<u32>(side, SIDE_TEXT_BYTES) - bytes, SIDE_TEXT_BYTES);
}

/** The slot is in no list and no checkpoint needs it. */
export function freeSlot(side: usize, pane: usize, slot: usize): void {
  freeText(side, slot);
  store<u32>(slot, SLOT_FREE, SLOT_PREVIOUS);
  store<u32>(slot, load<u32>(pane, PANE_ROWS_FREE), SLOT_NEXT);
  store<u32>(pane, <u32>slot, PANE_ROWS_FREE);
}

/** Takes a row out. Epoch 0: no checkpoint needs to know. False where memory is used up. */
export function removeSlot(side: usize, pane: usize, slot: usize, epoch: u32): bool {
  const isNew = load<u32>(slot, SLOT_EPOCH) == epoch || epoch == 0;
  if (!isNew && !reserveMark(pane, epoch)) return false;
  unlistSlot(slot);
  store<u32>(side, load<u32>(side, SIDE_ROWS) - 1, SIDE_ROWS);
  store<u32>(pane, load<u32>(pane, PANE_ROWS) - 1, PANE_ROWS);
  if (isNew) {
    freeSlot(side, pane, slot);
    return true;
  }
  addMark(pane, slot);
  store<u32>(slot, epoch, SLOT_EPOCH);
  store<u32>(slot, SLOT_DEAD, SLOT_PREVIOUS);
  return true;
}

/** Frees all slots of a pane that is about to be dropped. */
export function freeRows(side: usize, pane: usize): void {
  const hasText = load<u32>(side, SIDE_TEXT_AT) != 0;
  const slotBytes = <usize>load<u32>(side, SIDE_SLOT_BYTES);
  let end = <usize>load<u32>(pane, PANE_ROWS_NEXT);
  let chunk = <usize>load<u32>(pane, PANE_ROWS_LAST);
  while (chunk != 0) {
    if (hasText) {
      for (let slot = chunk + ROWS_CHUNK_HEADER; slot < end; slot += slotBytes) freeText(side, slot);
    }
    const next = <usize>load<u32>(chunk, ROWS_CHUNK_NEXT);
    mr_free(<u32>chunk, load<u32>(chunk, ROWS_CHUNK_BYTES));
    chunk = next;
    if (chunk != 0) end = <usize>load<u32>(chunk, ROWS_CHUNK_END);
  }
  store<u32>(side, load<u32>(side, SIDE_ROWS) - load<u32>(pane, PANE_ROWS), SIDE_ROWS);
  store<u32>(pane, 0, PANE_ROWS_LAST);
}
