// The way of rows into panes with a dense range of keys (kernels/table/dense.ts): no hash, no comparison of keys.
//
// In two passes: first every row's entry is found without a branch, then the missing ones are made and the unmarked ones
// marked, then the rows are folded, again without a branch that could be mispredicted: so the waits for memory overlap.
// Where misses are rare, one loop does it all (dense_fold.ts).

import { STATUS_FOREIGN_KEY_GROUP, STATUS_OUT_OF_MEMORY } from "../abi";
import { hashFixed } from "../hash/key_hash";
import {
  PANE_DENSE,
  PANE_DENSE_BASE,
  PANE_DENSE_SPAN,
  PANE_MISSES,
  PASS_ENTRIES,
  PASS_KEYS_AT,
  PASS_MISSES,
  TABLE_GROUP_COUNT,
} from "../table/layout";
import { denseSlot, isDense, SLOT_MARKED } from "../table/dense";
import { hashKeys } from "../table/keys";
import { groupOf, lookUp, resolveFixed, stopped } from "../table/lookup";
import { addMark, reserveMark } from "../table/marks";

export const EPOCH_AT: usize = 8; // behind a key of 8 bytes

/** Whether any key of the pane is dense; only keys of 8 bytes are. */
@inline
export function hasDense(pane: usize): bool {
  return load<u64>(pane, PANE_DENSE_SPAN) != 0;
}

/** The entry of a key, made if there is none, and marked; 0, with the status set, where that cannot be. */
export function resolveMissed(table: usize, pane: usize, key: usize, epoch: u32): usize {
  const hash = hashFixed(load<u64>(key));
  if (groupOf(table, hash) >= load<u32>(table, TABLE_GROUP_COUNT)) return stopped(STATUS_FOREIGN_KEY_GROUP, 0);
  const entry = resolveFixed(table, pane, hash, key, epoch);
  return entry == 0 ? <usize>stopped(STATUS_OUT_OF_MEMORY, 0) : entry;
}

/** The key's slot, 0 where it is not dense. */
@inline
export function denseSlotValue(range: usize, base: u64, span: u64, key: u64): u32 {
  const place = key - base;
  return load<u32>(range + ((<usize>(place < span ? place : span)) << 2));
}

/** The row's entry, made where there is none, and marked, also in its slot; 0, with the status set, where that cannot be. */
export function markDense(table: usize, pane: usize, key: usize, epoch: u32): usize {
  const range = <usize>load<u32>(pane, PANE_DENSE);
  const slot = denseSlotValue(range, load<u64>(pane, PANE_DENSE_BASE), load<u64>(pane, PANE_DENSE_SPAN), load<u64>(key));
  let entry = <usize>(slot & ~SLOT_MARKED);
  if (entry == 0) entry = resolveMissed(table, pane, key, epoch);
  else if (load<u32>(entry, EPOCH_AT) != epoch) {
    if (!reserveMark(pane, epoch)) return <usize>stopped(STATUS_OUT_OF_MEMORY, 0);
    addMark(pane, entry);
    store<u32>(entry, epoch, EPOCH_AT);
  }
  // Making an entry may have made the range anew.
  if (entry != 0 && isDense(pane, load<u64>(key))) store<u32>(denseSlot(pane, load<u64>(key)), <u32>entry | SLOT_MARKED);
  return entry;
}

/**
 * Fills PASS_ENTRIES with marked entries of one pane, whose slots speak of `epoch` (not 0): what is marked already is not
 * touched. Number of rows done: no later row has had an effect.
 */
@inline
export function findMarked(table: usize, pane: usize, keys: usize, count: u32, epoch: u32): u32 {
  const range = <usize>load<u32>(pane, PANE_DENSE);
  const base = load<u64>(pane, PANE_DENSE_BASE);
  const span = load<u64>(pane, PANE_DENSE_SPAN);
  const end = (<usize>count) << 2;
  let misses: usize = 0;
  for (let at: usize = 0; at < end; at += 4) {
    const slot = denseSlotValue(range, base, span, load<u64>(keys + (at << 1)));
    store<u32>(at, slot & ~SLOT_MARKED, PASS_ENTRIES);
    store<u32>(misses, <u32>at, PASS_MISSES);
    misses += (<usize>(~slot & SLOT_MARKED)) << 2;
  }
  store<u32>(pane, <u32>(misses >> 2), PANE_MISSES);
  for (let miss: usize = 0; miss < misses; miss += 4) {
    const at = <usize>load<u32>(miss, PASS_MISSES);
    const entry = markDense(table, pane, keys + (at << 1), epoch);
    if (entry == 0) return <u32>(at >> 2);
    store<u32>(at, <u32>entry, PASS_ENTRIES);
  }
  return count;
}

/** Fills PASS_ENTRIES with marked entries. Number of rows done: no later row has had an effect. */
@inline
export function findDense(many: bool, table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32): u32 {
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
    const entry = denseSlotValue(range, base, span, load<u64>(keys + (at << 1))) & ~SLOT_MARKED;
    store<u32>(at, entry, PASS_ENTRIES);
    store<u32>(misses, <u32>at, PASS_MISSES);
    // Where there is no entry, what is read means nothing.
    misses += (<usize>(entry == 0) | <usize>(load<u32>(<usize>entry, EPOCH_AT) != epoch)) << 2;
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

/** Fills PASS_ENTRIES with one pane's entries, made where there is none, for the pass's keys; none is marked. Rows done. */
export function findUnmarked(table: usize, pane: usize, count: u32): u32 {
  const keys = <usize>load<u32>(PASS_KEYS_AT);
  if (hasDense(pane)) return lookUpDense(table, pane, 0, keys, count, 0);
  hashKeys(table, keys, count);
  return lookUp(table, pane, 0, keys, count, 0);
}

/** Fills PASS_ENTRIES with marked entries; number of rows done, as `lookUp`. */
export function lookUpDense(table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32): u32 {
  if (panes == 0) return findDense(false, table, pane, panes, keys, count, epoch);
  return findDense(true, table, pane, panes, keys, count, epoch);
}
