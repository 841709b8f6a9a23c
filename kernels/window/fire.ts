// Closing windows: entries of the panes that end at or before the watermark become output rows, oldest pane first,
// within a pane by key group. Resumable: call until it answers 0.
//
// Invariant: a pane is dropped at the call after the one that emitted its last row, so that text stays readable between.

import { BATCH_ROWS, CONTROL_STATUS, STATUS_OK } from "../abi";
import { chunkEnd } from "../table/entries";
import {
  CHUNK_HEADER,
  CHUNK_NEXT,
  GROUP_FIRST_CHUNK,
  GROUP_SHIFT,
  OUT_ENTRIES,
  OUT_PANES,
  OUT_ROWS_MAX,
  PANE_END,
  PANE_GROUPS,
  PANE_NEXT,
  TABLE_CURSOR_CHUNK,
  TABLE_CURSOR_ENTRY,
  TABLE_CURSOR_GROUP,
  TABLE_DROP_COUNT,
  TABLE_ENTRY_BYTES,
  TABLE_FIRED,
  TABLE_FIRST_PANE,
  TABLE_GROUP_COUNT,
  TABLE_OUTPUT_COUNT,
  TABLE_OUTPUTS,
} from "../table/layout";
import { dropFirstPane } from "./panes";
import { writeKeys, writeValues, writeWindows } from "./rows_out";

/**
 * Lists entries of one (pane, group) from the table's cursor on; `rows` are listed already. The cursor's chunk is 0
 * at the start of a group, and again once the group is exhausted.
 */
export function listGroup(table: usize, pane: usize, group: usize, rows: u32, capacity: u32): u32 {
  const stride = <usize>load<u32>(table, TABLE_ENTRY_BYTES);
  let chunk = <usize>load<u32>(table, TABLE_CURSOR_CHUNK);
  let entry = <usize>load<u32>(table, TABLE_CURSOR_ENTRY);
  if (chunk == 0) {
    chunk = <usize>load<u32>(group, GROUP_FIRST_CHUNK);
    entry = chunk + CHUNK_HEADER;
  }
  while (chunk != 0) {
    const end = chunkEnd(group, chunk);
    while (entry < end && rows < capacity) {
      store<u32>(OUT_ENTRIES + ((<usize>rows) << 2), <u32>entry);
      store<u32>(OUT_PANES + ((<usize>rows) << 2), <u32>pane);
      rows++;
      entry += stride;
    }
    if (entry < end) break;
    chunk = <usize>load<u32>(chunk, CHUNK_NEXT);
    entry = chunk + CHUNK_HEADER;
  }
  store<u32>(table, <u32>chunk, TABLE_CURSOR_CHUNK);
  store<u32>(table, <u32>entry, TABLE_CURSOR_ENTRY);
  return rows;
}

function listPane(table: usize, pane: usize, rows: u32, capacity: u32): u32 {
  const groupCount = load<u32>(table, TABLE_GROUP_COUNT);
  const groups = <usize>load<u32>(pane, PANE_GROUPS);
  let number = load<u32>(table, TABLE_CURSOR_GROUP);
  while (number < groupCount && rows < capacity) {
    rows = listGroup(table, pane, groups + ((<usize>number) << GROUP_SHIFT), rows, capacity);
    if (load<u32>(table, TABLE_CURSOR_CHUNK) != 0) break;
    number++;
  }
  store<u32>(table, number, TABLE_CURSOR_GROUP);
  return rows;
}

function dropEmitted(table: usize): void {
  for (let left = load<u32>(table, TABLE_DROP_COUNT); left > 0; left--) dropFirstPane(table);
  store<u32>(table, 0, TABLE_DROP_COUNT);
}

/** Fills the batch with up to `capacity` rows of windows that `watermark` closes; 0 = all are closed and dropped. */
export function mr_window_fire(table: u32, batch: u32, capacity: u32, watermark: i64): u32 {
  const t = <usize>table;
  store<u32>(CONTROL_STATUS, STATUS_OK);
  dropEmitted(t);
  if (watermark > load<i64>(t, TABLE_FIRED)) store<i64>(t, watermark, TABLE_FIRED);
  const limit = min<u32>(capacity, OUT_ROWS_MAX);
  let rows: u32 = 0;
  let emitted: u32 = 0;
  let pane = <usize>load<u32>(t, TABLE_FIRST_PANE);
  while (pane != 0 && load<i64>(pane, PANE_END) <= watermark && rows < limit) {
    rows = listPane(t, pane, rows, limit);
    if (load<u32>(t, TABLE_CURSOR_GROUP) < load<u32>(t, TABLE_GROUP_COUNT)) break;
    store<u32>(t, 0, TABLE_CURSOR_GROUP);
    emitted++;
    pane = <usize>load<u32>(pane, PANE_NEXT);
  }
  store<u32>(t, emitted, TABLE_DROP_COUNT);
  if (rows == 0) {
    dropEmitted(t);
    return 0;
  }
  const out = <usize>batch;
  writeWindows(out, rows);
  writeKeys(t, out, rows);
  writeValues(t, out, rows, t + TABLE_OUTPUTS, load<u32>(t, TABLE_OUTPUT_COUNT));
  store<u32>(out + BATCH_ROWS, rows);
  return rows;
}
