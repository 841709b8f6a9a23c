// Passing over JSON that no column wants: every byte is still validated.
// Line feeds end lines, so they are no white space here.

import { REASON_DEPTH, REASON_LITERAL, REASON_STRUCTURE } from "./abi";
import { numberEnd } from "./number";
import { fail, stringEnd } from "./text";

const OPEN_OBJECT: u32 = 0x7b;
const CLOSE_OBJECT: u32 = 0x7d;
const OPEN_ARRAY: u32 = 0x5b;
const CLOSE_ARRAY: u32 = 0x5d;

/** The first byte that is no space, tab or carriage return. */
@inline
export function pastSpace(at: usize): usize {
  while (true) {
    const byte: u32 = load<u8>(at);
    if (byte > 0x20 || (byte != 0x20 && byte != 0x09 && byte != 0x0d)) return at;
    at++;
  }
}

/** `at` is at a key's opening quote; the address of the value, behind colon and space. */
export function keyEnd(at: usize): usize {
  if (load<u8>(at) != 0x22) return fail(REASON_STRUCTURE, at);
  at = stringEnd(at + 1);
  if (at == 0) return 0;
  at = pastSpace(at + 1);
  if (load<u8>(at) != 0x3a) return fail(REASON_STRUCTURE, at);
  return pastSpace(at + 1);
}

/** Behind `true`, `false` or `null`. */
export function literalEnd(at: usize): usize {
  const word = load<u32>(at);
  if (word == 0x65757274 || word == 0x6c6c756e) return at + 4;
  if (word == 0x736c6166 && load<u8>(at, 4) == 0x65) return at + 5;
  return fail(REASON_LITERAL, at);
}

/** Behind a value that is neither object nor array. */
@inline
function scalarEnd(at: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte == 0x22) {
    const end = stringEnd(at + 1);
    return end == 0 ? 0 : end + 1;
  }
  if (byte == 0x2d || byte - 0x30 <= 9) return numberEnd(at);
  if (byte == 0x74 || byte == 0x66 || byte == 0x6e) return literalEnd(at);
  return fail(REASON_STRUCTURE, at);
}

/**
 * Behind any value. `depth` counts the objects and arrays that are open around it.
 * The kinds of those opened here are kept as one bit each (1 = object), the innermost lowest.
 */
export function valueEnd(at: usize, depth: u32, depthMax: u32): usize {
  const outside = depth;
  let kinds: u64 = 0;
  while (true) {
    const byte: u32 = load<u8>(at);
    if (byte == OPEN_OBJECT || byte == OPEN_ARRAY) {
      if (++depth > depthMax) return fail(REASON_DEPTH, at);
      const object = byte == OPEN_OBJECT;
      kinds = (kinds << 1) | <u64>object;
      at = pastSpace(at + 1);
      if (load<u8>(at) == (object ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        at++;
        kinds >>= 1;
        depth--;
      } else {
        if (object) at = keyEnd(at);
        if (at == 0) return 0;
        continue;
      }
    } else {
      at = scalarEnd(at);
      if (at == 0) return 0;
    }
    // Behind a value: close what ends here, then go on to the next value of what is still open.
    while (true) {
      if (depth == outside) return at;
      at = pastSpace(at);
      const next: u32 = load<u8>(at);
      if (next == 0x2c) {
        at = pastSpace(at + 1);
        if (kinds & 1) at = keyEnd(at);
        if (at == 0) return 0;
        break;
      }
      if (next != (kinds & 1 ? CLOSE_OBJECT : CLOSE_ARRAY)) return fail(REASON_STRUCTURE, at);
      at++;
      kinds >>= 1;
      depth--;
    }
  }
}
