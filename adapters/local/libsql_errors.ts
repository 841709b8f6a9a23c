// What SQLite says as errors that name the file, say what would be right, and tell whether to try again.

import { corruptionError, externalError, MillraceError, userError } from "../../src/base/errors.ts";
import type { LibsqlFailure } from "./libsql_messages.ts";

const UNAVAILABLE: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: "cannot be opened: check that its directory exists and may be written",
  SQLITE_READONLY: "may not be written: check its permissions and those of its directory",
  SQLITE_PERM: "may not be used: check its permissions",
  SQLITE_AUTH: "may not be used: check its permissions",
  SQLITE_BUSY: "is locked by another program: close the program that writes to it",
  SQLITE_LOCKED: "is locked by another program: close the program that writes to it",
  SQLITE_IOERR: "cannot be read or written: the disk reports an error",
  SQLITE_NOMEM: "needs more memory than there is",
};

/** `path` is the file that the failure is about. */
export function libsqlError(path: string, failure: LibsqlFailure): MillraceError {
  const cause = new Error(failure.message);
  const { code } = failure;
  const unavailable = UNAVAILABLE[code];
  if (unavailable !== undefined) {
    return externalError("store_unavailable", path, `the store ${path} ${unavailable} (${code})`, { cause });
  }
  switch (code) {
    case "SQLITE_FULL":
      return externalError("store_full", path, `the disk that holds the store ${path} is full; free some space`, {
        cause,
      });
    case "SQLITE_NOTADB":
      return corruptionError("store_corrupt", path, `${path} is not a Millrace store: it is no SQLite database`, {
        cause,
      });
    case "SQLITE_CORRUPT":
      return corruptionError("store_corrupt", path, `the store ${path} is damaged: ${plain(failure.message)}`, {
        cause,
      });
    case "SQLITE_CONSTRAINT":
      return userError("sql_constraint", path, plain(failure.message), { cause });
    case "SQLITE_TOOBIG":
    case "SQLITE_MISMATCH":
    case "SQLITE_RANGE":
    case "SQLITE_ERROR":
      return userError("sql_invalid", path, plain(failure.message), { cause });
    case "LOCKED":
      return storeInUse(path, failure.message);
    case "PRAGMA":
      return externalError("store_not_durable", path, `the store ${path} cannot be made durable: ${failure.message}`, {
        cause,
      });
    default:
      return new MillraceError({
        code: "store_unavailable",
        where: path,
        message: `the store ${path} failed: ${failure.message}`,
        fault: "external",
        retry: "backoff",
        cause,
      });
  }
}

export function storeInUse(path: string, holder: string): MillraceError {
  const who = holder === "" ? "another process" : holder.trim();
  return new MillraceError({
    code: "store_in_use",
    where: path,
    message: `the store ${path} is in use by ${who}; stop it first, or choose another directory`,
    fault: "user",
    retry: "backoff",
  });
}

export function storeThreadEnded(path: string, why: string): MillraceError {
  return externalError("store_unavailable", path, `the thread of the store ${path} ended: ${why}; restart Millrace`);
}

/** The client repeats its code in front of the message, once per layer. */
const plain = (message: string): string => message.replace(/^(SQLITE_[A-Z_]+: )+/, "");
