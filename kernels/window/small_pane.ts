// The way of rows into a pane of few keys of 8 bytes: a direct-mapped cache of {key, entry} instead of hash and
// index, and, where there is one column of integers, folding in the same loop. Measured at 100 keys, this halves the
// time a row takes.
//
// Invariant: the cache holds entries of one pane, all marked with one epoch; it is emptied when either changes and when
// the pane is dropped.

import { COLUMN_DATA, STATUS_FOREIGN_KEY_GROUP, STATUS_OUT_OF_MEMORY, STATUS_OVERFLOW } from "../abi";
import { hashFixed } from "../hash/key_hash";
import { mr_alloc } from "../memory/allocator";
import { columnAt } from "../table/keys";
import {
  CACHE_BYTES,
  CACHE_ENTRIES_MAX,
  CACHE_FACTOR,
  CACHE_SHIFT,
  FOLD_FLOAT,
  FOLD_MAX,
  FOLD_MIN,
  FOLD_NULLABLE,
  FOLD_SUM,
  KEY_FIXED,
  PANE_ENTRIES,
  PASS_ENTRIES,
  TABLE_CACHE,
  TABLE_CACHE_EPOCH,
  TABLE_CACHE_PANE,
  TABLE_FOLD_COUNT,
  TABLE_FOLDS,
  TABLE_GROUP_COUNT,
  TABLE_KEY_KIND,
} from "../table/layout";
import { groupOf, resolveFixed, stopped } from "../table/lookup";

const ROWS_AT: usize = 16; // behind a key of 8 bytes, epoch and hash

/** Whether the pane is to be reached through the cache; it is made at the first need, and done without for want of memory. */
export function isCached(table: usize, pane: usize): bool {
  if (load<u32>(table, TABLE_KEY_KIND) != KEY_FIXED || load<u32>(pane, PANE_ENTRIES) > CACHE_ENTRIES_MAX) return false;
  if (load<u32>(table, TABLE_CACHE) == 0) store<u32>(table, mr_alloc(CACHE_BYTES), TABLE_CACHE);
  return load<u32>(table, TABLE_CACHE) != 0;
}

/** The cache, emptied unless it is the pane's and the epoch's. */
function cacheOf(table: usize, pane: usize, epoch: u32): usize {
  const cache = <usize>load<u32>(table, TABLE_CACHE);
  if (load<u32>(table, TABLE_CACHE_PANE) == <u32>pane && load<u32>(table, TABLE_CACHE_EPOCH) == epoch) return cache;
  memory.fill(cache, 0, <usize>CACHE_BYTES);
  store<u64>(cache, 1); // key 0 belongs into the first cell only, and key 1 does not
  store<u32>(table, <u32>pane, TABLE_CACHE_PANE);
  store<u32>(table, epoch, TABLE_CACHE_EPOCH);
  return cache;
}

@inline
function cellOf(cache: usize, key: u64): usize {
  return cache + ((<usize>((key * CACHE_FACTOR) >> CACHE_SHIFT)) << 4);
}

/** Puts the key's entry into its cell; false, with the status set, where that cannot be. */
function fillCell(table: usize, pane: usize, cell: usize, key: usize, epoch: u32): bool {
  const hash = hashFixed(load<u64>(key));
  if (groupOf(table, hash) >= load<u32>(table, TABLE_GROUP_COUNT)) return stopped(STATUS_FOREIGN_KEY_GROUP, 0) != 0;
  const entry = resolveFixed(table, pane, hash, key, epoch);
  if (entry == 0) return stopped(STATUS_OUT_OF_MEMORY, 0) != 0;
  store<u64>(cell, load<u64>(key));
  store<u32>(cell, <u32>entry, 8);
  return true;
}

/** Fills PASS_ENTRIES; number of rows done, as `lookUp`. */
export function lookUpCached(table: usize, pane: usize, keys: usize, count: u32, epoch: u32): u32 {
  const cache = cacheOf(table, pane, epoch);
  for (let row: u32 = 0; row < count; row++) {
    const key = keys + ((<usize>row) << 3);
    const cell = cellOf(cache, load<u64>(key));
    if (load<u64>(cell) != load<u64>(key) && !fillCell(table, pane, cell, key, epoch)) return row;
    store<u32>(PASS_ENTRIES + ((<usize>row) << 2), load<u32>(cell, 8));
  }
  return count;
}

/** Whether all there is to fold is one column of integers that are never null. */
@inline
export function foldsOneInteger(table: usize): bool {
  return load<u32>(table, TABLE_FOLD_COUNT) == 1 && (load<u32>(table + TABLE_FOLDS, 4) & (FOLD_FLOAT | FOLD_NULLABLE)) == 0;
}

/** `flags` is a constant at every call. Minima and maxima rarely change where keys are few: a branch is cheapest. */
@inline
function foldCached(
  flags: u32, table: usize, pane: usize, keys: usize, values: usize, count: u32, epoch: u32,
): u32 {
  const cache = cacheOf(table, pane, epoch);
  const minAt: usize = flags & FOLD_SUM ? ROWS_AT + 16 : ROWS_AT + 8;
  const maxAt: usize = flags & FOLD_MIN ? minAt + 8 : minAt;
  for (let row: u32 = 0; row < count; row++) {
    const key = keys + ((<usize>row) << 3);
    const cell = cellOf(cache, load<u64>(key));
    if (load<u64>(cell) != load<u64>(key) && !fillCell(table, pane, cell, key, epoch)) return row;
    const entry = <usize>load<u32>(cell, 8);
    const value = load<i64>(values + ((<usize>row) << 3));
    if (flags & FOLD_SUM) {
      const old = load<i64>(entry, ROWS_AT + 8);
      const sum = old + value;
      if (((old ^ sum) & (value ^ sum)) < 0) return stopped(STATUS_OVERFLOW, row);
      store<i64>(entry, sum, ROWS_AT + 8);
    }
    store<u64>(entry, load<u64>(entry, ROWS_AT) + 1, ROWS_AT);
    if (flags & FOLD_MIN && value < load<i64>(entry + minAt)) store<i64>(entry + minAt, value);
    if (flags & FOLD_MAX && value > load<i64>(entry + maxAt)) store<i64>(entry + maxAt, value);
  }
  return count;
}

/** Looks up and folds rows from `first` on; number of rows done, with the status set where fewer. */
export function aggregateCached(table: usize, batch: usize, pane: usize, keys: usize, first: u32, count: u32, epoch: u32): u32 {
  const column = columnAt(batch, load<u32>(table + TABLE_FOLDS));
  const values = <usize>load<u32>(column, COLUMN_DATA) + ((<usize>first) << 3);
  switch (load<u32>(table + TABLE_FOLDS, 4)) {
    case 1: return foldCached(1, table, pane, keys, values, count, epoch);
    case 2: return foldCached(2, table, pane, keys, values, count, epoch);
    case 3: return foldCached(3, table, pane, keys, values, count, epoch);
    case 4: return foldCached(4, table, pane, keys, values, count, epoch);
    case 5: return foldCached(5, table, pane, keys, values, count, epoch);
    case 6: return foldCached(6, table, pane, keys, values, count, epoch);
  }
  return foldCached(7, table, pane, keys, values, count, epoch);
}
