// The key hash on the host: 32 bits over a key's bytes, the same as kernels/hash/key_hash.ts, where it is explained.
// FIXED FOR EVER: key groups of stored state follow from it.
//
// Bytes of a key: i64 and timestamp, 8 bytes little-endian; bool, the i64 0 or 1; utf8, its bytes; null, no bytes and
// the length 2^32 - 1. Several columns: for each a u32 length (2^32 - 1 = null) and its bytes, zero padded to 4.

const SEED = 0x6d696c6c;
const PER_LENGTH = 0x9e3779b1;
const PER_WORD = 0x9e3779b1;
const FINISH_1 = 0x21f0aaad;
const FINISH_2 = 0xd35a2d97;
const NULL_LENGTH = 0xffffffff;

const startHash = (length: number): number => SEED ^ Math.imul(length, PER_LENGTH);

function mixWord(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, PER_WORD);
  return mixed ^ (mixed >>> 15);
}

function finishHash(hash: number): number {
  let h = Math.imul(hash, FINISH_1);
  h ^= h >>> 15;
  h = Math.imul(h, FINISH_2);
  return (h ^ (h >>> 15)) >>> 0;
}

/** Hash of a null key. */
export const hashOfNull = (): number => finishHash(startHash(NULL_LENGTH));

/** Hash of a key's bytes. */
export function hashOfBytes(bytes: Uint8Array): number {
  let hash = startHash(bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
    hash = mixWord(hash, a | (b << 8) | (c << 16) | (d << 24));
  }
  return finishHash(hash);
}

/** Hash of an i64 or timestamp key. */
export function hashOfInteger(value: bigint): number {
  const bits = BigInt.asUintN(64, value);
  const low = Number(bits & 0xffffffffn);
  return finishHash(mixWord(mixWord(startHash(8), low), Number(bits >> 32n)));
}
