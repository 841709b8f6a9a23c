// Files in memory, for the cases that need a file system where the runtime has none (Durable Objects).
// `cut` shortens a file in place and `broken` makes it unreadable, which the Files port itself has no way to do.

import { MillraceError, userError } from "../../src/base/errors.ts";
import type { FileHandle, Files } from "../../src/platform/ports.ts";

export class MemoryFiles implements Files {
  readonly #files = new Map<string, Uint8Array>();
  /** Paths whose reads fail, as those of a broken disk do. */
  readonly broken: Set<string> = new Set();
  openHandles = 0;

  async open(path: string): Promise<FileHandle> {
    const facts = this.#bytes(path);
    this.openHandles++;
    return {
      sizeBytes: facts.byteLength,
      read: async (offset, into) => {
        if (this.broken.has(path)) throw this.#unavailable(path);
        const bytes = this.#bytes(path).subarray(offset, offset + into.byteLength);
        into.set(bytes);
        return bytes.byteLength;
      },
      close: async () => {
        this.openHandles--;
      },
    };
  }

  async list(directory: string): Promise<readonly string[]> {
    const prefix = `${directory}/`;
    return [...this.#files.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  async writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
    this.#files.set(path, bytes.slice());
  }

  async remove(path: string): Promise<void> {
    this.#files.delete(path);
  }

  cut(path: string, length: number): void {
    this.#files.set(path, this.#bytes(path).slice(0, length));
  }

  #bytes(path: string): Uint8Array {
    const bytes = this.#files.get(path);
    if (bytes === undefined) throw userError("file_not_found", path, `${path} does not exist`);
    return bytes;
  }

  #unavailable(path: string): MillraceError {
    const message = `${path}: read failed: the disk answers no more`;
    return new MillraceError({ code: "file_unavailable", where: path, message, fault: "external", retry: "backoff" });
  }
}
