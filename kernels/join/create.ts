// Making and freeing the two sides of a join. The host plans a row slot and describes it column by column;
// it calls the setters before the first batch only.

import { mr_alloc, mr_free } from "../memory/allocator";
import {
  PANE_END,
  PANE_ROWS_LAST,
  TABLE_ENTRIES,
  TABLE_FIRST_PANE,
  TABLE_LONG_KEY_BYTES,
} from "../table/layout";
import { mr_window_add_key, mr_window_create, mr_window_free } from "../window/create";
import { dropFirstPane } from "../window/panes";
import {
  JOIN_BYTES,
  JOIN_LEFT,
  JOIN_OUTPUT_COUNT,
  JOIN_OUTPUT_SHIFT,
  JOIN_OUTPUTS,
  JOIN_RIGHT,
  SIDE_BATCH_ROWS,
  SIDE_BYTES,
  SIDE_CHANGED,
  SIDE_CHANGED_BYTES,
  SIDE_COLUMN_COUNT,
  SIDE_COLUMNS,
  SIDE_CUTOFF,
  SIDE_GROUP_COUNT,
  SIDE_GROUP_START,
  SIDE_HIGH,
  SIDE_LOW,
  SIDE_MAX_PARALLELISM,
  SIDE_NULLS_AT,
  SIDE_NUMBERS,
  SIDE_PROBE_ROWS,
  SIDE_ROWS,
  SIDE_SLOT_BYTES,
  SIDE_TABLE,
  SIDE_TEXT_AT,
  SIDE_TEXT_BYTES,
  SIDE_TIME_COLUMN,
  TABLE_SHARDS,
} from "./layout";
import { freeMap } from "./number_map";
import { freeRows } from "./slots";

const ENTRY_VALUE_BYTES: u32 = 8; // first row u32, 0 u32

/** Address of a side without columns; 0 where memory is used up. */
export function mr_join_create_side(
  bucketMs: i64, timeColumn: u32, keyKind: u32, slotBytes: u32, nullsAt: u32, textAt: u32, batchRows: u32,
  maxParallelism: u32, groupStart: u32, groupCount: u32,
): u32 {
  const side = <usize>mr_alloc(SIDE_BYTES);
  if (side == 0) return 0;
  memory.fill(side, 0, <usize>SIDE_BYTES);
  const table = mr_window_create(
    bucketMs, 0, timeColumn, keyKind, ENTRY_VALUE_BYTES, batchRows, TABLE_SHARDS, 0, TABLE_SHARDS,
  );
  if (table == 0) {
    mr_free(<u32>side, SIDE_BYTES);
    return 0;
  }
  store<u32>(side, table, SIDE_TABLE);
  store<u32>(side, maxParallelism, SIDE_MAX_PARALLELISM);
  store<u32>(side, groupStart, SIDE_GROUP_START);
  store<u32>(side, groupCount, SIDE_GROUP_COUNT);
  store<u32>(side, batchRows, SIDE_BATCH_ROWS);
  store<u32>(side, mr_alloc(batchRows << 2), SIDE_PROBE_ROWS);
  store<u32>(side, mr_alloc(groupCount << 3), SIDE_NUMBERS);
  if (load<u32>(side, SIDE_PROBE_ROWS) == 0 || load<u32>(side, SIDE_NUMBERS) == 0) {
    mr_join_free_side(<u32>side);
    return 0;
  }
  memory.fill(<usize>load<u32>(side, SIDE_NUMBERS), 0, (<usize>groupCount) << 3);
  store<u32>(side, timeColumn, SIDE_TIME_COLUMN);
  store<u32>(side, slotBytes, SIDE_SLOT_BYTES);
  store<u32>(side, nullsAt, SIDE_NULLS_AT);
  store<u32>(side, textAt, SIDE_TEXT_AT);
  store<i64>(side, i64.MIN_VALUE, SIDE_CUTOFF);
  return <u32>side;
}

/** Rows join rows of the other side whose time is from `low` to `high` above theirs. */
export function mr_join_set_interval(side: u32, low: i64, high: i64): void {
  store<i64>(<usize>side, low, SIDE_LOW);
  store<i64>(<usize>side, high, SIDE_HIGH);
}

/** Null keys never reach the table, so no key is nullable to it. */
export function mr_join_add_key(side: u32, column: u32, type: u32): void {
  mr_window_add_key(load<u32>(<usize>side, SIDE_TABLE), column, type, 0);
}

/** A column that is kept of each row. The key columns come first, in their order. */
export function mr_join_add_column(side: u32, column: u32, type: u32, at: u32, nullBit: u32): void {
  const s = <usize>side;
  const count = load<u32>(s, SIDE_COLUMN_COUNT);
  const record = s + SIDE_COLUMNS + ((<usize>count) << 4);
  store<u32>(record, column);
  store<u32>(record, type, 4);
  store<u32>(record, at, 8);
  store<u32>(record, nullBit, 12);
  store<u32>(s, count + 1, SIDE_COLUMN_COUNT);
}

/** Address of a join of two sides, which it owns not; 0 where memory is used up. */
export function mr_join_create(left: u32, right: u32): u32 {
  const join = <usize>mr_alloc(JOIN_BYTES);
  if (join == 0) return 0;
  memory.fill(join, 0, <usize>JOIN_BYTES);
  store<u32>(join, left, JOIN_LEFT);
  store<u32>(join, right, JOIN_RIGHT);
  return <u32>join;
}

/** A column of the joined rows: of side 0 (left) or 1, from its input's `column` or its slots' `at`. */
export function mr_join_add_output(join: u32, side: u32, column: u32, type: u32, at: u32, nullBit: u32): void {
  const j = <usize>join;
  const count = load<u32>(j, JOIN_OUTPUT_COUNT);
  const record = j + JOIN_OUTPUTS + ((<usize>count) << JOIN_OUTPUT_SHIFT);
  store<u32>(record, side);
  store<u32>(record, column, 4);
  store<u32>(record, type, 8);
  store<u32>(record, at, 12);
  store<u32>(record, nullBit, 16);
  store<u32>(j, count + 1, JOIN_OUTPUT_COUNT);
}

export function mr_join_free(join: u32): void {
  mr_free(join, JOIN_BYTES);
}

export function mr_join_free_side(side: u32): void {
  const s = <usize>side;
  const table = load<u32>(s, SIDE_TABLE);
  while (load<u32>(<usize>table, TABLE_FIRST_PANE) != 0) dropBucket(s);
  if (load<u32>(s, SIDE_NUMBERS) != 0) mr_free(load<u32>(s, SIDE_NUMBERS), load<u32>(s, SIDE_GROUP_COUNT) << 3);
  mr_window_free(table);
  freeMap(s);
  if (load<u32>(s, SIDE_PROBE_ROWS) != 0) mr_free(load<u32>(s, SIDE_PROBE_ROWS), load<u32>(s, SIDE_BATCH_ROWS) << 2);
  if (load<u32>(s, SIDE_CHANGED) != 0) mr_free(load<u32>(s, SIDE_CHANGED), load<u32>(s, SIDE_CHANGED_BYTES));
  mr_free(side, SIDE_BYTES);
}

/** Frees the oldest bucket with all its rows. */
@inline
function dropBucket(side: usize): void {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  const pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
  if (load<u32>(pane, PANE_ROWS_LAST) != 0) freeRows(side, pane);
  dropFirstPane(table);
}

/** Rows with a time before `cutoff` are dead from now on; the buckets that hold only such rows go. */
export function mr_join_expire(side: u32, cutoff: i64): void {
  const s = <usize>side;
  if (cutoff <= load<i64>(s, SIDE_CUTOFF)) return;
  store<i64>(s, cutoff, SIDE_CUTOFF);
  expireBuckets(s, cutoff);
}

function expireBuckets(side: usize, cutoff: i64): void {
  const table = <usize>load<u32>(side, SIDE_TABLE);
  for (;;) {
    const pane = <usize>load<u32>(table, TABLE_FIRST_PANE);
    if (pane == 0 || load<i64>(pane, PANE_END) > cutoff) return;
    dropBucket(side);
  }
}

export function mr_join_cutoff(side: u32): i64 {
  return load<i64>(<usize>side, SIDE_CUTOFF);
}
export function mr_join_rows(side: u32): u32 {
  return load<u32>(<usize>side, SIDE_ROWS);
}
export function mr_join_text_bytes(side: u32): u32 {
  return load<u32>(<usize>side, SIDE_TEXT_BYTES);
}
/** Entries of keys, one a bucket of time. */
export function mr_join_keys(side: u32): u32 {
  return load<u32>(<usize>load<u32>(<usize>side, SIDE_TABLE), TABLE_ENTRIES);
}
export function mr_join_long_key_bytes(side: u32): u32 {
  return load<u32>(<usize>load<u32>(<usize>side, SIDE_TABLE), TABLE_LONG_KEY_BYTES);
}
