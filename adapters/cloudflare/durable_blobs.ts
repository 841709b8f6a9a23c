// Blobs in a Durable Object's key-value storage.
//
//   KEY                     VALUE
//   blob/<name>             count of bytes
//   chunk/<name>/<index>    bytes [index, index + 1) * BLOB_CHUNK_BYTES; the index has eight digits
//
// Writes are `allowUnconfirmed`: ordinary ones would hold back every message of this object until they are durable
// (the output gate), and data must not wait behind a checkpoint. `sync` makes them durable before we resolve.
// All keys of a blob are written without an await in between, which the storage makes one transaction.

import { type Bytes, equalBytes, utf8 } from "../../src/base/bytes.ts";
import { corruptionError } from "../../src/base/errors.ts";
import { BLOB_CHUNK_BYTES } from "../../src/base/limits.ts";
import type { BlobStore } from "../../src/platform/ports.ts";
import { blobExists, checkedKey } from "../../src/platform/store_rules.ts";
import { demandAtMost, KEY_BYTES_MAX, KEYS_PER_CALL_MAX } from "./limits.ts";

const UNCONFIRMED = { allowUnconfirmed: true } as const;
const HEAD = "blob/";

const headKey = (name: string): string => HEAD + name;
const chunkKey = (name: string, index: number): string => `chunk/${name}/${String(index).padStart(8, "0")}`;
const chunkCount = (byteCount: number): number => Math.ceil(byteCount / BLOB_CHUNK_BYTES);

export class DurableBlobs implements BlobStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    checkedKey(name);
    demandAtMost("the length of the key in bytes", name, utf8(chunkKey(name, 0)).length, KEY_BYTES_MAX);
    const held = this.#read(name);
    if (held !== undefined && !equalBytes(held, bytes)) throw blobExists(name);
    await Promise.all([...(held === undefined ? this.#write(name, bytes) : []), this.#storage.sync()]);
  }

  async get(name: string): Promise<Bytes | undefined> {
    return this.#read(name);
  }

  async delete(names: readonly string[]): Promise<void> {
    const keys: string[] = [];
    for (const name of names) {
      const byteCount = this.#storage.kv.get<number>(headKey(name));
      if (byteCount === undefined) continue;
      keys.push(headKey(name));
      for (let index = 0; index < chunkCount(byteCount); index++) keys.push(chunkKey(name, index));
    }
    const pending: Promise<unknown>[] = [];
    for (let at = 0; at < keys.length; at += KEYS_PER_CALL_MAX) {
      pending.push(this.#storage.delete(keys.slice(at, at + KEYS_PER_CALL_MAX), UNCONFIRMED));
    }
    await Promise.all([...pending, this.#storage.sync()]);
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names: string[] = [];
    for (const [key] of this.#storage.kv.list({ prefix: headKey(prefix) })) names.push(key.slice(HEAD.length));
    return names;
  }

  #read(name: string): Bytes | undefined {
    const byteCount = this.#storage.kv.get<number>(headKey(name));
    if (byteCount === undefined) return undefined;
    const bytes = new Uint8Array(byteCount);
    for (let index = 0; index < chunkCount(byteCount); index++) {
      const chunk = this.#storage.kv.get<Uint8Array>(chunkKey(name, index));
      if (chunk === undefined) throw corruptionError("store_corrupt", name, `blob ${name} lacks its chunk ${index}`);
      bytes.set(chunk, index * BLOB_CHUNK_BYTES);
    }
    return bytes;
  }

  #write(name: string, bytes: Uint8Array): readonly Promise<void>[] {
    const pending = [this.#storage.put(headKey(name), bytes.length, UNCONFIRMED)];
    for (let index = 0; index < chunkCount(bytes.length); index++) {
      const chunk = bytes.slice(index * BLOB_CHUNK_BYTES, (index + 1) * BLOB_CHUNK_BYTES);
      pending.push(this.#storage.put(chunkKey(name, index), chunk, UNCONFIRMED));
    }
    return pending;
  }
}
