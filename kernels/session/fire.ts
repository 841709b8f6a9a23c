// Ending sessions as far as the watermark reaches, pane by pane. Resumable: call until it answers 0.
//
// Invariants:
// - A pane is dropped at the call after the one that emitted its last row, so that text stays readable between.
// - After a failure the state is unusable: the job fails over to its last checkpoint.

import { BATCH_ROWS, COLUMN_DATA, COLUMN_VALIDITY, CONTROL_STATUS, STATUS_OK, STATUS_OUT_OF_MEMORY } from "../abi";
import { stageEntry, ownerOf } from "../distinct/keys";
import { LIST_MORE, SETS_TABLE } from "../distinct/layout";
import { countNew, dropSets } from "../distinct/update";
import { mergeValues, rowsAtOf } from "../pane/merge";
import { firstPane, hashOfEntry, paneFrom, startWalk, walk } from "../pane/walk";
import { columnAt } from "../table/keys";
import {
  OUT_ENTRIES,
  OUT_ROWS_MAX,
  PANE_END,
  PANE_NEXT,
  PANE_START,
  PASS_KEYS,
  PASS_ROWS,
  TABLE_FIRED,
  TABLE_OUTPUT_COUNT,
  TABLE_OUTPUTS,
} from "../table/layout";
import { resolveKey } from "../table/lookup";
import { dropFirstPane, paneAt } from "../window/panes";
import { writeKeys, writeValues } from "../window/rows_out";
import {
  BUCKETS,
  CONNECTED,
  SESSION_BUCKET,
  SESSION_BUCKET_WIDTH,
  SESSION_DROP_COUNT,
  SESSION_FIRED,
  SESSION_GAP,
  SESSION_PANES,
  SESSION_PENDING_PANE,
  SESSION_SET_COUNT,
  SESSION_SETS,
  SESSION_SLOT,
} from "./layout";
import { bucketBegin, firstOf, freePending, isConnected, lastOf, listPending, paneBehind, pendingEntries } from "./pending";

const WALK: usize = 131072 - 64;

function noMemory(): bool {
  store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
  return false;
}

/**
 * Resolves the listed entries whose last row is at or before `limit`: sessions that have ended become rows, from `rows`
 * on, unless there is no room (`capacity` 0: they have been emitted before). Answers the number of rows.
 */
function resolve(session: usize, pane: usize, limit: i64, rows: u32, capacity: u32): u32 {
  const entries = pendingEntries(session);
  const next = paneBehind(pane);
  const width = load<i64>(session, SESSION_BUCKET_WIDTH);
  let bucket = load<u32>(session, SESSION_BUCKET);
  let slot = max<u32>(load<u32>(session, SESSION_SLOT), bucketBegin(session, bucket));
  while (bucket < BUCKETS) {
    const begin = load<i64>(pane, PANE_START) + <i64>bucket * width;
    if (begin >= load<i64>(pane, PANE_END)) {
      bucket = BUCKETS;
      break;
    }
    if (begin > limit) break;
    const end = bucketBegin(session, bucket + 1);
    for (; slot < end; slot++) {
      const at = entries + ((<usize>slot) << 2);
      const entry = load<u32>(at);
      if (entry == 0 || (entry & CONNECTED) != 0 || lastOf(session, <usize>entry) > limit) continue;
      if (isConnected(session, next, <usize>entry)) {
        store<u32>(at, entry | CONNECTED);
        continue;
      }
      if (capacity != 0) {
        if (rows == capacity) {
          store<u32>(session, bucket, SESSION_BUCKET);
          store<u32>(session, slot, SESSION_SLOT);
          return rows;
        }
        store<u32>(OUT_ENTRIES + ((<usize>rows) << 2), entry);
        rows++;
      }
      store<u32>(at, 0);
    }
    if (begin + width - 1 > limit) {
      slot = bucketBegin(session, bucket);
      break;
    }
    bucket++;
  }
  store<u32>(session, bucket, SESSION_BUCKET);
  store<u32>(session, slot, SESSION_SLOT);
  return rows;
}

/** The values of entries that have been merged into those of the next pane go after them. */
function moveSets(session: usize, set: u32, pane: usize, epoch: u32): bool {
  const item = session + SESSION_SETS + ((<usize>set) << 3);
  const sets = <usize>load<u32>(item);
  const slot = <usize>load<u32>(item, 4);
  const table = <usize>load<u32>(sets, SETS_TABLE);
  const rowsAt = rowsAtOf(<usize>load<u32>(session, SESSION_PANES));
  const from = paneFrom(firstPane(table), load<i64>(pane, PANE_START));
  if (from == 0) return true;
  const to = paneAt(table, load<i64>(pane, PANE_END));
  if (to == 0) return noMemory();
  startWalk(WALK);
  for (;;) {
    const listed = walk(table, from, WALK, LIST_MORE, PASS_ROWS);
    if (listed == 0) break;
    for (let i: u32 = 0; i < listed; i++) {
      const entry = <usize>load<u32>(LIST_MORE + ((<usize>i) << 2));
      const owner = ownerOf(sets, entry);
      if (load<u64>(owner + rowsAt) != 0) continue;
      const heir = <usize>load<u32>(owner + slot);
      if (!stageEntry(sets, entry, heir)) return noMemory();
      const made = resolveKey(table, to, hashOfEntry(table, entry), PASS_KEYS, 0);
      if (made == 0 || !countNew(sets, to, made, heir, epoch)) return noMemory();
    }
  }
  return true;
}

/** Merges the connected entries into those of the next pane, which no row can reach any more either. */
function mergeConnected(session: usize, pane: usize, epoch: u32): bool {
  const panes = <usize>load<u32>(session, SESSION_PANES);
  const rowsAt = rowsAtOf(panes);
  const setCount = load<u32>(session, SESSION_SET_COUNT);
  const next = paneBehind(pane);
  const entries = pendingEntries(session);
  const count = bucketBegin(session, BUCKETS);
  let merged = false;
  for (let slot: u32 = 0; slot < count; slot++) {
    const listed = load<u32>(entries + ((<usize>slot) << 2));
    if ((listed & CONNECTED) == 0) continue;
    const entry = <usize>(listed & ~CONNECTED);
    const heir = resolveKey(panes, next, hashOfEntry(panes, entry), entry, epoch);
    if (heir == 0) return noMemory();
    if (!mergeValues(panes, heir, entry)) return false;
    // An entry without rows has been merged; its slots say where its sets go.
    store<u64>(entry + rowsAt, 0);
    for (let set: u32 = 0; set < setCount; set++) {
      store<u64>(entry + <usize>load<u32>(session + SESSION_SETS + ((<usize>set) << 3), 4), <u64>heir);
    }
    merged = true;
  }
  if (!merged) return true;
  for (let set: u32 = 0; set < setCount; set++) if (!moveSets(session, set, pane, epoch)) return false;
  return true;
}

function dropEmitted(session: usize): void {
  const panes = <usize>load<u32>(session, SESSION_PANES);
  const setCount = load<u32>(session, SESSION_SET_COUNT);
  for (let left = load<u32>(session, SESSION_DROP_COUNT); left > 0; left--) {
    const start = load<i64>(firstPane(panes), PANE_START);
    for (let set: u32 = 0; set < setCount; set++) {
      dropSets(<usize>load<u32>(session + SESSION_SETS + ((<usize>set) << 3)), start);
    }
    dropFirstPane(panes);
  }
  store<u32>(session, 0, SESSION_DROP_COUNT);
}

/** Sets what has fired; the table of panes takes rows of panes that end later than it less the gap. */
function setFired(session: usize, watermark: i64): void {
  const gap = load<i64>(session, SESSION_GAP);
  store<i64>(session, watermark, SESSION_FIRED);
  const closed = watermark < i64.MIN_VALUE + gap ? i64.MIN_VALUE : watermark - gap;
  store<i64>(<usize>load<u32>(session, SESSION_PANES), closed, TABLE_FIRED);
}

/** Fills the batch's columns from the listed entries. */
function writeRows(session: usize, batch: usize, rows: u32): void {
  const panes = <usize>load<u32>(session, SESSION_PANES);
  const starts = <usize>load<u32>(columnAt(batch, 0), COLUMN_DATA);
  const ends = <usize>load<u32>(columnAt(batch, 1), COLUMN_DATA);
  store<u32>(columnAt(batch, 0), 0, COLUMN_VALIDITY);
  store<u32>(columnAt(batch, 1), 0, COLUMN_VALIDITY);
  for (let row: u32 = 0; row < rows; row++) {
    const entry = <usize>load<u32>(OUT_ENTRIES + ((<usize>row) << 2));
    store<i64>(starts + ((<usize>row) << 3), firstOf(session, entry));
    store<i64>(ends + ((<usize>row) << 3), lastOf(session, entry) + load<i64>(session, SESSION_GAP));
  }
  writeKeys(panes, batch, rows);
  writeValues(panes, batch, rows, panes + TABLE_OUTPUTS, load<u32>(panes, TABLE_OUTPUT_COUNT));
  store<u32>(batch + BATCH_ROWS, rows);
}

/** Fills the batch with up to `capacity` sessions that `watermark` ends; 0 = all have ended, or it failed. */
export function mr_session_fire(session: u32, batch: u32, capacity: u32, watermark: i64, epoch: u32): u32 {
  const s = <usize>session;
  const gap = load<i64>(s, SESSION_GAP);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  dropEmitted(s);
  if (watermark > load<i64>(s, SESSION_FIRED)) setFired(s, watermark);
  const limit = min<u32>(capacity, OUT_ROWS_MAX);
  const lastMax = watermark < i64.MIN_VALUE + gap ? i64.MIN_VALUE : watermark - gap;
  let rows: u32 = 0;
  let pane = firstPane(<usize>load<u32>(s, SESSION_PANES));
  while (pane != 0 && load<i64>(pane, PANE_END) <= watermark && rows < limit) {
    if (load<u32>(s, SESSION_PENDING_PANE) != <u32>pane && !listPending(s, pane)) {
      noMemory();
      return 0;
    }
    rows = resolve(s, pane, lastMax, rows, limit);
    if (load<i64>(pane, PANE_END) > lastMax || load<u32>(s, SESSION_BUCKET) < BUCKETS) break;
    if (!mergeConnected(s, pane, epoch)) return 0;
    freePending(s);
    store<u32>(s, load<u32>(s, SESSION_DROP_COUNT) + 1, SESSION_DROP_COUNT);
    pane = <usize>load<u32>(pane, PANE_NEXT);
  }
  if (rows == 0) {
    dropEmitted(s);
    return 0;
  }
  writeRows(s, <usize>batch, rows);
  return rows;
}

/** Before a restored state goes on: what had fired; entries that had been emitted are so again. */
export function mr_session_settle(session: u32, fired: i64): void {
  const s = <usize>session;
  store<u32>(CONTROL_STATUS, STATUS_OK);
  setFired(s, fired);
  const pane = firstPane(<usize>load<u32>(s, SESSION_PANES));
  if (pane == 0 || load<i64>(pane, PANE_END) > fired) return;
  if (!listPending(s, pane)) {
    noMemory();
    return;
  }
  resolve(s, pane, fired - load<i64>(s, SESSION_GAP), 0, 0);
}
