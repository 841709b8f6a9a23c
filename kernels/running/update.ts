// Folds one batch into the running aggregate, 512 rows a pass: keys, hashes, entries, copies of what is touched for
// the first time in the batch, columns. The results of the batch come afterwards (emit.ts).
//
// Where a row cannot be handled the table is unusable: the task fails over to its last checkpoint.

import {
  BATCH_ROWS,
  CONTROL_DETAIL,
  CONTROL_ROWS_AGGREGATED,
  CONTROL_STATUS,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from "../abi";
import { noteChange } from "../changes/list";
import { mr_alloc, mr_free } from "../memory/allocator";
import { passKeys } from "../table/keys";
import {
  PASS_ENTRIES,
  PASS_ROWS,
  TABLE_ENTRY_BYTES,
  TABLE_KEY_BYTES,
} from "../table/layout";
import { findUnmarked } from "../window/dense_pane";
import { foldRows } from "../window/fold";
import { foldWeighted } from "./fold";
import {
  RUN_BATCH,
  RUN_CHANGES,
  RUN_COPIES,
  RUN_COPIES_CAPACITY,
  RUN_NEXT,
  RUN_NODE_AT,
  RUN_PANE,
  RUN_TABLE,
  RUN_TOUCHED,
  RUN_TOUCHED_COUNT,
  RUN_WEIGHTED,
} from "./layout";

const COPIES_MIN: u32 = 64;

@inline
function stop(status: u32, row: u32): bool {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
  return false;
}

function growCopies(run: usize, stride: u32): bool {
  const have = load<u32>(run, RUN_COPIES_CAPACITY);
  const wanted: u32 = have == 0 ? COPIES_MIN : have << 1;
  const copies = mr_alloc(wanted * stride);
  if (copies == 0) return false;
  if (have != 0) {
    memory.copy(<usize>copies, <usize>load<u32>(run, RUN_COPIES), <usize>(have * stride));
    mr_free(load<u32>(run, RUN_COPIES), have * stride);
  }
  store<u32>(run, copies, RUN_COPIES);
  store<u32>(run, wanted, RUN_COPIES_CAPACITY);
  return true;
}

/** Notes and copies the entries of PASS_ENTRIES that this batch has not touched yet; false where memory is used up. */
function touchEntries(run: usize, count: u32, epoch: u32): bool {
  const table = <usize>load<u32>(run, RUN_TABLE);
  const stride = load<u32>(table, TABLE_ENTRY_BYTES);
  const nodeAt = <usize>load<u32>(run, RUN_NODE_AT);
  const hashAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 4;
  const batch = load<u64>(run, RUN_BATCH);
  const touchedList = <usize>load<u32>(run, RUN_TOUCHED);
  let touched = load<u32>(run, RUN_TOUCHED_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const entry = <usize>load<u32>(PASS_ENTRIES + ((<usize>i) << 2));
    const batchAt = entry + nodeAt + 16;
    if (load<u64>(batchAt) == batch) continue;
    if (touched == load<u32>(run, RUN_COPIES_CAPACITY) && !growCopies(run, stride)) return false;
    memory.copy(<usize>load<u32>(run, RUN_COPIES) + <usize>(touched * stride), entry, <usize>stride);
    store<u64>(batchAt, batch);
    store<u32>(touchedList + ((<usize>touched) << 2), <u32>entry);
    touched++;
    noteChange(run + RUN_CHANGES, entry + nodeAt, epoch, load<u32>(entry + hashAt));
  }
  store<u32>(run, touched, RUN_TOUCHED_COUNT);
  return true;
}

function updatePass(run: usize, batch: usize, first: u32, count: u32, epoch: u32): bool {
  const table = <usize>load<u32>(run, RUN_TABLE);
  const pane = <usize>load<u32>(run, RUN_PANE);
  while (count > 0) {
    const part = passKeys(table, batch, 0, first, count, false);
    if (part == 0) return stop(STATUS_OUT_OF_MEMORY, first);
    // The table makes no marks: the list of changes stands for them.
    const found = findUnmarked(table, pane, part);
    if (found < part) return stop(load<u32>(CONTROL_STATUS), first + found);
    if (!touchEntries(run, part, epoch)) return stop(STATUS_OUT_OF_MEMORY, first);
    if (load<u32>(run, RUN_WEIGHTED) != 0) {
      if (!foldWeighted(table, batch, first, part)) return false;
    } else if (!foldRows(table, batch, 0, first, part)) return false;
    store<u64>(CONTROL_ROWS_AGGREGATED, load<u64>(CONTROL_ROWS_AGGREGATED) + <u64>part);
    first += part;
    count -= part;
  }
  return true;
}

/** Folds the whole batch, noting changes under `epoch` (not 0). All results of the batch before must have been taken. */
export function mr_running_update(run: u32, batch: u32, epoch: u32): void {
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  store<u64>(run, load<u64>(run, RUN_BATCH) + 1, RUN_BATCH);
  store<u32>(run, 0, RUN_TOUCHED_COUNT);
  store<u32>(run, 0, RUN_NEXT);
  for (let first: u32 = 0; first < rows; first += PASS_ROWS) {
    if (!updatePass(<usize>run, <usize>batch, first, min<u32>(PASS_ROWS, rows - first), epoch)) return;
  }
}
