// Making and freeing what is behind a hopping window; its tables are the host's.

import { mr_alloc, mr_free } from "../memory/allocator";
import { TABLE_ENTRY_BYTES } from "../table/layout";
import { freeEnds } from "./blocks";
import {
  HOP_BLOCKS,
  HOP_BYTES,
  HOP_ENDS,
  HOP_EXTRA_AT,
  HOP_LATE,
  HOP_NEXT,
  HOP_OUT,
  HOP_OUT_ROWS,
  HOP_PANES,
  HOP_PER_BLOCK,
  HOP_SET_COUNT,
  HOP_SETS,
  HOP_SIZE,
  HOP_SLIDE,
  HOP_VALUE_BYTES,
} from "./layout";

/** 0 where memory is used up. `size` is a multiple of `slide`. */
export function mr_hop_create(
  panes: u32, late: u32, blocks: u32, size: i64, slide: i64, valueBytes: u32, outRows: u32,
): u32 {
  const hop = <usize>mr_alloc(HOP_BYTES);
  if (hop == 0) return 0;
  memory.fill(hop, 0, <usize>HOP_BYTES);
  const perBlock = <u32>(size / slide);
  store<u32>(hop, panes, HOP_PANES);
  store<u32>(hop, late, HOP_LATE);
  store<u32>(hop, blocks, HOP_BLOCKS);
  store<u32>(hop, valueBytes, HOP_VALUE_BYTES);
  store<i64>(hop, size, HOP_SIZE);
  store<i64>(hop, slide, HOP_SLIDE);
  store<i64>(hop, i64.MIN_VALUE, HOP_NEXT);
  store<u32>(hop, outRows, HOP_OUT_ROWS);
  store<u32>(hop, perBlock, HOP_PER_BLOCK);
  store<u32>(hop, load<u32>(<usize>panes, TABLE_ENTRY_BYTES), HOP_EXTRA_AT);
  store<u32>(hop, mr_alloc(outRows * valueBytes), HOP_OUT);
  store<u32>(hop, mr_alloc(perBlock << 3), HOP_ENDS);
  if (load<u32>(hop, HOP_OUT) == 0 || load<u32>(hop, HOP_ENDS) == 0) return 0;
  memory.fill(<usize>load<u32>(hop, HOP_ENDS), 0, (<usize>perBlock) << 3);
  return <u32>hop;
}

/** A counted set: of the panes, of the late rows, the table of values seen; the slot's offset in entries. */
export function mr_hop_add_sets(hop: u32, sets: u32, lateSets: u32, seen: u32, at: u32): void {
  const count = load<u32>(<usize>hop, HOP_SET_COUNT);
  const item = <usize>hop + HOP_SETS + ((<usize>count) << 4);
  store<u32>(item, sets);
  store<u32>(item, lateSets, 4);
  store<u32>(item, seen, 8);
  store<u32>(item, at, 12);
  store<u32>(<usize>hop, count + 1, HOP_SET_COUNT);
}

export function mr_hop_free(hop: u32): void {
  const h = <usize>hop;
  const perBlock = load<u32>(h, HOP_PER_BLOCK);
  for (let place: u32 = 0; place < perBlock; place++) freeEnds(h, place);
  mr_free(load<u32>(h, HOP_ENDS), perBlock << 3);
  mr_free(load<u32>(h, HOP_OUT), load<u32>(h, HOP_OUT_ROWS) * load<u32>(h, HOP_VALUE_BYTES));
  mr_free(hop, HOP_BYTES);
}
