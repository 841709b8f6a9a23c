// BlobStore over libSQL, or any SqlDatabase whose writes do not hold back other traffic.
//
//   millrace_blob         name TEXT (primary key), size INTEGER
//   millrace_blob_chunk   name TEXT, chunk INTEGER (both primary key), data BLOB of BLOB_CHUNK_BYTES, the last shorter
//
// Invariants: a name's rows are written in one batch, so a blob is there whole or not at all; they never change.
// No secondary indexes: the primary keys order names and chunks.

import { type Bytes, equalBytes } from "../base/bytes.ts";
import { corruptionError } from "../base/errors.ts";
import { BLOB_CHUNK_BYTES } from "../base/limits.ts";
import type { BlobStore, SqlDatabase, SqlStatement } from "./ports.ts";
import { blobExists, checkedKey, KEY_CEILING } from "./store_rules.ts";

/** Chunks fetched by one query, so that a large blob never lies in memory more than about once. */
const CHUNKS_PER_QUERY = 8;

/** Names deleted by one statement; they go in as one JSON text. */
const NAMES_PER_DELETE = 500;

const TABLES: readonly string[] = [
  "CREATE TABLE IF NOT EXISTS millrace_blob (name TEXT PRIMARY KEY NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS millrace_blob_chunk (name TEXT NOT NULL, chunk INTEGER NOT NULL, data BLOB NOT NULL, " +
    "PRIMARY KEY (name, chunk)) WITHOUT ROWID",
];

export class SqlBlobStore implements BlobStore {
  readonly #database: SqlDatabase;

  private constructor(database: SqlDatabase) {
    this.#database = database;
  }

  static async open(database: SqlDatabase): Promise<SqlBlobStore> {
    await database.batch(TABLES.map((sql) => ({ sql, args: [] })));
    return new SqlBlobStore(database);
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    checkedKey(name);
    const statements: SqlStatement[] = [
      { sql: "INSERT INTO millrace_blob (name, size) VALUES (?, ?)", args: [name, bytes.byteLength] },
    ];
    for (let start = 0, chunk = 0; start < bytes.byteLength; start += BLOB_CHUNK_BYTES, chunk++) {
      statements.push({
        sql: "INSERT INTO millrace_blob_chunk (name, chunk, data) VALUES (?, ?, ?)",
        args: [name, chunk, bytes.subarray(start, start + BLOB_CHUNK_BYTES)],
      });
    }
    try {
      await this.#database.batch(statements);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "sql_constraint") throw error;
      const held = await this.get(name);
      if (held === undefined || !equalBytes(held, bytes)) throw blobExists(name);
    }
  }

  async get(name: string): Promise<Bytes | undefined> {
    const size = await this.#size(name);
    if (size === undefined) return undefined;
    const bytes = new Uint8Array(size);
    let filled = 0;
    for (let first = 0; filled < size; first += CHUNKS_PER_QUERY) {
      const rows = await this.#database.query({
        sql: "SELECT data FROM millrace_blob_chunk WHERE name = ? AND chunk >= ? AND chunk < ? ORDER BY chunk",
        args: [name, first, first + CHUNKS_PER_QUERY],
      });
      for (const row of rows) {
        const data = row[0] as Uint8Array;
        if (filled + data.byteLength > size) throw this.#damaged(name, filled + data.byteLength, size);
        bytes.set(data, filled);
        filled += data.byteLength;
      }
      if (rows.length === 0) {
        // Deleted between two queries, unless its head is still there.
        if ((await this.#size(name)) === undefined) return undefined;
        throw this.#damaged(name, filled, size);
      }
    }
    return bytes;
  }

  #damaged(name: string, found: number, size: number): Error {
    return corruptionError("store_corrupt", name, `the blob ${name} has ${found} bytes or more instead of ${size}`);
  }

  async #size(name: string): Promise<number | undefined> {
    const rows = await this.#database.query({ sql: "SELECT size FROM millrace_blob WHERE name = ?", args: [name] });
    return rows[0] === undefined ? undefined : Number(rows[0][0]);
  }

  async delete(names: readonly string[]): Promise<void> {
    const statements: SqlStatement[] = [];
    for (let start = 0; start < names.length; start += NAMES_PER_DELETE) {
      const some = JSON.stringify(names.slice(start, start + NAMES_PER_DELETE));
      const chosen = "WHERE name IN (SELECT value FROM json_each(?))";
      statements.push({ sql: `DELETE FROM millrace_blob ${chosen}`, args: [some] });
      statements.push({ sql: `DELETE FROM millrace_blob_chunk ${chosen}`, args: [some] });
    }
    if (statements.length > 0) await this.#database.batch(statements);
  }

  async list(prefix: string): Promise<readonly string[]> {
    const rows = await this.#database.query({
      sql: "SELECT name FROM millrace_blob WHERE name >= ? AND name < ? ORDER BY name",
      args: [prefix, prefix + KEY_CEILING],
    });
    return rows.map((row) => row[0] as string);
  }
}
