// Making and freeing a table of best rows. The host describes its columns between `mr_top_create` and the first batch.

import { endGathering } from "../changes/list";
import { mr_alloc, mr_free } from "../memory/allocator";
import { chunkEnd } from "../table/entries";
import {
  CHUNK_HEADER,
  CHUNK_NEXT,
  GROUP_FIRST_CHUNK,
  GROUP_SHIFT,
  PANE_GROUPS,
  TABLE_ENTRIES,
  TABLE_ENTRY_BYTES,
  TABLE_GROUP_COUNT,
  TABLE_LONG_KEY_BYTES,
} from "../table/layout";
import { mr_window_add_key, mr_window_create, mr_window_free } from "../window/create";
import { paneAt } from "../window/panes";
import {
  LIST_LENGTH,
  ROW_DATA,
  ROW_LENGTH,
  TOP_BYTES,
  TOP_CAPACITY,
  TOP_CHANGES,
  TOP_COLUMN_COUNT,
  TOP_COLUMNS,
  TOP_KEEP_ALL,
  TOP_LIMIT,
  TOP_NEW,
  TOP_OLD,
  TOP_OLD_BYTES,
  TOP_PANE,
  TOP_RANKED,
  TOP_ROW_BYTES,
  TOP_ROWS,
  TOP_STAGING,
  TOP_STAGING_BYTES,
  TOP_TABLE,
  TOP_TEXT,
  TOP_TEXT_BYTES,
  TOP_TOUCHED,
  TOP_ZEROED,
  TOUCHED_BYTES,
} from "./layout";
import { freeList, listAt, rowOf } from "./lists";

/** 0 where memory is used up. */
export function mr_top_create(
  keyKind: u32, limit: u32, keepAll: u32, ranked: u32, batchRows: u32,
  maxParallelism: u32, groupStart: u32, groupCount: u32,
): u32 {
  const top = mr_alloc(TOP_BYTES);
  if (top == 0) return 0;
  memory.fill(<usize>top, 0, <usize>TOP_BYTES);
  store<u32>(top, limit, TOP_LIMIT);
  store<u32>(top, keepAll, TOP_KEEP_ALL);
  store<u32>(top, ranked, TOP_RANKED);
  store<u32>(top, batchRows, TOP_CAPACITY);
  store<u32>(top, mr_alloc(batchRows * TOUCHED_BYTES), TOP_TOUCHED);
  store<u32>(top, mr_alloc(batchRows << 2), TOP_ZEROED);
  store<u32>(top, mr_alloc(limit << 2), TOP_NEW);
  const table = mr_window_create(1, 0, 0, keyKind, 8, 1, maxParallelism, groupStart, groupCount);
  store<u32>(top, table, TOP_TABLE);
  const pane: usize = table == 0 ? 0 : paneAt(<usize>table, 0);
  store<u32>(top, <u32>pane, TOP_PANE);
  if (load<u32>(top, TOP_TOUCHED) != 0 && load<u32>(top, TOP_ZEROED) != 0 && load<u32>(top, TOP_NEW) != 0 && pane != 0) {
    return top;
  }
  mr_top_free(top);
  return 0;
}

export function mr_top_add_key(top: u32, column: u32, type: u32, nullable: u32): void {
  mr_window_add_key(load<u32>(top, TOP_TABLE), column, type, nullable);
}

/** A column that is no key, COLUMN_* flags; first those of the order. */
export function mr_top_add_column(top: u32, column: u32, type: u32, flags: u32): void {
  const count = load<u32>(top, TOP_COLUMN_COUNT);
  const descriptor = <usize>top + TOP_COLUMNS + ((<usize>count) << 4);
  store<u32>(descriptor, column);
  store<u32>(descriptor, type, 4);
  store<u32>(descriptor, flags, 8);
  store<u32>(top, count + 1, TOP_COLUMN_COUNT);
}

function freeLists(top: u32): void {
  const table = <usize>load<u32>(top, TOP_TABLE);
  const stride = <usize>load<u32>(table, TABLE_ENTRY_BYTES);
  const at = listAt(table);
  let group = <usize>load<u32>(load<u32>(top, TOP_PANE), PANE_GROUPS);
  const end = group + ((<usize>load<u32>(table, TABLE_GROUP_COUNT)) << GROUP_SHIFT);
  for (; group < end; group += 1 << GROUP_SHIFT) {
    let chunk = <usize>load<u32>(group, GROUP_FIRST_CHUNK);
    for (; chunk != 0; chunk = <usize>load<u32>(chunk, CHUNK_NEXT)) {
      const chunkLimit = chunkEnd(group, chunk);
      for (let entry = chunk + CHUNK_HEADER; entry < chunkLimit; entry += stride) {
        const list = <usize>load<u32>(entry + at);
        if (list == 0) continue;
        for (let index: u32 = 0; index < load<u32>(list, LIST_LENGTH); index++) {
          const row = rowOf(list, index);
          mr_free(<u32>row, <u32>ROW_DATA + load<u32>(row, ROW_LENGTH));
        }
        freeList(list);
      }
    }
  }
}

function freeBuffer(address: u32, bytes: u32): void {
  if (address != 0) mr_free(address, bytes);
}

export function mr_top_free(top: u32): void {
  endGathering(<usize>top + TOP_CHANGES);
  if (load<u32>(top, TOP_PANE) != 0) freeLists(top);
  freeBuffer(load<u32>(top, TOP_TOUCHED), load<u32>(top, TOP_CAPACITY) * TOUCHED_BYTES);
  freeBuffer(load<u32>(top, TOP_ZEROED), load<u32>(top, TOP_CAPACITY) << 2);
  freeBuffer(load<u32>(top, TOP_NEW), load<u32>(top, TOP_LIMIT) << 2);
  freeBuffer(load<u32>(top, TOP_OLD), load<u32>(top, TOP_OLD_BYTES));
  freeBuffer(load<u32>(top, TOP_STAGING), load<u32>(top, TOP_STAGING_BYTES));
  freeBuffer(load<u32>(top, TOP_TEXT), load<u32>(top, TOP_TEXT_BYTES));
  if (load<u32>(top, TOP_TABLE) != 0) mr_window_free(load<u32>(top, TOP_TABLE));
  mr_free(top, TOP_BYTES);
}

/** Different rows that are there. */
export function mr_top_rows(top: u32): u32 {
  return load<u32>(top, TOP_ROWS);
}
/** Bytes of keys, lists and rows, without unused room. */
export function mr_top_state_bytes(top: u32): u32 {
  const table = load<u32>(top, TOP_TABLE);
  const keys = load<u32>(table, TABLE_ENTRIES) * load<u32>(table, TABLE_ENTRY_BYTES) + load<u32>(table, TABLE_LONG_KEY_BYTES);
  return keys + load<u32>(top, TOP_ROW_BYTES) + load<u32>(top, TOP_ROWS) * (<u32>ROW_DATA + 4);
}
