// From an entry, or a copy of one, to the values of a result or of a state row.

import { COLUMN_DATA, COLUMN_VALIDITY, COLUMN_VALIDITY_BUFFER } from "../abi";
import { columnAt } from "../table/keys";
import {
  AVERAGE_FLOAT,
  AVERAGE_INTEGER,
  COUNT,
  ORDERED_FLOAT,
  OUT_ENTRIES,
  SUM_FLOAT,
  TABLE_OUTPUT_COUNT,
  TABLE_OUTPUTS,
} from "../table/layout";
import { floatOf, sumOf } from "../window/fold";
import { AVERAGE_TAKEN_BACK, RAW, SUM_TAKEN_BACK } from "./layout";

@inline
export function entryOf(row: u32): usize {
  return <usize>load<u32>(OUT_ENTRIES + ((<usize>row) << 2));
}

/** Of five accumulators: what counts of NaN and infinities allow, else the compensated sum. */
function sumTakenBack(at: usize): f64 {
  const positive = load<i64>(at, 24) > 0;
  const negative = load<i64>(at, 32) > 0;
  if (load<i64>(at, 16) > 0 || (positive && negative)) return NaN;
  if (positive) return Infinity;
  return negative ? -Infinity : sumOf(at);
}

/** Whether the column has a value: a count always, anything else of a result once a value is present. */
@inline
function hasValue(operation: u32, count: i64): bool {
  return operation == COUNT || operation == RAW || count > 0;
}

/** The bits of one value that is there. */
function valueOf(operation: u32, at: usize, count: i64): u64 {
  switch (operation) {
    case ORDERED_FLOAT: return reinterpret<u64>(floatOf(load<i64>(at)));
    case SUM_FLOAT: return reinterpret<u64>(sumOf(at));
    case AVERAGE_INTEGER: return reinterpret<u64>(<f64>load<i64>(at) / <f64>count);
    case AVERAGE_FLOAT: return reinterpret<u64>(sumOf(at) / <f64>count);
    case SUM_TAKEN_BACK: return reinterpret<u64>(sumTakenBack(at));
    case AVERAGE_TAKEN_BACK: return reinterpret<u64>(sumTakenBack(at) / <f64>count);
  }
  return load<u64>(at);
}

/** Whether both entries give the same result. */
export function sameResults(table: usize, left: usize, right: usize): bool {
  const count = load<u32>(table, TABLE_OUTPUT_COUNT);
  for (let index: u32 = 0; index < count; index++) {
    const program = table + TABLE_OUTPUTS + ((<usize>index) << 4);
    const operation = load<u32>(program);
    const at = <usize>load<u32>(program, 4);
    const countAt = <usize>load<u32>(program, 8);
    const leftCount = load<i64>(left + countAt);
    const rightCount = load<i64>(right + countAt);
    const has = hasValue(operation, leftCount);
    if (has != hasValue(operation, rightCount)) return false;
    if (has && valueOf(operation, left + at, leftCount) != valueOf(operation, right + at, rightCount)) return false;
  }
  return true;
}

@inline
function writeBit(bits: usize, row: u32, value: bool): void {
  const at = bits + <usize>(row >> 3);
  const mask: u32 = 1 << (row & 7);
  const old = <u32>load<u8>(at);
  store<u8>(at, <u8>(value ? old | mask : old & ~mask));
}

/**
 * Runs `count` column programs of 16 bytes {operation, offset, count offset, nullable} over the entries of OUT_ENTRIES
 * into the batch's columns from `firstColumn` on.
 */
export function writeColumns(batch: usize, firstColumn: u32, rows: u32, programs: usize, count: u32): void {
  for (let index: u32 = 0; index < count; index++) {
    const program = programs + ((<usize>index) << 4);
    const operation = load<u32>(program);
    const at = <usize>load<u32>(program, 4);
    const countAt = <usize>load<u32>(program, 8);
    const column = columnAt(batch, firstColumn + index);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const bits: u32 = load<u32>(program, 12) != 0 ? load<u32>(column, COLUMN_VALIDITY_BUFFER) : 0;
    store<u32>(column, bits, COLUMN_VALIDITY);
    for (let row: u32 = 0; row < rows; row++) {
      const entry = entryOf(row);
      const values = load<i64>(entry + countAt);
      const has = hasValue(operation, values);
      store<u64>(data + ((<usize>row) << 3), has ? valueOf(operation, entry + at, values) : 0);
      if (bits != 0) writeBit(<usize>bits, row, has);
    }
  }
}
