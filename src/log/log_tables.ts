// The SQL of the durable log; nothing else in `src/log` names a table.
//
//   millrace_logs(name PRIMARY KEY, id, content_type, ttl_seconds, expires_at, touched_ms,
//                 snapshot_sequence, snapshot)                                             one row a log
//   millrace_log_<id>(first INTEGER PRIMARY KEY, records, bytes, meta, body)               one row a commit
//
// - `id` is random and never used again: a log that was deleted and created anew shares nothing with the old one,
//   and a late write of the old one finds its table gone.
// - The key of a row is its first sequence, so two writers can never both store a record at one sequence.
// - No secondary index, no BEGIN, no bigint: the same statements run on libSQL and on a Durable Object, where every
//   row and every index entry written is paid for. What is read often stands before `body`, and without reading it.
// - Deleting drops the table instead of paying for every row.

import { corruptionError } from "../base/errors.ts";
import type { SqlDatabase, SqlRow, SqlStatement, SqlValue } from "../platform/ports.ts";
import type { PackedRow } from "./log_row.ts";

const statement = (sql: string, ...args: SqlValue[]): SqlStatement => ({ sql, args });

export interface LogConfig {
  /** Media type in lower case, with parameters as the creator gave them. */
  readonly contentType: string;
  /** Deleted after so many seconds without a read or an append. */
  readonly ttlSeconds: number | undefined;
  /** Deleted at this instant; the creator's own text. */
  readonly expiresAt: string | undefined;
}

/** The row of a log in `millrace_logs`. */
export interface LogHead extends LogConfig {
  readonly name: string;
  readonly id: string;
  readonly touchedMs: number;
  readonly snapshotSequence: number;
  readonly snapshot: string;
}

export const createDirectory = (): SqlStatement =>
  statement(
    "CREATE TABLE IF NOT EXISTS millrace_logs (name TEXT PRIMARY KEY, id TEXT NOT NULL, content_type TEXT NOT NULL," +
      " ttl_seconds INTEGER, expires_at TEXT, touched_ms INTEGER NOT NULL, snapshot_sequence INTEGER NOT NULL," +
      " snapshot TEXT NOT NULL) WITHOUT ROWID",
  );

const tableOf = (id: string): string => `millrace_log_${id}`;

/** Fails as a whole where the name is taken. */
export const insertLog = (head: LogHead): SqlStatement[] => [
  statement(
    "INSERT INTO millrace_logs (name, id, content_type, ttl_seconds, expires_at, touched_ms, snapshot_sequence," +
      " snapshot) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    head.name,
    head.id,
    head.contentType,
    head.ttlSeconds ?? null,
    head.expiresAt ?? null,
    head.touchedMs,
    head.snapshotSequence,
    head.snapshot,
  ),
  statement(
    `CREATE TABLE ${tableOf(head.id)} (first INTEGER PRIMARY KEY, records INTEGER NOT NULL, bytes INTEGER NOT NULL,` +
      " meta TEXT NOT NULL, body BLOB NOT NULL)",
  ),
];

/** Fails where another row has the same first sequence, or where the log is gone. */
export const insertRow = (id: string, row: PackedRow, meta: string): SqlStatement =>
  statement(
    `INSERT INTO ${tableOf(id)} (first, records, bytes, meta, body) VALUES (?, ?, ?, ?, ?)`,
    row.first,
    row.records,
    row.body.byteLength,
    meta,
    row.body,
  );

export const updateSnapshot = (id: string, name: string, sequence: number, snapshot: string): SqlStatement =>
  statement(
    "UPDATE millrace_logs SET snapshot_sequence = ?, snapshot = ? WHERE name = ? AND id = ?",
    sequence,
    snapshot,
    name,
    id,
  );

export const updateTouched = (id: string, name: string, touchedMs: number): SqlStatement =>
  statement("UPDATE millrace_logs SET touched_ms = ? WHERE name = ? AND id = ?", touchedMs, name, id);

export const deleteLog = (id: string, name: string): SqlStatement[] => [
  statement("DELETE FROM millrace_logs WHERE name = ? AND id = ?", name, id),
  statement(`DROP TABLE IF EXISTS ${tableOf(id)}`),
];

export async function queryHead(database: SqlDatabase, name: string): Promise<LogHead | undefined> {
  const rows = await database.query(
    statement(
      "SELECT id, content_type, ttl_seconds, expires_at, touched_ms, snapshot_sequence, snapshot" +
        " FROM millrace_logs WHERE name = ?",
      name,
    ),
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    name,
    id: textAt(row, 0),
    contentType: textAt(row, 1),
    ttlSeconds: row[2] === null ? undefined : numberAt(row, 2),
    expiresAt: row[3] === null ? undefined : textAt(row, 3),
    touchedMs: numberAt(row, 4),
    snapshotSequence: numberAt(row, 5),
    snapshot: textAt(row, 6),
  };
}

export async function queryNames(database: SqlDatabase): Promise<string[]> {
  const rows = await database.query(statement("SELECT name FROM millrace_logs ORDER BY name"));
  return rows.map((row) => textAt(row, 0));
}

export interface RowMeta {
  readonly first: number;
  readonly records: number;
  readonly meta: string;
}

/** Rows from sequence `from` on, without their bodies. */
export async function queryMetas(database: SqlDatabase, id: string, from: number, limit: number): Promise<RowMeta[]> {
  const rows = await database.query(
    statement(`SELECT first, records, meta FROM ${tableOf(id)} WHERE first >= ? ORDER BY first LIMIT ?`, from, limit),
  );
  return rows.map((row) => ({ first: numberAt(row, 0), records: numberAt(row, 1), meta: textAt(row, 2) }));
}

export interface RowSize {
  readonly first: number;
  readonly bodyBytes: number;
}

/** Sizes of the rows from the one that holds `from` on. */
export async function querySizes(database: SqlDatabase, id: string, from: number, limit: number): Promise<RowSize[]> {
  const table = tableOf(id);
  const rows = await database.query(
    statement(
      `SELECT first, bytes FROM ${table} WHERE records > 0 AND first >=` +
        ` (SELECT coalesce(max(first), 0) FROM ${table} WHERE first <= ?) ORDER BY first LIMIT ?`,
      from,
      limit,
    ),
  );
  return rows.map((row) => ({ first: numberAt(row, 0), bodyBytes: numberAt(row, 1) }));
}

export interface StoredRow {
  readonly first: number;
  readonly records: number;
  readonly body: Uint8Array;
}

export async function queryRows(database: SqlDatabase, id: string, from: number, to: number): Promise<StoredRow[]> {
  const rows = await database.query(
    statement(
      `SELECT first, records, body FROM ${tableOf(id)} WHERE first >= ? AND first <= ? AND records > 0 ORDER BY first`,
      from,
      to,
    ),
  );
  return rows.map((row) => {
    const body = row[2];
    if (!(body instanceof Uint8Array)) throw wrongColumn("body", body);
    return { first: numberAt(row, 0), records: numberAt(row, 1), body };
  });
}

const wrongColumn = (what: string, found: unknown): Error =>
  corruptionError("log_corrupt", "millrace_logs", `column ${what} of a log table holds a ${typeof found}`);

function numberAt(row: SqlRow, index: number): number {
  const value = row[index];
  if (typeof value !== "number") throw wrongColumn(String(index), value);
  return value;
}

function textAt(row: SqlRow, index: number): string {
  const value = row[index];
  if (typeof value !== "string") throw wrongColumn(String(index), value);
  return value;
}
