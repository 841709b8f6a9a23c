// The key hash: 32 bits over a key's bytes. FIXED FOR EVER, because key groups of stored state follow from it
// (host side and rules: src/keygroup). Golden vectors: tests/conformance/keygroup.cases.ts.
//
//   h = SEED ^ length * PER_LENGTH
//   for each little-endian u32 word of the bytes, the last one zero padded:  h = (h ^ word) * PER_WORD; h ^= h >>> 15
//   h *= FINISH_1; h ^= h >>> 15; h *= FINISH_2; h ^= h >>> 15
//
// 32-bit lanes only: a 64-bit multiplication has no SIMD form on most machines. The finish is the
// two-round multiply-xorshift whose constants Chris Wellons' hash prospector found (bias 0.17).

import { VIEW_INLINE_MAX } from "../abi";

const SEED: u32 = 0x6d696c6c;
const PER_LENGTH: u32 = 0x9e3779b1;
const PER_WORD: u32 = 0x9e3779b1;
const FINISH_1: u32 = 0x21f0aaad;
const FINISH_2: u32 = 0xd35a2d97;

/** Length word of a key that is null, in views and in hashing. */
export const NULL_LENGTH: u32 = 0xffffffff;

@inline
function startHash(length: u32): u32 {
  return SEED ^ (length * PER_LENGTH);
}

@inline
function mixWord(hash: u32, word: u32): u32 {
  const mixed: u32 = (hash ^ word) * PER_WORD;
  return mixed ^ (mixed >> 15);
}

@inline
function finishHash(hash: u32): u32 {
  let h: u32 = hash * FINISH_1;
  h ^= h >> 15;
  h *= FINISH_2;
  return h ^ (h >> 15);
}

@inline
export function hashNull(): u32 {
  return finishHash(startHash(NULL_LENGTH));
}

@inline
export function hashFixed(value: u64): u32 {
  return finishHash(mixWord(mixWord(startHash(8), <u32>value), <u32>(value >> 32)));
}

export function hashBytes(at: usize, length: u32): u32 {
  let h = startHash(length);
  const words = at + <usize>(length & ~3);
  for (; at < words; at += 4) h = mixWord(h, load<u32>(at));
  const rest = length & 3;
  if (rest != 0) {
    let word: u32 = load<u8>(at);
    if (rest > 1) word |= <u32>load<u8>(at, 1) << 8;
    if (rest > 2) word |= <u32>load<u8>(at, 2) << 16;
    h = mixWord(h, word);
  }
  return finishHash(h);
}

/** Hash of the text behind a 16-byte view; the inline bytes are zero padded, so whole words can be read. */
@inline
export function hashView(view: usize): u32 {
  const length = load<u32>(view);
  if (length > <u32>VIEW_INLINE_MAX) {
    return length == NULL_LENGTH ? hashNull() : hashBytes(<usize>load<u32>(view, 12), length);
  }
  let h = startHash(length);
  if (length > 0) h = mixWord(h, load<u32>(view, 4));
  if (length > 4) h = mixWord(h, load<u32>(view, 8));
  if (length > 8) h = mixWord(h, load<u32>(view, 12));
  return finishHash(h);
}

/** Four keys of 8 bytes at a time. */
export function hashFixedKeys(keys: usize, count: u32, out: usize): void {
  const start = i32x4.splat(<i32>startHash(8));
  const perWord = i32x4.splat(<i32>PER_WORD);
  const finish1 = i32x4.splat(<i32>FINISH_1);
  const finish2 = i32x4.splat(<i32>FINISH_2);
  let row: u32 = 0;
  for (; row + 4 <= count; row += 4) {
    const at = keys + ((<usize>row) << 3);
    const a = v128.load(at);
    const b = v128.load(at, 16);
    let h = i32x4.mul(v128.xor(start, v128.shuffle<i32>(a, b, 0, 2, 4, 6)), perWord);
    h = v128.xor(h, i32x4.shr_u(h, 15));
    h = i32x4.mul(v128.xor(h, v128.shuffle<i32>(a, b, 1, 3, 5, 7)), perWord);
    h = v128.xor(h, i32x4.shr_u(h, 15));
    h = i32x4.mul(h, finish1);
    h = v128.xor(h, i32x4.shr_u(h, 15));
    h = i32x4.mul(h, finish2);
    h = v128.xor(h, i32x4.shr_u(h, 15));
    v128.store(out + ((<usize>row) << 2), h);
  }
  for (; row < count; row++) {
    store<u32>(out + ((<usize>row) << 2), hashFixed(load<u64>(keys + ((<usize>row) << 3))));
  }
}

/** Hash of `length` bytes anywhere in memory, for the host's tests and look-ups. */
export function mr_hash_bytes(at: u32, length: u32): u32 {
  return hashBytes(<usize>at, length);
}
