// Folding rows that may have weights other than +1: one row at a time, because a retraction can bring a column's
// count back to 0 in the middle of a batch, and its sum then begins anew without old rounding errors.

import {
  BATCH_WEIGHTS,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_OVERFLOW,
} from "../abi";
import { bitAt, columnAt } from "../table/keys";
import { FOLD_FLOAT, FOLD_SUM, PASS_ENTRIES, TABLE_FOLD_COUNT, TABLE_FOLDS, TABLE_KEY_BYTES } from "../table/layout";

/** Adds the value `times` times, or takes it back; false where the sum would leave 64 bits. */
@inline
function addInteger(at: usize, value: i64, times: i32): bool {
  let sum = load<i64>(at);
  for (; times > 0; times--) {
    const next = sum + value;
    if (((sum ^ next) & (value ^ next)) < 0) return false;
    sum = next;
  }
  for (; times < 0; times++) {
    const next = sum - value;
    if (((sum ^ value) & (sum ^ next)) < 0) return false;
    sum = next;
  }
  store<i64>(at, sum);
  return true;
}

@inline
function addFloat(at: usize, value: f64, times: i32): void {
  if (value - value != 0) {
    const count = value != value ? at + 16 : value > 0 ? at + 24 : at + 32;
    store<i64>(count, load<i64>(count) + <i64>times);
    return;
  }
  const term = times < 0 ? -value : value;
  for (let left = times < 0 ? -times : times; left > 0; left--) {
    const old = load<f64>(at);
    const sum = old + term;
    const added = sum - old;
    store<f64>(at, sum);
    store<f64>(at, load<f64>(at, 8) + (old - (sum - added) + (term - added)), 8);
  }
}

/** Row of the pass at which the sum overflowed, or `count`. */
function foldColumn(flags: u32, at: usize, data: usize, validity: usize, weights: usize, first: u32, count: u32): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const row = first + i;
    if (validity != 0 && !bitAt(validity, row)) continue;
    const times: i32 = weights == 0 ? 1 : <i32>load<i8>(weights + <usize>row);
    const to = <usize>load<u32>(PASS_ENTRIES + ((<usize>i) << 2)) + at;
    const present = load<i64>(to) + <i64>times;
    store<i64>(to, present);
    if ((flags & FOLD_SUM) == 0) continue;
    if (flags & FOLD_FLOAT) addFloat(to + 8, load<f64>(data + ((<usize>row) << 3)), times);
    else if (!addInteger(to + 8, load<i64>(data + ((<usize>row) << 3)), times)) return i;
    if (present != 0) continue;
    store<u64>(to, 0, 8);
    if (flags & FOLD_FLOAT) store<u64>(to, 0, 16);
  }
  return count;
}

/** Folds every column for the rows whose entries stand in PASS_ENTRIES; false where a sum overflowed. */
export function foldWeighted(table: usize, batch: usize, first: u32, count: u32): bool {
  const weights = <usize>load<u32>(batch + BATCH_WEIGHTS);
  const rowsAt = <usize>load<u32>(table, TABLE_KEY_BYTES) + 8;
  for (let i: u32 = 0; i < count; i++) {
    const rows = <usize>load<u32>(PASS_ENTRIES + ((<usize>i) << 2)) + rowsAt;
    const times: i64 = weights == 0 ? 1 : <i64>load<i8>(weights + <usize>(first + i));
    store<i64>(rows, load<i64>(rows) + times);
  }
  const folds = load<u32>(table, TABLE_FOLD_COUNT);
  for (let index: u32 = 0; index < folds; index++) {
    const fold = table + TABLE_FOLDS + ((<usize>index) << 4);
    const column = columnAt(batch, load<u32>(fold));
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const validity = <usize>load<u32>(column, COLUMN_VALIDITY);
    const done = foldColumn(load<u32>(fold, 4), <usize>load<u32>(fold, 8), data, validity, weights, first, count);
    if (done == count) continue;
    store<u32>(CONTROL_STATUS, STATUS_OVERFLOW);
    store<u32>(CONTROL_DETAIL, first + done);
    return false;
  }
  return true;
}
