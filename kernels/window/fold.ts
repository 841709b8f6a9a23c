// Folding the values of one pass into the accumulators of the rows' entries, one column at a time.
//
//   fold      | count of present values u64, nullable columns only | sum i64, or f64 pair | min | max |  as its flags say
//   sum of f64   two doubles: the running sum and the sum of its rounding errors (two-sum), added when read;
//                once the sum is not finite the second is ignored
//   min/max of f64   an i64 of the same order: -inf < … < -0 < 0 < … < inf < NaN, all NaN alike
//
// An i64 sum that would leave 64 bits stops the fold: the table is then unusable, because columns before it are done.

import {
  COLUMN_DATA,
  COLUMN_VALIDITY,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_OVERFLOW,
} from "../abi";
import { bitAt, columnAt, rowAt } from "../table/keys";
import {
  FOLD_FLOAT,
  FOLD_MAX,
  FOLD_MIN,
  FOLD_NULLABLE,
  FOLD_SUM,
  PASS_ENTRIES,
  PASS_PRESENT_ENTRIES,
  PASS_PRESENT_ROWS,
  PASS_VALUES,
  TABLE_FOLD_COUNT,
  TABLE_FOLDS,
  TABLE_KEY_BYTES,
} from "../table/layout";

/** Orders doubles as integers. */
@inline
export function orderedOf(value: f64): i64 {
  const bits: i64 = value == value ? reinterpret<i64>(value) : 0x7ff8000000000000;
  return bits ^ ((bits >> 63) & 0x7fffffffffffffff);
}

@inline
export function floatOf(ordered: i64): f64 {
  return reinterpret<f64>(ordered ^ ((ordered >> 63) & 0x7fffffffffffffff));
}

/** The value of a compensated sum. */
@inline
export function sumOf(at: usize): f64 {
  const sum = load<f64>(at);
  const errors = load<f64>(at, 8);
  return errors == errors ? sum + errors : sum;
}

@inline
function increment(at: usize): void {
  store<u64>(at, load<u64>(at) + 1);
}

function countRows(entries: usize, count: u32, counterAt: usize): void {
  for (let i: u32 = 0; i < count; i++) increment(<usize>load<u32>(entries + ((<usize>i) << 2)) + counterAt);
}

/** Row at which the sum overflowed, or `count`. `flags` and `counted` are constants at every call. */
@inline
function foldIntegers(
  flags: u32, counted: bool, entries: usize, values: usize, count: u32, at: usize, counterAt: usize,
): u32 {
  const minAt: usize = flags & FOLD_SUM ? 8 : 0;
  const maxAt: usize = flags & FOLD_MIN ? minAt + 8 : minAt;
  for (let i: u32 = 0; i < count; i++) {
    const entry = <usize>load<u32>(entries + ((<usize>i) << 2));
    const value = load<i64>(values + ((<usize>i) << 3));
    const to = entry + at;
    if (flags & FOLD_SUM) {
      const old = load<i64>(to);
      const sum = old + value;
      if (((old ^ sum) & (value ^ sum)) < 0) return i;
      store<i64>(to, sum);
    }
    if (counted) increment(entry + counterAt);
    if (flags & FOLD_MIN) store<i64>(to + minAt, min<i64>(load<i64>(to + minAt), value));
    if (flags & FOLD_MAX) store<i64>(to + maxAt, max<i64>(load<i64>(to + maxAt), value));
  }
  return count;
}

@inline
function foldFloats(flags: u32, entries: usize, values: usize, count: u32, at: usize): void {
  const minAt: usize = flags & FOLD_SUM ? 16 : 0;
  const maxAt: usize = flags & FOLD_MIN ? minAt + 8 : minAt;
  for (let i: u32 = 0; i < count; i++) {
    const to = <usize>load<u32>(entries + ((<usize>i) << 2)) + at;
    const value = load<f64>(values + ((<usize>i) << 3));
    if (flags & FOLD_SUM) {
      const old = load<f64>(to);
      const sum = old + value;
      const added = sum - old;
      store<f64>(to, sum);
      store<f64>(to, load<f64>(to, 8) + (old - (sum - added) + (value - added)), 8);
    }
    if (flags & (FOLD_MIN | FOLD_MAX)) {
      const ordered = orderedOf(value);
      if (flags & FOLD_MIN) store<i64>(to + minAt, min<i64>(load<i64>(to + minAt), ordered));
      if (flags & FOLD_MAX) store<i64>(to + maxAt, max<i64>(load<i64>(to + maxAt), ordered));
    }
  }
}

function foldCounted(flags: u32, entries: usize, values: usize, count: u32, at: usize, counterAt: usize): u32 {
  switch (flags) {
    case 1: return foldIntegers(1, true, entries, values, count, at, counterAt);
    case 2: return foldIntegers(2, true, entries, values, count, at, counterAt);
    case 3: return foldIntegers(3, true, entries, values, count, at, counterAt);
    case 4: return foldIntegers(4, true, entries, values, count, at, counterAt);
    case 5: return foldIntegers(5, true, entries, values, count, at, counterAt);
    case 6: return foldIntegers(6, true, entries, values, count, at, counterAt);
    case 7: return foldIntegers(7, true, entries, values, count, at, counterAt);
  }
  countRows(entries, count, counterAt);
  return count;
}

function foldUncounted(flags: u32, entries: usize, values: usize, count: u32, at: usize): u32 {
  switch (flags) {
    case 1: return foldIntegers(1, false, entries, values, count, at, 0);
    case 2: return foldIntegers(2, false, entries, values, count, at, 0);
    case 3: return foldIntegers(3, false, entries, values, count, at, 0);
    case 4: return foldIntegers(4, false, entries, values, count, at, 0);
    case 5: return foldIntegers(5, false, entries, values, count, at, 0);
    case 6: return foldIntegers(6, false, entries, values, count, at, 0);
    case 7: return foldIntegers(7, false, entries, values, count, at, 0);
  }
  return count;
}

function foldFloatColumn(flags: u32, entries: usize, values: usize, count: u32, at: usize): void {
  switch (flags & 7) {
    case 1: return foldFloats(1, entries, values, count, at);
    case 2: return foldFloats(2, entries, values, count, at);
    case 3: return foldFloats(3, entries, values, count, at);
    case 4: return foldFloats(4, entries, values, count, at);
    case 5: return foldFloats(5, entries, values, count, at);
    case 6: return foldFloats(6, entries, values, count, at);
    case 7: return foldFloats(7, entries, values, count, at);
  }
}

/** Values and entries of the rows that are present, packed; returns how many. */
function packPresent(data: usize, validity: usize, rowNumbers: usize, first: u32, count: u32, hasValues: bool): u32 {
  let present: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(rowNumbers, first, i);
    store<u32>(PASS_PRESENT_ENTRIES + ((<usize>present) << 2), load<u32>(PASS_ENTRIES + ((<usize>i) << 2)));
    store<u32>(PASS_PRESENT_ROWS + ((<usize>present) << 2), row);
    if (hasValues) store<u64>(PASS_VALUES + ((<usize>present) << 3), load<u64>(data + ((<usize>row) << 3)));
    present += validity == 0 ? 1 : <u32>bitAt(validity, row);
  }
  return present;
}

function packValues(data: usize, rowNumbers: usize, count: u32): usize {
  for (let i: u32 = 0; i < count; i++) {
    const row = load<u32>(rowNumbers + ((<usize>i) << 2));
    store<u64>(PASS_VALUES + ((<usize>i) << 3), load<u64>(data + ((<usize>row) << 3)));
  }
  return PASS_VALUES;
}

@inline
function overflowed(row: u32): bool {
  store<u32>(CONTROL_STATUS, STATUS_OVERFLOW);
  store<u32>(CONTROL_DETAIL, row);
  return false;
}

function foldNullable(fold: usize, column: usize, rowNumbers: usize, first: u32, count: u32): bool {
  const flags = load<u32>(fold, 4);
  const counterAt = <usize>load<u32>(fold, 8);
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const what = flags & (FOLD_SUM | FOLD_MIN | FOLD_MAX);
  const present = packPresent(data, <usize>load<u32>(column, COLUMN_VALIDITY), rowNumbers, first, count, what != 0);
  if (flags & FOLD_FLOAT) {
    countRows(PASS_PRESENT_ENTRIES, present, counterAt);
    foldFloatColumn(what, PASS_PRESENT_ENTRIES, PASS_VALUES, present, counterAt + 8);
    return true;
  }
  const done = foldCounted(what, PASS_PRESENT_ENTRIES, PASS_VALUES, present, counterAt + 8, counterAt);
  return done == present || overflowed(load<u32>(PASS_PRESENT_ROWS + ((<usize>done) << 2)));
}

/** Folds every column for the rows whose entries stand in PASS_ENTRIES; false where a sum overflowed. */
export function foldRows(table: usize, batch: usize, rowNumbers: usize, first: u32, count: u32): bool {
  const folds = load<u32>(table, TABLE_FOLD_COUNT);
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  let counted = false;
  for (let index: u32 = 0; index < folds; index++) {
    const fold = table + TABLE_FOLDS + ((<usize>index) << 4);
    const flags = load<u32>(fold, 4);
    const at = <usize>load<u32>(fold, 8);
    const column = columnAt(batch, load<u32>(fold));
    if (flags & FOLD_NULLABLE) {
      if (!foldNullable(fold, column, rowNumbers, first, count)) return false;
      continue;
    }
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const values = rowNumbers == 0 ? data + ((<usize>first) << 3) : packValues(data, rowNumbers, count);
    let done = count;
    if (flags & FOLD_FLOAT) foldFloatColumn(flags, PASS_ENTRIES, values, count, at);
    else if (counted) done = foldUncounted(flags, PASS_ENTRIES, values, count, at);
    else {
      // The rows are counted along with the first column of integers.
      done = foldCounted(flags, PASS_ENTRIES, values, count, at, rowsAt);
      counted = true;
    }
    if (done < count) return overflowed(rowAt(rowNumbers, first, done));
  }
  if (!counted) countRows(PASS_ENTRIES, count, rowsAt);
  return true;
}
