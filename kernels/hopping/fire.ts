// Firing hopping windows in ascending order, as far as the watermark reaches. Resumable: call until it answers 0.
//
// Invariants:
// - Keys of emitted rows are the blocks': no block is dropped while rows of it are in the output batch.
// - After a failure the state is unusable: the job fails over to its last checkpoint.

import { BATCH_ROWS, COLUMN_DATA, COLUMN_VALIDITY, CONTROL_STATUS, STATUS_OK } from "../abi";
import { LIST_ENTRIES } from "../distinct/layout";
import { copyWords, mergeValues, rowsAtOf } from "../pane/merge";
import { firstPane, startWalk, walk } from "../pane/walk";
import { columnAt } from "../table/keys";
import {
  OUT_ENTRIES,
  OUT_ROWS_MAX,
  PANE_END,
  PANE_NEXT,
  PANE_START,
  PASS_ROWS,
  TABLE_CURRENT_PANE,
  TABLE_FIRED,
  TABLE_FIRST_PANE,
  TABLE_OFFSET,
  TABLE_OUTPUT_COUNT,
  TABLE_OUTPUTS,
} from "../table/layout";
import { dropFirstPane, paneAt, timeIntoWindow } from "../window/panes";
import { writeKeys, writeValues } from "../window/rows_out";
import { blockStart, completeBlock, dropBlocks, joinPane, leavePane, makeAllEnds, noMemory } from "./blocks";
import {
  END_HEADER,
  EXTRA_LATE,
  EXTRA_PEER,
  EXTRA_SETS,
  HOP_BLOCKS,
  HOP_CURSOR,
  HOP_EXTRA_AT,
  HOP_JOINED,
  HOP_LATE,
  HOP_NEXT,
  HOP_OLDER,
  HOP_OUT,
  HOP_OUT_ROWS,
  HOP_PANES,
  HOP_ROWS,
  HOP_SET_COUNT,
  HOP_SETS,
  HOP_SIZE,
  HOP_SLIDE,
  HOP_STAGE,
  HOP_VALUE_BYTES,
  HOP_YOUNGER,
  STAGE_LEAVE,
  STAGE_NEXT,
  STAGE_OLDER,
  STAGE_YOUNGER,
} from "./layout";
import { dropLateSets, seeLateSets, seeSets } from "./sets";

/** End of the first window from the next one on that has anything in it; the last i64 if there is none. */
function nextEnd(hop: usize): i64 {
  const pane = firstPane(<usize>load<u32>(hop, HOP_PANES));
  const late = firstPane(<usize>load<u32>(hop, HOP_LATE));
  let first = i64.MAX_VALUE;
  if (pane != 0) first = load<i64>(pane, PANE_START) + load<i64>(hop, HOP_SLIDE);
  if (late != 0) first = min<i64>(first, load<i64>(late, PANE_END));
  return max<i64>(first, load<i64>(hop, HOP_NEXT));
}

/** What the window that ends at `end` reaches first joins the younger block. */
function join(hop: usize, end: i64): bool {
  const start = end - load<i64>(hop, HOP_SLIDE);
  const panes = <usize>load<u32>(hop, HOP_PANES);
  const joined = <usize>load<u32>(hop, HOP_JOINED);
  const pane = joined == 0 ? firstPane(panes) : <usize>load<u32>(joined, PANE_NEXT);
  if (pane != 0 && load<i64>(pane, PANE_START) == start && !joinPane(hop, panes, pane, false)) return false;
  const lateTable = <usize>load<u32>(hop, HOP_LATE);
  const late = firstPane(lateTable);
  if (late == 0 || load<i64>(late, PANE_START) != start) return true;
  return joinPane(hop, lateTable, late, true) && seeLateSets(hop, start);
}

/** Adds accumulators to those of the output row, or begins them. */
@inline
function addTo(hop: usize, to: usize, from: usize, isFirst: bool): bool {
  const panes = <usize>load<u32>(hop, HOP_PANES);
  if (!isFirst) return mergeValues(panes, to, from);
  const rowsAt = rowsAtOf(panes);
  copyWords(to + rowsAt, from + rowsAt, <usize>load<u32>(hop, HOP_VALUE_BYTES));
  return true;
}

/** Counts the values of a row whose key both blocks, or one of them, have. */
function countSets(hop: usize, to: usize, older: usize, younger: usize): void {
  const extraAt = <usize>load<u32>(hop, HOP_EXTRA_AT) + EXTRA_SETS;
  const count = load<u32>(hop, HOP_SET_COUNT);
  for (let set: u32 = 0; set < count; set++) {
    const slot = <usize>load<u32>(hop + HOP_SETS + ((<usize>set) << 4), 12);
    const at = extraAt + ((<usize>set) << 4);
    let values: u64 = 0;
    if (older != 0) values += load<u64>(older + at);
    if (younger != 0) {
      values += load<u64>(younger + slot) + load<u64>(younger + at, 8);
      store<u64>(younger + at, 0, 8);
    }
    store<u64>(to + slot, values);
  }
}

/** One row of the window: the key's end of the older block (`head`, 0 = none) and its beginning of the younger one. */
function emitRow(hop: usize, batch: usize, key: usize, older: usize, head: usize, younger: usize): bool {
  const row = load<u32>(hop, HOP_ROWS);
  const panes = <usize>load<u32>(hop, HOP_PANES);
  const rowsAt = rowsAtOf(panes);
  const to = <usize>(load<u32>(hop, HOP_OUT) + row * load<u32>(hop, HOP_VALUE_BYTES)) - rowsAt;
  let isFirst = true;
  if (head != 0) {
    addTo(hop, to, head + END_HEADER - rowsAt, true);
    isFirst = false;
  }
  if (younger != 0) {
    if (load<u64>(younger + rowsAt) != 0) {
      if (!addTo(hop, to, younger, isFirst)) return false;
      isFirst = false;
    }
    const extra = younger + <usize>load<u32>(hop, HOP_EXTRA_AT);
    const late = <usize>load<u32>(extra, EXTRA_LATE);
    if (late != 0) {
      if (!addTo(hop, to, late, isFirst)) return false;
      isFirst = false;
      store<u32>(extra, 0, EXTRA_LATE);
    }
  }
  if (isFirst) return true;
  countSets(hop, to, older, younger);
  const end = load<i64>(hop, HOP_NEXT);
  store<i64>(<usize>load<u32>(columnAt(batch, 0), COLUMN_DATA) + ((<usize>row) << 3), end - load<i64>(hop, HOP_SIZE));
  store<i64>(<usize>load<u32>(columnAt(batch, 1), COLUMN_DATA) + ((<usize>row) << 3), end);
  store<u32>(OUT_ENTRIES + ((<usize>row) << 2), <u32>key);
  store<u32>(hop, row + 1, HOP_ROWS);
  return true;
}

/** Emits keys of one block; false where it failed. The stage moves on once the block is through. */
function emitBlock(hop: usize, batch: usize, limit: u32, isOlder: bool): bool {
  const block = <usize>(isOlder ? load<u32>(hop, HOP_OLDER) : load<u32>(hop, HOP_YOUNGER));
  const extraAt = <usize>load<u32>(hop, HOP_EXTRA_AT);
  const blocks = <usize>load<u32>(hop, HOP_BLOCKS);
  while (block != 0) {
    const room = min<u32>(PASS_ROWS, limit - load<u32>(hop, HOP_ROWS));
    if (room == 0) return true;
    const listed = walk(blocks, block, hop + HOP_CURSOR, LIST_ENTRIES, room);
    if (listed == 0) break;
    for (let i: u32 = 0; i < listed; i++) {
      const entry = <usize>load<u32>(LIST_ENTRIES + ((<usize>i) << 2));
      const peer = <usize>load<u32>(entry + extraAt, EXTRA_PEER);
      const older = isOlder ? entry : peer;
      const head: usize = older == 0 ? 0 : <usize>load<u32>(older + extraAt);
      // A key with an end in the older block is emitted there, any other here.
      if ((head != 0) != isOlder) continue;
      if (!emitRow(hop, batch, entry, older, head, isOlder ? peer : entry)) return false;
    }
  }
  startWalk(hop + HOP_CURSOR);
  store<u32>(hop, isOlder ? STAGE_YOUNGER : STAGE_LEAVE, HOP_STAGE);
  return true;
}

/** The window at hand is emitted: its first pane leaves. False where it failed. */
function leave(hop: usize): bool {
  const end = load<i64>(hop, HOP_NEXT);
  const slide = load<i64>(hop, HOP_SLIDE);
  if (blockStart(hop, end) == end && !completeBlock(hop, end)) return false;
  if (!leavePane(hop, end - load<i64>(hop, HOP_SIZE))) return false;
  const late = <usize>load<u32>(hop, HOP_LATE);
  if (firstPane(late) != 0 && load<i64>(firstPane(late), PANE_END) == end) {
    dropLateSets(hop, end - slide);
    dropFirstPane(late);
  }
  store<i64>(hop, end + slide, HOP_NEXT);
  store<u32>(hop, STAGE_NEXT, HOP_STAGE);
  return true;
}

/** Whether a block is dropped by what comes next, so that rows must be handed out first. */
@inline
function dropsBlock(hop: usize, stage: u32, end: i64): bool {
  if (load<u32>(<usize>load<u32>(hop, HOP_BLOCKS), TABLE_FIRST_PANE) == 0) return false;
  return stage == STAGE_NEXT ? end != load<i64>(hop, HOP_NEXT) : blockStart(hop, end) == end;
}

/** Goes on firing until the batch is full or nothing is left to fire; false where it failed. */
function advance(hop: usize, batch: usize, limit: u32, watermark: i64): bool {
  let goesOn = true;
  while (goesOn) {
    const stage = load<u32>(hop, HOP_STAGE);
    const rows = load<u32>(hop, HOP_ROWS);
    if (stage == STAGE_NEXT) {
      const end = nextEnd(hop);
      if (end > watermark || end == i64.MAX_VALUE) break;
      if (dropsBlock(hop, stage, end)) {
        if (rows > 0) break;
        dropBlocks(hop);
      }
      store<i64>(hop, end, HOP_NEXT);
      goesOn = join(hop, end);
      startWalk(hop + HOP_CURSOR);
      store<u32>(hop, STAGE_OLDER, HOP_STAGE);
    } else if (stage == STAGE_LEAVE) {
      if (rows > 0 && dropsBlock(hop, stage, load<i64>(hop, HOP_NEXT))) break;
      goesOn = leave(hop);
    } else {
      if (rows == limit) break;
      goesOn = emitBlock(hop, batch, limit, stage == STAGE_OLDER);
    }
  }
  return goesOn;
}

/** No row is folded into panes that end at or before the watermark any more, though they stay. */
function closePanes(hop: usize, watermark: i64): void {
  const panes = <usize>load<u32>(hop, HOP_PANES);
  store<i64>(panes, watermark, TABLE_FIRED);
  store<i64>(<usize>load<u32>(hop, HOP_LATE), watermark, TABLE_FIRED);
  // The pane of the last row is taken for open without another look.
  store<u32>(panes, 0, TABLE_CURRENT_PANE);
}

/** Fills the batch with up to `capacity` rows of windows that `watermark` closes; 0 = all are closed, or it failed. */
export function mr_hop_fire(hop: u32, batch: u32, capacity: u32, watermark: i64): u32 {
  const h = <usize>hop;
  const out = <usize>batch;
  const panes = <usize>load<u32>(h, HOP_PANES);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  if (watermark > load<i64>(panes, TABLE_FIRED)) closePanes(h, watermark);
  store<u32>(h, 0, HOP_ROWS);
  const limit = min<u32>(min<u32>(capacity, load<u32>(h, HOP_OUT_ROWS)), OUT_ROWS_MAX);
  if (!advance(h, out, limit, watermark)) return 0;
  const rows = load<u32>(h, HOP_ROWS);
  if (rows == 0) return 0;
  store<u32>(columnAt(out, 0), 0, COLUMN_VALIDITY);
  store<u32>(columnAt(out, 1), 0, COLUMN_VALIDITY);
  writeKeys(panes, out, rows);
  const values = load<u32>(h, HOP_OUT) - <u32>rowsAtOf(panes);
  for (let row: u32 = 0; row < rows; row++) {
    store<u32>(OUT_ENTRIES + ((<usize>row) << 2), values + row * load<u32>(h, HOP_VALUE_BYTES));
  }
  writeValues(panes, out, rows, panes + TABLE_OUTPUTS, load<u32>(panes, TABLE_OUTPUT_COUNT));
  store<u32>(out + BATCH_ROWS, rows);
  return rows;
}

/** The older block of a state that has been restored, from its panes that have not left; links their sets' owners. */
function rebuildOlder(hop: usize, start: i64, from: i64): bool {
  const size = load<i64>(hop, HOP_SIZE);
  let pane = firstPane(<usize>load<u32>(hop, HOP_PANES));
  while (pane != 0 && load<i64>(pane, PANE_START) < from) pane = <usize>load<u32>(pane, PANE_NEXT);
  if (pane == 0 || load<i64>(pane, PANE_START) >= start + size) return true;
  const block = paneAt(<usize>load<u32>(hop, HOP_BLOCKS), start);
  if (block == 0) return noMemory();
  if (!makeAllEnds(hop, block, from, start + size)) return false;
  store<u32>(hop, <u32>block, HOP_OLDER);
  for (; pane != 0 && load<i64>(pane, PANE_START) < start + size; pane = <usize>load<u32>(pane, PANE_NEXT)) {
    if (!seeSets(hop, load<i64>(pane, PANE_START), block, true)) return false;
    store<u32>(hop, <u32>pane, HOP_JOINED);
  }
  return true;
}

/** Makes the blocks of a restored state in which windows have fired up to `fired`; later rows follow. */
export function mr_hop_settle(hop: u32, fired: i64): void {
  const h = <usize>hop;
  const panes = <usize>load<u32>(h, HOP_PANES);
  const slide = load<i64>(h, HOP_SLIDE);
  const size = load<i64>(h, HOP_SIZE);
  store<u32>(CONTROL_STATUS, STATUS_OK);
  closePanes(h, fired);
  let pane = firstPane(panes);
  if (pane == 0 || load<i64>(pane, PANE_START) + slide > fired) return;
  // The last window that has fired with anything in it ended no later than its last pane left: all of this is in range.
  const last = fired - timeIntoWindow(fired, slide, load<i64>(panes, TABLE_OFFSET));
  const block = blockStart(h, last - slide);
  store<i64>(h, last + slide, HOP_NEXT);
  if (block + size == last) {
    rebuildOlder(h, block, block + slide);
    return;
  }
  if (!rebuildOlder(h, block - size, last - size + slide)) return;
  while (pane != 0 && load<i64>(pane, PANE_START) < last) {
    if (load<i64>(pane, PANE_START) >= block && !joinPane(h, panes, pane, false)) return;
    pane = <usize>load<u32>(pane, PANE_NEXT);
  }
}
