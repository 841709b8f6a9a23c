// Adding one entry's accumulators to another's of the same layout (kernels/window/fold.ts), value by value.
//
// Order matters to sums of f64 in the last bit, and to when a sum of i64 leaves 64 bits: callers merge in an order that
// follows from the panes' starts alone.

import { CONTROL_DETAIL, CONTROL_STATUS, STATUS_OVERFLOW } from "../abi";
import {
  FOLD_FLOAT,
  FOLD_MAX,
  FOLD_MIN,
  FOLD_NULLABLE,
  FOLD_SUM,
  TABLE_FOLD_COUNT,
  TABLE_FOLDS,
  TABLE_KEY_BYTES,
} from "../table/layout";

@inline
export function rowsAtOf(table: usize): usize {
  return <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
}

/** For a few words: the instruction that copies memory is a call. `bytes` is a multiple of 8. */
@inline
export function copyWords(to: usize, from: usize, bytes: usize): void {
  for (const end = from + bytes; from < end; from += 8, to += 8) store<u64>(to, load<u64>(from));
}

@inline
function addCount(to: usize, from: usize): void {
  store<u64>(to, load<u64>(to) + load<u64>(from));
}

/** Two compensated sums; the order of the two matters to the last bit only. */
@inline
function addFloats(to: usize, from: usize): void {
  const old = load<f64>(to);
  const value = load<f64>(from);
  const sum = old + value;
  const added = sum - old;
  store<f64>(to, sum);
  store<f64>(to, load<f64>(to, 8) + load<f64>(from, 8) + (old - (sum - added) + (value - added)), 8);
}

function overflowed(): bool {
  store<u32>(CONTROL_STATUS, STATUS_OVERFLOW);
  store<u32>(CONTROL_DETAIL, 0);
  return false;
}

/**
 * Adds the rows and accumulators of `from` to those of `to`: addresses from which an entry's offsets count, of entries
 * or of copies without a key. False, with the status set, where a sum of i64 leaves 64 bits.
 */
export function mergeValues(table: usize, to: usize, from: usize): bool {
  const rowsAt = rowsAtOf(table);
  const folds = load<u32>(table, TABLE_FOLD_COUNT);
  addCount(to + rowsAt, from + rowsAt);
  for (let index: u32 = 0; index < folds; index++) {
    const fold = table + TABLE_FOLDS + ((<usize>index) << 4);
    const flags = load<u32>(fold, 4);
    let at = <usize>load<u32>(fold, 8);
    if (flags & FOLD_NULLABLE) {
      addCount(to + at, from + at);
      at += 8;
    }
    if (flags & FOLD_SUM) {
      if (flags & FOLD_FLOAT) {
        addFloats(to + at, from + at);
        at += 16;
      } else {
        const old = load<i64>(to + at);
        const value = load<i64>(from + at);
        const sum = old + value;
        if (((old ^ sum) & (value ^ sum)) < 0) return overflowed();
        store<i64>(to + at, sum);
        at += 8;
      }
    }
    if (flags & FOLD_MIN) {
      store<i64>(to + at, min<i64>(load<i64>(to + at), load<i64>(from + at)));
      at += 8;
    }
    if (flags & FOLD_MAX) store<i64>(to + at, max<i64>(load<i64>(to + at), load<i64>(from + at)));
  }
  return true;
}
