// The entries of a pane that no row can reach any more, in the order in which their sessions may end.
//
//   pending  | begin of bucket 0 u32 | … | end of the last | entry u32 | entry | …
//
// Buckets cut the pane's span of time evenly, and an entry's is that of its last row: so each watermark looks at the
// entries of the buckets that it passes, not at all of them.

import { mr_alloc, mr_free } from "../memory/allocator";
import { hashOfEntry, peek, startWalk, walk } from "../pane/walk";
import { LIST_ENTRIES } from "../distinct/layout";
import { rowsAtOf } from "../pane/merge";
import { PANE_END, PANE_ENTRIES, PANE_NEXT, PANE_START, PASS_ROWS } from "../table/layout";
import {
  BUCKETS,
  SESSION_BUCKET,
  SESSION_BUCKET_WIDTH,
  SESSION_FIRST_AT,
  SESSION_GAP,
  SESSION_LAST_AT,
  SESSION_PANES,
  SESSION_PENDING,
  SESSION_PENDING_BYTES,
  SESSION_PENDING_PANE,
  SESSION_SLOT,
} from "./layout";

const WALK: usize = 131024;

@inline
export function lastOf(session: usize, entry: usize): i64 {
  return load<i64>(entry + <usize>load<u32>(session, SESSION_LAST_AT));
}

@inline
export function firstOf(session: usize, entry: usize): i64 {
  return load<i64>(entry + <usize>load<u32>(session, SESSION_FIRST_AT));
}

/** The pane that begins where this one ends, 0 = there is none. */
export function paneBehind(pane: usize): usize {
  const next = <usize>load<u32>(pane, PANE_NEXT);
  return next != 0 && load<i64>(next, PANE_START) == load<i64>(pane, PANE_END) ? next : 0;
}

/** Whether the session goes on in the next pane. */
export function isConnected(session: usize, next: usize, entry: usize): bool {
  if (next == 0) return false;
  const panes = <usize>load<u32>(session, SESSION_PANES);
  const follower = peek(panes, next, hashOfEntry(panes, entry), entry);
  if (follower == 0 || load<u64>(follower + rowsAtOf(panes)) == 0) return false;
  return firstOf(session, follower) - lastOf(session, entry) < load<i64>(session, SESSION_GAP);
}

@inline
function bucketOf(session: usize, pane: usize, entry: usize): u32 {
  return <u32>((lastOf(session, entry) - load<i64>(pane, PANE_START)) / load<i64>(session, SESSION_BUCKET_WIDTH));
}

export function freePending(session: usize): void {
  const bytes = load<u32>(session, SESSION_PENDING_BYTES);
  if (bytes != 0) mr_free(load<u32>(session, SESSION_PENDING), bytes);
  store<u32>(session, 0, SESSION_PENDING_BYTES);
  store<u32>(session, 0, SESSION_PENDING_PANE);
}

/** Lists the pane's entries by the bucket of their last row; false where memory is used up. */
export function listPending(session: usize, pane: usize): bool {
  freePending(session);
  const panes = <usize>load<u32>(session, SESSION_PANES);
  const rowsAt = rowsAtOf(panes);
  const count = load<u32>(pane, PANE_ENTRIES);
  const bytes = (<u64>count + BUCKETS + 1) << 2;
  const list: usize = bytes > 0x40000000 ? 0 : <usize>mr_alloc(<u32>bytes);
  if (list == 0) return false;
  store<u32>(session, <u32>list, SESSION_PENDING);
  store<u32>(session, <u32>bytes, SESSION_PENDING_BYTES);
  store<u32>(session, <u32>pane, SESSION_PENDING_PANE);
  store<u32>(session, 0, SESSION_BUCKET);
  store<u32>(session, 0, SESSION_SLOT);
  store<i64>(session, (load<i64>(session, SESSION_GAP) + BUCKETS - 1) / BUCKETS, SESSION_BUCKET_WIDTH);
  memory.fill(list, 0, (<usize>BUCKETS + 1) << 2);
  // Counts, one bucket further on; then begins, which move on as entries are put in and end as the next one's begins.
  for (let pass = 0; pass < 2; pass++) {
    startWalk(WALK);
    for (;;) {
      const listed = walk(panes, pane, WALK, LIST_ENTRIES, PASS_ROWS);
      if (listed == 0) break;
      for (let i: u32 = 0; i < listed; i++) {
        const entry = load<u32>(LIST_ENTRIES + ((<usize>i) << 2));
        if (load<u64>(<usize>entry + rowsAt) == 0) continue;
        const bucket = list + ((<usize>bucketOf(session, pane, <usize>entry)) << 2);
        if (pass == 0) {
          store<u32>(bucket, load<u32>(bucket, 4) + 1, 4);
        } else {
          const place = load<u32>(bucket);
          store<u32>(bucket, place + 1);
          store<u32>(list + ((<usize>(BUCKETS + 1 + place)) << 2), entry);
        }
      }
    }
    if (pass != 0) break;
    let total: u32 = 0;
    for (let bucket: u32 = 0; bucket <= BUCKETS; bucket++) {
      const at = list + ((<usize>bucket) << 2);
      total += load<u32>(at);
      store<u32>(at, total);
    }
  }
  for (let bucket = BUCKETS; bucket > 0; bucket--) {
    const at = list + ((<usize>bucket) << 2);
    store<u32>(at, load<u32>(at - 4));
  }
  store<u32>(list, 0);
  return true;
}

/** Address of the entries of the list. */
@inline
export function pendingEntries(session: usize): usize {
  return <usize>load<u32>(session, SESSION_PENDING) + ((<usize>BUCKETS + 1) << 2);
}

/** Place in the list at which the bucket begins; the bucket after the last gives the end. */
@inline
export function bucketBegin(session: usize, bucket: u32): u32 {
  return load<u32>(<usize>load<u32>(session, SESSION_PENDING) + ((<usize>bucket) << 2));
}
