// SQL's three-valued logic over bitmaps, 64 rows a step, and the masks that keep branches not taken from failing.
//
//   true = bit and present, false = no bit and present, null = not present

import { INSTRUCTION_MASK, PROGRAM_SLOTS, SLOT_BYTES, SLOT_VALIDITY, SLOT_VALIDITY_BUFFER } from "./layout";
import { dataOf, slotA, slotB, slotOut, takeValidity, validityOf, wordAt, wordsOf } from "./slot";

/** `and`, or with all bits of `isOr` set `or`, which is `and` with true and false exchanged. */
export function conjunction(program: usize, instruction: usize, rows: u32, isOr: u64): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  const leftValidity = validityOf(left);
  const rightValidity = validityOf(right);
  const present = <usize>load<u32>(out, SLOT_VALIDITY_BUFFER);
  const words = wordsOf(rows);
  for (let index: u32 = 0; index < words; index++) {
    const at = <usize>index << 3;
    const a = load<u64>(dataOf(left) + at) ^ isOr;
    const b = load<u64>(dataOf(right) + at) ^ isOr;
    const aPresent = wordAt(leftValidity, index);
    const bPresent = wordAt(rightValidity, index);
    const both = a & aPresent & b & bPresent;
    const deciding = (~a & aPresent) | (~b & bPresent);
    store<u64>(dataOf(out) + at, both ^ isOr);
    store<u64>(present + at, both | deciding);
  }
  store<u32>(out, (leftValidity | rightValidity) == 0 ? 0 : <u32>present, SLOT_VALIDITY);
}

export function not(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const a = slotA(program, instruction);
  takeValidity(out, a, rows);
  const words = wordsOf(rows);
  for (let index: u32 = 0; index < words; index++) {
    const at = <usize>index << 3;
    store<u64>(dataOf(out) + at, ~load<u64>(dataOf(a) + at));
  }
}

/** `is_not_null`, or with all bits of `flip` set `is_null`. */
export function isPresent(program: usize, instruction: usize, rows: u32, flip: u64): void {
  const out = slotOut(program, instruction);
  const validity = validityOf(slotA(program, instruction));
  const words = wordsOf(rows);
  for (let index: u32 = 0; index < words; index++) {
    store<u64>(dataOf(out) + (<usize>index << 3), wordAt(validity, index) ^ flip);
  }
  store<u32>(out, 0, SLOT_VALIDITY);
}

const TRUE: i32 = 0;
const NOT_TRUE: i32 = 1;
const NOT_FALSE: i32 = 2;

@inline
function mask(kind: i32, program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const a = slotA(program, instruction);
  const outer = load<u32>(instruction, INSTRUCTION_MASK);
  const slots = <usize>load<u32>(program, PROGRAM_SLOTS);
  const outerBits: usize = outer == 0 ? 0 : dataOf(slots + <usize>(outer - 1) * SLOT_BYTES);
  const words = wordsOf(rows);
  for (let index: u32 = 0; index < words; index++) {
    const at = <usize>index << 3;
    const present = wordAt(validityOf(a), index);
    let rowsIn: u64;
    if (kind == TRUE) rowsIn = load<u64>(dataOf(a) + at) & present;
    else if (kind == NOT_TRUE) rowsIn = ~(load<u64>(dataOf(a) + at) & present);
    else if (kind == NOT_FALSE) rowsIn = load<u64>(dataOf(a) + at) | ~present;
    else rowsIn = ~present;
    store<u64>(dataOf(out) + at, rowsIn & wordAt(outerBits, index));
  }
  store<u32>(out, 0, SLOT_VALIDITY);
}

export function maskTrue(program: usize, instruction: usize, rows: u32): void {
  mask(TRUE, program, instruction, rows);
}
export function maskNotTrue(program: usize, instruction: usize, rows: u32): void {
  mask(NOT_TRUE, program, instruction, rows);
}
export function maskNotFalse(program: usize, instruction: usize, rows: u32): void {
  mask(NOT_FALSE, program, instruction, rows);
}
export function maskNull(program: usize, instruction: usize, rows: u32): void {
  mask(3, program, instruction, rows);
}
