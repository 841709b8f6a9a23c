// Walking over the entries of one pane, a few at a time, and finding the entries of the same keys in another pane.
//
//   cursor   | key group u32 | chunk u32, 0 = at the group's beginning | next entry u32 | 0 |
//
// Entries keep their places while a cursor stands in their pane; entries that are made meanwhile may be missed.

import {
  CHUNK_HEADER,
  CHUNK_NEXT,
  GROUP_FIRST_CHUNK,
  GROUP_SHIFT,
  KEY_FIXED,
  KEY_NULLABLE,
  KEY_TEXT,
  PANE_GROUPS,
  PANE_NEXT,
  PANE_START,
  PASS_HASHES,
  PASS_KEYS,
  TABLE_FIRST_PANE,
  TABLE_GROUP_COUNT,
  TABLE_KEY_BYTES,
  TABLE_KEY_KIND,
  TABLE_ENTRY_BYTES,
} from "../table/layout";
import { entryAtSlot, isDense } from "../table/dense";
import { chunkEnd, findEntry } from "../table/entries";
import { groupOf, lookUp } from "../table/lookup";
import { hasDense, lookUpDense } from "../window/dense_pane";

export const CURSOR_BYTES: u32 = 16;

export function startWalk(cursor: usize): void {
  store<u32>(cursor, 0);
  store<u32>(cursor, 0, 4);
}

/** Writes the addresses of up to `limit` entries to `to`; 0 = there are no more. */
export function walk(table: usize, pane: usize, cursor: usize, to: usize, limit: u32): u32 {
  const stride = <usize>load<u32>(table, TABLE_ENTRY_BYTES);
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  const groups = <usize>load<u32>(pane, PANE_GROUPS);
  let number = load<u32>(cursor);
  let chunk = <usize>load<u32>(cursor, 4);
  let entry = <usize>load<u32>(cursor, 8);
  let listed: u32 = 0;
  while (number < groupCount && listed < limit) {
    const group = groups + ((<usize>number) << GROUP_SHIFT);
    if (chunk == 0) {
      chunk = <usize>load<u32>(group, GROUP_FIRST_CHUNK);
      entry = chunk + CHUNK_HEADER;
    }
    while (chunk != 0) {
      const end = chunkEnd(group, chunk);
      for (; entry < end && listed < limit; entry += stride, listed++) {
        store<u32>(to + ((<usize>listed) << 2), <u32>entry);
      }
      if (entry < end) break;
      chunk = <usize>load<u32>(chunk, CHUNK_NEXT);
      entry = chunk + CHUNK_HEADER;
    }
    if (chunk == 0) number++;
  }
  store<u32>(cursor, number);
  store<u32>(cursor, <u32>chunk, 4);
  store<u32>(cursor, <u32>entry, 8);
  return listed;
}

/** The pane that begins at `start`, 0 = there is none; looks from `from` on. */
export function paneFrom(from: usize, start: i64): usize {
  let pane = from;
  while (pane != 0 && load<i64>(pane, PANE_START) < start) pane = <usize>load<u32>(pane, PANE_NEXT);
  return pane != 0 && load<i64>(pane, PANE_START) == start ? pane : 0;
}

@inline
export function firstPane(table: usize): usize {
  return <usize>load<u32>(table, TABLE_FIRST_PANE);
}

/** The hash that an entry was made with. */
@inline
export function hashOfEntry(table: usize, entry: usize): u32 {
  return load<u32>(entry + <usize>load<u32>(table, TABLE_KEY_BYTES), 4);
}

/** The key's entry in the pane, 0 = there is none; nothing is made or marked. */
export function peek(table: usize, pane: usize, hash: u32, key: usize): usize {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  const group = <usize>load<u32>(pane, PANE_GROUPS) + ((<usize>groupOf(table, hash)) << GROUP_SHIFT);
  if (kind == KEY_FIXED) {
    if (isDense(pane, load<u64>(key))) return entryAtSlot(pane, load<u64>(key));
    return findEntry(KEY_FIXED, group, hash, key);
  }
  return kind == KEY_NULLABLE ? findEntry(KEY_NULLABLE, group, hash, key) : findEntry(KEY_TEXT, group, hash, key);
}

/**
 * Fills PASS_ENTRIES with the pane's unmarked entries for the keys in PASS_KEYS, making what is missing; false, with
 * the status set, where memory is used up.
 */
@inline
export function resolvePass(table: usize, pane: usize, count: u32): bool {
  return (hasDense(pane) ? lookUpDense(table, pane, 0, PASS_KEYS, count, 0) : lookUp(table, pane, 0, PASS_KEYS, count, 0)) == count;
}

/** The same for the keys of the entries listed at `list`, which may be another table's with the same kind of keys. */
export function resolveEntries(table: usize, pane: usize, list: usize, count: u32): bool {
  const keyBytes = <usize>load<u32>(table, TABLE_KEY_BYTES);
  for (let i: u32 = 0; i < count; i++) {
    const entry = <usize>load<u32>(list + ((<usize>i) << 2));
    store<u32>(PASS_HASHES + ((<usize>i) << 2), load<u32>(entry + keyBytes, 4));
    if (keyBytes == 8) store<u64>(PASS_KEYS + ((<usize>i) << 3), load<u64>(entry));
    else v128.store(PASS_KEYS + ((<usize>i) << 4), v128.load(entry));
  }
  return resolvePass(table, pane, count);
}
