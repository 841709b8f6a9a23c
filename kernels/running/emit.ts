// The results of the last batch: for every key that it touched the row that held before, with weight -1, and the row
// that holds now, with weight +1; nothing where both are the same. Resumable: call until it answers 0.

import { BATCH_ROWS, BATCH_WEIGHTS, COLUMN_BYTES } from "../abi";
import {
  OUT_ENTRIES,
  OUT_ROWS_MAX,
  TABLE_ENTRY_BYTES,
  TABLE_KEY_BYTES,
  TABLE_KEY_COUNT,
  TABLE_OUTPUT_COUNT,
  TABLE_OUTPUTS,
  TABLE_TEMPLATE,
} from "../table/layout";
import { writeKeys } from "../window/rows_out";
import {
  OUT_WEIGHTS,
  RUN_COPIES,
  RUN_DEAD,
  RUN_NEXT,
  RUN_NODE_AT,
  RUN_TABLE,
  RUN_TOUCHED,
  RUN_TOUCHED_COUNT,
} from "./layout";
import { sameResults, writeColumns } from "./values";

/** What writes keys puts them from column 2 on; a batch seen from so much before has them from `column` on. */
@inline
export function keysFrom(batch: usize, column: usize): usize {
  return batch - (2 - column) * <usize>COLUMN_BYTES;
}

/** The weights of the listed rows, into the batch, which must have room for them. */
export function writeWeights(batch: usize, rows: u32): void {
  memory.copy(<usize>load<u32>(batch, BATCH_WEIGHTS), OUT_WEIGHTS, <usize>rows);
}

@inline
export function listRow(row: u32, entry: usize, weight: i8): void {
  store<u32>(OUT_ENTRIES + ((<usize>row) << 2), <u32>entry);
  store<i8>(OUT_WEIGHTS + <usize>row, weight);
}

/** An entry that has no rows left begins anew, should its key come back. */
function settle(run: usize, table: usize, entry: usize, copy: usize): void {
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  const nodeAt = <usize>load<u32>(run, RUN_NODE_AT);
  let dead = load<u32>(run, RUN_DEAD);
  if (load<i64>(copy + rowsAt) == 0 && load<u64>(copy + nodeAt, 16) != 0) dead--;
  if (load<i64>(entry + rowsAt) == 0) {
    dead++;
    memory.copy(entry + rowsAt, <usize>load<u32>(table, TABLE_TEMPLATE), nodeAt - rowsAt);
  }
  store<u32>(run, dead, RUN_DEAD);
}

/** Fills the batch with up to `capacity` rows, which is 2 or more; 0 = there are no more. */
export function mr_running_emit(run: u32, batch: u32, capacity: u32): u32 {
  const table = <usize>load<u32>(run, RUN_TABLE);
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  const stride = load<u32>(table, TABLE_ENTRY_BYTES);
  const touched = load<u32>(run, RUN_TOUCHED_COUNT);
  const limit = min<u32>(capacity, OUT_ROWS_MAX) - 1;
  let rows: u32 = 0;
  let next = load<u32>(run, RUN_NEXT);
  for (; next < touched && rows < limit; next++) {
    const entry = <usize>load<u32>(load<u32>(run, RUN_TOUCHED) + (next << 2));
    const copy = <usize>(load<u32>(run, RUN_COPIES) + next * stride);
    const had = load<i64>(copy + rowsAt) > 0;
    const has = load<i64>(entry + rowsAt) > 0;
    if (!had || !has || !sameResults(table, copy, entry)) {
      if (had) listRow(rows++, copy, -1);
      if (has) listRow(rows++, entry, 1);
    }
    settle(<usize>run, table, entry, copy);
  }
  store<u32>(run, next, RUN_NEXT);
  if (rows == 0) return 0;
  writeKeys(table, keysFrom(<usize>batch, 0), rows);
  const outputs = load<u32>(table, TABLE_OUTPUT_COUNT);
  writeColumns(<usize>batch, load<u32>(table, TABLE_KEY_COUNT), rows, table + TABLE_OUTPUTS, outputs);
  writeWeights(<usize>batch, rows);
  store<u32>(batch, rows, BATCH_ROWS);
  return rows;
}
