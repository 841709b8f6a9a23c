// Making and freeing a window table. The host plans the layout of an entry and describes it column by column;
// it calls the setters between `mr_window_create` and the first batch only.

import { mr_alloc, mr_free } from "../memory/allocator";
import {
  BUCKET_BYTES,
  TABLE_BYTES,
  TABLE_CHANGED,
  TABLE_CHANGED_BYTES,
  TABLE_EMPTY_BUCKET,
  TABLE_ENTRIES,
  TABLE_ENTRY_BYTES,
  TABLE_FIRED,
  TABLE_FIRST_PANE,
  TABLE_FOLD_COUNT,
  TABLE_FOLDS,
  TABLE_GROUP_COUNT,
  TABLE_GROUP_START,
  TABLE_KEY_BYTES,
  TABLE_KEY_COUNT,
  TABLE_KEY_KIND,
  TABLE_KEYS,
  TABLE_LATE_CAPACITY,
  TABLE_LATE_ROWS,
  TABLE_LONG_KEY_BYTES,
  TABLE_MAX_PARALLELISM,
  TABLE_OFFSET,
  TABLE_OUTPUT_COUNT,
  TABLE_OUTPUTS,
  TABLE_SIZE,
  TABLE_STAGING,
  TABLE_STAGING_BYTES,
  TABLE_STATE_COUNT,
  TABLE_STATES,
  TABLE_TEMPLATE,
  TABLE_TIME_COLUMN,
} from "../table/layout";
import { keyBytesOf } from "../table/entries";
import { dropFirstPane } from "./panes";

/** Address of a table without columns; 0 where memory is used up. `offset` is in [0, size). */
export function mr_window_create(
  size: i64, offset: i64, timeColumn: u32, keyKind: u32, valueBytes: u32, batchRows: u32,
  maxParallelism: u32, groupStart: u32, groupCount: u32,
): u32 {
  const t = <usize>mr_alloc(TABLE_BYTES);
  if (t == 0) return 0;
  memory.fill(t, 0, <usize>TABLE_BYTES);
  store<i64>(t, size, TABLE_SIZE);
  store<i64>(t, offset, TABLE_OFFSET);
  store<i64>(t, i64.MIN_VALUE, TABLE_FIRED);
  store<u32>(t, timeColumn, TABLE_TIME_COLUMN);
  store<u32>(t, maxParallelism, TABLE_MAX_PARALLELISM);
  store<u32>(t, groupStart, TABLE_GROUP_START);
  store<u32>(t, groupCount, TABLE_GROUP_COUNT);
  store<u32>(t, keyKind, TABLE_KEY_KIND);
  store<u32>(t, keyBytesOf(keyKind), TABLE_KEY_BYTES);
  store<u32>(t, keyBytesOf(keyKind) + 8 + valueBytes, TABLE_ENTRY_BYTES);
  store<u32>(t, batchRows, TABLE_LATE_CAPACITY);
  store<u32>(t, mr_alloc(batchRows << 2), TABLE_LATE_ROWS);
  store<u32>(t, mr_alloc(BUCKET_BYTES), TABLE_EMPTY_BUCKET);
  store<u32>(t, mr_alloc(valueBytes), TABLE_TEMPLATE);
  if (load<u32>(t, TABLE_LATE_ROWS) == 0 || load<u32>(t, TABLE_EMPTY_BUCKET) == 0 || load<u32>(t, TABLE_TEMPLATE) == 0) {
    mr_window_free(<u32>t);
    return 0;
  }
  memory.fill(<usize>load<u32>(t, TABLE_EMPTY_BUCKET), 0, <usize>BUCKET_BYTES);
  memory.fill(<usize>load<u32>(t, TABLE_TEMPLATE), 0, <usize>valueBytes);
  return <u32>t;
}

function append(table: u32, countAt: usize, listAt: usize, a: u32, b: u32, c: u32, d: u32): void {
  const count = load<u32>(<usize>table + countAt);
  const at = <usize>table + listAt + ((<usize>count) << 4);
  store<u32>(at, a);
  store<u32>(at, b, 4);
  store<u32>(at, c, 8);
  store<u32>(at, d, 12);
  store<u32>(<usize>table + countAt, count + 1);
}

export function mr_window_add_key(table: u32, column: u32, type: u32, nullable: u32): void {
  append(table, TABLE_KEY_COUNT, TABLE_KEYS, column, type, nullable, 0);
}

/** A column to fold: FOLD_* flags, offset of its accumulators in the entry. */
export function mr_window_add_fold(table: u32, column: u32, flags: u32, at: u32): void {
  append(table, TABLE_FOLD_COUNT, TABLE_FOLDS, column, flags, at, 0);
}

/** A column of the results: what to compute, from where in the entry, and which count says whether there is a value. */
export function mr_window_add_output(table: u32, operation: u32, at: u32, countAt: u32, nullable: u32): void {
  append(table, TABLE_OUTPUT_COUNT, TABLE_OUTPUTS, operation, at, countAt, nullable);
}

/** A column of the state rows. `initial` is what a new entry holds there. */
export function mr_window_add_state(table: u32, operation: u32, at: u32, countAt: u32, initial: i64): void {
  append(table, TABLE_STATE_COUNT, TABLE_STATES, operation, at, countAt, 0);
  const rowsAt = load<u32>(<usize>table, TABLE_KEY_BYTES) + 8;
  store<i64>(<usize>(load<u32>(<usize>table, TABLE_TEMPLATE) + at - rowsAt), initial);
}

export function mr_window_free(table: u32): void {
  const t = <usize>table;
  while (load<u32>(t, TABLE_FIRST_PANE) != 0) dropFirstPane(t);
  if (load<u32>(t, TABLE_LATE_ROWS) != 0) mr_free(load<u32>(t, TABLE_LATE_ROWS), load<u32>(t, TABLE_LATE_CAPACITY) << 2);
  if (load<u32>(t, TABLE_EMPTY_BUCKET) != 0) mr_free(load<u32>(t, TABLE_EMPTY_BUCKET), BUCKET_BYTES);
  if (load<u32>(t, TABLE_STAGING) != 0) mr_free(load<u32>(t, TABLE_STAGING), load<u32>(t, TABLE_STAGING_BYTES));
  if (load<u32>(t, TABLE_CHANGED) != 0) mr_free(load<u32>(t, TABLE_CHANGED), load<u32>(t, TABLE_CHANGED_BYTES));
  if (load<u32>(t, TABLE_TEMPLATE) != 0) {
    mr_free(load<u32>(t, TABLE_TEMPLATE), load<u32>(t, TABLE_ENTRY_BYTES) - load<u32>(t, TABLE_KEY_BYTES) - 8);
  }
  mr_free(table, TABLE_BYTES);
}

export function mr_window_late_rows(table: u32): u32 {
  return load<u32>(<usize>table, TABLE_LATE_ROWS);
}
export function mr_window_entries(table: u32): u32 {
  return load<u32>(<usize>table, TABLE_ENTRIES);
}
export function mr_window_long_key_bytes(table: u32): u32 {
  return load<u32>(<usize>table, TABLE_LONG_KEY_BYTES);
}
export function mr_window_set_fired(table: u32, watermark: i64): void {
  store<i64>(<usize>table, watermark, TABLE_FIRED);
}
