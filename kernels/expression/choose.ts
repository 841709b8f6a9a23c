// `if` and `coalesce`: rows of one vector or of another, decided by a bitmap.

import { INSTRUCTION_C, SLOT_VALIDITY, SLOT_VALIDITY_BUFFER } from "./layout";
import { dataOf, slotA, slotB, slotOf, slotOut, validityOf, wordAt, wordsOf } from "./slot";

/** Rows that take A: for `if` those whose condition is true, for `coalesce` those in which A is present. */
@inline
function takesA(isIf: bool, program: usize, instruction: usize, index: u32): u64 {
  if (!isIf) return wordAt(validityOf(slotA(program, instruction)), index);
  const condition = slotOf(program, instruction, INSTRUCTION_C);
  return load<u64>(dataOf(condition) + (<usize>index << 3)) & wordAt(validityOf(condition), index);
}

/** @param rowBytesLog 3 or 4; 0 for bitmaps */
@inline
function choose(isIf: bool, rowBytesLog: u32, program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  const a = dataOf(left);
  const b = dataOf(right);
  const results = dataOf(out);
  const aValidity = validityOf(left);
  const bValidity = validityOf(right);
  const present = <usize>load<u32>(out, SLOT_VALIDITY_BUFFER);
  const words = wordsOf(rows);
  for (let index: u32 = 0; index < words; index++) {
    const choice = takesA(isIf, program, instruction, index);
    const at = <usize>index << 3;
    store<u64>(present + at, (choice & wordAt(aValidity, index)) | (~choice & wordAt(bValidity, index)));
    if (rowBytesLog == 0) {
      store<u64>(results + at, (choice & load<u64>(a + at)) | (~choice & load<u64>(b + at)));
      continue;
    }
    const end = min<u32>((index + 1) << 6, rows);
    let bits = choice;
    for (let row = index << 6; row < end; row++) {
      const offset = <usize>row << rowBytesLog;
      const from = select<usize>(a, b, (bits & 1) != 0) + offset;
      if (rowBytesLog == 3) store<u64>(results + offset, load<u64>(from));
      else v128.store(results + offset, v128.load(from));
      bits >>= 1;
    }
  }
  const never = isIf ? (aValidity | bValidity) == 0 : aValidity == 0 || bValidity == 0;
  store<u32>(out, never ? 0 : <u32>present, SLOT_VALIDITY);
}

export function if8(program: usize, instruction: usize, rows: u32): void {
  choose(true, 3, program, instruction, rows);
}
export function if16(program: usize, instruction: usize, rows: u32): void {
  choose(true, 4, program, instruction, rows);
}
export function ifBool(program: usize, instruction: usize, rows: u32): void {
  choose(true, 0, program, instruction, rows);
}
export function coalesce8(program: usize, instruction: usize, rows: u32): void {
  choose(false, 3, program, instruction, rows);
}
export function coalesce16(program: usize, instruction: usize, rows: u32): void {
  choose(false, 4, program, instruction, rows);
}
export function coalesceBool(program: usize, instruction: usize, rows: u32): void {
  choose(false, 0, program, instruction, rows);
}
