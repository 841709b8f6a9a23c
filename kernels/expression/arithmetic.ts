// Arithmetic and conversions. i64 is checked: a row that fails and counts (see `isActive`) is noted, and the run goes
// on, so that the earliest failing row is found whatever the order of instructions. f64 is IEEE 754.

import { STATUS_DIVISION_BY_ZERO, STATUS_OVERFLOW } from "../abi";
import { textOf } from "./compare";
import { bitAt, dataOf, fail, isActive, mergeValidity, slotA, slotB, slotOut, takeValidity } from "./slot";

const ADD: i32 = 0;
const SUB: i32 = 1;
const MUL: i32 = 2;
const DIV: i32 = 3;

/** Sign bit set where `result` left the range. */
@inline
function overflowBits(kind: i32, a: i64, b: i64, result: i64): i64 {
  return kind == ADD ? (a ^ result) & (b ^ result) : (a ^ b) & (a ^ result);
}

@inline
function overflowLanes(kind: i32, a: v128, b: v128, result: v128): v128 {
  if (kind == ADD) return v128.and(v128.xor(a, result), v128.xor(b, result));
  return v128.and(v128.xor(a, b), v128.xor(a, result));
}

/**
 * Two rows a step; after an odd last row comes garbage, which column buffers are padded for. Overflow shows in the
 * sign bits, gathered over the pass; only if it shows are the rows looked at one by one.
 */
@inline
function addOrSubtract(kind: i32, program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  mergeValidity(out, left, right, rows);
  const a = dataOf(left);
  const b = dataOf(right);
  const results = dataOf(out);
  let seen = i64x2.splat(0);
  for (let row: u32 = 0; row < rows; row += 2) {
    const at = <usize>row << 3;
    const x = v128.load(a + at);
    const y = v128.load(b + at);
    const result = kind == ADD ? i64x2.add(x, y) : i64x2.sub(x, y);
    seen = v128.or(seen, overflowLanes(kind, x, y, result));
    v128.store(results + at, result);
  }
  if (i64x2.bitmask(seen) == 0) return;
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 3;
    const bits = overflowBits(kind, load<i64>(a + at), load<i64>(b + at), load<i64>(results + at));
    if (bits < 0 && isActive(program, instruction, row)) {
      fail(program, instruction, row, STATUS_OVERFLOW);
      return;
    }
  }
}

export function addI64(program: usize, instruction: usize, rows: u32): void {
  addOrSubtract(ADD, program, instruction, rows);
}
export function subI64(program: usize, instruction: usize, rows: u32): void {
  addOrSubtract(SUB, program, instruction, rows);
}

@inline
function fits32(value: i64): bool {
  return <u64>(value + 0x80000000) >> 32 == 0;
}

@inline
function productOverflows(a: i64, b: i64, product: i64): bool {
  if (fits32(a) && fits32(b)) return false;
  if (a == 0 || b == 0) return false;
  if ((a == -1 && b == i64.MIN_VALUE) || (b == -1 && a == i64.MIN_VALUE)) return true;
  return product / b != a;
}

export function mulI64(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  mergeValidity(out, left, right, rows);
  const lefts = dataOf(left);
  const rights = dataOf(right);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 3;
    const a = load<i64>(lefts + at);
    const b = load<i64>(rights + at);
    const product = a * b;
    store<i64>(results + at, product);
    if (!productOverflows(a, b, product)) continue;
    if (isActive(program, instruction, row)) fail(program, instruction, row, STATUS_OVERFLOW);
  }
}

/** Truncating division, or its remainder, which has the sign of the dividend. */
@inline
function divideI64(isDivision: bool, program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  mergeValidity(out, left, right, rows);
  const lefts = dataOf(left);
  const rights = dataOf(right);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 3;
    const a = load<i64>(lefts + at);
    const b = load<i64>(rights + at);
    let result: i64 = 0;
    if (b == 0) {
      if (isActive(program, instruction, row)) fail(program, instruction, row, STATUS_DIVISION_BY_ZERO);
    } else if (b == -1) {
      // The least i64 has no positive counterpart; WASM would trap.
      if (isDivision) {
        result = 0 - a;
        if (a == i64.MIN_VALUE && isActive(program, instruction, row)) fail(program, instruction, row, STATUS_OVERFLOW);
      }
    } else {
      result = isDivision ? a / b : a % b;
    }
    store<i64>(results + at, result);
  }
}

export function divI64(program: usize, instruction: usize, rows: u32): void {
  divideI64(true, program, instruction, rows);
}
export function modI64(program: usize, instruction: usize, rows: u32): void {
  divideI64(false, program, instruction, rows);
}

export function negI64(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const a = slotA(program, instruction);
  takeValidity(out, a, rows);
  const data = dataOf(a);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 3;
    const value = load<i64>(data + at);
    store<i64>(results + at, 0 - value);
    if (value == i64.MIN_VALUE && isActive(program, instruction, row)) fail(program, instruction, row, STATUS_OVERFLOW);
  }
}

/** Two rows a step, as above. */
@inline
function computeF64(kind: i32, program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  mergeValidity(out, left, right, rows);
  const a = dataOf(left);
  const b = dataOf(right);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row += 2) {
    const at = <usize>row << 3;
    const x = v128.load(a + at);
    const y = v128.load(b + at);
    let result: v128;
    if (kind == ADD) result = f64x2.add(x, y);
    else if (kind == SUB) result = f64x2.sub(x, y);
    else if (kind == MUL) result = f64x2.mul(x, y);
    else result = f64x2.div(x, y);
    v128.store(results + at, result);
  }
}

export function addF64(program: usize, instruction: usize, rows: u32): void {
  computeF64(ADD, program, instruction, rows);
}
export function subF64(program: usize, instruction: usize, rows: u32): void {
  computeF64(SUB, program, instruction, rows);
}
export function mulF64(program: usize, instruction: usize, rows: u32): void {
  computeF64(MUL, program, instruction, rows);
}
export function divF64(program: usize, instruction: usize, rows: u32): void {
  computeF64(DIV, program, instruction, rows);
}
/** The remainder of truncating division, exact for all values. */
export function modF64(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const left = slotA(program, instruction);
  const right = slotB(program, instruction);
  mergeValidity(out, left, right, rows);
  const a = dataOf(left);
  const b = dataOf(right);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 3;
    store<f64>(results + at, load<f64>(a + at) % load<f64>(b + at));
  }
}

export function negF64(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const a = slotA(program, instruction);
  takeValidity(out, a, rows);
  const data = dataOf(a);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 3;
    store<f64>(results + at, -load<f64>(data + at));
  }
}

export function i64ToF64(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const a = slotA(program, instruction);
  takeValidity(out, a, rows);
  const data = dataOf(a);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 3;
    store<f64>(results + at, <f64>load<i64>(data + at));
  }
}

/** Towards zero; NaN and what lies beyond the range fail. */
export function f64ToI64(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const a = slotA(program, instruction);
  takeValidity(out, a, rows);
  const data = dataOf(a);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 3;
    const value = load<f64>(data + at);
    let result: i64 = 0;
    if (value >= -9223372036854775808.0 && value < 9223372036854775808.0) result = <i64>value;
    else if (isActive(program, instruction, row)) fail(program, instruction, row, STATUS_OVERFLOW);
    store<i64>(results + at, result);
  }
}

export function boolToI64(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const a = slotA(program, instruction);
  takeValidity(out, a, rows);
  const data = dataOf(a);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) store<i64>(results + (<usize>row << 3), <i64>bitAt(data, row));
}

export function boolToF64(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const a = slotA(program, instruction);
  takeValidity(out, a, rows);
  const data = dataOf(a);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) store<f64>(results + (<usize>row << 3), bitAt(data, row) ? 1.0 : 0.0);
}

/** Unicode code points: every byte but those that continue a sequence. */
export function length(program: usize, instruction: usize, rows: u32): void {
  const out = slotOut(program, instruction);
  const a = slotA(program, instruction);
  takeValidity(out, a, rows);
  const data = dataOf(a);
  const results = dataOf(out);
  for (let row: u32 = 0; row < rows; row++) {
    const view = data + (<usize>row << 4);
    const bytes = load<u32>(view);
    const text = textOf(view, bytes);
    let points: i64 = 0;
    for (let at: u32 = 0; at < bytes; at++) points += <i64>((load<u8>(text + at) & 0xc0) != 0x80);
    store<i64>(results + (<usize>row << 3), points);
  }
}
