// Sets of values of hopping windows: how many different values a key has in the window at hand (layout.ts).

import { dropSets } from "../distinct/update";
import { ownerOf, stageEntry } from "../distinct/keys";
import { LIST_MORE, SETS_TABLE, VALUE_AT } from "../distinct/layout";
import { firstPane, hashOfEntry, paneFrom, peek, startWalk, walk } from "../pane/walk";
import { PANE_START, PASS_KEYS, PASS_ROWS } from "../table/layout";
import { resolveKey } from "../table/lookup";
import { dropFirstPane, paneAt } from "../window/panes";
import { noMemory } from "./blocks";
import {
  EXTRA_PEER,
  EXTRA_SETS,
  HOP_EXTRA_AT,
  HOP_OLDER,
  HOP_SET_COUNT,
  HOP_SETS,
  HOP_SIZE,
  HOP_YOUNGER,
} from "./layout";

/** The last pane of a value: what a new entry holds, and what stands for a value that its block counts no more. */
const NEVER: i64 = i64.MIN_VALUE;
const TAKEN: i64 = i64.MIN_VALUE + 1;

const WALK: usize = 131056;

@inline
function itemOf(hop: usize, set: u32): usize {
  return hop + HOP_SETS + ((<usize>set) << 4);
}

/** The pane of `seen` for a block, 0 = none. */
@inline
function seenPane(seen: usize, block: usize): usize {
  return block == 0 ? 0 : paneFrom(firstPane(seen), load<i64>(block, PANE_START));
}

/** The block's entry that the owner of a set has been linked to. */
@inline
function linkOf(item: usize, owner: usize): usize {
  return <usize>load<u32>(owner + <usize>load<u32>(item, 12));
}

/** Where the older block counts the values of one key. */
@inline
function excludedOf(hop: usize, set: u32, entry: usize): usize {
  return entry + <usize>load<u32>(hop, HOP_EXTRA_AT) + EXTRA_SETS + ((<usize>set) << 4);
}

@inline
function add(at: usize, number: i64): void {
  store<i64>(at, load<i64>(at) + number);
}

/** The entry of the value of `entry` under `owner`, which must have been staged; 0 = none. */
@inline
function findSeen(seen: usize, pane: usize, hash: u32): usize {
  return pane == 0 ? 0 : peek(seen, pane, hash, PASS_KEYS);
}

/** The younger block counts one more value: the older one does so no more. */
function takeFromOlder(hop: usize, set: u32, older: usize, entry: usize, block: usize): bool {
  const item = itemOf(hop, set);
  const sets = <usize>load<u32>(item);
  const seen = <usize>load<u32>(item, 8);
  const peer = <usize>load<u32>(block + <usize>load<u32>(hop, HOP_EXTRA_AT), EXTRA_PEER);
  if (peer == 0 || older == 0) return true;
  if (!stageEntry(sets, entry, peer)) return false;
  const found = findSeen(seen, older, hashOfEntry(seen, entry));
  if (found == 0 || load<i64>(found, VALUE_AT) <= TAKEN) return true;
  store<i64>(found, TAKEN, VALUE_AT);
  add(excludedOf(hop, set, peer), -1);
  return true;
}

/** Enters the values of the pane that starts at `start` into those of its block. */
export function seeSets(hop: usize, start: i64, block: usize, isOlder: bool): bool {
  const count = load<u32>(hop, HOP_SET_COUNT);
  for (let set: u32 = 0; set < count; set++) {
    const item = itemOf(hop, set);
    const sets = <usize>load<u32>(item);
    const table = <usize>load<u32>(sets, SETS_TABLE);
    const seen = <usize>load<u32>(item, 8);
    const pane = paneFrom(firstPane(table), start);
    if (pane == 0) continue;
    const into = paneAt(seen, load<i64>(block, PANE_START));
    if (into == 0) return noMemory();
    const older: usize = isOlder ? 0 : seenPane(seen, <usize>load<u32>(hop, HOP_OLDER));
    startWalk(WALK);
    for (;;) {
      const listed = walk(table, pane, WALK, LIST_MORE, PASS_ROWS);
      if (listed == 0) break;
      for (let i: u32 = 0; i < listed; i++) {
        const entry = <usize>load<u32>(LIST_MORE + ((<usize>i) << 2));
        const its = linkOf(item, ownerOf(sets, entry));
        if (!stageEntry(sets, entry, its)) return noMemory();
        const found = resolveKey(seen, into, hashOfEntry(table, entry), PASS_KEYS, 0);
        if (found == 0) return noMemory();
        if (load<i64>(found, VALUE_AT) == NEVER) {
          add(isOlder ? excludedOf(hop, set, its) : its + <usize>load<u32>(item, 12), 1);
          if (!isOlder && !takeFromOlder(hop, set, older, entry, its)) return noMemory();
        }
        store<i64>(found, start, VALUE_AT);
      }
    }
  }
  return true;
}

/** Counts the values of late rows that the window at hand has not otherwise. */
export function seeLateSets(hop: usize, start: i64): bool {
  const count = load<u32>(hop, HOP_SET_COUNT);
  for (let set: u32 = 0; set < count; set++) {
    const item = itemOf(hop, set);
    const sets = <usize>load<u32>(item, 4);
    const table = <usize>load<u32>(sets, SETS_TABLE);
    const seen = <usize>load<u32>(item, 8);
    const pane = paneFrom(firstPane(table), start);
    if (pane == 0) continue;
    const younger = seenPane(seen, <usize>load<u32>(hop, HOP_YOUNGER));
    const older = seenPane(seen, <usize>load<u32>(hop, HOP_OLDER));
    startWalk(WALK);
    for (;;) {
      const listed = walk(table, pane, WALK, LIST_MORE, PASS_ROWS);
      if (listed == 0) break;
      for (let i: u32 = 0; i < listed; i++) {
        const entry = <usize>load<u32>(LIST_MORE + ((<usize>i) << 2));
        const hash = hashOfEntry(table, entry);
        const its = linkOf(item, ownerOf(sets, entry));
        if (!stageEntry(sets, entry, its)) return noMemory();
        if (findSeen(seen, younger, hash) != 0) continue;
        const peer = <usize>load<u32>(its + <usize>load<u32>(hop, HOP_EXTRA_AT), EXTRA_PEER);
        if (peer != 0) {
          if (!stageEntry(sets, entry, peer)) return noMemory();
          const found = findSeen(seen, older, hash);
          if (found != 0 && load<i64>(found, VALUE_AT) > TAKEN) continue;
        }
        add(excludedOf(hop, set, its) + 8, 1);
      }
    }
  }
  return true;
}

/** Takes the values of a pane of the older block out of the windows to come, and drops its sets. */
export function leaveSets(hop: usize, start: i64): bool {
  const count = load<u32>(hop, HOP_SET_COUNT);
  for (let set: u32 = 0; set < count; set++) {
    const item = itemOf(hop, set);
    const sets = <usize>load<u32>(item);
    const table = <usize>load<u32>(sets, SETS_TABLE);
    const seen = <usize>load<u32>(item, 8);
    const pane = paneFrom(firstPane(table), start);
    if (pane == 0) continue;
    const older = seenPane(seen, <usize>load<u32>(hop, HOP_OLDER));
    startWalk(WALK);
    for (;;) {
      const listed = walk(table, pane, WALK, LIST_MORE, PASS_ROWS);
      if (listed == 0) break;
      for (let i: u32 = 0; i < listed; i++) {
        const entry = <usize>load<u32>(LIST_MORE + ((<usize>i) << 2));
        const its = linkOf(item, ownerOf(sets, entry));
        if (!stageEntry(sets, entry, its)) return noMemory();
        const found = findSeen(seen, older, hashOfEntry(table, entry));
        if (found == 0 || load<i64>(found, VALUE_AT) != start) continue;
        store<i64>(found, TAKEN, VALUE_AT);
        add(excludedOf(hop, set, its), -1);
      }
    }
    dropSets(sets, start);
  }
  return true;
}

export function dropLateSets(hop: usize, start: i64): void {
  const count = load<u32>(hop, HOP_SET_COUNT);
  for (let set: u32 = 0; set < count; set++) dropSets(<usize>load<u32>(itemOf(hop, set), 4), start);
}

/** Drops what was seen in the oldest block, which starts at `start`. */
export function dropSeen(hop: usize, start: i64): void {
  const count = load<u32>(hop, HOP_SET_COUNT);
  for (let set: u32 = 0; set < count; set++) {
    const seen = <usize>load<u32>(itemOf(hop, set), 8);
    const pane = firstPane(seen);
    if (pane != 0 && load<i64>(pane, PANE_START) == start) dropFirstPane(seen);
  }
}
