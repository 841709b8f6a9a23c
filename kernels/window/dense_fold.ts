// Finding and folding in one, for panes with dense keys where all there is to fold is one column of integers that are
// never null, or nothing but the count of rows.
//
// While misses are rare (a key that is new to the pane, or unmarked in the epoch) one loop does both, four rows a round:
// its branches are foreseen, because a minimum or maximum soon stops moving, and count and sum are one vector. A pass
// with more misses than MISSES_RARE goes on in two passes (dense_pane.ts), as does the next one of that pane.
//
//   entry | key 8 | epoch u32 | hash u32 | rows u64 | sum i64 | min i64 | max i64 |      sum, min, max as the flags say
//
// Sums are checked for overflow once a run of rows, by the signs that were noted: when one has overflowed, the run's
// sums are taken back (they wrap around both ways) and added again one by one, to find the row.

import { COLUMN_DATA, CONTROL_STATUS, STATUS_OVERFLOW } from "../abi";
import { columnAt } from "../table/keys";
import {
  FOLD_FLOAT,
  FOLD_MAX,
  FOLD_MIN,
  FOLD_NULLABLE,
  FOLD_SUM,
  PANE_DENSE,
  PANE_DENSE_BASE,
  PANE_DENSE_SPAN,
  PANE_MISSES,
  PASS_ENTRIES,
  PASS_MISSES,
  TABLE_FOLD_COUNT,
  TABLE_FOLDS,
} from "../table/layout";
import { SLOT_MARKED, useSlotEpoch } from "../table/dense";
import { stopped } from "../table/lookup";
import { findMarked, markDense } from "./dense_pane";

const ROWS_AT: usize = 16;
const SUM_AT: usize = 24;
const MISSES_RARE: u32 = 24;

/** Whether this file can do it. */
@inline
export function foldsOneInteger(table: usize): bool {
  const folds = load<u32>(table, TABLE_FOLD_COUNT);
  return folds == 0 || (folds == 1 && (load<u32>(table + TABLE_FOLDS, 4) & (FOLD_FLOAT | FOLD_NULLABLE)) == 0);
}

@inline
function minAt(flags: u32): usize {
  return flags & FOLD_SUM ? SUM_AT + 8 : SUM_AT;
}
@inline
function maxAt(flags: u32): usize {
  return flags & FOLD_MIN ? minAt(flags) + 8 : minAt(flags);
}

/** False where the sum would overflow; nothing is written then. No branch but that. */
@inline
function foldExactly(flags: u32, entry: usize, value: i64): bool {
  if (flags & FOLD_SUM) {
    const old = load<i64>(entry, SUM_AT);
    const sum = old + value;
    if (((old ^ sum) & (value ^ sum)) < 0) return false;
    store<i64>(entry, sum, SUM_AT);
  }
  store<u64>(entry, load<u64>(entry, ROWS_AT) + 1, ROWS_AT);
  if (flags & FOLD_MIN) store<i64>(entry + minAt(flags), min<i64>(load<i64>(entry + minAt(flags)), value));
  if (flags & FOLD_MAX) store<i64>(entry + maxAt(flags), max<i64>(load<i64>(entry + maxAt(flags)), value));
  return true;
}

/** Behind a slot with its mark on, which is one more than the entry's address. */
const MARKED_ROWS_AT: usize = ROWS_AT - <usize>SLOT_MARKED;

/**
 * Folds a row into the entry of a marked slot; `added` is {1, value}. Answers `overflows` with the sign of its upper half
 * set where this row's sum has overflowed.
 */
@inline
function foldQuickly(flags: u32, slot: usize, valueAt: usize, added: v128, overflows: v128): v128 {
  if (flags & FOLD_SUM) {
    const old = v128.load(slot, MARKED_ROWS_AT);
    const sum = i64x2.add(old, added);
    v128.store(slot, sum, MARKED_ROWS_AT);
    overflows = v128.or(overflows, v128.and(v128.xor(old, sum), v128.xor(added, sum)));
  } else {
    store<u64>(slot, load<u64>(slot, MARKED_ROWS_AT) + 1, MARKED_ROWS_AT);
  }
  const least = slot + minAt(flags) - <usize>SLOT_MARKED;
  const most = slot + maxAt(flags) - <usize>SLOT_MARKED;
  if ((flags & FOLD_MIN) && (flags & FOLD_MAX)) {
    // {min, max} at once and without a branch: which rows move them cannot be foreseen.
    const bounds = v128.load(least);
    const values = v128.load_splat<i64>(valueAt);
    const moved = i64x2.gt_s(v128.shuffle<i64>(bounds, values, 0, 2), v128.shuffle<i64>(values, bounds, 0, 3));
    v128.store(least, v128.bitselect(values, bounds, moved));
    return overflows;
  }
  if (flags & FOLD_MIN) {
    const value = load<i64>(valueAt);
    if (value < load<i64>(least)) store<i64>(least, value);
  }
  if (flags & FOLD_MAX) {
    const value = load<i64>(valueAt);
    if (value > load<i64>(most)) store<i64>(most, value);
  }
  return overflows;
}

/** Folds two rows next to each other; `ones` is {1, 1}. */
@inline
function foldPair(flags: u32, slot: u32, nextSlot: u32, valuesAt: usize, ones: v128, overflows: v128): v128 {
  let pair = ones;
  if (flags & FOLD_SUM) pair = v128.load(valuesAt);
  overflows = foldQuickly(flags, <usize>slot, valuesAt, v128.shuffle<i64>(ones, pair, 0, 2), overflows);
  return foldQuickly(flags, <usize>nextSlot, valuesAt + 8, v128.shuffle<i64>(ones, pair, 0, 3), overflows);
}

/**
 * Folds rows, four or two at once, until one of a pair is missing or fewer than two are left; the row it has come to.
 * A range has 2^k slots, the last of them empty: places whose bits together are at most the span can all be read.
 */
@inline
function foldMarked(flags: u32, pane: usize, keys: usize, values: usize, first: u32, count: u32): u32 {
  const range = <usize>load<u32>(pane, PANE_DENSE);
  const base = load<u64>(pane, PANE_DENSE_BASE);
  const span = load<u64>(pane, PANE_DENSE_SPAN);
  const end = (<usize>count) << 3;
  let at = (<usize>first) << 3;
  let overflows = i64x2.splat(0);
  // From memory, or it would be made anew for each row.
  v128.store(PASS_MISSES, i64x2.splat(1));
  const ones = v128.load(PASS_MISSES);
  for (; at + 32 <= end; at += 32) {
    const key = keys + at;
    const a = load<u64>(key) - base;
    const b = load<u64>(key, 8) - base;
    const c = load<u64>(key, 16) - base;
    const d = load<u64>(key, 24) - base;
    if ((a | b | c | d) > span) break;
    const slotA = load<u32>(range + ((<usize>a) << 2));
    const slotB = load<u32>(range + ((<usize>b) << 2));
    const slotC = load<u32>(range + ((<usize>c) << 2));
    const slotD = load<u32>(range + ((<usize>d) << 2));
    // Not marked, and perhaps no entry at all. Entries begin at even addresses.
    if (!(slotA & slotB & slotC & slotD & SLOT_MARKED)) break;
    overflows = foldPair(flags, slotA, slotB, values + at, ones, overflows);
    overflows = foldPair(flags, slotC, slotD, values + at + 16, ones, overflows);
  }
  for (; at + 16 <= end; at += 16) {
    const a = load<u64>(keys + at) - base;
    const b = load<u64>(keys + at, 8) - base;
    if ((a | b) > span) break;
    const slotA = load<u32>(range + ((<usize>a) << 2));
    const slotB = load<u32>(range + ((<usize>b) << 2));
    if (!(slotA & slotB & SLOT_MARKED)) break;
    overflows = foldPair(flags, slotA, slotB, values + at, ones, overflows);
  }
  if (flags & FOLD_SUM) {
    if (i64x2.extract_lane(overflows, 1) < 0) return overflowedRow(pane, keys, values, first, <u32>(at >> 3));
  }
  return <u32>(at >> 3);
}

/** The first row from `first` on whose sum overflows, with the status set; rows up to `end` have been folded. */
function overflowedRow(pane: usize, keys: usize, values: usize, first: u32, end: u32): u32 {
  const range = <usize>load<u32>(pane, PANE_DENSE);
  const base = load<u64>(pane, PANE_DENSE_BASE);
  for (let row = end; row > first; row--) {
    const at = (<usize>(row - 1)) << 3;
    const entry = <usize>load<u32>(range + ((<usize>(load<u64>(keys + at) - base)) << 2)) - <usize>SLOT_MARKED;
    store<i64>(entry, load<i64>(entry, SUM_AT) - load<i64>(values + at), SUM_AT);
    store<u64>(entry, load<u64>(entry, ROWS_AT) - 1, ROWS_AT);
  }
  let row = first;
  for (; row < end; row++) {
    const at = (<usize>row) << 3;
    const entry = <usize>load<u32>(range + ((<usize>(load<u64>(keys + at) - base)) << 2)) - <usize>SLOT_MARKED;
    if (!foldExactly(FOLD_SUM, entry, load<i64>(values + at))) break;
  }
  return stopped(STATUS_OVERFLOW, row);
}

/** In two passes. */
@inline
function foldMissing(flags: u32, table: usize, pane: usize, keys: usize, values: usize, count: u32, epoch: u32): u32 {
  const found = findMarked(table, pane, keys, count, epoch);
  for (let row: u32 = 0; row < found; row++) {
    const entry = <usize>load<u32>((<usize>row) << 2, PASS_ENTRIES);
    const value: i64 = flags ? load<i64>(values + ((<usize>row) << 3)) : 0;
    if (!foldExactly(flags, entry, value)) return stopped(STATUS_OVERFLOW, row);
  }
  return found;
}

/** In one loop, unless misses turn out not to be rare. `flags` is a constant at every call. */
@inline
function foldColumn(flags: u32, table: usize, pane: usize, keys: usize, values: usize, count: u32, epoch: u32): u32 {
  const status = load<u32>(CONTROL_STATUS);
  let row: u32 = 0;
  let misses = load<u32>(pane, PANE_MISSES);
  if (misses <= MISSES_RARE) {
    misses = 0;
    while (misses <= MISSES_RARE) {
      row = foldMarked(flags, pane, keys, values, row, count);
      if (row == count || load<u32>(CONTROL_STATUS) != status) break;
      const entry = markDense(table, pane, keys + ((<usize>row) << 3), epoch);
      if (entry == 0) break;
      const value: i64 = flags ? load<i64>(values + ((<usize>row) << 3)) : 0;
      if (!foldExactly(flags, entry, value)) {
        stopped(STATUS_OVERFLOW, row);
        break;
      }
      row++;
      misses++;
    }
    store<u32>(pane, misses, PANE_MISSES);
    if (misses <= MISSES_RARE || row == count) return row;
  }
  const at = (<usize>row) << 3;
  return row + foldMissing(flags, table, pane, keys + at, values + at, count - row, epoch);
}

/** Looks up and folds rows from `first` on; number of rows done, with the status set where fewer. */
export function aggregateDense(table: usize, batch: usize, pane: usize, keys: usize, first: u32, count: u32, epoch: u32): u32 {
  useSlotEpoch(pane, epoch);
  if (load<u32>(table, TABLE_FOLD_COUNT) == 0) return foldColumn(0, table, pane, keys, 0, count, epoch);
  const column = columnAt(batch, load<u32>(table + TABLE_FOLDS));
  const values = <usize>load<u32>(column, COLUMN_DATA) + ((<usize>first) << 3);
  switch (load<u32>(table + TABLE_FOLDS, 4)) {
    case 1: return foldColumn(1, table, pane, keys, values, count, epoch);
    case 2: return foldColumn(2, table, pane, keys, values, count, epoch);
    case 3: return foldColumn(3, table, pane, keys, values, count, epoch);
    case 4: return foldColumn(4, table, pane, keys, values, count, epoch);
    case 5: return foldColumn(5, table, pane, keys, values, count, epoch);
    case 6: return foldColumn(6, table, pane, keys, values, count, epoch);
  }
  return foldColumn(7, table, pane, keys, values, count, epoch);
}
