// Access to slots and bitmaps, used by all instructions.
//
//   bitmap of a pass: 8 words of 64 rows, least significant bit first; only the first (rows + 63) / 64 words count.

import {
  INSTRUCTION_A,
  INSTRUCTION_B,
  INSTRUCTION_BYTES,
  INSTRUCTION_MASK,
  INSTRUCTION_OUT,
  PROGRAM_FAILED_INSTRUCTION,
  PROGRAM_FAILED_ROW,
  PROGRAM_FAILED_STATUS,
  PROGRAM_INSTRUCTIONS,
  PROGRAM_SLOTS,
  SLOT_BYTES,
  SLOT_DATA,
  SLOT_VALIDITY,
  SLOT_VALIDITY_BUFFER,
} from "./layout";

/** Address of a slot that an instruction names at `offset`. */
@inline
export function slotOf(program: usize, instruction: usize, offset: usize): usize {
  return <usize>load<u32>(program, PROGRAM_SLOTS) + <usize>load<u32>(instruction + offset) * SLOT_BYTES;
}

@inline
export function dataOf(slot: usize): usize {
  return <usize>load<u32>(slot, SLOT_DATA);
}

@inline
export function validityOf(slot: usize): usize {
  return <usize>load<u32>(slot, SLOT_VALIDITY);
}

/** Word `index` of a bitmap that may be absent: absent is all ones. */
@inline
export function wordAt(bitmap: usize, index: u32): u64 {
  return bitmap == 0 ? <u64>-1 : load<u64>(bitmap + (<usize>index << 3));
}

@inline
export function bitAt(bitmap: usize, row: u32): bool {
  return ((load<u8>(bitmap + <usize>(row >> 3)) >> <u8>(row & 7)) & 1) != 0;
}

@inline
export function wordsOf(rows: u32): u32 {
  return (rows + 63) >> 6;
}

/** The bits of word `index` that belong to rows of the pass. */
@inline
export function rowsMask(rows: u32, index: u32): u64 {
  const left = rows - (index << 6);
  return left >= 64 ? <u64>-1 : (<u64>1 << <u64>left) - 1;
}

/** Gives the result the validity of its one argument. */
@inline
export function takeValidity(out: usize, a: usize, rows: u32): void {
  mergeValidity(out, a, a, rows);
}

/** The result is present where both arguments are. */
@inline
export function mergeValidity(out: usize, a: usize, b: usize, rows: u32): void {
  const left = validityOf(a);
  const right = validityOf(b);
  if ((left | right) == 0) {
    store<u32>(out, 0, SLOT_VALIDITY);
    return;
  }
  const bits = <usize>load<u32>(out, SLOT_VALIDITY_BUFFER);
  const words = wordsOf(rows);
  for (let index: u32 = 0; index < words; index++) {
    store<u64>(bits + (<usize>index << 3), wordAt(left, index) & wordAt(right, index));
  }
  store<u32>(out, <u32>bits, SLOT_VALIDITY);
}

/** Whether a failure in this row counts: the result is present there and the row is in the instruction's mask. */
@inline
export function isActive(program: usize, instruction: usize, row: u32): bool {
  const validity = validityOf(slotOf(program, instruction, INSTRUCTION_OUT));
  if (validity != 0 && !bitAt(validity, row)) return false;
  const mask = load<u32>(instruction, INSTRUCTION_MASK);
  if (mask == 0) return true;
  const slots = <usize>load<u32>(program, PROGRAM_SLOTS);
  return bitAt(dataOf(slots + <usize>(mask - 1) * SLOT_BYTES), row);
}

/** Notes a failure; the earliest row wins, within a row the earliest instruction. */
export function fail(program: usize, instruction: usize, row: u32, status: u32): void {
  if (row >= load<u32>(program, PROGRAM_FAILED_ROW)) return;
  const number = (<u32>instruction - load<u32>(program, PROGRAM_INSTRUCTIONS)) / INSTRUCTION_BYTES;
  store<u32>(program, status, PROGRAM_FAILED_STATUS);
  store<u32>(program, row, PROGRAM_FAILED_ROW);
  store<u32>(program, number, PROGRAM_FAILED_INSTRUCTION);
}

@inline
export function slotA(program: usize, instruction: usize): usize {
  return slotOf(program, instruction, INSTRUCTION_A);
}

@inline
export function slotB(program: usize, instruction: usize): usize {
  return slotOf(program, instruction, INSTRUCTION_B);
}

@inline
export function slotOut(program: usize, instruction: usize): usize {
  return slotOf(program, instruction, INSTRUCTION_OUT);
}
