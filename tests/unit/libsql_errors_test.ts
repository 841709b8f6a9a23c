// The texts of what can go wrong with the local store, kept as they are shown.

import assert from "node:assert/strict";
import { test } from "node:test";
import { libsqlError, storeThreadEnded } from "../../adapters/local/libsql_errors.ts";

const path = "/data/.millrace/store.db";
const texts: readonly (readonly [code: string, message: string, wanted: string])[] = [
  [
    "LOCKED",
    "the node process 4711 since 2026-11-22T10:00:00.000Z",
    "store_in_use: the store /data/.millrace/store.db is in use by the node process 4711 since " +
      "2026-11-22T10:00:00.000Z; stop it first, or choose another directory",
  ],
  [
    "LOCKED",
    "",
    "store_in_use: the store /data/.millrace/store.db is in use by another process; stop it first, or choose another " +
      "directory",
  ],
  [
    "SQLITE_FULL",
    "SQLITE_FULL: database or disk is full",
    "store_full: the disk that holds the store /data/.millrace/store.db is full; free some space",
  ],
  [
    "SQLITE_NOTADB",
    "SQLITE_NOTADB: file is not a database",
    "store_corrupt: /data/.millrace/store.db is not a Millrace store: it is no SQLite database",
  ],
  [
    "SQLITE_CORRUPT",
    "SQLITE_CORRUPT: database disk image is malformed",
    "store_corrupt: the store /data/.millrace/store.db is damaged: database disk image is malformed",
  ],
  [
    "SQLITE_CANTOPEN",
    "unable to open database file",
    "store_unavailable: the store /data/.millrace/store.db cannot be opened: check that its directory exists and may " +
      "be written (SQLITE_CANTOPEN)",
  ],
  [
    "SQLITE_READONLY",
    "attempt to write a readonly database",
    "store_unavailable: the store /data/.millrace/store.db may not be written: check its permissions and those of " +
      "its directory (SQLITE_READONLY)",
  ],
  [
    "SQLITE_IOERR",
    "disk I/O error",
    "store_unavailable: the store /data/.millrace/store.db cannot be read or written: the disk reports an error " +
      "(SQLITE_IOERR)",
  ],
  [
    "PRAGMA",
    "journal_mode is delete although WAL was asked for",
    "store_not_durable: the store /data/.millrace/store.db cannot be made durable: journal_mode is delete although " +
      "WAL was asked for",
  ],
  [
    "SQLITE_CONSTRAINT",
    "SQLITE_CONSTRAINT: SQLITE_CONSTRAINT: UNIQUE constraint failed: t.a",
    "sql_constraint: UNIQUE constraint failed: t.a",
  ],
  ["SQLITE_ERROR", 'SQLITE_ERROR: near "SELEC": syntax error', 'sql_invalid: near "SELEC": syntax error'],
  ["UNKNOWN", "something else", "store_unavailable: the store /data/.millrace/store.db failed: something else"],
];

test("every failure of the store has its text, names the file and keeps what SQLite said", () => {
  for (const [code, message, wanted] of texts) {
    const error = libsqlError(path, { code, message });
    assert.equal(`${error.code}: ${error.message}`, wanted);
    assert.equal(error.where, path);
  }
  assert.equal(
    storeThreadEnded(path, "it stopped").message,
    "the thread of the store /data/.millrace/store.db ended: it stopped; restart Millrace",
  );
});
