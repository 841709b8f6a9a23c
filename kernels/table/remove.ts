// Taking single entries out of a table that lives for ever, and giving their memory back.
//
// The place of an entry that goes is taken by the last entry of its group, so that entries stay dense and nothing else
// of the table knows of holes; what holds the address of the moved entry must follow it. Such a table makes no marks
// (marks.ts): they would be left behind.
//
// Invariant: an entry in bucket k of an index, whose home is bucket h, has only full buckets from h up to k; a slot
// that falls empty in a full bucket is therefore filled from the buckets behind it.

import { VIEW_INLINE_MAX } from "../abi";
import { NULL_LENGTH } from "../hash/key_hash";
import { mr_alloc, mr_free } from "../memory/allocator";
import { denseSlot, isDense } from "./dense";
import { chunkEnd, freeIndex, keyBytesOf } from "./entries";
import {
  BUCKET_BYTES,
  BUCKET_SHIFT,
  BUCKET_SLOTS,
  BUCKET_TAGS,
  CHUNK_BYTES,
  CHUNK_END,
  CHUNK_HEADER,
  CHUNK_NEXT,
  GROUP_COUNT,
  GROUP_END,
  GROUP_FIRST_CHUNK,
  GROUP_INDEX,
  GROUP_LAST_CHUNK,
  GROUP_MASK,
  GROUP_NEXT,
  GROUP_SHIFT,
  KEY_FIXED,
  KEY_NULLABLE,
  KEYS_BYTES,
  KEYS_BYTES_MAX,
  KEYS_HEADER,
  KEYS_NEXT,
  PANE_ENTRIES,
  PANE_GROUPS,
  PANE_INDEXED,
  PANE_KEY_BYTES,
  PANE_KEY_END,
  PANE_KEY_NEXT,
  PANE_KEYS_LAST,
  TABLE_EMPTY_BUCKET,
  TABLE_ENTRIES,
  TABLE_ENTRY_BYTES,
  TABLE_GROUP_COUNT,
  TABLE_KEY_KIND,
  TABLE_LONG_KEY_BYTES,
} from "./layout";
import { groupOf } from "./lookup";

/** Bytes of long keys that may lie waste beyond those in use. */
const KEY_WASTE_MAX: u32 = 65536;

/** Address of the index slot that holds the entry; its tag lies in the same bucket. */
function slotOf(group: usize, hash: u32, entry: usize): usize {
  const index = <usize>load<u32>(group, GROUP_INDEX);
  const mask = load<u32>(group, GROUP_MASK);
  const wanted = i32x4.splat(<i32>entry);
  let at = (hash << BUCKET_SHIFT) & mask;
  for (;; at = (at + BUCKET_BYTES) & mask) {
    for (let slot = index + <usize>at; slot < index + <usize>at + BUCKET_TAGS; slot += 16) {
      const same = i32x4.bitmask(i32x4.eq(v128.load(slot), wanted));
      if (same != 0) return slot + ((<usize>ctz<i32>(same)) << 2);
    }
  }
  return 0;
}

/** One bit a slot in use. */
@inline
function usedSlots(bucket: usize): i32 {
  return ~i8x16.bitmask(i8x16.eq(v128.load(bucket, BUCKET_TAGS), i8x16.splat(0))) & BUCKET_SLOTS;
}

/** Empties a slot, moving entries of later buckets forward where their way would be cut. */
function clearSlot(group: usize, slot: usize, hashAt: usize): void {
  const index = <usize>load<u32>(group, GROUP_INDEX);
  const mask = load<u32>(group, GROUP_MASK);
  let hole = slot;
  let holeAt = <u32>(slot - index) & ~(BUCKET_BYTES - 1);
  let wasFull = usedSlots(index + <usize>holeAt) == BUCKET_SLOTS;
  let at = (holeAt + BUCKET_BYTES) & mask;
  while (wasFull && at != holeAt) {
    const bucket = index + <usize>at;
    const used = usedSlots(bucket);
    wasFull = used == BUCKET_SLOTS;
    for (let left = used; left != 0; left &= left - 1) {
      const from = bucket + ((<usize>ctz<i32>(left)) << 2);
      const home = (load<u32>(<usize>load<u32>(from) + hashAt) << BUCKET_SHIFT) & mask;
      if (((at - home) & mask) < ((at - holeAt) & mask)) continue;
      store<u32>(hole, load<u32>(from));
      store<u8>(tagAddress(hole), load<u8>(tagAddress(from)));
      hole = from;
      holeAt = at;
      break;
    }
    at = (at + BUCKET_BYTES) & mask;
  }
  store<u32>(hole, 0);
  store<u8>(tagAddress(hole), 0);
}

/** Buckets begin at multiples of 64. */
@inline
function tagAddress(slot: usize): usize {
  const bucket = slot & ~(<usize>BUCKET_BYTES - 1);
  return bucket + BUCKET_TAGS + ((slot - bucket) >> 2);
}

/** Neither range nor index leads to the entry any more. */
function forgetEntry(table: usize, pane: usize, group: usize, entry: usize): void {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  if (kind == KEY_FIXED && isDense(pane, load<u64>(entry))) {
    store<u32>(denseSlot(pane, load<u64>(entry)), 0);
    return;
  }
  const hashAt = <usize>keyBytesOf(kind) + 4;
  clearSlot(group, slotOf(group, load<u32>(entry + hashAt), entry), hashAt);
  const count = load<u32>(group, GROUP_COUNT) - 1;
  store<u32>(group, count, GROUP_COUNT);
  if (kind == KEY_FIXED) store<u32>(pane, load<u32>(pane, PANE_INDEXED) - 1, PANE_INDEXED);
  if (count == 0) freeIndex(group, load<u32>(table, TABLE_EMPTY_BUCKET));
}

/** What led to the entry at `from` leads to `to`, where its copy is. */
function repointEntry(table: usize, pane: usize, group: usize, from: usize, to: usize): void {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  if (kind == KEY_FIXED && isDense(pane, load<u64>(to))) {
    store<u32>(denseSlot(pane, load<u64>(to)), <u32>to);
    return;
  }
  store<u32>(slotOf(group, load<u32>(to + <usize>keyBytesOf(kind), 4), from), <u32>to);
}

/** The group's last chunk goes. */
function dropLastChunk(group: usize): void {
  const last = load<u32>(group, GROUP_LAST_CHUNK);
  let before: u32 = 0;
  for (let chunk = load<u32>(group, GROUP_FIRST_CHUNK); chunk != last; chunk = load<u32>(chunk, CHUNK_NEXT)) before = chunk;
  mr_free(last, load<u32>(last, CHUNK_BYTES));
  store<u32>(group, before, GROUP_LAST_CHUNK);
  if (before == 0) {
    store<u32>(group, 0, GROUP_FIRST_CHUNK);
    store<u32>(group, 0, GROUP_NEXT);
    store<u32>(group, 0, GROUP_END);
    return;
  }
  store<u32>(before, 0, CHUNK_NEXT);
  store<u32>(group, load<u32>(before, CHUNK_END), GROUP_NEXT);
  store<u32>(group, load<u32>(before, CHUNK_END), GROUP_END);
}

@inline
function lastChunkIsEmpty(group: usize): bool {
  const last = load<u32>(group, GROUP_LAST_CHUNK);
  return last != 0 && load<u32>(group, GROUP_NEXT) == last + CHUNK_HEADER;
}

/** Takes the entry out. Answers where the entry that is now in its place came from; 0 where none took it. */
export function removeEntry(table: usize, pane: usize, entry: usize): usize {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  const stride = <usize>load<u32>(table, TABLE_ENTRY_BYTES);
  const hash = load<u32>(entry + <usize>keyBytesOf(kind), 4);
  const group = <usize>load<u32>(pane, PANE_GROUPS) + ((<usize>groupOf(table, hash)) << GROUP_SHIFT);
  forgetEntry(table, pane, group, entry);
  if (kind > KEY_NULLABLE) {
    const length = load<u32>(entry);
    if (length > <u32>VIEW_INLINE_MAX && length != NULL_LENGTH) {
      store<u32>(pane, load<u32>(pane, PANE_KEY_BYTES) - length, PANE_KEY_BYTES);
      store<u32>(table, load<u32>(table, TABLE_LONG_KEY_BYTES) - length, TABLE_LONG_KEY_BYTES);
    }
  }
  store<u32>(pane, load<u32>(pane, PANE_ENTRIES) - 1, PANE_ENTRIES);
  store<u32>(table, load<u32>(table, TABLE_ENTRIES) - 1, TABLE_ENTRIES);
  // An insertion that memory ended may have left a chunk without entries.
  if (lastChunkIsEmpty(group)) dropLastChunk(group);
  const last = <usize>load<u32>(group, GROUP_NEXT) - stride;
  if (last != entry) {
    memory.copy(entry, last, stride);
    repointEntry(table, pane, group, last, entry);
  }
  store<u32>(group, <u32>last, GROUP_NEXT);
  if (lastChunkIsEmpty(group)) dropLastChunk(group);
  return last == entry ? 0 : last;
}

/** Bytes of all chunks of long keys. */
function keyChunkBytes(pane: usize): u32 {
  let bytes: u32 = 0;
  let chunk = load<u32>(pane, PANE_KEYS_LAST);
  for (; chunk != 0; chunk = load<u32>(chunk, KEYS_NEXT)) bytes += load<u32>(chunk, KEYS_BYTES);
  return bytes;
}

/** Copies a long key behind the others; false where memory is used up. */
function copyKey(pane: usize, entry: usize): bool {
  const length = load<u32>(entry);
  if (load<u32>(pane, PANE_KEY_END) - load<u32>(pane, PANE_KEY_NEXT) < length) {
    const bytes = max<u32>(KEYS_BYTES_MAX, length + KEYS_HEADER);
    const chunk = mr_alloc(bytes);
    if (chunk == 0) return false;
    store<u32>(chunk, load<u32>(pane, PANE_KEYS_LAST), KEYS_NEXT);
    store<u32>(chunk, bytes, KEYS_BYTES);
    store<u32>(pane, chunk, PANE_KEYS_LAST);
    store<u32>(pane, chunk + KEYS_HEADER, PANE_KEY_NEXT);
    store<u32>(pane, chunk + bytes, PANE_KEY_END);
  }
  const to = load<u32>(pane, PANE_KEY_NEXT);
  memory.copy(<usize>to, <usize>load<u32>(entry, 12), <usize>length);
  store<u32>(entry, to, 12);
  store<u32>(pane, to + length, PANE_KEY_NEXT);
  return true;
}

function copyKeys(table: usize, pane: usize): bool {
  const stride = <usize>load<u32>(table, TABLE_ENTRY_BYTES);
  const groups = <usize>load<u32>(pane, PANE_GROUPS);
  const groupsEnd = groups + ((<usize>load<u32>(table, TABLE_GROUP_COUNT)) << GROUP_SHIFT);
  for (let group = groups; group < groupsEnd; group += 1 << GROUP_SHIFT) {
    let chunk = <usize>load<u32>(group, GROUP_FIRST_CHUNK);
    for (; chunk != 0; chunk = <usize>load<u32>(chunk, CHUNK_NEXT)) {
      const end = chunkEnd(group, chunk);
      for (let entry = chunk + CHUNK_HEADER; entry < end; entry += stride) {
        const length = load<u32>(entry);
        if (length <= <u32>VIEW_INLINE_MAX || length == NULL_LENGTH) continue;
        if (!copyKey(pane, entry)) return false;
      }
    }
  }
  return true;
}

/** Where most of the memory of long keys belongs to keys that are gone, copies the others together and frees it. */
export function compactLongKeys(table: usize, pane: usize): void {
  if (load<u32>(table, TABLE_KEY_KIND) <= KEY_NULLABLE) return;
  const used = load<u32>(pane, PANE_KEY_BYTES);
  if (keyChunkBytes(pane) <= (used << 1) + KEY_WASTE_MAX) return;
  let old = load<u32>(pane, PANE_KEYS_LAST);
  store<u32>(pane, 0, PANE_KEYS_LAST);
  store<u32>(pane, 0, PANE_KEY_NEXT);
  store<u32>(pane, 0, PANE_KEY_END);
  if (!copyKeys(table, pane)) {
    // Some keys still lie in the old chunks: keep them behind the new ones, for another time.
    let last = load<u32>(pane, PANE_KEYS_LAST);
    if (last == 0) {
      store<u32>(pane, old, PANE_KEYS_LAST);
      return;
    }
    while (load<u32>(last, KEYS_NEXT) != 0) last = load<u32>(last, KEYS_NEXT);
    store<u32>(last, old, KEYS_NEXT);
    return;
  }
  while (old != 0) {
    const next = load<u32>(old, KEYS_NEXT);
    mr_free(old, load<u32>(old, KEYS_BYTES));
    old = next;
  }
}
