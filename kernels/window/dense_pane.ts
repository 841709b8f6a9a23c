// The way of rows into panes with a dense range of keys (kernels/table/dense.ts): no hash, no comparison of keys; and,
// where there is one column of integers, folding along with it.
//
// First every row's entry is found without a branch, then the missing ones are made and the unmarked ones marked, then
// the rows are folded, again without a branch that could be mispredicted: so the waits for memory overlap. Measured,
// one loop that does it all is no faster at 100 keys and a quarter slower at 10,000.

import { COLUMN_DATA, STATUS_FOREIGN_KEY_GROUP, STATUS_OUT_OF_MEMORY, STATUS_OVERFLOW } from "../abi";
import { hashFixed } from "../hash/key_hash";
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
  PASS_ENTRIES,
  PASS_MISSES,
  TABLE_FOLD_COUNT,
  TABLE_FOLDS,
  TABLE_GROUP_COUNT,
} from "../table/layout";
import { groupOf, resolveFixed, stopped } from "../table/lookup";
import { addMark, reserveMark } from "../table/marks";

const EPOCH_AT: usize = 8; // behind a key of 8 bytes
const ROWS_AT: usize = 16;

/** Whether any key of the pane is dense; only keys of 8 bytes are. */
@inline
export function hasDense(pane: usize): bool {
  return load<u64>(pane, PANE_DENSE_SPAN) != 0;
}

/** Whether all there is to fold is one column of integers that are never null. */
@inline
export function foldsOneInteger(table: usize): bool {
  return load<u32>(table, TABLE_FOLD_COUNT) == 1 && (load<u32>(table + TABLE_FOLDS, 4) & (FOLD_FLOAT | FOLD_NULLABLE)) == 0;
}

/** The entry of a key, made if there is none, and marked; 0, with the status set, where that cannot be. */
function resolveMissed(table: usize, pane: usize, key: usize, epoch: u32): usize {
  const hash = hashFixed(load<u64>(key));
  if (groupOf(table, hash) >= load<u32>(table, TABLE_GROUP_COUNT)) return stopped(STATUS_FOREIGN_KEY_GROUP, 0);
  const entry = resolveFixed(table, pane, hash, key, epoch);
  return entry == 0 ? <usize>stopped(STATUS_OUT_OF_MEMORY, 0) : entry;
}

/** The key's entry, if it is dense and there is one. */
@inline
function denseEntry(range: usize, base: u64, span: u64, key: u64): usize {
  const place = key - base;
  return <usize>load<u32>(range + ((<usize>(place < span ? place : span)) << 2));
}

/** Fills PASS_ENTRIES with marked entries. Number of rows done: no later row has had an effect. */
@inline
function findDense(many: bool, table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32): u32 {
  let range: usize = many ? 0 : <usize>load<u32>(pane, PANE_DENSE);
  let base: u64 = many ? 0 : load<u64>(pane, PANE_DENSE_BASE);
  let span: u64 = many ? 0 : load<u64>(pane, PANE_DENSE_SPAN);
  const end = (<usize>count) << 2;
  let misses: usize = 0;
  for (let at: usize = 0; at < end; at += 4) {
    if (many) {
      const its = <usize>load<u32>(panes + at);
      range = <usize>load<u32>(its, PANE_DENSE);
      base = load<u64>(its, PANE_DENSE_BASE);
      span = load<u64>(its, PANE_DENSE_SPAN);
    }
    const entry = denseEntry(range, base, span, load<u64>(keys + (at << 1)));
    store<u32>(at, <u32>entry, PASS_ENTRIES);
    store<u32>(misses, <u32>at, PASS_MISSES);
    // Where there is no entry, what is read means nothing.
    misses += (<usize>(entry == 0) | <usize>(load<u32>(entry, EPOCH_AT) != epoch)) << 2;
  }
  for (let miss: usize = 0; miss < misses; miss += 4) {
    const at = <usize>load<u32>(miss, PASS_MISSES);
    const its = many ? <usize>load<u32>(panes + at) : pane;
    const old = <usize>load<u32>(at, PASS_ENTRIES);
    if (old != 0 && load<u32>(old, EPOCH_AT) != epoch && reserveMark(its, epoch)) {
      addMark(its, old);
      store<u32>(old, epoch, EPOCH_AT);
      continue;
    }
    const entry = resolveMissed(table, its, keys + (at << 1), epoch);
    if (entry == 0) return <u32>(at >> 2);
    store<u32>(at, <u32>entry, PASS_ENTRIES);
  }
  return count;
}

/** Fills PASS_ENTRIES with marked entries; number of rows done, as `lookUp`. */
export function lookUpDense(table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32): u32 {
  if (panes == 0) return findDense(false, table, pane, panes, keys, count, epoch);
  return findDense(true, table, pane, panes, keys, count, epoch);
}

/** False where the sum would overflow; nothing is written then. `flags` is a constant at every call. */
@inline
function foldValue(flags: u32, entry: usize, value: i64): bool {
  const minAt: usize = flags & FOLD_SUM ? ROWS_AT + 16 : ROWS_AT + 8;
  const maxAt: usize = flags & FOLD_MIN ? minAt + 8 : minAt;
  if (flags & FOLD_SUM) {
    const old = load<i64>(entry, ROWS_AT + 8);
    const sum = old + value;
    if (((old ^ sum) & (value ^ sum)) < 0) return false;
    store<i64>(entry, sum, ROWS_AT + 8);
  }
  store<u64>(entry, load<u64>(entry, ROWS_AT) + 1, ROWS_AT);
  if (flags & FOLD_MIN) store<i64>(entry + minAt, min<i64>(load<i64>(entry + minAt), value));
  if (flags & FOLD_MAX) store<i64>(entry + maxAt, max<i64>(load<i64>(entry + maxAt), value));
  return true;
}

/** `flags` is a constant at every call. */
@inline
function foldOne(flags: u32, table: usize, pane: usize, keys: usize, values: usize, count: u32, epoch: u32): u32 {
  const found = findDense(false, table, pane, 0, keys, count, epoch);
  for (let row: u32 = 0; row < found; row++) {
    const entry = <usize>load<u32>((<usize>row) << 2, PASS_ENTRIES);
    if (!foldValue(flags, entry, load<i64>(values + ((<usize>row) << 3)))) return stopped(STATUS_OVERFLOW, row);
  }
  return found;
}

/** Looks up and folds rows from `first` on; number of rows done, with the status set where fewer. */
export function aggregateDense(table: usize, batch: usize, pane: usize, keys: usize, first: u32, count: u32, epoch: u32): u32 {
  const column = columnAt(batch, load<u32>(table + TABLE_FOLDS));
  const values = <usize>load<u32>(column, COLUMN_DATA) + ((<usize>first) << 3);
  switch (load<u32>(table + TABLE_FOLDS, 4)) {
    case 1: return foldOne(1, table, pane, keys, values, count, epoch);
    case 2: return foldOne(2, table, pane, keys, values, count, epoch);
    case 3: return foldOne(3, table, pane, keys, values, count, epoch);
    case 4: return foldOne(4, table, pane, keys, values, count, epoch);
    case 5: return foldOne(5, table, pane, keys, values, count, epoch);
    case 6: return foldOne(6, table, pane, keys, values, count, epoch);
  }
  return foldOne(7, table, pane, keys, values, count, epoch);
}
