// The two blocks that a window spans: panes join the younger one, the older one's panes leave.

import { CONTROL_STATUS, STATUS_OUT_OF_MEMORY } from "../abi";
import { LIST_ENTRIES } from "../distinct/layout";
import { mr_alloc, mr_free } from "../memory/allocator";
import { copyWords, mergeValues, rowsAtOf } from "../pane/merge";
import { firstPane, hashOfEntry, peek, resolveEntries, startWalk, walk } from "../pane/walk";
import {
  PANE_ENTRIES,
  PANE_PREVIOUS,
  PANE_START,
  PASS_ENTRIES,
  PASS_ROWS,
  TABLE_FIRST_PANE,
  TABLE_LAST_PANE,
  TABLE_OFFSET,
} from "../table/layout";
import { dropFirstPane, paneAt, timeIntoWindow } from "../window/panes";
import {
  END_HEADER,
  END_NEXT,
  EXTRA_LATE,
  EXTRA_PEER,
  EXTRA_SETS,
  HOP_BLOCKS,
  HOP_ENDS,
  HOP_EXTRA_AT,
  HOP_JOINED,
  HOP_OLDER,
  HOP_PANES,
  HOP_SET_COUNT,
  HOP_SETS,
  HOP_SIZE,
  HOP_SLIDE,
  HOP_VALUE_BYTES,
  HOP_YOUNGER,
} from "./layout";
import { dropSeen, leaveSets, seeSets } from "./sets";

/** Cursor of walks that end where they began: 16 bytes at the end of the kernels' scratch. */
const WALK: usize = 131040;

export function noMemory(): bool {
  store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
  return false;
}

/** Start of the block that holds the time. */
export function blockStart(hop: usize, time: i64): i64 {
  const offset = load<i64>(<usize>load<u32>(hop, HOP_BLOCKS), TABLE_OFFSET);
  return time - timeIntoWindow(time, load<i64>(hop, HOP_SIZE), offset);
}

@inline
function extraOf(hop: usize, entry: usize): usize {
  return entry + <usize>load<u32>(hop, HOP_EXTRA_AT);
}

/** The slots of the owners' counts name, from now on, the block's entry of their key. */
@inline
function linkOwner(hop: usize, entry: usize, block: usize): void {
  const sets = load<u32>(hop, HOP_SET_COUNT);
  for (let i: u32 = 0; i < sets; i++) {
    const at = <usize>load<u32>(hop + HOP_SETS + ((<usize>i) << 4), 12);
    store<u64>(entry + at, <u64>block);
  }
}

/** Connects a new entry of the younger block with its key's in the older one. */
function connect(hop: usize, entry: usize): void {
  const older = <usize>load<u32>(hop, HOP_OLDER);
  if (older == 0) return;
  const blocks = <usize>load<u32>(hop, HOP_BLOCKS);
  const other = peek(blocks, older, hashOfEntry(blocks, entry), entry);
  if (other == 0) return;
  store<u32>(extraOf(hop, entry), <u32>other, EXTRA_PEER);
  store<u32>(extraOf(hop, other), <u32>entry, EXTRA_PEER);
}

/** The younger block, begun if a pane that starts at `start` is its first. */
function younger(hop: usize, start: i64): usize {
  let pane = <usize>load<u32>(hop, HOP_YOUNGER);
  if (pane != 0) return pane;
  pane = paneAt(<usize>load<u32>(hop, HOP_BLOCKS), blockStart(hop, start));
  store<u32>(hop, <u32>pane, HOP_YOUNGER);
  return pane;
}

/** Adds a pane's entries to the younger block, or, of a pane of late rows, attaches them for the window at hand. */
export function joinPane(hop: usize, table: usize, pane: usize, isLate: bool): bool {
  const blocks = <usize>load<u32>(hop, HOP_BLOCKS);
  const rowsAt = rowsAtOf(blocks);
  const block = younger(hop, load<i64>(pane, PANE_START));
  if (block == 0) return noMemory();
  startWalk(WALK);
  for (;;) {
    const listed = walk(table, pane, WALK, LIST_ENTRIES, PASS_ROWS);
    if (listed == 0) break;
    if (!resolveEntries(blocks, block, LIST_ENTRIES, listed)) return false;
    for (let i: u32 = 0; i < listed; i++) {
      const entry = <usize>load<u32>(LIST_ENTRIES + ((<usize>i) << 2));
      const its = <usize>load<u32>(PASS_ENTRIES + ((<usize>i) << 2));
      linkOwner(hop, entry, its);
      if (load<u64>(its + rowsAt) == 0 && load<u32>(extraOf(hop, its), EXTRA_PEER) == 0) connect(hop, its);
      if (isLate) store<u32>(extraOf(hop, its), <u32>entry, EXTRA_LATE);
      else if (!mergeValues(<usize>load<u32>(hop, HOP_PANES), its, entry)) return false;
    }
  }
  if (isLate) return true;
  store<u32>(hop, <u32>pane, HOP_JOINED);
  return seeSets(hop, load<i64>(pane, PANE_START), block, false);
}

/** Gives one pane of the block its end records, on top of those of the panes after it. */
function makeEnds(hop: usize, block: usize, pane: usize): bool {
  const panes = <usize>load<u32>(hop, HOP_PANES);
  const blocks = <usize>load<u32>(hop, HOP_BLOCKS);
  const rowsAt = rowsAtOf(panes);
  const valueBytes = <usize>load<u32>(hop, HOP_VALUE_BYTES);
  const count = load<u32>(pane, PANE_ENTRIES);
  const bytes = <u64>count * <u64>(valueBytes + END_HEADER);
  let record: usize = bytes > 0x40000000 ? 0 : <usize>mr_alloc(<u32>bytes);
  if (record == 0) return noMemory();
  const place = (load<i64>(pane, PANE_START) - load<i64>(block, PANE_START)) / load<i64>(hop, HOP_SLIDE);
  const ends = <usize>load<u32>(hop, HOP_ENDS) + ((<usize>place) << 3);
  store<u32>(ends, <u32>record);
  store<u32>(ends, count, 4);
  startWalk(WALK);
  for (;;) {
    const listed = walk(panes, pane, WALK, LIST_ENTRIES, PASS_ROWS);
    if (listed == 0) break;
    if (!resolveEntries(blocks, block, LIST_ENTRIES, listed)) return false;
    for (let i: u32 = 0; i < listed; i++) {
      const entry = <usize>load<u32>(LIST_ENTRIES + ((<usize>i) << 2));
      const its = <usize>load<u32>(PASS_ENTRIES + ((<usize>i) << 2));
      const next = load<u32>(extraOf(hop, its));
      linkOwner(hop, entry, its);
      store<u32>(record, <u32>its);
      store<u32>(record, next, END_NEXT);
      copyWords(record + END_HEADER, entry + rowsAt, valueBytes);
      const base = END_HEADER - rowsAt;
      if (next != 0 && !mergeValues(panes, record + base, <usize>next + base)) return false;
      store<u32>(extraOf(hop, its), <u32>record);
      record += END_HEADER + valueBytes;
    }
  }
  return true;
}

/** Gives every pane that starts in [from, to) its end records, the last pane first. */
export function makeAllEnds(hop: usize, block: usize, from: i64, to: i64): bool {
  const panes = <usize>load<u32>(hop, HOP_PANES);
  let pane = <usize>load<u32>(panes, TABLE_LAST_PANE);
  for (; pane != 0 && load<i64>(pane, PANE_START) >= from; pane = <usize>load<u32>(pane, PANE_PREVIOUS)) {
    if (load<i64>(pane, PANE_START) < to && !makeEnds(hop, block, pane)) return false;
  }
  return true;
}

export function freeEnds(hop: usize, place: u32): void {
  const ends = <usize>load<u32>(hop, HOP_ENDS) + ((<usize>place) << 3);
  const record = load<u32>(ends);
  if (record == 0) return;
  mr_free(record, load<u32>(ends, 4) * (load<u32>(hop, HOP_VALUE_BYTES) + <u32>END_HEADER));
  store<u32>(ends, 0);
}

/** Takes a pane of the older block out of the windows to come, and drops it. */
export function leavePane(hop: usize, start: i64): bool {
  const panes = <usize>load<u32>(hop, HOP_PANES);
  const pane = firstPane(panes);
  if (pane == 0 || load<i64>(pane, PANE_START) != start) return true;
  const place = <u32>((start - blockStart(hop, start)) / load<i64>(hop, HOP_SLIDE));
  const ends = <usize>load<u32>(hop, HOP_ENDS) + ((<usize>place) << 3);
  const stride = <usize>load<u32>(hop, HOP_VALUE_BYTES) + END_HEADER;
  let record = <usize>load<u32>(ends);
  if (record != 0) {
    for (const end = record + <usize>load<u32>(ends, 4) * stride; record < end; record += stride) {
      store<u32>(extraOf(hop, <usize>load<u32>(record)), load<u32>(record, END_NEXT));
    }
    freeEnds(hop, place);
  }
  if (!leaveSets(hop, start)) return false;
  if (load<u32>(hop, HOP_JOINED) == <u32>pane) store<u32>(hop, 0, HOP_JOINED);
  dropFirstPane(panes);
  return true;
}

/** The younger block is complete and becomes the older one. The pane that it begins with has no window to come. */
export function completeBlock(hop: usize, end: i64): bool {
  const blocks = <usize>load<u32>(hop, HOP_BLOCKS);
  if (load<u32>(hop, HOP_OLDER) != 0) {
    dropSeen(hop, load<i64>(<usize>load<u32>(hop, HOP_OLDER), PANE_START));
    dropFirstPane(blocks);
  }
  const block = <usize>load<u32>(hop, HOP_YOUNGER);
  store<u32>(hop, <u32>block, HOP_OLDER);
  store<u32>(hop, 0, HOP_YOUNGER);
  if (block == 0) return true;
  const sets = load<u32>(hop, HOP_SET_COUNT);
  startWalk(WALK);
  for (;;) {
    const listed = walk(blocks, block, WALK, LIST_ENTRIES, PASS_ROWS);
    if (listed == 0) break;
    for (let i: u32 = 0; i < listed; i++) {
      const entry = <usize>load<u32>(LIST_ENTRIES + ((<usize>i) << 2));
      const extra = extraOf(hop, entry);
      store<u64>(extra, 0);
      store<u64>(extra, 0, 8);
      for (let set: u32 = 0; set < sets; set++) {
        const slot = <usize>load<u32>(hop + HOP_SETS + ((<usize>set) << 4), 12);
        store<u64>(extra + EXTRA_SETS + ((<usize>set) << 4), load<u64>(entry + slot));
      }
    }
  }
  return makeAllEnds(hop, block, end - load<i64>(hop, HOP_SIZE) + load<i64>(hop, HOP_SLIDE), end);
}

/** No window to come has anything of the blocks in it. */
export function dropBlocks(hop: usize): void {
  const blocks = <usize>load<u32>(hop, HOP_BLOCKS);
  while (load<u32>(blocks, TABLE_FIRST_PANE) != 0) {
    dropSeen(hop, load<i64>(firstPane(blocks), PANE_START));
    dropFirstPane(blocks);
  }
  store<u32>(hop, 0, HOP_OLDER);
  store<u32>(hop, 0, HOP_YOUNGER);
}
