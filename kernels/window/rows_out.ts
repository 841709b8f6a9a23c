// From entries to rows: fills the columns of a batch from the entries and panes listed in OUT_ENTRIES and OUT_PANES.
// Used for results (window start and end, keys, aggregates) and for state (key group, window start, keys, accumulators).
// Text views point into the table's memory: they are good until the pane is dropped.

import {
  COLUMN_DATA,
  COLUMN_VALIDITY,
  COLUMN_VALIDITY_BUFFER,
  TYPE_BOOL,
  TYPE_UTF8,
  VIEW_INLINE_MAX,
} from "../abi";
import { NULL_LENGTH } from "../hash/key_hash";
import { columnAt } from "../table/keys";
import {
  AVERAGE_FLOAT,
  AVERAGE_INTEGER,
  COUNT,
  KEY_COMPOSITE,
  KEY_FIXED,
  KEY_NULLABLE,
  ORDERED_FLOAT,
  OUT_ENTRIES,
  OUT_PANES,
  PANE_END,
  PANE_START,
  SUM_FLOAT,
  TABLE_GROUP_START,
  TABLE_KEY_BYTES,
  TABLE_KEY_COUNT,
  TABLE_KEY_KIND,
  TABLE_KEYS,
} from "../table/layout";
import { groupOf } from "../table/lookup";
import { floatOf, sumOf } from "./fold";

@inline
function entryOf(row: u32): usize {
  return <usize>load<u32>(OUT_ENTRIES + ((<usize>row) << 2));
}
@inline
function paneOf(row: u32): usize {
  return <usize>load<u32>(OUT_PANES + ((<usize>row) << 2));
}

@inline
function writeBit(bits: usize, row: u32, value: bool): void {
  const at = bits + <usize>(row >> 3);
  const mask: u32 = 1 << (row & 7);
  const old = <u32>load<u8>(at);
  store<u8>(at, <u8>(value ? old | mask : old & ~mask));
}

/** The column's bitmap, in use from now on; 0 for a column that is never null. */
@inline
function openValidity(column: usize, nullable: bool): usize {
  const bits = nullable ? load<u32>(column, COLUMN_VALIDITY_BUFFER) : 0;
  store<u32>(column, bits, COLUMN_VALIDITY);
  return <usize>bits;
}

export function writeWindows(batch: usize, rows: u32): void {
  const starts = <usize>load<u32>(columnAt(batch, 0), COLUMN_DATA);
  const ends = <usize>load<u32>(columnAt(batch, 1), COLUMN_DATA);
  openValidity(columnAt(batch, 0), false);
  openValidity(columnAt(batch, 1), false);
  for (let row: u32 = 0; row < rows; row++) {
    store<i64>(starts + ((<usize>row) << 3), load<i64>(paneOf(row), PANE_START));
    store<i64>(ends + ((<usize>row) << 3), load<i64>(paneOf(row), PANE_END));
  }
}

export function writeStateAddress(table: usize, batch: usize, rows: u32): void {
  const groups = <usize>load<u32>(columnAt(batch, 0), COLUMN_DATA);
  const starts = <usize>load<u32>(columnAt(batch, 1), COLUMN_DATA);
  openValidity(columnAt(batch, 0), false);
  openValidity(columnAt(batch, 1), false);
  const hashAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 4;
  const groupStart = load<u32>(table, TABLE_GROUP_START);
  for (let row: u32 = 0; row < rows; row++) {
    const group = groupOf(table, load<u32>(entryOf(row) + hashAt)) + groupStart;
    store<u64>(groups + ((<usize>row) << 3), <u64>group);
    store<i64>(starts + ((<usize>row) << 3), load<i64>(paneOf(row), PANE_START));
  }
}

/** A number, timestamp or bool; `bits` 0 = never null. */
@inline
function writeFixed(type: u32, data: usize, bits: usize, row: u32, value: u64, isNull: bool): void {
  if (type == <u32>TYPE_BOOL) writeBit(data, row, value != 0);
  else store<u64>(data + ((<usize>row) << 3), value);
  if (bits != 0) writeBit(bits, row, !isNull);
}

export function writeKeys(table: usize, batch: usize, rows: u32): void {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  if (kind == KEY_COMPOSITE) return writeCompositeKeys(table, batch, rows);
  const column = columnAt(batch, 2);
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const bits = openValidity(column, load<u32>(table + TABLE_KEYS, 8) != 0);
  const type = load<u32>(table + TABLE_KEYS, 4);
  for (let row: u32 = 0; row < rows; row++) {
    const entry = entryOf(row);
    if (kind == KEY_FIXED) writeFixed(type, data, bits, row, load<u64>(entry), false);
    else if (kind == KEY_NULLABLE) writeFixed(type, data, bits, row, load<u64>(entry), load<u64>(entry, 8) != 0);
    else {
      const isNull = load<u32>(entry) == NULL_LENGTH;
      v128.store(data + ((<usize>row) << 4), isNull ? i64x2.splat(0) : v128.load(entry));
      if (bits != 0) writeBit(bits, row, !isNull);
    }
  }
}

@inline
function writeText(view: usize, bytes: usize, length: u32): void {
  v128.store(view, i64x2.splat(0));
  store<u32>(view, length);
  if (length <= <u32>VIEW_INLINE_MAX) {
    memory.copy(view + 4, bytes, <usize>length);
    return;
  }
  store<u32>(view, load<u32>(bytes), 4);
  store<u32>(view, <u32>bytes, 12);
}

function writeCompositeKeys(table: usize, batch: usize, rows: u32): void {
  const parts = load<u32>(table, TABLE_KEY_COUNT);
  for (let part: u32 = 0; part < parts; part++) {
    openValidity(columnAt(batch, 2 + part), load<u32>(table + TABLE_KEYS + ((<usize>part) << 4), 8) != 0);
  }
  for (let row: u32 = 0; row < rows; row++) {
    const entry = entryOf(row);
    let at = load<u32>(entry) <= <u32>VIEW_INLINE_MAX ? entry + 4 : <usize>load<u32>(entry, 12);
    for (let part: u32 = 0; part < parts; part++) {
      const column = columnAt(batch, 2 + part);
      const data = <usize>load<u32>(column, COLUMN_DATA);
      const bits = <usize>load<u32>(column, COLUMN_VALIDITY);
      const type = load<u32>(table + TABLE_KEYS + ((<usize>part) << 4), 4);
      const length = load<u32>(at);
      const isNull = length == NULL_LENGTH;
      at += 4;
      if (type == <u32>TYPE_UTF8) {
        writeText(data + ((<usize>row) << 4), at, isNull ? 0 : length);
        if (bits != 0) writeBit(bits, row, !isNull);
      } else {
        writeFixed(type, data, bits, row, isNull ? 0 : load<u64>(at), isNull);
      }
      if (!isNull) at += <usize>((length + 3) & ~3);
    }
  }
}

/** One value of an entry; the entry has at least one value in it. */
@inline
function valueOf(operation: u32, entry: usize, at: usize, count: u64): u64 {
  if (operation == ORDERED_FLOAT) return reinterpret<u64>(floatOf(load<i64>(entry + at)));
  if (operation == SUM_FLOAT) return reinterpret<u64>(sumOf(entry + at));
  if (operation == AVERAGE_INTEGER) return reinterpret<u64>(<f64>load<i64>(entry + at) / <f64>count);
  if (operation == AVERAGE_FLOAT) return reinterpret<u64>(sumOf(entry + at) / <f64>count);
  return load<u64>(entry + at);
}

/** So many entries lie in the nearest cache while their columns are written one after the other. */
const BLOCK_ROWS: u32 = 256;

/** Runs `count` column programs of 16 bytes (layout.ts) into the columns behind the keys. */
export function writeValues(table: usize, batch: usize, rows: u32, programs: usize, count: u32): void {
  const firstColumn = 2 + load<u32>(table, TABLE_KEY_COUNT);
  for (let first: u32 = 0; first < rows; first += BLOCK_ROWS) {
    const end = min<u32>(first + BLOCK_ROWS, rows);
    for (let index: u32 = 0; index < count; index++) {
      writeColumn(table, columnAt(batch, firstColumn + index), first, end, programs + ((<usize>index) << 4));
    }
  }
}

function writeColumn(table: usize, column: usize, first: u32, end: u32, program: usize): void {
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  const operation = load<u32>(program);
  const at = <usize>load<u32>(program, 4);
  const countAt = <usize>load<u32>(program, 8);
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const bits = openValidity(column, load<u32>(program, 12) != 0);
  if (operation <= COUNT && bits == 0 && countAt == rowsAt) {
    for (let row = first; row < end; row++) store<u64>(data + ((<usize>row) << 3), load<u64>(entryOf(row) + at));
    return;
  }
  for (let row = first; row < end; row++) {
    const entry = entryOf(row);
    const values = load<u64>(entry + countAt);
    store<u64>(data + ((<usize>row) << 3), values == 0 ? 0 : valueOf(operation, entry, at, values));
    if (bits != 0) writeBit(bits, row, values != 0);
  }
}
