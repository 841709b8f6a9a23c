// From keys and hashes of one pass to entry addresses, in two sweeps so that cache misses overlap:
// first every row's bucket is read and the first slot with its tag taken as candidate, then the candidates' keys
// and epochs are compared. Rows whose candidate fails (a new key, a first change in the epoch, rarely a tag's
// collision) are noted without a branch and take the slow way afterwards.

import { CONTROL_STATUS, STATUS_FOREIGN_KEY_GROUP, STATUS_OUT_OF_MEMORY } from "../abi";
import { equalKeys, keyBytesOf, resolveEntry, TAG_FACTOR } from "./entries";
import {
  BUCKET_NONE,
  BUCKET_SHIFT,
  BUCKET_TAGS,
  GROUP_INDEX,
  GROUP_MASK,
  GROUP_SHIFT,
  KEY_FIXED,
  KEY_NULLABLE,
  KEY_TEXT,
  PANE_GROUPS,
  PASS_ENTRIES,
  PASS_GROUPS,
  PASS_HASHES,
  PASS_MISSES,
  PASS_TAGS,
  TABLE_GROUP_COUNT,
  TABLE_GROUP_START,
  TABLE_KEY_KIND,
  TABLE_MAX_PARALLELISM,
} from "./layout";

/** The hash's key group, counted from the table's first; beyond its range the result is at least its group count. */
@inline
export function groupOf(table: usize, hash: u32): u32 {
  return <u32>((<u64>hash * <u64>load<u32>(table, TABLE_MAX_PARALLELISM)) >> 32) - load<u32>(table, TABLE_GROUP_START);
}

@inline
function groupAddress(pane: usize, group: u32): usize {
  return <usize>load<u32>(pane, PANE_GROUPS) + ((<usize>group) << GROUP_SHIFT);
}

export function resolveFixed(table: usize, pane: usize, hash: u32, key: usize, epoch: u32): usize {
  return resolveEntry(KEY_FIXED, table, pane, groupAddress(pane, groupOf(table, hash)), hash, key, epoch);
}
function resolveNullable(table: usize, pane: usize, hash: u32, key: usize, epoch: u32): usize {
  return resolveEntry(KEY_NULLABLE, table, pane, groupAddress(pane, groupOf(table, hash)), hash, key, epoch);
}
function resolveText(table: usize, pane: usize, hash: u32, key: usize, epoch: u32): usize {
  return resolveEntry(KEY_TEXT, table, pane, groupAddress(pane, groupOf(table, hash)), hash, key, epoch);
}

/** Entry of one key of any kind; its key group must be the table's. 0 where memory is used up. */
export function resolveKey(table: usize, pane: usize, hash: u32, key: usize, epoch: u32): usize {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  if (kind == KEY_FIXED) return resolveFixed(table, pane, hash, key, epoch);
  if (kind == KEY_NULLABLE) return resolveNullable(table, pane, hash, key, epoch);
  return resolveText(table, pane, hash, key, epoch);
}

/**
 * From the pass's hashes to tags and key groups, four at a time; the first row whose key group is not the table's,
 * or `count`.
 */
function placeHashes(table: usize, count: u32): u32 {
  const maxParallelism = i32x4.splat(load<i32>(table, TABLE_MAX_PARALLELISM));
  const groupStart = i32x4.splat(load<i32>(table, TABLE_GROUP_START));
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  const groupLimit = i32x4.splat(<i32>groupCount);
  const end = (<usize>count) << 2;
  let foreign = i32x4.splat(0);
  for (let at: usize = 0; at < end; at += 16) {
    const hash = v128.load(at, PASS_HASHES);
    const tag = i32x4.shr_u(i32x4.mul(hash, i32x4.splat(<i32>TAG_FACTOR)), 24);
    v128.store(at, i32x4.max_u(tag, i32x4.splat(1)), PASS_TAGS);
    const low = i64x2.extmul_low_i32x4_u(hash, maxParallelism);
    const high = i64x2.extmul_high_i32x4_u(hash, maxParallelism);
    const group = i32x4.sub(v128.shuffle<i32>(low, high, 1, 3, 5, 7), groupStart);
    foreign = v128.or(foreign, i32x4.ge_u(group, groupLimit));
    v128.store(at, i32x4.shl(group, GROUP_SHIFT), PASS_GROUPS);
  }
  if (!v128.any_true(foreign)) return count;
  // Hashes behind the last row are leftovers and may be foreign too: look at the rows one by one.
  let row: u32 = 0;
  while (row < count && load<u32>((<usize>row) << 2, PASS_GROUPS) >> GROUP_SHIFT < groupCount) row++;
  return row;
}

/** `at` is four times the row's place in the pass. `many` is a constant at every call. */
@inline
function findCandidate(many: bool, groups: usize, panes: usize, at: usize): void {
  if (many) groups = <usize>load<u32>(<usize>load<u32>(panes + at), PANE_GROUPS);
  const group = groups + <usize>load<u32>(at, PASS_GROUPS);
  const bucket = <usize>(load<u32>(group, GROUP_INDEX) + ((load<u32>(at, PASS_HASHES) << BUCKET_SHIFT) & load<u32>(group, GROUP_MASK)));
  const same = i8x16.eq(v128.load(bucket, BUCKET_TAGS), v128.load_splat<u8>(at, PASS_TAGS));
  store<u32>(at, load<u32>(bucket + ((<usize>ctz<i32>(i8x16.bitmask(same) | BUCKET_NONE)) << 2)), PASS_ENTRIES);
}

@inline
function findCandidates(many: bool, pane: usize, panes: usize, count: u32): void {
  const groups: usize = many ? 0 : <usize>load<u32>(pane, PANE_GROUPS);
  const end = (<usize>count) << 2;
  let at: usize = 0;
  for (; at + 16 <= end; at += 16) {
    findCandidate(many, groups, panes, at);
    findCandidate(many, groups, panes, at + 4);
    findCandidate(many, groups, panes, at + 8);
    findCandidate(many, groups, panes, at + 12);
  }
  for (; at < end; at += 4) findCandidate(many, groups, panes, at);
}

/** Notes the place where the candidate is not the key's entry or not yet marked with the epoch, without a branch. */
@inline
function confirmCandidate(kind: u32, at: usize, key: usize, epoch: u32, misses: usize): usize {
  const candidate = <usize>load<u32>(at, PASS_ENTRIES);
  let differs: u64 = 0;
  if (kind == KEY_TEXT) {
    differs = <u64>(candidate == 0 || !equalKeys(kind, candidate, key));
  } else {
    differs = load<u64>(candidate) ^ load<u64>(key);
    if (kind == KEY_NULLABLE) differs |= load<u64>(candidate, 8) ^ load<u64>(key, 8);
  }
  differs |= <u64>(load<u32>(candidate + keyBytesOf(kind)) ^ epoch);
  store<u32>(misses, <u32>at, PASS_MISSES);
  return misses + (((<usize>(differs != 0)) | <usize>(candidate == 0)) << 2);
}

/** Number of rows with an entry: `count`, or fewer where memory is used up. */
@inline
function confirmCandidates(kind: u32, table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32): u32 {
  const keyBytes = <usize>keyBytesOf(kind);
  const end = (<usize>count) << 2;
  let misses: usize = 0;
  let key = keys;
  let at: usize = 0;
  for (; at + 8 <= end; at += 8, key += keyBytes * 2) {
    misses = confirmCandidate(kind, at, key, epoch, misses);
    misses = confirmCandidate(kind, at + 4, key + keyBytes, epoch, misses);
  }
  if (at < end) misses = confirmCandidate(kind, at, key, epoch, misses);
  for (let miss: usize = 0; miss < misses; miss += 4) {
    at = <usize>load<u32>(miss, PASS_MISSES);
    key = keys + (at >> 2) * keyBytes;
    const hash = load<u32>(at, PASS_HASHES);
    const itsPane = panes == 0 ? pane : <usize>load<u32>(panes + at);
    let entry: usize;
    if (kind == KEY_FIXED) entry = resolveFixed(table, itsPane, hash, key, epoch);
    else if (kind == KEY_NULLABLE) entry = resolveNullable(table, itsPane, hash, key, epoch);
    else entry = resolveText(table, itsPane, hash, key, epoch);
    if (entry == 0) return <u32>(at >> 2);
    store<u32>(at, <u32>entry, PASS_ENTRIES);
  }
  return count;
}

function confirmFixed(table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32): u32 {
  return confirmCandidates(KEY_FIXED, table, pane, panes, keys, count, epoch);
}
function confirmNullable(table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32): u32 {
  return confirmCandidates(KEY_NULLABLE, table, pane, panes, keys, count, epoch);
}
function confirmText(table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32): u32 {
  return confirmCandidates(KEY_TEXT, table, pane, panes, keys, count, epoch);
}

@inline
export function stopped(status: u32, done: u32): u32 {
  store<u32>(CONTROL_STATUS, status);
  return done;
}

/**
 * Fills PASS_ENTRIES for `count` rows of one pane (`panes` = 0) or of a pane each. Where fewer are done, the
 * status is set.
 */
export function lookUp(
  table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32,
): u32 {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  const known = placeHashes(table, count);
  if (panes == 0) findCandidates(false, pane, panes, known);
  else findCandidates(true, pane, panes, known);
  let done: u32;
  if (kind == KEY_FIXED) done = confirmFixed(table, pane, panes, keys, known, epoch);
  else if (kind == KEY_NULLABLE) done = confirmNullable(table, pane, panes, keys, known, epoch);
  else done = confirmText(table, pane, panes, keys, known, epoch);
  return done == count ? done : stopped(done < known ? STATUS_OUT_OF_MEMORY : STATUS_FOREIGN_KEY_GROUP, done);
}
