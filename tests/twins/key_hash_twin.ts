// The hash of a key of any columns, by its definition, over the key's bytes (docs: src/keygroup/key_hash.ts).

import type { Value } from "../../src/batch/record_batch.ts";
import { hashOfBytes, hashOfInteger, hashOfNull } from "../../src/keygroup/key_hash.ts";

const encoder = new TextEncoder();

function bytesOfKey(value: Value): Uint8Array {
  if (typeof value === "string") return encoder.encode(value);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, typeof value === "boolean" ? BigInt(value) : (value as bigint), true);
  return bytes;
}

/** The hash by its definition, over the key's bytes. */
export function hashOfKey(key: readonly Value[]): number {
  if (key.length === 1) {
    const value = key[0] as Value;
    if (value === null) return hashOfNull();
    return typeof value === "bigint" ? hashOfInteger(value) : hashOfBytes(bytesOfKey(value));
  }
  const parts: number[] = [];
  for (const value of key) {
    const bytes = value === null ? new Uint8Array(0) : bytesOfKey(value);
    const length = value === null ? 0xffffffff : bytes.byteLength;
    for (let shift = 0; shift < 32; shift += 8) parts.push((length >>> shift) & 255);
    parts.push(...bytes);
    while (parts.length % 4 !== 0) parts.push(0);
  }
  return hashOfBytes(Uint8Array.from(parts));
}
