// Blobs in an R2 bucket, which all objects of a deployment share. Keys are the blobs' names.
//
// Invariant: an object is created by a conditional request, so that a name that is taken is never overwritten.

import { type Bytes, equalBytes } from "../../src/base/bytes.ts";
import { externalError } from "../../src/base/errors.ts";
import { compareUtf8 } from "../../src/platform/memory_stores.ts";
import type { BlobStore } from "../../src/platform/ports.ts";
import { blobExists, checkedKey } from "../../src/platform/store_rules.ts";

/** Keys that one `delete` takes. */
const KEYS_PER_CALL_MAX = 1000;

export class R2Blobs implements BlobStore {
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const onlyIf = new Headers({ "If-None-Match": "*" });
    const stored = await answered(name, () => this.#bucket.put(checkedKey(name), bytes, { onlyIf }));
    if (stored !== null) return;
    const held = await this.get(name);
    if (held === undefined) throw externalError("store_unavailable", name, "the bucket has the blob and has it not");
    if (!equalBytes(held, bytes)) throw blobExists(name);
  }

  async get(name: string): Promise<Bytes | undefined> {
    return await answered(name, async () => {
      const object = await this.#bucket.get(checkedKey(name));
      return object === null ? undefined : new Uint8Array(await object.arrayBuffer());
    });
  }

  async delete(names: readonly string[]): Promise<void> {
    for (let start = 0; start < names.length; start += KEYS_PER_CALL_MAX) {
      const some = names.slice(start, start + KEYS_PER_CALL_MAX);
      await answered(some[0] ?? "", () => this.#bucket.delete(some.map(checkedKey)));
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names: string[] = [];
    let page: { readonly cursor?: string } = {};
    for (;;) {
      const found = await answered(prefix, () => this.#bucket.list({ prefix, ...page }));
      names.push(...found.objects.map((one) => one.key));
      if (!found.truncated) return names.sort(compareUtf8);
      page = { cursor: found.cursor };
    }
  }
}

async function answered<T>(where: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw externalError("store_unavailable", where, `the bucket of the archive: ${String(cause)}`, { cause });
  }
}
