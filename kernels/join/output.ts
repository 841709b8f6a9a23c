// Joined rows and state rows: fills the columns of a batch from slots and from rows of the input.
// Text views point at what the slots and the input point at: they are good until either changes.

import {
  BATCH_WATERMARKS,
  BATCH_WEIGHTS,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  COLUMN_VALIDITY_BUFFER,
  TYPE_BOOL,
  TYPE_UTF8,
} from "../abi";
import { bitAt, columnAt } from "../table/keys";
import {
  JOIN_OUTPUT_COUNT,
  JOIN_OUTPUT_SHIFT,
  JOIN_OUTPUTS,
  MATCH_ROWS,
  MATCH_SLOTS,
  NEVER_NULL,
  SIDE_NULLS_AT,
} from "./layout";

@inline
function slotOf(row: u32): usize {
  return <usize>load<u32>(MATCH_SLOTS + ((<usize>row) << 2));
}
@inline
function inputRow(row: u32): u32 {
  return load<u32>(MATCH_ROWS + ((<usize>row) << 2));
}

@inline
function writeBit(bits: usize, row: u32, value: bool): void {
  const at = bits + <usize>(row >> 3);
  const mask: u32 = 1 << (row & 7);
  const old = <u32>load<u8>(at);
  store<u8>(at, <u8>(value ? old | mask : old & ~mask));
}

/** The column's bitmap, in use from now on; 0 for a column that is never null here. */
@inline
function openValidity(column: usize, nullable: bool): usize {
  const bits = nullable ? load<u32>(column, COLUMN_VALIDITY_BUFFER) : 0;
  store<u32>(column, bits, COLUMN_VALIDITY);
  return <usize>bits;
}

/** One column of the rows in MATCH_SLOTS. */
export function writeFromSlots(column: usize, type: u32, at: usize, nullsAt: usize, nullBit: u32, rows: u32): void {
  const data = <usize>load<u32>(column, COLUMN_DATA);
  if (type == <u32>TYPE_UTF8) {
    for (let row: u32 = 0; row < rows; row++) v128.store(data + ((<usize>row) << 4), v128.load(slotOf(row) + at));
  } else if (type == <u32>TYPE_BOOL) {
    for (let row: u32 = 0; row < rows; row++) writeBit(data, row, load<u64>(slotOf(row) + at) != 0);
  } else {
    for (let row: u32 = 0; row < rows; row++) store<u64>(data + ((<usize>row) << 3), load<u64>(slotOf(row) + at));
  }
  const bits = openValidity(column, nullBit != NEVER_NULL);
  if (bits == 0) return;
  for (let row: u32 = 0; row < rows; row++) {
    writeBit(bits, row, ((load<u64>(slotOf(row) + nullsAt) >> <u64>nullBit) & 1) == 0);
  }
}

/** One column of the rows in MATCH_ROWS. */
function writeFromInput(column: usize, type: u32, from: usize, rows: u32): void {
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const source = <usize>load<u32>(from, COLUMN_DATA);
  if (type == <u32>TYPE_UTF8) {
    for (let row: u32 = 0; row < rows; row++) {
      v128.store(data + ((<usize>row) << 4), v128.load(source + ((<usize>inputRow(row)) << 4)));
    }
  } else if (type == <u32>TYPE_BOOL) {
    for (let row: u32 = 0; row < rows; row++) writeBit(data, row, bitAt(source, inputRow(row)));
  } else {
    for (let row: u32 = 0; row < rows; row++) {
      store<u64>(data + ((<usize>row) << 3), load<u64>(source + ((<usize>inputRow(row)) << 3)));
    }
  }
  const validity = <usize>load<u32>(from, COLUMN_VALIDITY);
  const bits = openValidity(column, validity != 0);
  if (bits == 0) return;
  for (let row: u32 = 0; row < rows; row++) writeBit(bits, row, bitAt(validity, inputRow(row)));
}

/** A row is late by what its inputs said, never by the join: whoever reads it next has no watermark of its own for it. */
function writeWatermarks(out: usize, rows: u32): void {
  let at = <usize>load<u32>(out + BATCH_WATERMARKS);
  if (at == 0) return;
  for (const end = at + ((<usize>rows) << 3); at < end; at += 8) store<i64>(at, i64.MIN_VALUE);
}

/** The host has given `out` weights exactly where the batch has them. */
export function writeMatches(
  join: usize, isLeft: bool, side: usize, other: usize, batch: usize, out: usize, rows: u32,
): void {
  const count = load<u32>(join, JOIN_OUTPUT_COUNT);
  const own: u32 = isLeft ? 0 : 1;
  const nullsAt = <usize>load<u32>(other, SIDE_NULLS_AT);
  for (let index: u32 = 0; index < count; index++) {
    const program = join + JOIN_OUTPUTS + ((<usize>index) << JOIN_OUTPUT_SHIFT);
    const column = columnAt(out, index);
    const type = load<u32>(program, 8);
    if (load<u32>(program) == own) writeFromInput(column, type, columnAt(batch, load<u32>(program, 4)), rows);
    else writeFromSlots(column, type, <usize>load<u32>(program, 12), nullsAt, load<u32>(program, 16), rows);
  }
  writeWatermarks(out, rows);
  const from = <usize>load<u32>(batch, BATCH_WEIGHTS);
  const to = <usize>load<u32>(out, BATCH_WEIGHTS);
  if (to == 0) return;
  for (let row: u32 = 0; row < rows; row++) store<i8>(to + <usize>row, load<i8>(from + <usize>inputRow(row)));
}
