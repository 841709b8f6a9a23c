// Integers of a column in fewer bytes: what is more than the least of them, in 1, 2 or 4 bytes a row, or in none where all
// are equal. For state on its way into a checkpoint, where most columns have far fewer values than 64 bits can tell apart.
//
//   before   | i64 of row 0 | of row 1 | …
//   after    | u8, u16 or u32 of row 0 | of row 1 | …         in place; the bytes behind them mean nothing any more
//   scratch  | i64 least |
//
// Packing in place is safe because a row's new bytes never lie behind its old ones.

import { SCRATCH } from "../abi";

const LEAST: usize = <usize>SCRATCH;

@inline
function more(at: usize, leasts: v128): v128 {
  return i64x2.sub(v128.load(at), leasts);
}

/** The low halves of eight rows' differences, four a vector. */
@inline
function firstWords(at: usize, leasts: v128): v128 {
  return v128.shuffle<i32>(more(at, leasts), more(at + 16, leasts), 0, 2, 4, 6);
}

function packWords(data: usize, rows: u32, least: i64): void {
  const leasts = i64x2.splat(least);
  let row: u32 = 0;
  let to = data;
  for (; row + 4 <= rows; row += 4, to += 16) v128.store(to, firstWords(data + ((<usize>row) << 3), leasts));
  for (; row < rows; row++, to += 4) store<u32>(to, <u32>(load<i64>(data + ((<usize>row) << 3)) - least));
}

function packHalves(data: usize, rows: u32, least: i64): void {
  const leasts = i64x2.splat(least);
  let row: u32 = 0;
  let to = data;
  for (; row + 8 <= rows; row += 8, to += 16) {
    const at = data + ((<usize>row) << 3);
    v128.store(to, i16x8.narrow_i32x4_u(firstWords(at, leasts), firstWords(at + 32, leasts)));
  }
  for (; row < rows; row++, to += 2) store<u16>(to, <u16>(load<i64>(data + ((<usize>row) << 3)) - least));
}

function packBytes(data: usize, rows: u32, least: i64): void {
  const leasts = i64x2.splat(least);
  let row: u32 = 0;
  let to = data;
  for (; row + 16 <= rows; row += 16, to += 16) {
    const at = data + ((<usize>row) << 3);
    const low = i16x8.narrow_i32x4_u(firstWords(at, leasts), firstWords(at + 32, leasts));
    const high = i16x8.narrow_i32x4_u(firstWords(at + 64, leasts), firstWords(at + 96, leasts));
    v128.store(to, i8x16.narrow_i16x8_u(low, high));
  }
  for (; row < rows; row++, to++) store<u8>(to, <u8>(load<i64>(data + ((<usize>row) << 3)) - least));
}

/** Packs one row or more; answers the bytes a row: 0, 1, 2 or 4, or 8 where the column is left as it is. */
export function mr_column_pack(data: u32, rows: u32): u32 {
  const from = <usize>data;
  let leasts = v128.load64_splat(from);
  let mosts = leasts;
  let row: u32 = 0;
  for (; row + 2 <= rows; row += 2) {
    const values = v128.load(from + ((<usize>row) << 3));
    leasts = v128.bitselect(values, leasts, i64x2.gt_s(leasts, values));
    mosts = v128.bitselect(values, mosts, i64x2.gt_s(values, mosts));
  }
  let least = min<i64>(i64x2.extract_lane(leasts, 0), i64x2.extract_lane(leasts, 1));
  let most = max<i64>(i64x2.extract_lane(mosts, 0), i64x2.extract_lane(mosts, 1));
  if (row < rows) {
    least = min<i64>(least, load<i64>(from + ((<usize>row) << 3)));
    most = max<i64>(most, load<i64>(from + ((<usize>row) << 3)));
  }
  store<i64>(LEAST, least);
  // Also right where the difference leaves the range of i64: as an unsigned number it does not.
  const spread = <u64>(most - least);
  if (spread == 0) return 0;
  if (spread <= 0xff) {
    packBytes(from, rows, least);
    return 1;
  }
  if (spread <= 0xffff) {
    packHalves(from, rows, least);
    return 2;
  }
  if (spread > 0xffffffff) return 8;
  packWords(from, rows, least);
  return 4;
}
