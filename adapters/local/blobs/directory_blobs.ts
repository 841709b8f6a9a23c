// Blobs as files of a directory that processes of one host share (or of several, on a file system that keeps its
// promises between them: NFS does).
//
//   <directory>/<path of the name>.blob     OFFSET 0   SIZE 8    "MRBLOB1\n"
//                                           8          32        SHA-256 of the bytes
//                                           40         -         the bytes
//   <directory>/+writing/<random>           a file that is being written
//
// Invariants: a file appears under its name whole, its bytes synced before and its directory entry before the put
// resolves; it appears by a link, which fails where the name is taken, so of two writers one wins. What is read is
// compared with its digest.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, mkdir, open, readdir, stat, unlink } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { type Bytes, equalBytes, utf8 } from "../../../src/base/bytes.ts";
import { corruptionError, externalError, type MillraceError } from "../../../src/base/errors.ts";
import { compareUtf8 } from "../../../src/platform/memory_stores.ts";
import type { BlobStore, Digest } from "../../../src/platform/ports.ts";
import { blobExists, checkedKey } from "../../../src/platform/store_rules.ts";
import { directoryPath, filePath, nameOfPath } from "./blob_names.ts";

const MAGIC = utf8("MRBLOB1\n");
const DIGEST_BYTES = 32;
const HEAD_BYTES = MAGIC.byteLength + DIGEST_BYTES;
const WRITING = "+writing";

/** What a dead process left half-written is removed at the next start after this long. */
const LEFT_OVER_MS = 3_600_000;

/** Files handled at a time. */
const DELETES_AT_ONCE = 16;

export class DirectoryBlobStore implements BlobStore {
  readonly #root: string;
  readonly #digest: Digest;
  /** Directories whose way from the root is known to be on the disk. */
  readonly #known = new Set<string>();

  private constructor(root: string, digest: Digest) {
    this.#root = root;
    this.#digest = digest;
  }

  /** Makes the directory where it is missing. `nowMs` is the clock that the file system's times are compared with. */
  static async open(directory: string, digest: Digest, nowMs: number): Promise<DirectoryBlobStore> {
    const store = new DirectoryBlobStore(resolve(directory), digest);
    await store.#attempt(directory, async () => {
      await mkdir(store.#root, { recursive: true, mode: 0o700 });
      await syncDirectory(dirname(store.#root));
      await store.#makeDirectory(join(store.#root, WRITING));
      await store.#sweep(nowMs);
    });
    return store;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#root, filePath(checkedKey(name)));
    const head = new Uint8Array(HEAD_BYTES);
    head.set(MAGIC);
    head.set(this.#sha256(bytes), MAGIC.byteLength);
    const temporary = join(this.#root, WRITING, randomBytes(16).toString("hex"));
    await this.#attempt(name, async () => {
      try {
        await writeSynced(temporary, [head, bytes]);
        await this.#makeDirectory(dirname(path));
        const linked = await link(temporary, path).then(
          () => true,
          (error: unknown) => refusedAs("EEXIST", error),
        );
        if (!linked && !(await this.#holds(path, name, head, bytes))) throw blobExists(name);
        await syncDirectory(dirname(path)); // Also where another process has linked it and not synced it yet.
      } finally {
        await removed(temporary);
      }
    });
  }

  async get(name: string): Promise<Bytes | undefined> {
    const path = join(this.#root, filePath(checkedKey(name)));
    return await this.#attempt(name, async () => {
      const found = await readBlob(path);
      if (found === undefined) return undefined;
      const { head, bytes } = found;
      if (head.byteLength < HEAD_BYTES || !equalBytes(head.subarray(0, MAGIC.byteLength), MAGIC)) {
        throw damaged(name, path, "it does not begin as a blob does");
      }
      if (!equalBytes(head.subarray(MAGIC.byteLength, HEAD_BYTES), this.#sha256(bytes))) {
        throw damaged(name, path, "its bytes do not have the digest that they were written with");
      }
      return bytes;
    });
  }

  async delete(names: readonly string[]): Promise<void> {
    for (let start = 0; start < names.length; start += DELETES_AT_ONCE) {
      const some = names.slice(start, start + DELETES_AT_ONCE);
      await Promise.all(
        some.map((name) => this.#attempt(name, () => removed(join(this.#root, filePath(checkedKey(name)))))),
      );
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names: string[] = [];
    const slash = prefix.lastIndexOf("/");
    const start = slash < 0 ? this.#root : join(this.#root, directoryPath(prefix.slice(0, slash)));
    await this.#attempt(prefix, () => this.#walk(start, prefix, names));
    return names.sort(compareUtf8);
  }

  /** Durable up to the root, whoever made it: another process may have made it and not synced it yet. */
  async #makeDirectory(path: string): Promise<void> {
    if (this.#known.has(path)) return;
    await mkdir(path, { recursive: true, mode: 0o700 });
    for (let directory = path; directory !== this.#root; directory = dirname(directory)) {
      await syncDirectory(dirname(directory));
    }
    this.#known.add(path);
  }

  async #walk(directory: string, prefix: string, names: string[]): Promise<void> {
    const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) =>
      missing(error) ? [] : Promise.reject(error),
    );
    for (const entry of entries) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== WRITING) await this.#walk(path, prefix, names);
        continue;
      }
      const name = nameOfPath(relative(this.#root, path).split(sep).join("/"));
      if (name?.startsWith(prefix) === true) names.push(name);
    }
  }

  /** The file is read whole only where its digest is the same. */
  async #holds(path: string, name: string, head: Uint8Array, bytes: Uint8Array): Promise<boolean> {
    const handle = await open(path, constants.O_RDONLY);
    try {
      const found = new Uint8Array(HEAD_BYTES);
      await handle.read(found, 0, HEAD_BYTES, 0);
      if (!equalBytes(found, head)) return false;
    } finally {
      await handle.close();
    }
    const held = await this.get(name);
    return held !== undefined && equalBytes(held, bytes);
  }

  #sha256(bytes: Uint8Array): Bytes {
    const stream = this.#digest.sha256();
    stream.update(bytes);
    return stream.finish();
  }

  async #sweep(nowMs: number): Promise<void> {
    const directory = join(this.#root, WRITING);
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      const facts = await stat(path).catch((error: unknown) => (missing(error) ? undefined : Promise.reject(error)));
      if (facts !== undefined && nowMs - facts.mtimeMs > LEFT_OVER_MS) await removed(path);
    }
  }

  async #attempt<T>(where: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw storeError(this.#root, where, error);
    }
  }
}

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? "");
/** ENOTDIR: a part of the way is a file, so nothing is below it. */
const missing = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(codeOf(error));

function refusedAs(code: string, error: unknown): false {
  if (codeOf(error) === code) return false;
  throw error;
}

async function removed(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => (missing(error) ? undefined : Promise.reject(error)));
}

/** In one read, without a copy; what a damaged file has less of is missing from the end. */
async function readBlob(path: string): Promise<{ readonly head: Bytes; readonly bytes: Bytes } | undefined> {
  const handle = await open(path, constants.O_RDONLY).catch((error: unknown) =>
    missing(error) ? undefined : Promise.reject(error),
  );
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    const head = await readFully(handle, 0, Math.min(size, HEAD_BYTES));
    return { head, bytes: await readFully(handle, HEAD_BYTES, Math.max(0, size - HEAD_BYTES)) };
  } finally {
    await handle.close();
  }
}

async function readFully(handle: FileHandle, from: number, length: number): Promise<Bytes> {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await handle.read(bytes, at, length - at, from + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at === length ? bytes : bytes.slice(0, at);
}

async function writeSynced(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    let at = 0;
    for (const part of parts) {
      for (let written = 0; written < part.byteLength; ) {
        const { bytesWritten } = await handle.write(part, written, part.byteLength - written, at);
        written += bytesWritten;
        at += bytesWritten;
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle: FileHandle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const damaged = (name: string, path: string, why: string): MillraceError =>
  corruptionError("store_corrupt", name, `the blob ${name} in ${path} is damaged: ${why}`);

function storeError(root: string, where: string, error: unknown): unknown {
  const code = codeOf(error);
  // Typed already; the system's own codes are in capitals.
  if (code !== code.toUpperCase() || code === "") return error;
  const more = { cause: error };
  if (code === "ENOSPC" || code === "EDQUOT") {
    return externalError("store_full", where, `the disk of the blobs in ${root} is full; free some space`, more);
  }
  return externalError("store_unavailable", where, `the blobs in ${root} cannot be used: ${String(error)}`, more);
}
