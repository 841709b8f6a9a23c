// Takes the rows of one batch into the lists of their keys, 512 rows a pass: keys, hashes, entries, then row by row.
// A row that is worse than all of a full list costs no more than its bytes and one comparison.
//
// A list that the batch touches for the first time is copied first, as far as results go; the results of the batch
// (emit.ts) are the difference.

import { BATCH_ROWS, BATCH_WEIGHTS, CONTROL_DETAIL, CONTROL_STATUS, STATUS_OK, STATUS_OUT_OF_MEMORY } from "../abi";
import { mr_alloc, mr_free } from "../memory/allocator";
import { passKeys } from "../table/keys";
import { PASS_ENTRIES, PASS_ROWS } from "../table/layout";
import { findUnmarked } from "../window/dense_pane";
import {
  LIST_BATCH,
  LIST_LIVE,
  LIST_WORST,
  NOT_BEGUN,
  ROW_DATA,
  ROW_LENGTH,
  TOP_BATCH,
  TOP_EPOCH,
  TOP_KEEP_ALL,
  TOP_LIMIT,
  TOP_NEW_COUNT,
  TOP_NEXT,
  TOP_OLD,
  TOP_OLD_BYTES,
  TOP_OLD_USED,
  TOP_PANE,
  TOP_STAGING,
  TOP_TABLE,
  TOP_TOUCHED,
  TOP_TOUCHED_COUNT,
  TOP_ZEROED_COUNT,
  TOUCHED_BYTES,
  TOUCHED_LIST,
  TOUCHED_OLD,
  TOUCHED_OLD_COUNT,
} from "./layout";
import { addCopies, listBest, listOf, resolveRow, worstOf } from "./lists";
import { compareBytes, stageRow } from "./rows";

const OLD_BYTES_MIN: u32 = 4096;
/** Copies of old lists beyond which a batch is cut after the pass, so that large limits take no more memory. */
const OLD_BYTES_ENOUGH: u32 = 1048576;

/** Room for the rows of one more list. */
function reserveOld(top: usize): bool {
  const used = load<u32>(top, TOP_OLD_USED);
  const have = load<u32>(top, TOP_OLD_BYTES);
  const needed = used + (load<u32>(top, TOP_LIMIT) << 2);
  if (needed <= have) return true;
  let wanted = max<u32>(have, OLD_BYTES_MIN);
  while (wanted < needed) wanted <<= 1;
  const old = mr_alloc(wanted);
  if (old == 0) return false;
  if (have != 0) {
    memory.copy(<usize>old, <usize>load<u32>(top, TOP_OLD), <usize>used);
    mr_free(load<u32>(top, TOP_OLD), have);
  }
  store<u32>(top, old, TOP_OLD);
  store<u32>(top, wanted, TOP_OLD_BYTES);
  return true;
}

/** Copies the list, as far as results go, unless the batch has done so; false where memory is used up. */
function touchList(top: usize, list: usize): bool {
  const batch = load<u64>(top, TOP_BATCH);
  if (load<u64>(list, LIST_BATCH) == batch) return true;
  if (!reserveOld(top)) return false;
  store<u64>(list, batch, LIST_BATCH);
  const used = load<u32>(top, TOP_OLD_USED);
  const count = listBest(list, load<u32>(top, TOP_LIMIT), <usize>(load<u32>(top, TOP_OLD) + used));
  const touched = load<u32>(top, TOP_TOUCHED_COUNT);
  const record = <usize>(load<u32>(top, TOP_TOUCHED) + touched * TOUCHED_BYTES);
  store<u32>(record, <u32>list, TOUCHED_LIST);
  store<u32>(record, used, TOUCHED_OLD);
  store<u32>(record, count, TOUCHED_OLD_COUNT);
  store<u32>(top, used + (count << 2), TOP_OLD_USED);
  store<u32>(top, touched + 1, TOP_TOUCHED_COUNT);
  return true;
}

/** Of an append-only input: the row enters if it is among the best, and the worst leaves. */
function takeBest(top: usize, list: usize, length: u32, epoch: u32): bool {
  const limit = load<u32>(top, TOP_LIMIT);
  const live = load<u32>(list, LIST_LIVE);
  if (live >= limit) {
    const worst = worstOf(list);
    const bytes = <usize>load<u32>(top, TOP_STAGING);
    if (compareBytes(bytes, length, worst + ROW_DATA, load<u32>(worst, ROW_LENGTH)) >= 0) return true;
  }
  if (!touchList(top, list)) return false;
  const row = resolveRow(top, list, length, epoch);
  if (row == 0) return false;
  addCopies(top, row, 1, epoch);
  if (live < limit) {
    store<u32>(list, live + 1, LIST_LIVE);
  } else {
    // The row that came is better than the worst known before, so that one leaves.
    addCopies(top, worstOf(list), -1, epoch);
  }
  store<u32>(list, 0, LIST_WORST);
  return true;
}

/** False where memory is used up. */
function takeRow(top: usize, batch: usize, row: u32, entry: usize, epoch: u32): bool {
  const weights = <usize>load<u32>(batch, BATCH_WEIGHTS);
  const copies: i32 = weights == 0 ? 1 : <i32>load<i8>(weights + <usize>row);
  const list = listOf(top, entry);
  if (list == 0) return false;
  const length = stageRow(top, batch, row, 0);
  if (length == 0) return false;
  if (load<u32>(top, TOP_KEEP_ALL) == 0) return takeBest(top, list, length, epoch);
  if (!touchList(top, list)) return false;
  const its = resolveRow(top, list, length, epoch);
  if (its == 0) return false;
  addCopies(top, its, copies, epoch);
  return true;
}

@inline
function stop(status: u32, row: u32): bool {
  store<u32>(CONTROL_STATUS, status);
  store<u32>(CONTROL_DETAIL, row);
  return false;
}

function updatePass(top: usize, batch: usize, first: u32, count: u32, epoch: u32): bool {
  const table = <usize>load<u32>(top, TOP_TABLE);
  const pane = <usize>load<u32>(top, TOP_PANE);
  while (count > 0) {
    const part = passKeys(table, batch, 0, first, count, false);
    if (part == 0) return stop(STATUS_OUT_OF_MEMORY, first);
    const found = findUnmarked(table, pane, part);
    if (found < part) return stop(load<u32>(CONTROL_STATUS), first + found);
    for (let i: u32 = 0; i < part; i++) {
      const entry = <usize>load<u32>(PASS_ENTRIES + ((<usize>i) << 2));
      if (!takeRow(top, batch, first + i, entry, epoch)) return stop(STATUS_OUT_OF_MEMORY, first + i);
    }
    first += part;
    count -= part;
  }
  return true;
}

/**
 * Takes rows from `first` on, noting changes under `epoch` (not 0); answers the first row not taken, which may be
 * before the last: then the results of these are due first. All results of the call before must have been taken.
 */
export function mr_top_update(top: u32, batch: u32, first: u32, epoch: u32): u32 {
  const rows = load<u32>(<usize>batch + BATCH_ROWS);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  store<u64>(top, load<u64>(top, TOP_BATCH) + 1, TOP_BATCH);
  store<u32>(top, epoch, TOP_EPOCH);
  store<u32>(top, 0, TOP_TOUCHED_COUNT);
  store<u32>(top, 0, TOP_OLD_USED);
  store<u32>(top, 0, TOP_ZEROED_COUNT);
  store<u32>(top, 0, TOP_NEXT);
  store<u32>(top, NOT_BEGUN, TOP_NEW_COUNT);
  while (first < rows && load<u32>(top, TOP_OLD_USED) < OLD_BYTES_ENOUGH) {
    const count = min<u32>(PASS_ROWS, rows - first);
    if (!updatePass(<usize>top, <usize>batch, first, count, epoch)) return first;
    first += count;
  }
  return first;
}
