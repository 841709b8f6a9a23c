// Files below the roots that the deployment allows.
//
// Invariants: a path is compared with the roots after its symbolic links have been resolved, and the resolved path is
// the one that is opened, without following a last link; `..` is refused before anything is looked at. A file that
// `writeAtomically` has acknowledged is on the disk under its name, contents and directory entry both.

import { randomBytes } from "node:crypto";
import { constants, realpathSync } from "node:fs";
import { type FileHandle as NodeHandle, mkdir, open, readdir, realpath, rename, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { externalError, type MillraceError, userError } from "../../src/base/errors.ts";
import type { FileHandle, Files } from "../../src/platform/ports.ts";
import { compareUtf8 } from "../../src/platform/memory_stores.ts";

/** A file that is being written; never listed. */
const TEMPORARY = /^\..*\.millrace-tmp$/;

export class LocalFiles implements Files {
  readonly #roots: readonly string[];

  /** Relative roots are relative to the working directory; relative paths to the first root. */
  constructor(roots: readonly string[]) {
    this.#roots = roots.map((root) => resolve(root));
  }

  #absolute(path: string): string {
    return resolve(this.#roots[0] ?? ".", path);
  }

  async open(path: string): Promise<FileHandle> {
    const real = await this.#resolved(path);
    const handle = await attempt(path, "read", () =>
      open(real, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)),
    );
    try {
      const facts = await attempt(path, "read", () => handle.stat());
      if (!facts.isFile()) throw userError("file_not_regular", path, `${path} is not a regular file`);
      return new LocalFileHandle(path, handle, facts.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The names of the files (not of the directories) in a directory, ascending by their UTF-8 bytes. */
  async list(directory: string): Promise<readonly string[]> {
    const real = await this.#resolved(directory);
    const entries = await attempt(directory, "read", () => readdir(real, { withFileTypes: true }));
    return entries
      .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && !TEMPORARY.test(entry.name))
      .map((entry) => entry.name)
      .sort(compareUtf8);
  }

  async writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
    const directory = await this.#directoryOf(path);
    const target = join(directory, basename(path));
    const temporary = join(directory, `.${basename(path)}.${randomBytes(6).toString("hex")}.millrace-tmp`);
    await attempt(path, "write", async () => {
      try {
        await writeSynced(temporary, bytes);
        await rename(temporary, target);
      } catch (error) {
        await unlink(temporary).catch(() => undefined); // The first error is the one to tell.
        throw error;
      }
      await syncDirectory(directory);
    });
  }

  /** Removing what is not there is fine: a replay of the removal must be harmless. */
  async remove(path: string): Promise<void> {
    this.#refuseDots(path);
    const directory = await realpath(dirname(this.#absolute(path))).catch(() => undefined);
    if (directory === undefined) {
      this.#refuseOutside(path, this.#absolute(path));
      return;
    }
    this.#refuseOutside(path, join(directory, basename(path)));
    await attempt(path, "remove", async () => {
      await unlink(join(directory, basename(path))).catch((error: unknown) => {
        if (codeOf(error) !== "ENOENT") throw error;
      });
      await syncDirectory(directory);
    });
  }

  /** The real path of something that exists. */
  async #resolved(path: string): Promise<string> {
    this.#refuseDots(path);
    const real = await realpath(this.#absolute(path)).catch((error: unknown) => {
      // Whether a path outside exists is nobody's business.
      this.#refuseOutside(path, this.#absolute(path));
      throw fileError(path, "read", error);
    });
    this.#refuseOutside(path, real);
    return real;
  }

  /** The real path of the directory of a file to be; missing directories are made, and made durable. */
  async #directoryOf(path: string): Promise<string> {
    this.#refuseDots(path);
    const missing: string[] = [];
    let existing = dirname(this.#absolute(path));
    for (;;) {
      const real = await realpath(existing).catch(() => undefined);
      if (real !== undefined) {
        existing = real;
        break;
      }
      missing.unshift(basename(existing));
      existing = dirname(existing);
    }
    const directory = join(existing, ...missing);
    this.#refuseOutside(path, join(directory, basename(path)));
    for (const name of missing) {
      await attempt(path, "write", async () => {
        await mkdir(join(existing, name)).catch((error: unknown) => {
          if (codeOf(error) !== "EEXIST") throw error;
        });
        await syncDirectory(existing);
      });
      existing = join(existing, name);
    }
    return directory;
  }

  #refuseDots(path: string): void {
    const parts = path.split(/[/\\]/);
    if (parts.includes("..") || path.includes("\0") || path === "") throw this.#notAllowed(path);
  }

  #refuseOutside(path: string, real: string): void {
    const allowed = this.#roots.some((root) => {
      const rootReal = realOr(root);
      return real === rootReal || real.startsWith(rootReal.endsWith(sep) ? rootReal : rootReal + sep);
    });
    if (!allowed) throw this.#notAllowed(path);
  }

  #notAllowed(path: string): MillraceError {
    const roots = this.#roots.length === 0 ? "none" : this.#roots.join(", ");
    return userError("path_not_allowed", path, `${path} is not below the allowed file roots (${roots})`);
  }
}

class LocalFileHandle implements FileHandle {
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #handle: NodeHandle;

  constructor(path: string, handle: NodeHandle, sizeBytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
  }

  async read(offset: number, into: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < into.byteLength) {
      const { bytesRead } = await attempt(this.#path, "read", () =>
        this.#handle.read(into, filled, into.byteLength - filled, offset + filled),
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function realOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // It does not exist yet: nothing below it does either.
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, "wx");
  try {
    let written = 0;
    while (written < bytes.byteLength) {
      written += (await handle.write(bytes, written, bytes.byteLength - written, written)).bytesWritten;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? "");

async function attempt<T>(path: string, verb: "read" | "write" | "remove", run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw fileError(path, verb, error);
  }
}

function fileError(path: string, verb: string, error: unknown): MillraceError {
  const cause = error;
  switch (codeOf(error)) {
    case "ENOENT":
      return userError("file_not_found", path, `${path} does not exist`, { cause });
    case "EACCES":
    case "EPERM":
      return userError("file_not_permitted", path, `${path}: the process may not ${verb} it`, { cause });
    case "EROFS":
      return userError("file_not_permitted", path, `${path}: its file system is read-only`, { cause });
    case "ENOTDIR":
    case "EISDIR":
    case "ELOOP":
      return userError("file_not_regular", path, `${path} is not of the kind that is needed here`, { cause });
    case "ENAMETOOLONG":
      return userError("file_name_too_long", path, `${path}: the name is longer than the file system takes`, { cause });
    case "ENOSPC":
    case "EDQUOT":
      return externalError("disk_full", path, `${path}: the disk is full; free some space`, { cause });
    default:
      return externalError("file_unavailable", path, `${path}: ${verb} failed: ${String(error)}`, { cause });
  }
}
