// Entries of one (pane, key group): find, insert, grow. Layout and invariants: layout.ts; dense keys: dense.ts.

import { VIEW_INLINE_MAX } from "../abi";
import { NULL_LENGTH } from "../hash/key_hash";
import { mr_alloc, mr_free } from "../memory/allocator";
import {
  BUCKET_BYTES,
  BUCKET_LOAD,
  BUCKET_SHIFT,
  BUCKET_SLOTS,
  BUCKET_TAGS,
  CHUNK_BYTES,
  CHUNK_BYTES_MAX,
  CHUNK_BYTES_MIN,
  CHUNK_END,
  CHUNK_HEADER,
  CHUNK_NEXT,
  GROUP_COUNT,
  GROUP_END,
  GROUP_FIRST_CHUNK,
  GROUP_GROW_AT,
  GROUP_INDEX,
  GROUP_LAST_CHUNK,
  GROUP_MASK,
  GROUP_NEXT,
  KEY_FIXED,
  KEY_NULLABLE,
  KEYS_BYTES,
  KEYS_BYTES_MAX,
  KEYS_BYTES_MIN,
  KEYS_HEADER,
  KEYS_NEXT,
  PANE_CHECK_AT,
  PANE_ENTRIES,
  PANE_INDEXED,
  PANE_KEY_BYTES,
  PANE_KEY_END,
  PANE_KEY_MAX,
  PANE_KEY_MIN,
  PANE_KEY_NEXT,
  PANE_KEYS_LAST,
  TABLE_ENTRIES,
  TABLE_ENTRY_BYTES,
  TABLE_LONG_KEY_BYTES,
  TABLE_TEMPLATE,
} from "./layout";
import { denseSlot, entryAtSlot, isDense, makeDense } from "./dense";
import { addMark, reserveMark } from "./marks";

export const TAG_FACTOR: u32 = 0x9e3779b1;

/** 1..255; 0 means an empty slot. Other bits of the hash than those that choose group and bucket prevail. */
@inline
export function tagOf(hash: u32): u32 {
  return max<u32>((hash * TAG_FACTOR) >> 24, 1);
}

@inline
export function keyBytesOf(kind: u32): u32 {
  return kind == KEY_FIXED ? 8 : 16;
}

/** `kind` is a constant at every call, so that only one branch is left. */
@inline
export function equalKeys(kind: u32, entry: usize, key: usize): bool {
  if (kind == KEY_FIXED) return load<u64>(entry) == load<u64>(key);
  if (load<u64>(entry) != load<u64>(key)) return false;
  if (load<u64>(entry, 8) == load<u64>(key, 8)) return true;
  if (kind == KEY_NULLABLE) return false;
  return equalLongText(entry, key);
}

/** Lengths and prefixes are equal already. */
function equalLongText(entry: usize, key: usize): bool {
  const length = load<u32>(entry);
  if (length <= <u32>VIEW_INLINE_MAX || length == NULL_LENGTH) return false;
  return memory.compare(<usize>load<u32>(entry, 12), <usize>load<u32>(key, 12), <usize>length) == 0;
}

/** Address of the key's entry, 0 where there is none. */
@inline
export function findEntry(kind: u32, group: usize, hash: u32, key: usize): usize {
  const index = <usize>load<u32>(group, GROUP_INDEX);
  const mask = load<u32>(group, GROUP_MASK);
  const tags = i8x16.splat(<i8>tagOf(hash));
  let at = (hash << BUCKET_SHIFT) & mask;
  const firstAt = at;
  do {
    const bucket = index + <usize>at;
    const have = v128.load(bucket, BUCKET_TAGS);
    let hits = i8x16.bitmask(i8x16.eq(have, tags)) & BUCKET_SLOTS;
    while (hits != 0) {
      const entry = <usize>load<u32>(bucket + ((<usize>ctz<i32>(hits)) << 2));
      if (equalKeys(kind, entry, key)) return entry;
      hits &= hits - 1;
    }
    if ((i8x16.bitmask(i8x16.eq(have, i8x16.splat(0))) & BUCKET_SLOTS) != 0) return 0;
    at = (at + BUCKET_BYTES) & mask;
  } while (at != firstAt);
  return 0;
}

function indexEntry(index: usize, mask: u32, hash: u32, entry: usize): void {
  let at = (hash << BUCKET_SHIFT) & mask;
  for (;;) {
    const bucket = index + <usize>at;
    const empty = i8x16.bitmask(i8x16.eq(v128.load(bucket, BUCKET_TAGS), i8x16.splat(0))) & BUCKET_SLOTS;
    if (empty != 0) {
      const slot = <usize>ctz<i32>(empty);
      store<u32>(bucket + (slot << 2), <u32>entry);
      store<u8>(bucket + slot, <u8>tagOf(hash), BUCKET_TAGS);
      return;
    }
    at = (at + BUCKET_BYTES) & mask;
  }
}

/** Gives the group an index of twice the size, or its first; only this group's entries are visited. */
function growIndex(table: usize, pane: usize, group: usize, kind: u32): bool {
  const keyBytes = <usize>keyBytesOf(kind);
  const old = load<u32>(group, GROUP_INDEX);
  const oldBytes = load<u32>(group, GROUP_MASK) + BUCKET_BYTES;
  const first = load<u32>(group, GROUP_GROW_AT) == 0;
  const bytes: u32 = first ? BUCKET_BYTES : oldBytes << 1;
  const index = mr_alloc(bytes);
  if (index == 0) return false;
  memory.fill(<usize>index, 0, <usize>bytes);
  const mask = bytes - BUCKET_BYTES;
  const stride = <usize>load<u32>(table, TABLE_ENTRY_BYTES);
  let chunk = <usize>load<u32>(group, GROUP_FIRST_CHUNK);
  while (chunk != 0) {
    const end = chunkEnd(group, chunk);
    for (let entry = chunk + CHUNK_HEADER; entry < end; entry += stride) {
      if (kind == KEY_FIXED && isDense(pane, load<u64>(entry))) continue;
      indexEntry(<usize>index, mask, load<u32>(entry + keyBytes, 4), entry);
    }
    chunk = <usize>load<u32>(chunk, CHUNK_NEXT);
  }
  if (!first) mr_free(old, oldBytes);
  store<u32>(group, index, GROUP_INDEX);
  store<u32>(group, mask, GROUP_MASK);
  // A lone bucket may fill up but for one slot; more buckets keep room, so that few entries overflow theirs.
  store<u32>(group, first ? 11 : (bytes >> BUCKET_SHIFT) * BUCKET_LOAD, GROUP_GROW_AT);
  return true;
}

/** One past the last entry of a chunk. */
@inline
export function chunkEnd(group: usize, chunk: usize): usize {
  return <usize>(chunk == <usize>load<u32>(group, GROUP_LAST_CHUNK) ? load<u32>(group, GROUP_NEXT) : load<u32>(chunk, CHUNK_END));
}

function growEntries(table: usize, group: usize): bool {
  const stride = load<u32>(table, TABLE_ENTRY_BYTES);
  const last = load<u32>(group, GROUP_LAST_CHUNK);
  let bytes = last == 0 ? CHUNK_BYTES_MIN : min<u32>(load<u32>(last, CHUNK_BYTES) << 1, CHUNK_BYTES_MAX);
  while (bytes < CHUNK_HEADER + stride) bytes <<= 1;
  const chunk = mr_alloc(bytes);
  if (chunk == 0) return false;
  const end = chunk + CHUNK_HEADER + ((bytes - CHUNK_HEADER) / stride) * stride;
  store<u32>(chunk, 0, CHUNK_NEXT);
  store<u32>(chunk, end, CHUNK_END);
  store<u32>(chunk, bytes, CHUNK_BYTES);
  if (last == 0) store<u32>(group, chunk, GROUP_FIRST_CHUNK);
  else store<u32>(last, chunk, CHUNK_NEXT);
  store<u32>(group, chunk, GROUP_LAST_CHUNK);
  store<u32>(group, chunk + CHUNK_HEADER, GROUP_NEXT);
  store<u32>(group, end, GROUP_END);
  return true;
}

/** Room for a long key's bytes in the pane; 0 where memory is used up. */
function reserveKeyBytes(pane: usize, length: u32): u32 {
  const next = load<u32>(pane, PANE_KEY_NEXT);
  if (load<u32>(pane, PANE_KEY_END) - next >= length) return next;
  const last = load<u32>(pane, PANE_KEYS_LAST);
  let bytes = last == 0 ? KEYS_BYTES_MIN : min<u32>(load<u32>(last, KEYS_BYTES) << 1, KEYS_BYTES_MAX);
  if (length > 0x3fffffff - KEYS_HEADER) return 0;
  bytes = max<u32>(bytes, length + KEYS_HEADER);
  const chunk = mr_alloc(bytes);
  if (chunk == 0) return 0;
  store<u32>(chunk, last, KEYS_NEXT);
  store<u32>(chunk, bytes, KEYS_BYTES);
  store<u32>(pane, chunk, PANE_KEYS_LAST);
  store<u32>(pane, chunk + KEYS_HEADER, PANE_KEY_NEXT);
  store<u32>(pane, chunk + bytes, PANE_KEY_END);
  return chunk + KEYS_HEADER;
}

@inline
function writeKey(kind: u32, table: usize, pane: usize, entry: usize, key: usize, bytesAt: u32): void {
  if (kind == KEY_FIXED) {
    store<u64>(entry, load<u64>(key));
    return;
  }
  v128.store(entry, v128.load(key));
  if (bytesAt == 0) return;
  const length = load<u32>(key);
  memory.copy(<usize>bytesAt, <usize>load<u32>(key, 12), <usize>length);
  store<u32>(entry, bytesAt, 12);
  store<u32>(pane, bytesAt + length, PANE_KEY_NEXT);
  store<u32>(pane, load<u32>(pane, PANE_KEY_BYTES) + length, PANE_KEY_BYTES);
  store<u32>(table, load<u32>(table, TABLE_LONG_KEY_BYTES) + length, TABLE_LONG_KEY_BYTES);
}

/** A new entry that holds no row yet, marked with `epoch` unless that is 0; 0 where memory is used up. */
@inline
function insertEntry(kind: u32, table: usize, pane: usize, group: usize, hash: u32, key: usize, epoch: u32): usize {
  const keyBytes = keyBytesOf(kind);
  const dense = kind == KEY_FIXED && isDense(pane, load<u64>(key));
  if (
    !dense && load<u32>(group, GROUP_COUNT) >= load<u32>(group, GROUP_GROW_AT) && !growIndex(table, pane, group, kind)
  ) return 0;
  if (load<u32>(group, GROUP_NEXT) == load<u32>(group, GROUP_END) && !growEntries(table, group)) return 0;
  let bytesAt: u32 = 0;
  if (kind > KEY_NULLABLE) {
    const length = load<u32>(key);
    if (length > <u32>VIEW_INLINE_MAX && length != NULL_LENGTH) {
      bytesAt = reserveKeyBytes(pane, length);
      if (bytesAt == 0) return 0;
    }
  }
  if (epoch != 0 && !reserveMark(pane, epoch)) return 0;

  const entry = <usize>load<u32>(group, GROUP_NEXT);
  const stride = <usize>load<u32>(table, TABLE_ENTRY_BYTES);
  store<u32>(group, <u32>(entry + stride), GROUP_NEXT);
  writeKey(kind, table, pane, entry, key, bytesAt);
  store<u32>(entry + keyBytes, epoch);
  store<u32>(entry + keyBytes, hash, 4);
  let from = <usize>load<u32>(table, TABLE_TEMPLATE);
  const end = entry + stride;
  for (let at = entry + keyBytes + 8; at < end; at += 8, from += 8) store<u64>(at, load<u64>(from));
  if (epoch != 0) addMark(pane, entry);
  store<u32>(pane, load<u32>(pane, PANE_ENTRIES) + 1, PANE_ENTRIES);
  store<u32>(table, load<u32>(table, TABLE_ENTRIES) + 1, TABLE_ENTRIES);
  if (kind == KEY_FIXED) {
    store<i64>(pane, min<i64>(load<i64>(pane, PANE_KEY_MIN), load<i64>(key)), PANE_KEY_MIN);
    store<i64>(pane, max<i64>(load<i64>(pane, PANE_KEY_MAX), load<i64>(key)), PANE_KEY_MAX);
  }
  if (dense) {
    store<u32>(denseSlot(pane, load<u64>(key)), <u32>entry);
    return entry;
  }
  indexEntry(<usize>load<u32>(group, GROUP_INDEX), load<u32>(group, GROUP_MASK), hash, entry);
  store<u32>(group, load<u32>(group, GROUP_COUNT) + 1, GROUP_COUNT);
  if (kind == KEY_FIXED) {
    const indexed = load<u32>(pane, PANE_INDEXED) + 1;
    store<u32>(pane, indexed, PANE_INDEXED);
    if (indexed >= load<u32>(pane, PANE_CHECK_AT)) makeDense(table, pane);
  }
  return entry;
}

/**
 * The key's entry, found or made, and marked with `epoch`; 0 where memory is used up. Epoch 0 leaves a new entry
 * unmarked and an old one with the mark it has: taking it away would let the same epoch mark the entry twice.
 */
@inline
export function resolveEntry(kind: u32, table: usize, pane: usize, group: usize, hash: u32, key: usize, epoch: u32): usize {
  let entry: usize = 0;
  if (kind == KEY_FIXED && isDense(pane, load<u64>(key))) entry = entryAtSlot(pane, load<u64>(key));
  else entry = findEntry(kind, group, hash, key);
  if (entry == 0) return insertEntry(kind, table, pane, group, hash, key, epoch);
  const epochAt = entry + keyBytesOf(kind);
  if (epoch != 0 && load<u32>(epochAt) != epoch) {
    if (!reserveMark(pane, epoch)) return 0;
    addMark(pane, entry);
    store<u32>(epochAt, epoch);
  }
  return entry;
}

/** The group has the empty index from here on. */
export function freeIndex(group: usize, emptyBucket: u32): void {
  if (load<u32>(group, GROUP_GROW_AT) != 0) mr_free(load<u32>(group, GROUP_INDEX), load<u32>(group, GROUP_MASK) + BUCKET_BYTES);
  store<u32>(group, emptyBucket, GROUP_INDEX);
  store<u32>(group, 0, GROUP_MASK);
  store<u32>(group, 0, GROUP_COUNT);
  store<u32>(group, 0, GROUP_GROW_AT);
}

/** Frees everything that the group owns. */
export function freeGroup(group: usize): void {
  freeIndex(group, 0);
  let chunk = load<u32>(group, GROUP_FIRST_CHUNK);
  while (chunk != 0) {
    const next = load<u32>(chunk, CHUNK_NEXT);
    mr_free(chunk, load<u32>(chunk, CHUNK_BYTES));
    chunk = next;
  }
}
