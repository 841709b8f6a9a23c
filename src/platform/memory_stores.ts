// Metadata and blobs in memory, with the same rules as the durable stores: for the simulator and for tests.
// Invariant: every call takes effect at once and whole, before its promise resolves; callers never share bytes with it.

import { assert } from "../base/assert.ts";
import { type Bytes, equalBytes, utf8 } from "../base/bytes.ts";
import { blobExists, checkedKey, checkedValue } from "./store_rules.ts";
import type { BlobStore, CommitOutcome, Guard, MetadataEntry, MetadataStore, StoreOp } from "./ports.ts";

/** Order of the UTF-8 bytes; that of JavaScript strings differs beyond the basic plane. */
export function compareUtf8(left: string, right: string): number {
  const a = utf8(left);
  const b = utf8(right);
  const shared = Math.min(a.byteLength, b.byteLength);
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return a.byteLength - b.byteLength;
}

export class MemoryMetadataStore implements MetadataStore {
  readonly #values = new Map<string, Bytes>();
  /** Open to the leases beside it, whose epochs are counters. */
  readonly counters: Map<string, number> = new Map();

  async commit(guards: readonly Guard[], ops: readonly StoreOp[]): Promise<CommitOutcome> {
    for (const op of ops) {
      checkedKey(op.key);
      if (op.kind === "put") checkedValue(op.key, op.value);
      if (op.kind === "put_counter") assert(Number.isSafeInteger(op.value), "a counter is a safe integer");
    }
    const broken = guards.findIndex((guard) => !this.#holds(guard));
    if (broken >= 0) return { kind: "refused", guard: broken };
    for (const op of ops) {
      if (op.kind === "put") this.#values.set(op.key, op.value.slice());
      else if (op.kind === "put_counter") this.counters.set(op.key, op.value);
      else {
        this.#values.delete(op.key);
        this.counters.delete(op.key);
      }
    }
    return { kind: "committed" };
  }

  #holds(guard: Guard): boolean {
    const value = this.#values.get(guard.key);
    switch (guard.kind) {
      case "absent":
        return value === undefined;
      case "equals":
        return value !== undefined && equalBytes(value, guard.value);
      case "counter_at_most":
        return (this.counters.get(guard.key) ?? 0) <= guard.value;
      case "counter_is":
        return (this.counters.get(guard.key) ?? 0) === guard.value;
    }
  }

  async get(key: string): Promise<Bytes | undefined> {
    return this.#values.get(key)?.slice();
  }

  async getCounter(key: string): Promise<number> {
    return this.counters.get(key) ?? 0;
  }

  async list(
    prefix: string,
    options: { readonly reverse?: boolean; readonly limit?: number } = {},
  ): Promise<readonly MetadataEntry[]> {
    const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort(compareUtf8);
    if (options.reverse === true) keys.reverse();
    return keys
      .slice(0, options.limit ?? keys.length)
      .map((key) => ({ key, value: (this.#values.get(key) as Bytes).slice() }));
  }
}

export class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<string, Bytes>();

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const held = this.#blobs.get(checkedKey(name));
    if (held !== undefined && !equalBytes(held, bytes)) throw blobExists(name);
    if (held === undefined) this.#blobs.set(name, bytes.slice() as Bytes);
  }

  async get(name: string): Promise<Bytes | undefined> {
    return this.#blobs.get(name)?.slice();
  }

  async delete(names: readonly string[]): Promise<void> {
    for (const name of names) this.#blobs.delete(name);
  }

  async list(prefix: string): Promise<readonly string[]> {
    return [...this.#blobs.keys()].filter((name) => name.startsWith(prefix)).sort(compareUtf8);
  }
}
