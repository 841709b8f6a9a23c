// One value of a line into one cell of a column, where it is not the plain case that `decode.ts` handles itself.
//
// A value of the wrong type does not end the line: the rest is validated first, and a later duplicate of the key
// replaces it, as in JSON.parse. So it is only marked (`misfits`, one bit a column) and judged at the line's end.

import {
  NDJSON_ARENA_AT,
  NDJSON_ARENA_END,
  NDJSON_COLUMN_0,
  NDJSON_COLUMN_BYTES,
  NDJSON_COLUMN_REASON,
  NDJSON_DEPTH_MAX,
  NDJSON_NULLED,
  NDJSON_PATCH_COUNT,
  NDJSON_PATCHES,
  NDJSON_POWERS,
  NDJSON_BATCH,
  PATCH_BYTES,
  PATCHES_MAX,
  REASON_NULL,
  REASON_TIME,
  REASON_TYPE,
} from "./abi";
import {
  BATCH_COLUMN_0,
  COLUMN_BYTES,
  COLUMN_VALIDITY_BUFFER,
  SCRATCH,
  TYPE_BOOL,
  TYPE_F64,
  TYPE_I64,
  TYPE_TIMESTAMP,
  TYPE_UTF8,
  VIEW_BYTES,
  VIEW_INLINE_MAX,
} from "../abi";
import { COLUMN, DATA, KIND } from "./gap";
import { doubleInto, integerExact, integerReason, patch } from "./number";
import { literalEnd, pastSpace, valueEnd } from "./skip";
import { escaped, fail, nextSpecial, stringRest, stringEnd, unescape } from "./text";
import { timeInto } from "./time";

/** As reasons: the batch must end before this line, or the list of patches be emptied. */
export const ARENA_SHORT: u32 = 101;
export const PATCHES_FULL: u32 = 102;

/** The longest time text is shorter than 40 bytes, each of which may be written as an escape of six. */
const ESCAPED_TIME_BYTES_MAX: usize = 240;

/** One bit a column: the value that the current line last gave it does not fit. */
export let misfits: u64 = 0;

export function clearMisfits(): void {
  misfits = 0;
}

export function markMisfit(context: usize, column: u32, reason: u32): void {
  misfits |= <u64>1 << column;
  store<u32>(context + NDJSON_COLUMN_0 + column * NDJSON_COLUMN_BYTES, reason, NDJSON_COLUMN_REASON);
}

/** Writes the view of the `bytes` bytes at `from`, in whose front 4 more bytes can be read. */
@inline
export function storeView(target: usize, from: usize, bytes: u32): void {
  const lanes = v128(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const block = v128.load(from - 4);
  const kept = v128.and(block, i8x16.lt_u(lanes, i8x16.splat(<i8>min<u32>(bytes + 4, 16))));
  const pointing = i32x4.replace_lane(i32x4.replace_lane(block, 2, 0), 3, <i32>from);
  const view = bytes <= <u32>VIEW_INLINE_MAX ? kept : pointing;
  v128.store(target, i32x4.replace_lane(view, 0, <i32>bytes));
}

/** Stores the string whose first byte is `from`; behind its closing quote, or 0. */
@inline
export function textInto(context: usize, from: usize, target: usize): usize {
  const at = nextSpecial(from);
  if (load<u8>(at) != 0x22) return irregularTextInto(context, from, at, target);
  storeView(target, from, <u32>(at - from));
  return at + 1;
}

/** `textInto` for strings with escapes or non-ASCII bytes, the first of which is at `at`. */
function irregularTextInto(context: usize, from: usize, at: usize, target: usize): usize {
  const plain = load<u8>(at) != 0x5c;
  const end = plain ? stringEnd(at) : stringRest(at);
  if (end == 0) return 0;
  if (plain && !escaped) {
    storeView(target, from, <u32>(end - from));
    return end + 1;
  }
  const arena = <usize>load<u32>(context, NDJSON_ARENA_AT);
  if (arena + (end - from) > <usize>load<u32>(context, NDJSON_ARENA_END)) return fail(ARENA_SHORT, from);
  const stop = unescape(from, end, arena);
  storeView(target, arena, <u32>(stop - arena));
  if (stop - arena > <usize>VIEW_INLINE_MAX) store<u32>(context, <u32>stop, NDJSON_ARENA_AT);
  return end + 1;
}

@inline
export function setBit(bits: usize, row: u32, value: u32): void {
  const at = bits + (row >> 3);
  const mask: u32 = 1 << (row & 7);
  const byte: u32 = load<u8>(at);
  store<u8>(at, value != 0 ? byte | mask : byte & ~mask);
}

@inline
export function validityOf(context: usize, column: u32): usize {
  const record = <usize>load<u32>(context, NDJSON_BATCH) + BATCH_COLUMN_0 + column * COLUMN_BYTES;
  return <usize>load<u32>(record, COLUMN_VALIDITY_BUFFER);
}

export function storeNull(context: usize, type: u32, column: u32, data: usize, row: u32): void {
  setBit(validityOf(context, column), row, 0);
  store<u64>(context, load<u64>(context, NDJSON_NULLED) | (<u64>1 << column), NDJSON_NULLED);
  if (type == TYPE_BOOL) setBit(data, row, 0);
  else if (type == TYPE_UTF8) v128.store(data + row * VIEW_BYTES, i64x2.splat(0));
  else store<u64>(data + (row << 3), 0);
}

/** Takes back what the current line has stored for the column, before a duplicate of the key is read. */
export function forgetValue(context: usize, column: u32, row: u32): void {
  misfits &= ~(<u64>1 << column);
  setBit(validityOf(context, column), row, 1);
  const patches = <usize>load<u32>(context, NDJSON_PATCHES);
  const count = load<u32>(context, NDJSON_PATCH_COUNT);
  for (let index: u32 = 0; index < count; index++) {
    const at = patches + index * PATCH_BYTES;
    if (load<u32>(at) != row || load<u32>(at, 4) != column) continue;
    // Order among the patches of a row does not matter: the last takes the place of the one removed.
    memory.copy(at, patches + (count - 1) * PATCH_BYTES, PATCH_BYTES);
    store<u32>(context, count - 1, NDJSON_PATCH_COUNT);
    return;
  }
}

/** Stores a double, or notes it for the host. */
export function doubleOrPatch(context: usize, at: usize, data: usize, column: u32, row: u32): usize {
  const end = doubleInto(at, data + (row << 3), <usize>load<u32>(context, NDJSON_POWERS));
  if (end == 0 || !patch) return end;
  const count = load<u32>(context, NDJSON_PATCH_COUNT);
  if (count == PATCHES_MAX) return fail(PATCHES_FULL, at);
  const entry = <usize>load<u32>(context, NDJSON_PATCHES) + count * PATCH_BYTES;
  store<u32>(entry, row);
  store<u32>(entry, column, 4);
  store<u32>(entry, <u32>at, 8);
  store<u32>(entry, <u32>(end - at), 12);
  store<u32>(context, count + 1, NDJSON_PATCH_COUNT);
  return end;
}

function timeTextInto(context: usize, from: usize, target: usize, column: u32): usize {
  const end = stringEnd(from);
  if (end == 0) return 0;
  let fits = false;
  if (!escaped) {
    fits = timeInto(from, end, target);
  } else if (end - from <= ESCAPED_TIME_BYTES_MAX) {
    fits = timeInto(SCRATCH, unescape(from, end, SCRATCH), target);
  }
  if (!fits) markMisfit(context, column, REASON_TIME);
  return end + 1;
}

/** Any value for the column of `gap`; behind it, or 0 where it is not JSON. */
export function valueInto(context: usize, gap: usize, at: usize, row: u32, nullable: u64): usize {
  at = pastSpace(at);
  const type = load<u32>(gap, KIND);
  const column = load<u32>(gap, COLUMN);
  const data = <usize>load<u32>(gap, DATA);
  const byte: u32 = load<u8>(at);
  const number = byte == 0x2d || byte - 0x30 <= 9;
  if (byte == 0x6e) {
    if (nullable & ((<u64>1) << column)) storeNull(context, type, column, data, row);
    else markMisfit(context, column, REASON_NULL);
    return literalEnd(at);
  }
  if (number && (type == TYPE_I64 || type == TYPE_TIMESTAMP)) {
    const end = integerExact(at, data + (row << 3));
    if (end != 0 && integerReason != 0) markMisfit(context, column, integerReason);
    return end;
  }
  if (number && type == TYPE_F64) return doubleOrPatch(context, at, data, column, row);
  if (byte == 0x22 && type == TYPE_UTF8) return textInto(context, at + 1, data + row * VIEW_BYTES);
  if (byte == 0x22 && type == TYPE_TIMESTAMP) return timeTextInto(context, at + 1, data + (row << 3), column);
  if ((byte == 0x74 || byte == 0x66) && type == TYPE_BOOL) {
    setBit(data, row, <u32>(byte == 0x74));
    return literalEnd(at);
  }
  markMisfit(context, column, REASON_TYPE);
  return valueEnd(at, 1, load<u32>(context, NDJSON_DEPTH_MAX));
}
