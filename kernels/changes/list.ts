// Which items of a table that lives for ever changed in which epoch: a doubly linked list through the items
// themselves, in the order of their last change. An item leaves the list in one step, wherever it stands, so an item
// that goes can be freed at once, and one that moves takes its place in the list along.
//
//   node   | previous u32 | next u32 | epoch u32, 0 = not in the list | hash of the item's key u32 |
//   head   | first u32 | last u32 | gathered nodes u32 | their bytes u32 | their count u32 | the next of them u32 |
//
// Invariant: epochs never fall from the first node to the last.

import { mr_alloc, mr_free } from "../memory/allocator";
import { TABLE_GROUP_COUNT } from "../table/layout";
import { groupOf } from "../table/lookup";

const PREVIOUS: usize = 0;
const NEXT: usize = 4;
export const NODE_EPOCH: usize = 8;
export const NODE_HASH: usize = 12;
export const NODE_BYTES: u32 = 16;

const FIRST: usize = 0;
const LAST: usize = 4;
const GATHERED: usize = 8;
const GATHERED_BYTES: usize = 12;
const GATHERED_COUNT: usize = 16;
const GATHERED_NEXT: usize = 20;
export const HEAD_BYTES: u32 = 24;

@inline
export function firstChange(head: usize): usize {
  return <usize>load<u32>(head, FIRST);
}

/** The item must be in the list. */
export function unlink(head: usize, node: usize): void {
  const previous = load<u32>(node, PREVIOUS);
  const next = load<u32>(node, NEXT);
  if (previous == 0) store<u32>(head, next, FIRST);
  else store<u32>(previous, next, NEXT);
  if (next == 0) store<u32>(head, previous, LAST);
  else store<u32>(next, previous, PREVIOUS);
  store<u32>(node, 0, NODE_EPOCH);
}

/** The item changed in `epoch`, which is not 0 and no less than any before. */
export function noteChange(head: usize, node: usize, epoch: u32, hash: u32): void {
  const before = load<u32>(node, NODE_EPOCH);
  if (before == epoch) return;
  if (before != 0) unlink(head, node);
  const last = load<u32>(head, LAST);
  store<u32>(node, last, PREVIOUS);
  store<u32>(node, 0, NEXT);
  store<u32>(node, epoch, NODE_EPOCH);
  store<u32>(node, hash, NODE_HASH);
  if (last == 0) store<u32>(head, <u32>node, FIRST);
  else store<u32>(last, <u32>node, NEXT);
  store<u32>(head, <u32>node, LAST);
}

/** The item with this node was moved, the node's bytes along with it: its neighbours learn of it. */
export function followMove(head: usize, node: usize): void {
  if (load<u32>(node, NODE_EPOCH) == 0) return;
  const previous = load<u32>(node, PREVIOUS);
  const next = load<u32>(node, NEXT);
  if (previous == 0) store<u32>(head, <u32>node, FIRST);
  else store<u32>(previous, <u32>node, NEXT);
  if (next == 0) store<u32>(head, <u32>node, LAST);
  else store<u32>(next, <u32>node, PREVIOUS);
}

/** Lists what changed after the epoch, by key group and within one in the order of change; false where memory is used up. */
export function gatherChanges(table: usize, head: usize, afterEpoch: u32): bool {
  let count: u32 = 0;
  let from = <usize>load<u32>(head, LAST);
  while (from != 0 && load<u32>(from, NODE_EPOCH) > afterEpoch) {
    count++;
    from = <usize>load<u32>(from, PREVIOUS);
  }
  from = from == 0 ? firstChange(head) : <usize>load<u32>(from, NEXT);
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  const bytes = (count + groupCount + 1) << 2;
  const list = mr_alloc(bytes);
  if (list == 0) return false;
  const starts = <usize>list + ((<usize>count) << 2);
  memory.fill(starts, 0, (<usize>groupCount + 1) << 2);
  for (let node = from; node != 0; node = <usize>load<u32>(node, NEXT)) {
    const slot = starts + ((<usize>groupOf(table, load<u32>(node, NODE_HASH))) << 2);
    store<u32>(slot, load<u32>(slot, 4) + 1, 4);
  }
  let total: u32 = 0;
  for (let group: u32 = 0; group <= groupCount; group++) {
    total += load<u32>(starts + ((<usize>group) << 2));
    store<u32>(starts + ((<usize>group) << 2), total);
  }
  for (let node = from; node != 0; node = <usize>load<u32>(node, NEXT)) {
    const slot = starts + ((<usize>groupOf(table, load<u32>(node, NODE_HASH))) << 2);
    const place = load<u32>(slot);
    store<u32>(slot, place + 1);
    store<u32>(<usize>list + ((<usize>place) << 2), <u32>node);
  }
  store<u32>(head, list, GATHERED);
  store<u32>(head, bytes, GATHERED_BYTES);
  store<u32>(head, count, GATHERED_COUNT);
  store<u32>(head, 0, GATHERED_NEXT);
  return true;
}

/** How many of the gathered nodes are left. */
@inline
export function changesLeft(head: usize): u32 {
  return load<u32>(head, GATHERED_COUNT) - load<u32>(head, GATHERED_NEXT);
}

/** The next gathered node; there must be one. */
@inline
export function nextChange(head: usize): usize {
  const next = load<u32>(head, GATHERED_NEXT);
  store<u32>(head, next + 1, GATHERED_NEXT);
  return <usize>load<u32>(<usize>load<u32>(head, GATHERED) + ((<usize>next) << 2));
}

/** Frees the list of gathered nodes, if there is one. */
export function endGathering(head: usize): void {
  if (load<u32>(head, GATHERED) != 0) mr_free(load<u32>(head, GATHERED), load<u32>(head, GATHERED_BYTES));
  store<u32>(head, 0, GATHERED);
  store<u32>(head, 0, GATHERED_COUNT);
  store<u32>(head, 0, GATHERED_NEXT);
}
