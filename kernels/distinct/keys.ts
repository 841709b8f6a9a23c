// Keys of set entries: from a row's value and an owner, and from an entry to another owner's key of the same value.

import { TYPE_BOOL, TYPE_F64, TYPE_UTF8, VIEW_INLINE_MAX } from "../abi";
import { hashFixed, hashView } from "../hash/key_hash";
import { mr_alloc, mr_free } from "../memory/allocator";
import { bitAt } from "../table/keys";
import { PASS_KEYS, TABLE_GROUP_START, TABLE_MAX_PARALLELISM } from "../table/layout";
import { groupOf } from "../table/lookup";
import { hashOfEntry } from "../pane/walk";
import { SETS_MAIN, SETS_STAGING, SETS_STAGING_BYTES, SETS_TYPE } from "./layout";

const STAGING_BYTES_MIN: u32 = 4096;

/** Makes room for `bytes` of staged text; what was staged before is lost. */
export function reserveStaging(sets: usize, bytes: u32): bool {
  const have = load<u32>(sets, SETS_STAGING_BYTES);
  if (bytes <= have) return true;
  const wanted = max<u32>(bytes, STAGING_BYTES_MIN);
  const staging = mr_alloc(wanted);
  if (staging == 0) return false;
  if (have != 0) mr_free(load<u32>(sets, SETS_STAGING), have);
  store<u32>(sets, staging, SETS_STAGING);
  store<u32>(sets, wanted, SETS_STAGING_BYTES);
  return true;
}

@inline
export function bytesOfView(view: usize): usize {
  return load<u32>(view) <= <u32>VIEW_INLINE_MAX ? view + 4 : <usize>load<u32>(view, 12);
}

/** Writes at `key` the key of a text under an owner; its bytes go to `at` where they are too many for a view. */
@inline
function stageText(key: usize, owner: u32, text: usize, length: u32, at: usize): void {
  const inline = length + 8 <= <u32>VIEW_INLINE_MAX;
  const to = inline ? key + 4 : at;
  v128.store(key, i64x2.splat(0));
  store<u64>(to, <u64>owner);
  memory.copy(to + 8, text, <usize>length);
  store<u32>(key, length + 8);
  if (inline) return;
  store<u32>(key, owner, 4);
  store<u32>(key, <u32>at, 12);
}

/** The bits by which a number, timestamp or bool is told from others. */
@inline
function fixedBits(type: u32, data: usize, row: u32): u64 {
  if (type == <u32>TYPE_BOOL) return <u64>bitAt(data, row);
  const bits = load<u64>(data + ((<usize>row) << 3));
  if (type != <u32>TYPE_F64) return bits;
  const value = reinterpret<f64>(bits);
  if (value != value) return 0x7ff8000000000000;
  return value == 0 ? 0 : bits;
}

/** The value's hash in the key group of its owner: spread over the hashes of that group. */
@inline
function hashWithin(sets: usize, owner: usize, value: u64): u32 {
  const main = <usize>load<u32>(sets, SETS_MAIN);
  const keyHash = hashOfEntry(main, owner);
  const parallelism = <u64>load<u32>(main, TABLE_MAX_PARALLELISM);
  const group = <u64>(groupOf(main, keyHash) + load<u32>(main, TABLE_GROUP_START));
  const first = ((group << 32) + parallelism - 1) / parallelism;
  const width: u64 = 0x100000000 / parallelism;
  const mixed = <u64>hashFixed(value + <u64>keyHash * 0x9e3779b97f4a7c15);
  return <u32>(first + ((mixed * width) >> 32));
}

/** Bytes that staging the row's value takes. */
@inline
export function stagedBytes(type: u32, data: usize, row: u32): u32 {
  return type == <u32>TYPE_UTF8 ? load<u32>(data + ((<usize>row) << 4)) + 8 : 0;
}

/** Writes key number `i` of the pass for the row's value, staged text to `at`; answers the hash. */
export function stageRow(sets: usize, i: u32, owner: usize, data: usize, row: u32, at: usize): u32 {
  const type = load<u32>(sets, SETS_TYPE);
  const key = PASS_KEYS + ((<usize>i) << 4);
  if (type == <u32>TYPE_UTF8) {
    const view = data + ((<usize>row) << 4);
    stageText(key, <u32>owner, bytesOfView(view), load<u32>(view), at);
    return hashWithin(sets, owner, <u64>hashView(view));
  }
  const bits = fixedBits(type, data, row);
  store<u64>(key, bits);
  store<u64>(key, <u64>owner, 8);
  return hashWithin(sets, owner, bits);
}

@inline
export function ownerOf(sets: usize, entry: usize): usize {
  if (load<u32>(sets, SETS_TYPE) != <u32>TYPE_UTF8) return <usize>load<u32>(entry, 8);
  return <usize>load<u32>(bytesOfView(entry));
}

/** Writes the first key of the pass: the entry's value under another owner. False where memory is used up. */
export function stageEntry(sets: usize, entry: usize, owner: usize): bool {
  if (load<u32>(sets, SETS_TYPE) != <u32>TYPE_UTF8) {
    store<u64>(PASS_KEYS, load<u64>(entry));
    store<u64>(PASS_KEYS, <u64>owner, 8);
    return true;
  }
  const length = load<u32>(entry);
  if (!reserveStaging(sets, length)) return false;
  stageText(PASS_KEYS, <u32>owner, bytesOfView(entry) + 8, length - 8, <usize>load<u32>(sets, SETS_STAGING));
  return true;
}
