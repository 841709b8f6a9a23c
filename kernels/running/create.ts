// Making and freeing the table of a running aggregate. The host plans the layout of an entry and describes it column
// by column, between `mr_running_create` and the first batch only.

import { mr_alloc, mr_free } from "../memory/allocator";
import { endGathering, NODE_BYTES } from "../changes/list";
import { TABLE_ENTRIES, TABLE_ENTRY_BYTES, TABLE_FOLD_COUNT, TABLE_FOLDS, TABLE_LONG_KEY_BYTES } from "../table/layout";
import { mr_window_add_key, mr_window_add_output, mr_window_add_state, mr_window_create, mr_window_free } from "../window/create";
import { paneAt } from "../window/panes";
import {
  RUN_BYTES,
  RUN_CHANGES,
  RUN_COPIES,
  RUN_COPIES_CAPACITY,
  RUN_DEAD,
  RUN_NODE_AT,
  RUN_PANE,
  RUN_TABLE,
  RUN_TOUCHED,
  RUN_TOUCHED_CAPACITY,
  RUN_WEIGHTED,
} from "./layout";

/** Bytes behind the accumulators: node and number of the batch. */
const TAIL_BYTES: u32 = NODE_BYTES + 8;

/** `valueBytes` is the row count and the accumulators; 0 where memory is used up. */
export function mr_running_create(
  keyKind: u32, valueBytes: u32, batchRows: u32, weighted: u32, maxParallelism: u32, groupStart: u32, groupCount: u32,
): u32 {
  const run = mr_alloc(RUN_BYTES);
  if (run == 0) return 0;
  memory.fill(<usize>run, 0, <usize>RUN_BYTES);
  store<u32>(run, weighted, RUN_WEIGHTED);
  store<u32>(run, batchRows, RUN_TOUCHED_CAPACITY);
  store<u32>(run, mr_alloc(batchRows << 2), RUN_TOUCHED);
  const table = mr_window_create(1, 0, 0, keyKind, valueBytes + TAIL_BYTES, 1, maxParallelism, groupStart, groupCount);
  store<u32>(run, table, RUN_TABLE);
  const pane: usize = table == 0 ? 0 : paneAt(<usize>table, 0);
  store<u32>(run, <u32>pane, RUN_PANE);
  if (load<u32>(run, RUN_TOUCHED) == 0 || pane == 0) {
    mr_running_free(run);
    return 0;
  }
  store<u32>(run, load<u32>(table, TABLE_ENTRY_BYTES) - TAIL_BYTES, RUN_NODE_AT);
  return run;
}

export function mr_running_add_key(run: u32, column: u32, type: u32, nullable: u32): void {
  mr_window_add_key(load<u32>(run, RUN_TABLE), column, type, nullable);
}

/** A column to fold: FOLD_* flags, offset of its accumulators in the entry. */
export function mr_running_add_fold(run: u32, column: u32, flags: u32, at: u32): void {
  const table = <usize>load<u32>(run, RUN_TABLE);
  const count = load<u32>(table, TABLE_FOLD_COUNT);
  const fold = table + TABLE_FOLDS + ((<usize>count) << 4);
  store<u32>(fold, column);
  store<u32>(fold, flags, 4);
  store<u32>(fold, at, 8);
  store<u32>(table, count + 1, TABLE_FOLD_COUNT);
}

export function mr_running_add_output(run: u32, operation: u32, at: u32, countAt: u32, nullable: u32): void {
  mr_window_add_output(load<u32>(run, RUN_TABLE), operation, at, countAt, nullable);
}

/** A column of the state rows. `initial` is what a new entry holds there. */
export function mr_running_add_state(run: u32, operation: u32, at: u32, countAt: u32, initial: i64): void {
  mr_window_add_state(load<u32>(run, RUN_TABLE), operation, at, countAt, initial);
}

export function mr_running_free(run: u32): void {
  endGathering(<usize>run + RUN_CHANGES);
  const table = load<u32>(run, RUN_TABLE);
  const copies = load<u32>(run, RUN_COPIES);
  if (copies != 0) mr_free(copies, load<u32>(run, RUN_COPIES_CAPACITY) * load<u32>(table, TABLE_ENTRY_BYTES));
  if (load<u32>(run, RUN_TOUCHED) != 0) mr_free(load<u32>(run, RUN_TOUCHED), load<u32>(run, RUN_TOUCHED_CAPACITY) << 2);
  if (table != 0) mr_window_free(table);
  mr_free(run, RUN_BYTES);
}

/** Keys with a result, or with rows that are owed. */
export function mr_running_entries(run: u32): u32 {
  return load<u32>(load<u32>(run, RUN_TABLE), TABLE_ENTRIES) - load<u32>(run, RUN_DEAD);
}
export function mr_running_long_key_bytes(run: u32): u32 {
  return load<u32>(load<u32>(run, RUN_TABLE), TABLE_LONG_KEY_BYTES);
}
