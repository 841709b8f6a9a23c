// From keys and hashes of one pass to entry addresses, in two sweeps so that cache misses overlap:
// first every row's bucket is read and the first slot with its tag taken as candidate, then the candidates'
// keys are compared; only rows whose candidate fails (a new key, rarely a tag's collision) take the slow way.

import { CONTROL_DETAIL, CONTROL_STATUS, STATUS_FOREIGN_KEY_GROUP, STATUS_OUT_OF_MEMORY } from "../abi";
import { equalKeys, keyBytesOf, resolveEntry, tagOf } from "./entries";
import { rowAt } from "./keys";
import {
  BUCKET_NONE,
  BUCKET_SHIFT,
  BUCKET_SLOTS,
  BUCKET_TAGS,
  GROUP_INDEX,
  GROUP_MASK,
  GROUP_SHIFT,
  KEY_FIXED,
  KEY_NULLABLE,
  KEY_TEXT,
  PANE_GROUPS,
  PASS_ENTRIES,
  PASS_HASHES,
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

function resolveFixed(table: usize, pane: usize, hash: u32, key: usize, epoch: u32): usize {
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

/** First row whose key group is not the table's, or `count`. */
function findCandidates(table: usize, pane: usize, panes: usize, count: u32): u32 {
  const maxParallelism = <u64>load<u32>(table, TABLE_MAX_PARALLELISM);
  const groupStart = load<u32>(table, TABLE_GROUP_START);
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  let groups: usize = panes == 0 ? <usize>load<u32>(pane, PANE_GROUPS) : 0;
  for (let i: u32 = 0; i < count; i++) {
    const hash = load<u32>(PASS_HASHES + ((<usize>i) << 2));
    const number: u32 = <u32>((<u64>hash * maxParallelism) >> 32) - groupStart;
    if (number >= groupCount) return i;
    if (panes != 0) groups = <usize>load<u32>(<usize>load<u32>(panes + ((<usize>i) << 2)), PANE_GROUPS);
    const group = groups + ((<usize>number) << GROUP_SHIFT);
    const bucket = <usize>(load<u32>(group, GROUP_INDEX) + ((hash << BUCKET_SHIFT) & load<u32>(group, GROUP_MASK)));
    const same = i8x16.eq(v128.load(bucket, BUCKET_TAGS), i8x16.splat(<i8>tagOf(hash)));
    const slot = ctz<i32>((i8x16.bitmask(same) & BUCKET_SLOTS) | BUCKET_NONE);
    store<u32>(PASS_ENTRIES + ((<usize>i) << 2), load<u32>(bucket + ((<usize>slot) << 2)));
  }
  return count;
}

@inline
function confirmCandidates(kind: u32, table: usize, pane: usize, panes: usize, keys: usize, count: u32, epoch: u32): u32 {
  const keyBytes = keyBytesOf(kind);
  for (let i: u32 = 0; i < count; i++) {
    const at = PASS_ENTRIES + ((<usize>i) << 2);
    const key = keys + <usize>(i * keyBytes);
    const candidate = <usize>load<u32>(at);
    if (candidate != 0 && equalKeys(kind, candidate, key) && load<u32>(candidate + keyBytes) == epoch) continue;
    const hash = load<u32>(PASS_HASHES + ((<usize>i) << 2));
    const itsPane = panes == 0 ? pane : <usize>load<u32>(panes + ((<usize>i) << 2));
    let entry: usize;
    if (kind == KEY_FIXED) entry = resolveFixed(table, itsPane, hash, key, epoch);
    else if (kind == KEY_NULLABLE) entry = resolveNullable(table, itsPane, hash, key, epoch);
    else entry = resolveText(table, itsPane, hash, key, epoch);
    if (entry == 0) return i;
    store<u32>(at, <u32>entry);
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

/**
 * Fills PASS_ENTRIES for `count` rows of one pane (`panes` = 0) or of a pane each. Where fewer are done, the
 * status and the row that could not be are set.
 */
export function lookUp(
  table: usize, pane: usize, panes: usize, keys: usize, rowNumbers: usize, first: u32, count: u32, epoch: u32,
): u32 {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  const known = findCandidates(table, pane, panes, count);
  let done: u32;
  if (kind == KEY_FIXED) done = confirmFixed(table, pane, panes, keys, known, epoch);
  else if (kind == KEY_NULLABLE) done = confirmNullable(table, pane, panes, keys, known, epoch);
  else done = confirmText(table, pane, panes, keys, known, epoch);
  if (done < count) {
    store<u32>(CONTROL_STATUS, done < known ? STATUS_OUT_OF_MEMORY : STATUS_FOREIGN_KEY_GROUP);
    store<u32>(CONTROL_DETAIL, rowAt(rowNumbers, first, done));
  }
  return done;
}
