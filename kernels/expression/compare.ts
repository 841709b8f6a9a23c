// Comparisons: two value vectors to one bitmap, eight rows a byte.
// f64 compares as IEEE 754 does: NaN equals nothing. Text compares by its UTF-8 bytes.

import { VIEW_INLINE_MAX } from "../abi";
import { dataOf, mergeValidity, slotA, slotB, slotOut, wordsOf } from "./slot";

const EQ: i32 = 0;
const NE: i32 = 1;
const LT: i32 = 2;

@inline
function lanes<T>(kind: i32, a: v128, b: v128): v128 {
  if (kind == EQ) return v128.eq<T>(a, b);
  if (kind == NE) return v128.ne<T>(a, b);
  if (kind == LT) return v128.lt<T>(a, b);
  return v128.le<T>(a, b);
}

@inline
function holds<T>(kind: i32, a: T, b: T): bool {
  if (kind == EQ) return a == b;
  if (kind == NE) return a != b;
  if (kind == LT) return a < b;
  return a <= b;
}

/** Two bits of rows `at` and `at + 1` (16 bytes). */
@inline
function pair<T>(kind: i32, a: usize, b: usize, at: usize): u32 {
  return <u32>i64x2.bitmask(lanes<T>(kind, v128.load(a + at), v128.load(b + at)));
}

/** @param kind a constant, so that each use becomes a loop of its own */
@inline
function compare<T>(kind: i32, program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  mergeValidity(out, left, right, rows);
  const a = dataOf(left);
  const b = dataOf(right);
  const bits = dataOf(out);
  const whole = rows & ~7;
  for (let row: u32 = 0; row < whole; row += 8) {
    const at = <usize>row << 3;
    const low = pair<T>(kind, a, b, at) | (pair<T>(kind, a, b, at + 16) << 2);
    const high = pair<T>(kind, a, b, at + 32) | (pair<T>(kind, a, b, at + 48) << 2);
    store<u8>(bits + <usize>(row >> 3), <u8>(low | (high << 4)));
  }
  if (whole == rows) return;
  let last: u32 = 0;
  for (let row = whole; row < rows; row++) {
    const at = <usize>row << 3;
    last |= <u32>holds<T>(kind, load<T>(a + at), load<T>(b + at)) << (row & 7);
  }
  store<u8>(bits + <usize>(whole >> 3), <u8>last);
}

export function eqI64(program: usize, instruction: usize, rows: u32): void {
  compare<i64>(EQ, program, instruction, rows);
}
export function neI64(program: usize, instruction: usize, rows: u32): void {
  compare<i64>(NE, program, instruction, rows);
}
export function ltI64(program: usize, instruction: usize, rows: u32): void {
  compare<i64>(LT, program, instruction, rows);
}
export function leI64(program: usize, instruction: usize, rows: u32): void {
  compare<i64>(3, program, instruction, rows);
}
export function eqF64(program: usize, instruction: usize, rows: u32): void {
  compare<f64>(EQ, program, instruction, rows);
}
export function neF64(program: usize, instruction: usize, rows: u32): void {
  compare<f64>(NE, program, instruction, rows);
}
export function ltF64(program: usize, instruction: usize, rows: u32): void {
  compare<f64>(LT, program, instruction, rows);
}
export function leF64(program: usize, instruction: usize, rows: u32): void {
  compare<f64>(3, program, instruction, rows);
}

/** Address of the bytes of a text view. */
@inline
export function textOf(view: usize, length: u32): usize {
  return length <= <u32>VIEW_INLINE_MAX ? view + 4 : <usize>load<u32>(view, 12);
}

/** Length and first four bytes decide most cases without leaving the views. */
@inline
function equalTexts(a: usize, b: usize): bool {
  if (load<u64>(a) != load<u64>(b)) return false;
  const length = load<u32>(a);
  if (length <= <u32>VIEW_INLINE_MAX) return load<u64>(a, 8) == load<u64>(b, 8);
  return compareBytes(<usize>load<u32>(a, 12), <usize>load<u32>(b, 12), 4, length) == 0;
}

/** Negative, zero or positive; bytes `[from, to)` are unsigned. */
function compareBytes(a: usize, b: usize, from: u32, to: u32): i32 {
  let at = from;
  for (; at + 8 <= to; at += 8) {
    const left = load<u64>(a + at);
    const right = load<u64>(b + at);
    if (left != right) return bswap<u64>(left) < bswap<u64>(right) ? -1 : 1;
  }
  for (; at < to; at++) {
    const difference = <i32>load<u8>(a + at) - <i32>load<u8>(b + at);
    if (difference != 0) return difference;
  }
  return 0;
}

/** Views are zero padded, so the first four bytes compare as one number whatever the length. */
function compareTexts(a: usize, b: usize): i32 {
  const left = bswap<u32>(load<u32>(a, 4));
  const right = bswap<u32>(load<u32>(b, 4));
  if (left != right) return left < right ? -1 : 1;
  const leftLength = load<u32>(a);
  const rightLength = load<u32>(b);
  const common = min<u32>(leftLength, rightLength);
  if (common > 4) {
    const difference = compareBytes(textOf(a, leftLength), textOf(b, rightLength), 4, common);
    if (difference != 0) return difference;
  }
  return leftLength == rightLength ? 0 : leftLength < rightLength ? -1 : 1;
}

@inline
function textHolds(kind: i32, a: usize, b: usize): bool {
  if (kind == EQ) return equalTexts(a, b);
  if (kind == NE) return !equalTexts(a, b);
  if (kind == LT) return compareTexts(a, b) < 0;
  return compareTexts(a, b) <= 0;
}

@inline
function compareText(kind: i32, program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  mergeValidity(out, left, right, rows);
  const a = dataOf(left);
  const b = dataOf(right);
  const bits = dataOf(out);
  for (let first: u32 = 0; first < rows; first += 8) {
    const end = min<u32>(first + 8, rows);
    let byte: u32 = 0;
    for (let row = first; row < end; row++) {
      const at = <usize>row << 4;
      byte |= <u32>textHolds(kind, a + at, b + at) << (row & 7);
    }
    store<u8>(bits + <usize>(first >> 3), <u8>byte);
  }
}

export function eqText(program: usize, instruction: usize, rows: u32): void {
  compareText(EQ, program, instruction, rows);
}
export function neText(program: usize, instruction: usize, rows: u32): void {
  compareText(NE, program, instruction, rows);
}
export function ltText(program: usize, instruction: usize, rows: u32): void {
  compareText(LT, program, instruction, rows);
}
export function leText(program: usize, instruction: usize, rows: u32): void {
  compareText(3, program, instruction, rows);
}

/** Equality (`flip` all ones) or inequality (`flip` zero) of two bitmaps. */
export function compareBools(program: usize, instruction: usize, rows: u32, flip: u64): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  mergeValidity(out, left, right, rows);
  const words = wordsOf(rows);
  for (let index: u32 = 0; index < words; index++) {
    const at = <usize>index << 3;
    store<u64>(dataOf(out) + at, load<u64>(dataOf(left) + at) ^ load<u64>(dataOf(right) + at) ^ flip);
  }
}
