// A row as bytes whose order, byte by byte, is the order of the rows, and back.
//
//   nullable column   1 byte before the value: 1 = present, 2 = null and no value; so null comes last, either way
//   i64, timestamp    8 bytes, most significant first, the sign inverted
//   f64               the same of an i64 of the same order: -inf < … < -0 < 0 < … < inf < NaN, all NaN alike
//   bool              1 byte
//   utf8              its bytes, 00 as 00 FF, and 00 00 behind them
//   descending        every bit of the value inverted
//
// Invariant: no row's bytes begin with all the bytes of another one.

import {
  BATCH_COLUMN_0,
  COLUMN_BYTES,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  COLUMN_VALIDITY_BUFFER,
  TYPE_BOOL,
  TYPE_F64,
  TYPE_UTF8,
  VIEW_INLINE_MAX,
} from "../abi";
import { bitAt, columnAt } from "../table/keys";
import { floatOf, orderedOf } from "../window/fold";
import { mr_alloc, mr_free } from "../memory/allocator";
import {
  COLUMN_DESCENDING,
  COLUMN_NULLABLE,
  OUT_ROWS,
  ROW_DATA,
  ROW_DATA_MIN,
  ROW_LENGTH,
  TOP_COLUMN_COUNT,
  TOP_COLUMNS,
  TOP_STAGING,
  TOP_STAGING_BYTES,
  TOP_TEXT,
  TOP_TEXT_BYTES,
} from "./layout";

const SIGN: u64 = 0x8000000000000000;
const PRESENT: u8 = 1;
const ABSENT: u8 = 2;

/** Makes a buffer at least so large; what was in it is lost. False where memory is used up. */
export function growBuffer(top: usize, at: usize, bytesAt: usize, bytes: u64): bool {
  const have = load<u32>(top + bytesAt);
  if (bytes <= <u64>have) return true;
  if (bytes > 0x20000000) return false;
  let wanted: u32 = 256;
  while (<u64>wanted < bytes) wanted <<= 1;
  const buffer = mr_alloc(wanted);
  if (buffer == 0) return false;
  if (have != 0) mr_free(load<u32>(top + at), have);
  store<u32>(top + at, buffer);
  store<u32>(top + bytesAt, wanted);
  return true;
}

/** The batch's column of row column `index`: of the input, or the one at `firstState` + index of state rows. */
@inline
function columnOf(top: usize, batch: usize, index: u32, firstState: u32): usize {
  const column = firstState != 0 ? firstState + index : load<u32>(top + TOP_COLUMNS + ((<usize>index) << 4));
  return columnAt(batch, column);
}

/** What the row takes at most. */
function bytesBound(top: usize, batch: usize, row: u32, firstState: u32): u64 {
  const count = load<u32>(top, TOP_COLUMN_COUNT);
  let bytes: u64 = <u64>ROW_DATA_MIN + <u64>count * 9;
  for (let index: u32 = 0; index < count; index++) {
    if (load<u32>(top + TOP_COLUMNS + ((<usize>index) << 4), 4) != <u32>TYPE_UTF8) continue;
    const data = <usize>load<u32>(columnOf(top, batch, index, firstState), COLUMN_DATA);
    bytes += (<u64>load<u32>(data + ((<usize>row) << 4)) << 1) + 2;
  }
  return bytes;
}

function encodeText(to: usize, view: usize, invert: u8): usize {
  const length = load<u32>(view);
  let from = length <= <u32>VIEW_INLINE_MAX ? view + 4 : <usize>load<u32>(view, 12);
  for (const end = from + <usize>length; from < end; from++) {
    const byte = load<u8>(from);
    store<u8>(to++, byte ^ invert);
    if (byte == 0) store<u8>(to++, 0xff ^ invert);
  }
  store<u8>(to, invert);
  store<u8>(to, invert, 1);
  return to + 2;
}

function encodeValue(to: usize, type: u32, data: usize, row: u32, invert: u8): usize {
  if (type == <u32>TYPE_UTF8) return encodeText(to, data + ((<usize>row) << 4), invert);
  if (type == <u32>TYPE_BOOL) {
    store<u8>(to, <u8>bitAt(data, row) ^ invert);
    return to + 1;
  }
  let value = load<u64>(data + ((<usize>row) << 3));
  if (type == <u32>TYPE_F64) value = <u64>orderedOf(reinterpret<f64>(value));
  value ^= SIGN;
  store<u64>(to, bswap<u64>(invert != 0 ? ~value : value));
  return to + 8;
}

/** Bytes of the row, in the staging buffer; 0 where memory is used up, for no row is without bytes or a filling zero. */
export function stageRow(top: usize, batch: usize, row: u32, firstState: u32): u32 {
  if (!growBuffer(top, TOP_STAGING, TOP_STAGING_BYTES, bytesBound(top, batch, row, firstState))) return 0;
  const start = <usize>load<u32>(top, TOP_STAGING);
  store<u64>(start, 0);
  const count = load<u32>(top, TOP_COLUMN_COUNT);
  let to = start;
  for (let index: u32 = 0; index < count; index++) {
    const descriptor = top + TOP_COLUMNS + ((<usize>index) << 4);
    const flags = load<u32>(descriptor, 8);
    const column = columnOf(top, batch, index, firstState);
    if (flags & COLUMN_NULLABLE) {
      const validity = <usize>load<u32>(column, COLUMN_VALIDITY);
      const present = validity == 0 || bitAt(validity, row);
      store<u8>(to++, present ? PRESENT : ABSENT);
      if (!present) continue;
    }
    const invert: u8 = flags & COLUMN_DESCENDING ? 0xff : 0;
    to = encodeValue(to, load<u32>(descriptor, 4), <usize>load<u32>(column, COLUMN_DATA), row, invert);
  }
  const length = <u32>(to - start);
  if (length >= ROW_DATA_MIN) return length;
  for (; to < start + <usize>ROW_DATA_MIN; to++) store<u8>(to, 0);
  return ROW_DATA_MIN;
}

/** Below 0, 0, above 0: how the bytes of two rows compare. */
@inline
export function compareBytes(left: usize, leftLength: u32, right: usize, rightLength: u32): i32 {
  const a = bswap<u64>(load<u64>(left));
  const b = bswap<u64>(load<u64>(right));
  if (a != b) return a < b ? -1 : 1;
  return memory.compare(left, right, <usize>min<u32>(leftLength, rightLength));
}

@inline
export function compareRows(left: usize, right: usize): i32 {
  return compareBytes(left + ROW_DATA, load<u32>(left, ROW_LENGTH), right + ROW_DATA, load<u32>(right, ROW_LENGTH));
}

@inline
function setBit(bits: usize, row: u32, value: bool): void {
  const at = bits + <usize>(row >> 3);
  const mask: u32 = 1 << (row & 7);
  const old = <u32>load<u8>(at);
  store<u8>(at, <u8>(value ? old | mask : old & ~mask));
}

/** One past the bytes of a text; its view goes to `view`, the text itself to `text`. */
function decodeText(from: usize, view: usize, text: usize, invert: u8): usize {
  let to = text;
  for (;; from++) {
    const byte = load<u8>(from) ^ invert;
    if (byte == 0 && load<u8>(++from) == invert) break;
    store<u8>(to++, byte);
  }
  const length = <u32>(to - text);
  v128.store(view, i64x2.splat(0));
  store<u32>(view, length);
  if (length <= <u32>VIEW_INLINE_MAX) {
    memory.copy(view + 4, text, <usize>length);
  } else {
    store<u32>(view, load<u32>(text), 4);
    store<u32>(view, <u32>text, 12);
  }
  return from + 1;
}

function decodeFixed(from: usize, type: u32, data: usize, row: u32, invert: u8): usize {
  if (type == <u32>TYPE_BOOL) {
    setBit(data, row, (load<u8>(from) ^ invert) != 0);
    return from + 1;
  }
  let value = bswap<u64>(load<u64>(from));
  if (invert != 0) value = ~value;
  value ^= SIGN;
  if (type == <u32>TYPE_F64) value = reinterpret<u64>(floatOf(<i64>value));
  store<u64>(data + ((<usize>row) << 3), value);
  return from + 8;
}

/** What a null cell holds: zeros, and no text. */
function clearCell(type: u32, data: usize, row: u32): void {
  if (type == <u32>TYPE_BOOL) setBit(data, row, false);
  else if (type == <u32>TYPE_UTF8) v128.store(data + ((<usize>row) << 4), i64x2.splat(0));
  else store<u64>(data + ((<usize>row) << 3), 0);
}

/** One row of the batch from the bytes of a row; answers where the next text goes. */
function decodeRow(top: usize, batch: usize, firstColumn: u32, row: u32, from: usize, text: usize): usize {
  const count = load<u32>(top, TOP_COLUMN_COUNT);
  for (let index: u32 = 0; index < count; index++) {
    const descriptor = top + TOP_COLUMNS + ((<usize>index) << 4);
    const type = load<u32>(descriptor, 4);
    const flags = load<u32>(descriptor, 8);
    const column = columnAt(batch, firstColumn + index);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    if (flags & COLUMN_NULLABLE) {
      const present = load<u8>(from++) == PRESENT;
      setBit(<usize>load<u32>(column, COLUMN_VALIDITY), row, present);
      if (!present) {
        clearCell(type, data, row);
        continue;
      }
    }
    const invert: u8 = flags & COLUMN_DESCENDING ? 0xff : 0;
    if (type != <u32>TYPE_UTF8) {
      from = decodeFixed(from, type, data, row, invert);
      continue;
    }
    const view = data + ((<usize>row) << 4);
    from = decodeText(from, view, text, invert);
    text += <usize>load<u32>(view);
  }
  return text;
}

/** Fills the columns from `firstColumn` on from the rows of OUT_ROWS; false where memory is used up. */
export function writeRows(top: usize, batch: usize, firstColumn: u32, rows: u32): bool {
  const count = load<u32>(top, TOP_COLUMN_COUNT);
  for (let index: u32 = 0; index < count; index++) {
    const column = batch + BATCH_COLUMN_0 + (<usize>firstColumn + <usize>index) * COLUMN_BYTES;
    const nullable = (load<u32>(top + TOP_COLUMNS + ((<usize>index) << 4), 8) & COLUMN_NULLABLE) != 0;
    store<u32>(column, nullable ? load<u32>(column, COLUMN_VALIDITY_BUFFER) : 0, COLUMN_VALIDITY);
  }
  let bytes: u64 = 0;
  for (let row: u32 = 0; row < rows; row++) bytes += <u64>load<u32>(<usize>load<u32>(OUT_ROWS + ((<usize>row) << 2)), ROW_LENGTH);
  if (!growBuffer(top, TOP_TEXT, TOP_TEXT_BYTES, bytes)) return false;
  let text = <usize>load<u32>(top, TOP_TEXT);
  for (let row: u32 = 0; row < rows; row++) {
    const from = <usize>load<u32>(OUT_ROWS + ((<usize>row) << 2)) + ROW_DATA;
    text = decodeRow(top, batch, firstColumn, row, from, text);
  }
  return true;
}
