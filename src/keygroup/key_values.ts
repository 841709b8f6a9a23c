// The key hash and key group of key columns' values: what kernels compute over columns, one key at a time.

import { assert } from "../base/assert.ts";
import { utf8 } from "../base/bytes.ts";
import type { KeyGroup } from "../base/ids.ts";
import type { Value } from "../batch/record_batch.ts";
import { hashOfBytes, hashOfInteger, hashOfNull } from "./key_hash.ts";
import { keyGroupOfHash } from "./key_group.ts";

const NULL_LENGTH = 0xffffffff;
const NO_BYTES = new Uint8Array(0);

export const keyGroupOfValues = (key: readonly Value[], maxParallelism: number): KeyGroup =>
  keyGroupOfHash(hashOfValues(key), maxParallelism);

/** Layout of the hashed bytes: key_hash.ts. */
export function hashOfValues(key: readonly Value[]): number {
  const [first] = key;
  if (key.length === 1) {
    if (first === null) return hashOfNull();
    if (typeof first === "bigint") return hashOfInteger(first);
    return hashOfBytes(bytesOf(first as Value));
  }
  const parts = key.map(bytesOf);
  const room = parts.reduce((sum, part) => sum + 4 + ((part.byteLength + 3) & ~3), 0);
  const bytes = new Uint8Array(room);
  const view = new DataView(bytes.buffer);
  let at = 0;
  parts.forEach((part, index) => {
    view.setUint32(at, key[index] === null ? NULL_LENGTH : part.byteLength, true);
    bytes.set(part, at + 4);
    at += 4 + ((part.byteLength + 3) & ~3);
  });
  return hashOfBytes(bytes);
}

function bytesOf(value: Value): Uint8Array {
  if (value === null) return NO_BYTES;
  if (typeof value === "string") return utf8(value);
  assert(typeof value !== "number", "a float is no key");
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes;
}
