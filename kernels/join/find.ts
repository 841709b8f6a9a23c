// Finding a key's entry in a pane without making one. Keys of joins are never null.

import { GROUP_SHIFT, KEY_FIXED, KEY_TEXT, PANE_GROUPS, TABLE_KEY_KIND } from "../table/layout";
import { entryAtSlot, isDense } from "../table/dense";
import { findEntry } from "../table/entries";
import { groupOf } from "../table/lookup";

/** The hash's key group, which must be the table's. */
@inline
export function groupAt(table: usize, pane: usize, hash: u32): usize {
  return <usize>load<u32>(pane, PANE_GROUPS) + ((<usize>groupOf(table, hash)) << GROUP_SHIFT);
}

export function findFixed(table: usize, pane: usize, hash: u32, key: usize): usize {
  if (isDense(pane, load<u64>(key))) return entryAtSlot(pane, load<u64>(key));
  return findEntry(KEY_FIXED, groupAt(table, pane, hash), hash, key);
}

/** One text, or several columns in one. */
export function findText(table: usize, pane: usize, hash: u32, key: usize): usize {
  return findEntry(KEY_TEXT, groupAt(table, pane, hash), hash, key);
}

/** Entry of one key of any kind; 0 where there is none. */
export function findKey(table: usize, pane: usize, hash: u32, key: usize): usize {
  if (load<u32>(table, TABLE_KEY_KIND) == KEY_FIXED) return findFixed(table, pane, hash, key);
  return findText(table, pane, hash, key);
}
