// Which entries changed in which epoch: append-only blocks of entry addresses in the entries' own pane.
// An entry that changes again in a later epoch is marked again; its older mark is then stale and skipped.

import { mr_alloc, mr_free } from "../memory/allocator";
import {
  MARKS_BYTES,
  MARKS_END,
  MARKS_EPOCH,
  MARKS_HEADER,
  MARKS_NEXT,
  PANE_MARK_END,
  PANE_MARK_EPOCH,
  PANE_MARK_NEXT,
  PANE_MARKS_FIRST,
  PANE_MARKS_LAST,
} from "./layout";

const MARKS_BYTES_MIN: u32 = 64;
const MARKS_BYTES_MAX: u32 = 65536;

/** False where memory is used up. */
@inline
export function reserveMark(pane: usize, epoch: u32): bool {
  if (load<u32>(pane, PANE_MARK_EPOCH) == epoch && load<u32>(pane, PANE_MARK_NEXT) < load<u32>(pane, PANE_MARK_END)) {
    return true;
  }
  return openMarks(pane, epoch);
}

/** `reserveMark` must have answered true. */
@inline
export function addMark(pane: usize, entry: usize): void {
  const at = load<u32>(pane, PANE_MARK_NEXT);
  store<u32>(at, <u32>entry);
  store<u32>(pane, at + 4, PANE_MARK_NEXT);
}

function openMarks(pane: usize, epoch: u32): bool {
  const last = <usize>load<u32>(pane, PANE_MARKS_LAST);
  let bytes = MARKS_BYTES_MIN;
  if (last != 0 && load<u32>(pane, PANE_MARK_EPOCH) == epoch) {
    bytes = min<u32>(load<u32>(last, MARKS_BYTES) << 1, MARKS_BYTES_MAX);
  }
  const block = mr_alloc(bytes);
  if (block == 0) return false;
  store<u32>(block, 0, MARKS_NEXT);
  store<u32>(block, epoch, MARKS_EPOCH);
  store<u32>(block, bytes, MARKS_BYTES);
  if (last != 0) {
    store<u32>(last, load<u32>(pane, PANE_MARK_NEXT), MARKS_END);
    store<u32>(last, block, MARKS_NEXT);
  } else {
    store<u32>(pane, block, PANE_MARKS_FIRST);
  }
  store<u32>(pane, block, PANE_MARKS_LAST);
  store<u32>(pane, block + MARKS_HEADER, PANE_MARK_NEXT);
  store<u32>(pane, block + bytes, PANE_MARK_END);
  store<u32>(pane, epoch, PANE_MARK_EPOCH);
  return true;
}

/** One past the last mark of a block. */
@inline
export function marksEnd(pane: usize, block: usize): usize {
  return <usize>(block == <usize>load<u32>(pane, PANE_MARKS_LAST) ? load<u32>(pane, PANE_MARK_NEXT) : load<u32>(block, MARKS_END));
}

/** Frees the pane's mark blocks of epochs up to and including `epoch`. */
export function dropMarks(pane: usize, epoch: u32): void {
  let block = load<u32>(pane, PANE_MARKS_FIRST);
  while (block != 0 && load<u32>(block, MARKS_EPOCH) <= epoch) {
    const next = load<u32>(block, MARKS_NEXT);
    mr_free(block, load<u32>(block, MARKS_BYTES));
    block = next;
  }
  store<u32>(pane, block, PANE_MARKS_FIRST);
  if (block != 0) return;
  store<u32>(pane, 0, PANE_MARKS_LAST);
  store<u32>(pane, 0, PANE_MARK_NEXT);
  store<u32>(pane, 0, PANE_MARK_END);
  store<u32>(pane, 0, PANE_MARK_EPOCH);
}
