// JSON strings: finding their end, validating UTF-8 and escapes, unescaping.
//
// Invariants:
// - Every line ends with a line feed, which no string may contain: so no loop here leaves the line, and
//   blocks of 16 bytes may be loaded past its end (the input block is padded).
// - A function that returns an address returns 0 after `fail`.

import { REASON_CONTROL, REASON_ESCAPE, REASON_UTF8 } from "./abi";

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;

/** Reason and place of the last failure; meaningful only after a function has returned 0. */
export let failReason: u32 = 0;
export let failAt: usize = 0;
/** Whether the string that `stringEnd` has just passed contains a backslash. */
export let escaped: bool = false;
/** Whether `unescape` met half of a surrogate pair (stored as U+FFFD). */
export let loneSurrogate: bool = false;

export function fail(reason: u32, at: usize): usize {
  failReason = reason;
  failAt = at;
  return 0;
}

/**
 * One bit for each byte that a string scan has to look at: quote, backslash, control and non-ASCII.
 * Read as signed, non-ASCII bytes are negative, so one comparison finds them together with the control bytes.
 */
@inline
function specialBytes(at: usize): u32 {
  const block = v128.load(at);
  const marks = v128.or(i8x16.eq(block, i8x16.splat(0x22)), i8x16.eq(block, i8x16.splat(0x5c)));
  return i8x16.bitmask(v128.or(marks, i8x16.lt_s(block, i8x16.splat(0x20))));
}

/** The first byte at or behind `at` that a string scan has to look at; a tight loop, so that its constants stay put. */
@inline
export function nextSpecial(at: usize): usize {
  let special = specialBytes(at);
  while (special == 0) {
    at += 16;
    special = specialBytes(at);
  }
  return at + ctz(special);
}

/** `at` is behind the opening quote; the address of the closing quote, or 0. */
@inline
export function stringEnd(at: usize): usize {
  at = nextSpecial(at);
  if (load<u8>(at) == QUOTE) {
    escaped = false;
    return at;
  }
  return irregularStringEnd(at);
}

function irregularStringEnd(at: usize): usize {
  escaped = false;
  return stringRest(at);
}

/** `stringEnd` from the middle of a string. */
export function stringRest(at: usize): usize {
  while (true) {
    at = nextSpecial(at);
    const byte: u32 = load<u8>(at);
    if (byte == QUOTE) return at;
    if (byte == BACKSLASH) {
      escaped = true;
      at = escapeEnd(at);
    } else if (byte < 0x20) {
      return fail(REASON_CONTROL, at);
    } else {
      at = sequenceEnd(at);
    }
    if (at == 0) return 0;
  }
}

/** Behind the run of multi-byte UTF-8 sequences that starts at `at`; exactly what a fatal decoder takes. */
function sequenceEnd(at: usize): usize {
  do {
    const lead: u32 = load<u8>(at);
    const second: u32 = load<u8>(at, 1);
    if (lead < 0xe0) {
      if (lead < 0xc2 || (second & 0xc0) != 0x80) return fail(REASON_UTF8, at);
      at += 2;
    } else if (lead < 0xf0) {
      if ((second & 0xc0) != 0x80 || !continues(at, 2)) return fail(REASON_UTF8, at);
      // No overlong forms, no surrogates.
      if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)) return fail(REASON_UTF8, at);
      at += 3;
    } else {
      if (lead > 0xf4 || (second & 0xc0) != 0x80) return fail(REASON_UTF8, at);
      if (!continues(at, 2) || !continues(at, 3)) return fail(REASON_UTF8, at);
      // No overlong forms, nothing above U+10FFFF.
      if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) return fail(REASON_UTF8, at);
      at += 4;
    }
  } while (load<u8>(at) >= 0x80);
  return at;
}

@inline
function continues(at: usize, index: usize): bool {
  return (load<u8>(at + index) & 0xc0) == 0x80;
}

/** Behind the escape sequence whose backslash is at `at`. */
function escapeEnd(at: usize): usize {
  const kind: u32 = load<u8>(at, 1);
  if (kind == 0x75) return hexOf(at + 2) < 0 ? fail(REASON_ESCAPE, at) : at + 6;
  return unescapedByte(kind) == 0 ? fail(REASON_ESCAPE, at) : at + 2;
}

/** What the byte behind a backslash stands for, 0 where JSON has no such escape. */
function unescapedByte(kind: u32): u32 {
  if (kind == QUOTE || kind == BACKSLASH || kind == 0x2f) return kind;
  if (kind == 0x6e) return 0x0a; // n
  if (kind == 0x74) return 0x09; // t
  if (kind == 0x72) return 0x0d; // r
  if (kind == 0x62) return 0x08; // b
  if (kind == 0x66) return 0x0c; // f
  return 0;
}

/** Four hex digits as a number, -1 where one of them is none. */
function hexOf(at: usize): i32 {
  let value: i32 = 0;
  for (let index: usize = 0; index < 4; index++) {
    const byte: u32 = load<u8>(at + index);
    const lower = byte | 0x20;
    if (byte - 0x30 < 10) value = (value << 4) | <i32>(byte - 0x30);
    else if (lower - 0x61 < 6) value = (value << 4) | <i32>(lower - 0x57);
    else return -1;
  }
  return value;
}

/**
 * Writes the text of the validated string bytes `[from, end)` to `to`; the address behind what was written.
 * The result is never longer than the source, but up to 16 bytes behind it may be overwritten.
 */
export function unescape(from: usize, end: usize, to: usize): usize {
  loneSurrogate = false;
  while (from < end) {
    const block = v128.load(from);
    v128.store(to, block);
    const marks = i8x16.bitmask(i8x16.eq(block, i8x16.splat(0x5c)));
    const plain: usize = marks == 0 ? 16 : ctz(marks);
    if (from + plain >= end) return to + (end - from);
    from += plain;
    to += plain;
    if (marks == 0) continue;
    const kind: u32 = load<u8>(from, 1);
    if (kind != 0x75) {
      store<u8>(to, unescapedByte(kind));
      from += 2;
      to += 1;
      continue;
    }
    let point: u32 = hexOf(from + 2);
    from += 6;
    if ((point & 0xf800) == 0xd800) {
      point = pairOf(point, from, end);
      if (point > 0xffff) from += 6;
    }
    to = storePoint(point, to);
  }
  return to;
}

/** The code point of a surrogate pair whose first half is `half`; U+FFFD where the second does not follow. */
function pairOf(half: u32, at: usize, end: usize): u32 {
  if (half < 0xdc00 && at + 6 <= end && load<u16>(at) == 0x755c) {
    const low: u32 = hexOf(at + 2);
    if ((low & 0xfc00) == 0xdc00) return 0x10000 + ((half - 0xd800) << 10) + (low - 0xdc00);
  }
  loneSurrogate = true;
  return 0xfffd;
}

function storePoint(point: u32, to: usize): usize {
  if (point < 0x80) {
    store<u8>(to, point);
    return to + 1;
  }
  if (point < 0x800) {
    store<u8>(to, 0xc0 | (point >> 6));
    store<u8>(to, 0x80 | (point & 63), 1);
    return to + 2;
  }
  if (point < 0x10000) {
    store<u8>(to, 0xe0 | (point >> 12));
    store<u8>(to, 0x80 | ((point >> 6) & 63), 1);
    store<u8>(to, 0x80 | (point & 63), 2);
    return to + 3;
  }
  store<u8>(to, 0xf0 | (point >> 18));
  store<u8>(to, 0x80 | ((point >> 12) & 63), 1);
  store<u8>(to, 0x80 | ((point >> 6) & 63), 2);
  store<u8>(to, 0x80 | (point & 63), 3);
  return to + 4;
}
