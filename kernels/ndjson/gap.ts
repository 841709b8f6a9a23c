// Gaps: the text between two values of a line, such as `{"auction":`, `,"price":` or `}` and the line feed.
//
// Lines of one stream repeat their gaps in the same order. So each gap that has been parsed once is kept, with what
// follows it most often; the next line then needs one comparison of 16 bytes instead of parsing punctuation, key
// and white space. A gap holds complete, validated text, so that equal bytes need no further check.
//
// A gap record (GAP_BYTES):
//   OFFSET  SIZE  DESCRIPTION
//   0       4     BYTES: length of the text
//   4       4     NEED: one bit a byte of the first 16; a bit above them = never equal
//   8       4     KIND: TYPE_* of the column, KIND_SKIP or KIND_END
//   12      4     COLUMN: index
//   16      4     DATA: address of the column's data
//   20      4     NEXT: the gap that followed last
//   24      4     NEXT_OTHER: the one that followed before
//   32      64    TEXT, zero padded
//
// Records 0 to 2 are fixed: the start of a line, a gap too long or irregular to keep, and one that never matches.

import {
  GAP_BYTES,
  GAP_COUNT_MAX,
  GAP_SLOTS,
  GAP_TEXT_MAX,
  KEY_BYTES_MAX,
  NDJSON_ALL,
  NDJSON_BATCH,
  NDJSON_COLUMN_0,
  NDJSON_COLUMN_BYTES,
  NDJSON_COLUMN_NAME,
  NDJSON_COLUMN_NAME_BYTES,
  NDJSON_DEPTH_MAX,
  NDJSON_GAP_COUNT,
  NDJSON_GAPS,
  NDJSON_NAME_BYTES_MAX,
  REASON_NOT_OBJECT,
  REASON_STRUCTURE,
} from "./abi";
import { BATCH_COLUMN_0, COLUMN_BYTES, COLUMN_DATA, COLUMN_TYPE, SCRATCH } from "../abi";
import { pastSpace, valueEnd } from "./skip";
import { escaped, fail, loneSurrogate, stringEnd, unescape } from "./text";

export const BYTES: usize = 0;
const NEED: usize = 4;
export const KIND: usize = 8;
export const COLUMN: usize = 12;
export const DATA: usize = 16;
export const NEXT: usize = 20;
const NEXT_OTHER: usize = 24;
const TEXT: usize = 32;

export const KIND_SKIP: u32 = 6;
export const KIND_END: u32 = 7;
/** As a reason: the line holds nothing but white space. */
export const BLANK: u32 = 100;

@inline
export function startGap(context: usize): usize {
  return <usize>load<u32>(context, NDJSON_GAPS) + GAP_SLOTS * 4;
}

/** Empties the table. */
export function resetGaps(context: usize): void {
  const gaps = <usize>load<u32>(context, NDJSON_GAPS);
  memory.fill(gaps, 0, GAP_SLOTS * 4 + 3 * GAP_BYTES);
  const start = startGap(context);
  const never = start + 2 * GAP_BYTES;
  store<u32>(never, 0x10000, NEED);
  for (let gap = start; gap <= never; gap += GAP_BYTES) {
    store<u32>(gap, <u32>never, NEXT);
    store<u32>(gap, <u32>never, NEXT_OTHER);
  }
  store<u32>(context, 3, NDJSON_GAP_COUNT);
}

@inline
export function gapMatches(gap: usize, at: usize): bool {
  const need = load<u32>(gap, NEED);
  const equal = i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(gap, TEXT)));
  if ((equal & need) != need) return false;
  return load<u32>(gap, BYTES) <= 16 || restMatches(gap, at);
}

function restMatches(gap: usize, at: usize): bool {
  const bytes = <i32>load<u32>(gap, BYTES);
  for (let done = 16; done < bytes; done += 16) {
    const equal = i8x16.bitmask(i8x16.eq(v128.load(at + done), v128.load(gap + done, TEXT)));
    const need: i32 = bytes - done >= 16 ? 0xffff : (1 << (bytes - done)) - 1;
    if ((equal & need) != need) return false;
  }
  return true;
}

/** The gap at `at`, where the one expected after `gap` does not match; 0 with a reason where there is none. */
export function gapAfter(context: usize, gap: usize, at: usize): usize {
  const other = <usize>load<u32>(gap, NEXT_OTHER);
  if (gapMatches(other, at)) return other;
  const found = parseGap(context, gap == startGap(context), at);
  if (found == 0 || found == startGap(context) + GAP_BYTES) return found;
  // `found` may be the first record of a table that was just emptied; then `gap` is stale, and the link harmless.
  store<u32>(gap, load<u32>(gap, NEXT), NEXT_OTHER);
  store<u32>(gap, <u32>found, NEXT);
  return found;
}

function parseGap(context: usize, first: bool, from: usize): usize {
  let at = pastSpace(from);
  let byte: u32 = load<u8>(at);
  if (first) {
    if (byte == 0x0a) return fail(BLANK, at);
    if (byte != 0x7b) return failTopLevel(context, at);
    at = pastSpace(at + 1);
    byte = load<u8>(at);
  } else if (byte == 0x2c) {
    at = pastSpace(at + 1);
    byte = load<u8>(at);
    if (byte == 0x7d) return fail(REASON_STRUCTURE, at);
  } else if (byte != 0x7d) {
    return fail(REASON_STRUCTURE, at);
  }
  if (byte == 0x7d) {
    at = pastSpace(at + 1);
    return load<u8>(at) == 0x0a ? keepGap(context, from, at + 1, KIND_END, 0) : fail(REASON_STRUCTURE, at);
  }
  if (byte != 0x22) return fail(REASON_STRUCTURE, at);
  const key = at + 1;
  const keyStop = stringEnd(key);
  if (keyStop == 0) return 0;
  const keyEscaped = escaped;
  at = pastSpace(keyStop + 1);
  if (load<u8>(at) != 0x3a) return fail(REASON_STRUCTURE, at);
  at = pastSpace(at + 1);
  const column = keyEscaped ? columnOfEscaped(context, key, keyStop) : columnOf(context, key, keyStop);
  return keepGap(context, from, at, column < 0 ? KIND_SKIP : 0, column);
}

/** Tells a line of valid JSON that is no object from one that is not JSON. */
function failTopLevel(context: usize, at: usize): usize {
  const end = valueEnd(at, 0, load<u32>(context, NDJSON_DEPTH_MAX));
  if (end == 0) return 0;
  const rest = pastSpace(end);
  return load<u8>(rest) == 0x0a ? fail(REASON_NOT_OBJECT, at) : fail(REASON_STRUCTURE, rest);
}

/** Index of the column whose name is the bytes `[key, end)`, or -1. */
function columnOf(context: usize, key: usize, end: usize): i32 {
  const count: i32 = 64 - <i32>clz<u64>(load<u64>(context, NDJSON_ALL));
  const bytes = <u32>(end - key);
  for (let column = 0; column < count; column++) {
    const record = context + NDJSON_COLUMN_0 + column * NDJSON_COLUMN_BYTES;
    if (load<u32>(record, NDJSON_COLUMN_NAME_BYTES) != bytes) continue;
    const name = <usize>load<u32>(record, NDJSON_COLUMN_NAME);
    let same: usize = 0;
    while (same < bytes && load<u8>(name + same) == load<u8>(key + same)) same++;
    if (same == bytes) return column;
  }
  return -1;
}

/** The same for a key with escapes; one byte of a name takes at most six bytes of key. */
function columnOfEscaped(context: usize, key: usize, end: usize): i32 {
  if (end - key > 6 * <usize>min<u32>(load<u32>(context, NDJSON_NAME_BYTES_MAX), KEY_BYTES_MAX)) return -1;
  const stop = unescape(key, end, SCRATCH);
  return loneSurrogate ? -1 : columnOf(context, SCRATCH, stop);
}

/** The record of the gap `[from, end)`, an existing one where there is one. */
function keepGap(context: usize, from: usize, end: usize, kind: u32, column: i32): usize {
  const bytes = <u32>(end - from);
  const start = startGap(context);
  if (bytes > <u32>GAP_TEXT_MAX) return fillGap(context, start + GAP_BYTES, from, bytes, kind, column);
  if (load<u32>(context, NDJSON_GAP_COUNT) == GAP_COUNT_MAX) resetGaps(context);
  const index = <usize>load<u32>(context, NDJSON_GAPS);
  let slot = hashOf(from, end) & (GAP_SLOTS - 1);
  while (true) {
    const found = <usize>load<u32>(index + (<usize>slot << 2));
    if (found == 0) break;
    if (load<u32>(found, BYTES) == bytes && gapMatches(found, from)) return found;
    slot = (slot + 1) & (GAP_SLOTS - 1);
  }
  const count = load<u32>(context, NDJSON_GAP_COUNT);
  const gap = start + count * GAP_BYTES;
  store<u32>(context, count + 1, NDJSON_GAP_COUNT);
  store<u32>(index + (<usize>slot << 2), <u32>gap);
  return fillGap(context, gap, from, bytes, kind, column);
}

function hashOf(from: usize, end: usize): u32 {
  let hash: u32 = 0x811c9dc5;
  for (let at = from; at < end; at++) hash = (hash ^ load<u8>(at)) * 0x01000193;
  return hash ^ (hash >> 15);
}

function fillGap(context: usize, gap: usize, from: usize, bytes: u32, kind: u32, column: i32): usize {
  const never = <u32>(startGap(context) + 2 * GAP_BYTES);
  store<u32>(gap, bytes, BYTES);
  store<u32>(gap, bytes >= 16 ? 0xffff : (1 << bytes) - 1, NEED);
  store<u32>(gap, kind, KIND);
  store<u32>(gap, column, COLUMN);
  if (kind == 0) {
    const record = <usize>load<u32>(context, NDJSON_BATCH) + BATCH_COLUMN_0 + column * COLUMN_BYTES;
    store<u32>(gap, load<u32>(record, COLUMN_TYPE), KIND);
    store<u32>(gap, load<u32>(record, COLUMN_DATA), DATA);
  }
  store<u32>(gap, never, NEXT);
  store<u32>(gap, never, NEXT_OTHER);
  memory.fill(gap + TEXT, 0, GAP_TEXT_MAX);
  if (bytes <= <u32>GAP_TEXT_MAX) memory.copy(gap + TEXT, from, bytes);
  return gap;
}
