// Results into the output batch's columns, or into the selection of a filter.
// Canonical form, so that equal results are equal bytes: the data of null rows is zero, there is one NaN, and
// bitmaps are zero beyond the last row.

import { BATCH_COLUMN_0, COLUMN_BYTES, COLUMN_DATA, COLUMN_VALIDITY, COLUMN_VALIDITY_BUFFER } from "../abi";
import { INSTRUCTION_OUT, PROGRAM_OUTPUT, PROGRAM_SELECTED, PROGRAM_SELECTION } from "./layout";
import { bitAt, dataOf, rowsMask, slotA, validityOf, wordAt, wordsOf } from "./slot";

@inline
function outputColumn(program: usize, instruction: usize): usize {
  const batch = <usize>load<u32>(program, PROGRAM_OUTPUT);
  return batch + BATCH_COLUMN_0 + <usize>load<u32>(instruction, INSTRUCTION_OUT) * COLUMN_BYTES;
}

/** Whether a slot has a bitmap depends on the batch's columns alone, so it is the same in every pass. */
function storeValidity(column: usize, validity: usize, start: u32, rows: u32): void {
  const bits = <usize>load<u32>(column, COLUMN_VALIDITY_BUFFER);
  store<u32>(column, validity == 0 ? 0 : <u32>bits, COLUMN_VALIDITY);
  if (validity != 0) storeBits(bits + <usize>(start >> 3), 0, validity, rows);
}

/** ANDs two bitmaps (0 = all ones) into a third, zero beyond the last row. */
function storeBits(to: usize, a: usize, b: usize, rows: u32): void {
  const words = wordsOf(rows);
  for (let index: u32 = 0; index < words; index++) {
    const word = wordAt(a, index) & wordAt(b, index) & rowsMask(rows, index);
    store<u64>(to + (<usize>index << 3), word);
  }
}

export function storeI64(program: usize, instruction: usize, start: u32, rows: u32): void {
  const column = outputColumn(program, instruction);
  const a = slotA(program, instruction);
  const validity = validityOf(a);
  const to = <usize>load<u32>(column, COLUMN_DATA) + (<usize>start << 3);
  storeValidity(column, validity, start, rows);
  memory.copy(to, dataOf(a), <usize>rows << 3);
  if (validity == 0) return;
  for (let row: u32 = 0; row < rows; row++) {
    if (!bitAt(validity, row)) store<i64>(to + (<usize>row << 3), 0);
  }
}

/**
 * The sign and payload of a computed NaN are the processor's choice: here there is one NaN.
 * Two rows a step; column buffers are padded.
 */
export function storeF64(program: usize, instruction: usize, start: u32, rows: u32): void {
  const column = outputColumn(program, instruction);
  const a = slotA(program, instruction);
  const validity = validityOf(a);
  const from = dataOf(a);
  const to = <usize>load<u32>(column, COLUMN_DATA) + (<usize>start << 3);
  storeValidity(column, validity, start, rows);
  const nan = i64x2.splat(0x7ff8000000000000);
  for (let row: u32 = 0; row < rows; row += 2) {
    const at = <usize>row << 3;
    const values = v128.load(from + at);
    v128.store(to + at, v128.bitselect(values, nan, f64x2.eq(values, values)));
  }
  if (validity == 0) return;
  for (let row: u32 = 0; row < rows; row++) {
    if (!bitAt(validity, row)) store<i64>(to + (<usize>row << 3), 0);
  }
}

export function storeText(program: usize, instruction: usize, start: u32, rows: u32): void {
  const column = outputColumn(program, instruction);
  const a = slotA(program, instruction);
  const validity = validityOf(a);
  const to = <usize>load<u32>(column, COLUMN_DATA) + (<usize>start << 4);
  storeValidity(column, validity, start, rows);
  memory.copy(to, dataOf(a), <usize>rows << 4);
  if (validity == 0) return;
  for (let row: u32 = 0; row < rows; row++) {
    if (!bitAt(validity, row)) memory.fill(to + (<usize>row << 4), 0, 16);
  }
}

export function storeBool(program: usize, instruction: usize, start: u32, rows: u32): void {
  const column = outputColumn(program, instruction);
  const a = slotA(program, instruction);
  const validity = validityOf(a);
  storeValidity(column, validity, start, rows);
  storeBits(<usize>load<u32>(column, COLUMN_DATA) + <usize>(start >> 3), dataOf(a), validity, rows);
}

/** Rows for which the condition is true; false and null stay out. */
export function selectRows(program: usize, instruction: usize, start: u32, rows: u32): void {
  const a = slotA(program, instruction);
  const bits = <usize>load<u32>(program, PROGRAM_SELECTION) + <usize>(start >> 3);
  storeBits(bits, dataOf(a), validityOf(a), rows);
  let selected = load<u32>(program, PROGRAM_SELECTED);
  const words = wordsOf(rows);
  for (let index: u32 = 0; index < words; index++) selected += <u32>popcnt<u64>(load<u64>(bits + (<usize>index << 3)));
  store<u32>(program, selected, PROGRAM_SELECTED);
}
