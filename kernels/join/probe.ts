// The search for partners: rows of a batch against what the other side holds. Resumable: each call fills the output
// with as many joined rows as it takes, and the next goes on behind them.
//
// The rows are taken in parts of up to 512, and a part in rounds: round k looks at the k-th bucket of time that holds
// possible partners of each row. A round first finds the first row of every key, in sweeps that overlap the waits for
// memory, then walks the lists. What a round knows lies in the side's own memory, because other kernels run between calls.

import {
  BATCH_ROWS,
  COLUMN_DATA,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_FOREIGN_KEY_GROUP,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from "../abi";
import { equalKeys, tagOf } from "../table/entries";
import { entryAtSlot, isDense } from "../table/dense";
import { columnAt, hashKeys, passKeys } from "../table/keys";
import {
  BUCKET_NONE,
  BUCKET_SHIFT,
  BUCKET_TAGS,
  GROUP_INDEX,
  GROUP_MASK,
  KEY_FIXED,
  KEY_TEXT,
  PANE_END,
  PANE_START,
  PASS_ENTRIES,
  PASS_HASHES,
  PASS_KEYS_AT,
  PASS_PANES,
  PASS_ROWS,
  TABLE_FIRST_PANE,
  TABLE_KEY_BYTES,
  TABLE_KEY_KIND,
  TABLE_LAST_PANE,
  TABLE_SIZE,
} from "../table/layout";
import { findPane, timeIntoWindow } from "../window/panes";
import { findFixed, findText, groupAt } from "./find";
import {
  JOIN_LEFT,
  JOIN_RIGHT,
  MATCH_ROWS,
  MATCH_SLOTS,
  MATCHES_MAX,
  NO_COLUMN,
  SIDE_BUCKETS,
  SIDE_CUTOFF,
  SIDE_FIRST_ROWS,
  SIDE_GROUP_COUNT,
  SIDE_HASHES,
  SIDE_HIGH,
  SIDE_KEYS,
  SIDE_LOW,
  SIDE_PROBE_AT,
  SIDE_PROBE_COUNT,
  SIDE_PROBE_FIRST,
  SIDE_PROBE_PART,
  SIDE_PROBE_ROUND,
  SIDE_PROBE_ROUNDS,
  SIDE_PROBE_ROWS,
  SIDE_PROBE_SLOT,
  SIDE_STARTS,
  SIDE_TABLE,
  SIDE_TIME_COLUMN,
  SIDE_TOUCHED,
  SLOT_NEXT,
  SLOT_TIME,
} from "./layout";
import { writeMatches } from "./output";
import { firstRowAt, keyGroupOf } from "./slots";

@inline
function plus(time: i64, more: i64): i64 {
  const sum = time + more;
  if (((time ^ sum) & (more ^ sum)) >= 0) return sum;
  return more < 0 ? i64.MIN_VALUE : i64.MAX_VALUE;
}

@inline
function probeRow(side: usize, place: u32): u32 {
  return load<u32>(<usize>load<u32>(side, SIDE_PROBE_ROWS) + ((<usize>place) << 2));
}

@inline
function timesOf(side: usize, batch: usize): usize {
  const column = load<u32>(side, SIDE_TIME_COLUMN);
  return column == NO_COLUMN ? 0 : <usize>load<u32>(columnAt(batch, column), COLUMN_DATA);
}

/** Earliest time of a partner. Rows without event time join whatever is not dead. */
@inline
function lowOf(side: usize, other: usize, times: usize, row: u32): i64 {
  if (times == 0) return load<i64>(other, SIDE_CUTOFF);
  return plus(load<i64>(times + ((<usize>row) << 3)), load<i64>(side, SIDE_LOW));
}

@inline
function highOf(side: usize, times: usize, row: u32): i64 {
  if (times == 0) return i64.MAX_VALUE;
  return plus(load<i64>(times + ((<usize>row) << 3)), load<i64>(side, SIDE_HIGH));
}

/** Notes which buckets of the other side each row of the part has to look at; the largest number of them. */
function planRounds(side: usize, other: usize, batch: usize, first: u32, part: u32): u32 {
  const table = <usize>load<u32>(other, SIDE_TABLE);
  const firstPane = <usize>load<u32>(table, TABLE_FIRST_PANE);
  if (firstPane == 0) return 0;
  const size = load<i64>(table, TABLE_SIZE);
  const earliest = load<i64>(firstPane, PANE_START);
  const latest = load<i64>(<usize>load<u32>(table, TABLE_LAST_PANE), PANE_END) - 1;
  const times = timesOf(side, batch);
  let rounds: u32 = 0;
  let start: i64 = 0;
  let end: i64 = 0;
  for (let i: u32 = 0; i < part; i++) {
    const row = probeRow(side, first + i);
    const low = max<i64>(lowOf(side, other, times, row), earliest);
    const high = min<i64>(highOf(side, times, row), latest);
    let buckets: u32 = 0;
    if (low <= high) {
      if (low < start || low >= end) {
        start = low - timeIntoWindow(low, size, 0);
        end = start + size;
      }
      buckets = high < end ? 1 : <u32>min<u64>((<u64>high - <u64>start) / <u64>size + 1, u32.MAX_VALUE);
    }
    store<u32>(side + ((<usize>i) << 2), buckets, SIDE_BUCKETS);
    store<i64>(side + ((<usize>i) << 3), start, SIDE_STARTS);
    rounds = max<u32>(rounds, buckets);
  }
  return rounds;
}

/** Prepares the next part of the rows; false where there is none, or, with the status set, where it cannot be. */
function openPart(side: usize, other: usize, batch: usize): bool {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  const first = load<u32>(side, SIDE_PROBE_FIRST) + load<u32>(side, SIDE_PROBE_PART);
  const left = load<u32>(side, SIDE_PROBE_COUNT) - first;
  store<u32>(side, first, SIDE_PROBE_FIRST);
  store<u32>(side, 0, SIDE_PROBE_PART);
  store<u32>(side, 0, SIDE_PROBE_ROUNDS);
  if (left == 0) return false;
  const rows = <usize>load<u32>(side, SIDE_PROBE_ROWS) + ((<usize>first) << 2);
  const part = passKeys(table, batch, rows, 0, min<u32>(left, PASS_ROWS), false);
  if (part == 0) {
    store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
    store<u32>(CONTROL_DETAIL, load<u32>(rows));
    return false;
  }
  const keys = <usize>load<u32>(PASS_KEYS_AT);
  hashKeys(table, keys, part);
  const groupCount = load<u32>(side, SIDE_GROUP_COUNT);
  for (let i: u32 = 0; i < part; i++) {
    if (keyGroupOf(side, load<u32>(PASS_HASHES + ((<usize>i) << 2))) < groupCount) continue;
    store<u32>(CONTROL_STATUS, STATUS_FOREIGN_KEY_GROUP);
    store<u32>(CONTROL_DETAIL, probeRow(side, first + i));
    return false;
  }
  memory.copy(side + SIDE_HASHES, PASS_HASHES, (<usize>part) << 2);
  memory.copy(side + SIDE_KEYS, keys, <usize>part * <usize>load<u32>(table, TABLE_KEY_BYTES));
  store<u32>(side, part, SIDE_PROBE_PART);
  store<u32>(side, planRounds(side, other, batch, first, part), SIDE_PROBE_ROUNDS);
  return true;
}

/** The pane that each row of the part looks at in this round, 0 = none, in PASS_PANES. */
function listPanes(side: usize, other: usize, round: u32): void {
  const table = <usize>load<u32>(other, SIDE_TABLE);
  const part = load<u32>(side, SIDE_PROBE_PART);
  const size = load<i64>(table, TABLE_SIZE);
  let last: i64 = 0;
  let pane: usize = 0;
  for (let i: u32 = 0; i < part; i++) {
    let its: usize = 0;
    if (round < load<u32>(side + ((<usize>i) << 2), SIDE_BUCKETS)) {
      const start = load<i64>(side + ((<usize>i) << 3), SIDE_STARTS) + <i64>round * size;
      if (start != last || pane == 0) {
        pane = findPane(table, start);
        last = start;
      }
      its = pane;
    }
    store<u32>(PASS_PANES + ((<usize>i) << 2), <u32>its);
  }
}

/** The entry that is probably the key's; 0 = look closer. */
@inline
function candidate(kind: u32, table: usize, pane: usize, hash: u32, key: usize): usize {
  if (kind == KEY_FIXED && isDense(pane, load<u64>(key))) return entryAtSlot(pane, load<u64>(key));
  const group = groupAt(table, pane, hash);
  const bucket = <usize>(load<u32>(group, GROUP_INDEX) + ((hash << BUCKET_SHIFT) & load<u32>(group, GROUP_MASK)));
  const tag = i8x16.splat(<i8>tagOf(hash));
  const same = i8x16.eq(v128.load(bucket, BUCKET_TAGS), tag);
  return <usize>load<u32>(bucket + ((<usize>ctz<i32>(i8x16.bitmask(same) | BUCKET_NONE)) << 2));
}

/** Fills SIDE_FIRST_ROWS for a round; `kind` is a constant at every call. */
@inline
function findFirstRows(kind: u32, side: usize, other: usize): void {
  const table = <usize>load<u32>(other, SIDE_TABLE);
  const firstAt = firstRowAt(other);
  const keyBytes: usize = kind == KEY_FIXED ? 8 : 16;
  const part = load<u32>(side, SIDE_PROBE_PART);
  for (let i: u32 = 0; i < part; i++) {
    const pane = <usize>load<u32>(PASS_PANES + ((<usize>i) << 2));
    const hash = load<u32>(side + ((<usize>i) << 2), SIDE_HASHES);
    let found: usize = 0;
    if (pane != 0) found = candidate(kind, table, pane, hash, side + SIDE_KEYS + <usize>i * keyBytes);
    store<u32>(PASS_ENTRIES + ((<usize>i) << 2), <u32>found);
  }
  for (let i: u32 = 0; i < part; i++) {
    const pane = <usize>load<u32>(PASS_PANES + ((<usize>i) << 2));
    let entry = <usize>load<u32>(PASS_ENTRIES + ((<usize>i) << 2));
    const key = side + SIDE_KEYS + <usize>i * keyBytes;
    if (pane != 0 && (entry == 0 || !equalKeys(kind, entry, key))) {
      const hash = load<u32>(side + ((<usize>i) << 2), SIDE_HASHES);
      entry = kind == KEY_FIXED ? findFixed(table, pane, hash, key) : findText(table, pane, hash, key);
    }
    store<u32>(side + ((<usize>i) << 2), entry == 0 ? 0 : load<u32>(entry + firstAt), SIDE_FIRST_ROWS);
  }
}

function findFixedRows(side: usize, other: usize): void {
  findFirstRows(KEY_FIXED, side, other);
}
function findTextRows(side: usize, other: usize): void {
  findFirstRows(KEY_TEXT, side, other);
}

/** Reads every list's first row, all at once: their waits for memory overlap, those of walking the lists do not. */
function touchFirstRows(side: usize): void {
  const part = load<u32>(side, SIDE_PROBE_PART);
  let seen: u32 = 0;
  for (let i: u32 = 0; i < part; i++) seen ^= load<u32>(<usize>load<u32>(side + ((<usize>i) << 2), SIDE_FIRST_ROWS));
  store<u32>(side, seen, SIDE_TOUCHED);
}

function openRound(side: usize, other: usize, round: u32): void {
  store<u32>(side, round, SIDE_PROBE_ROUND);
  store<u32>(side, 0, SIDE_PROBE_AT);
  listPanes(side, other, round);
  if (load<u32>(<usize>load<u32>(side, SIDE_TABLE), TABLE_KEY_KIND) == KEY_FIXED) findFixedRows(side, other);
  else findTextRows(side, other);
  touchFirstRows(side);
}

/** Walks the lists of this round from the cursor on; `matches` are noted already. */
function walkLists(side: usize, other: usize, batch: usize, matches: u32, limit: u32): u32 {
  const times = timesOf(side, batch);
  const part = load<u32>(side, SIDE_PROBE_PART);
  const first = load<u32>(side, SIDE_PROBE_FIRST);
  let slot = <usize>load<u32>(side, SIDE_PROBE_SLOT);
  let i = load<u32>(side, SIDE_PROBE_AT);
  for (; i < part; i++) {
    if (slot == 0) slot = <usize>load<u32>(side + ((<usize>i) << 2), SIDE_FIRST_ROWS);
    if (slot == 0) continue;
    const row = probeRow(side, first + i);
    const low = lowOf(side, other, times, row);
    const high = highOf(side, times, row);
    while (slot != 0 && matches < limit) {
      const time = load<i64>(slot, SLOT_TIME);
      store<u32>(MATCH_SLOTS + ((<usize>matches) << 2), <u32>slot);
      store<u32>(MATCH_ROWS + ((<usize>matches) << 2), row);
      matches += <u32>(low <= time) & <u32>(time <= high);
      slot = <usize>load<u32>(slot, SLOT_NEXT);
    }
    if (matches == limit) {
      if (slot == 0) i++;
      break;
    }
  }
  store<u32>(side, <u32>slot, SIDE_PROBE_SLOT);
  store<u32>(side, i, SIDE_PROBE_AT);
  return matches;
}

/** Fills `out` with up to `capacity` joined rows of the batch that `mr_join_update` took in; 0 = there are no more. */
export function mr_join_probe(join: u32, side: u32, batch: u32, out: u32, capacity: u32): u32 {
  const s = <usize>side;
  const isLeft = load<u32>(<usize>join, JOIN_LEFT) == side;
  const other = <usize>(isLeft ? load<u32>(<usize>join, JOIN_RIGHT) : load<u32>(<usize>join, JOIN_LEFT));
  const limit = min<u32>(capacity, MATCHES_MAX);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  let matches: u32 = 0;
  for (;;) {
    matches = walkLists(s, other, <usize>batch, matches, limit);
    if (matches == limit) break;
    const round = load<u32>(s, SIDE_PROBE_ROUND) + 1;
    if (round < load<u32>(s, SIDE_PROBE_ROUNDS)) {
      openRound(s, other, round);
      continue;
    }
    if (!openPart(s, other, <usize>batch)) break;
    if (load<u32>(s, SIDE_PROBE_ROUNDS) != 0) openRound(s, other, 0);
    else store<u32>(s, load<u32>(s, SIDE_PROBE_PART), SIDE_PROBE_AT);
  }
  if (matches == 0) return 0;
  writeMatches(<usize>join, isLeft, s, other, <usize>batch, <usize>out, matches);
  store<u32>(<usize>out + BATCH_ROWS, matches);
  return matches;
}
