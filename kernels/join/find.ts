// Finding a key's entry in a pane without making one.

import {
  BUCKET_BYTES,
  BUCKET_SHIFT,
  BUCKET_SLOTS,
  BUCKET_TAGS,
  GROUP_INDEX,
  GROUP_MASK,
  GROUP_SHIFT,
  KEY_FIXED,
  KEY_TEXT,
  PANE_GROUPS,
  TABLE_KEY_KIND,
} from "../table/layout";
import { denseSlot, isDense } from "../table/dense";
import { equalKeys, tagOf } from "../table/entries";
import { groupOf } from "../table/lookup";

/** Where the search for a hash begins in its key group; the group must be the table's. */
@inline
export function groupAt(table: usize, pane: usize, hash: u32): usize {
  return <usize>load<u32>(pane, PANE_GROUPS) + ((<usize>groupOf(table, hash)) << GROUP_SHIFT);
}

/** `kind` is a constant at every call. */
@inline
function search(kind: u32, group: usize, hash: u32, key: usize): usize {
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

export function findFixed(table: usize, pane: usize, hash: u32, key: usize): usize {
  if (isDense(pane, load<u64>(key))) return <usize>load<u32>(denseSlot(pane, load<u64>(key)));
  return search(KEY_FIXED, groupAt(table, pane, hash), hash, key);
}
export function findText(table: usize, pane: usize, hash: u32, key: usize): usize {
  return search(KEY_TEXT, groupAt(table, pane, hash), hash, key);
}

/** Entry of one key of any kind; 0 where there is none. */
export function findEntry(table: usize, pane: usize, hash: u32, key: usize): usize {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  if (kind == KEY_FIXED) return findFixed(table, pane, hash, key);
  return findText(table, pane, hash, key);
}
