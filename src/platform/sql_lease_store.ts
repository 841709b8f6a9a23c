// LeaseStore over a SqlDatabase, beside its SqlMetadataStore: a libSQL file or server. Time is the database's.
// (A Durable Object needs none: its platform lets one object of a name run at a time, and its storage fences it.)
//
// A change is one batch that begins with a guard, as a commit of the metadata store is: the guard breaks a CHECK
// exactly when the change must not happen.
//
//   millrace_lease     name TEXT (primary key), holder TEXT, ttl_ms INTEGER, expires_ms INTEGER; no row where free
//   millrace_counter   the epoch, under `leaseEpochKey(name)`

import { checkedClaim, LEASE_TTLS_AHEAD_MAX, leaseEpochKey } from "./lease_table.ts";
import type { LeaseClaim, LeaseRecord, LeaseStore, SqlDatabase, SqlStatement } from "./ports.ts";

/** Milliseconds since the Unix epoch by the clock of the machine that runs the database. */
const NOW_MS = "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)";

const EPOCH = "coalesce((SELECT value FROM millrace_counter WHERE key = ?), 0)";

/** What is left of a lease's row; 0 or less where it has run out, or the clock has gone back too far to tell. */
const REMAINING_MS =
  `CASE WHEN expires_ms - ${NOW_MS} > ttl_ms * ${LEASE_TTLS_AHEAD_MAX} ` + `THEN 0 ELSE expires_ms - ${NOW_MS} END`;

const TABLE =
  "CREATE TABLE IF NOT EXISTS millrace_lease (name TEXT PRIMARY KEY NOT NULL, holder TEXT NOT NULL, " +
  "ttl_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID";

export class SqlLeaseStore implements LeaseStore {
  readonly #database: SqlDatabase;

  /** The tables must exist: those of `prepare` and of the SqlMetadataStore. */
  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  static async prepare(database: SqlDatabase): Promise<void> {
    await database.batch([{ sql: TABLE, args: [] }]);
  }

  async read(name: string): Promise<LeaseRecord> {
    const rows = await this.#database.query({
      sql: `SELECT ${EPOCH}, holder, ${REMAINING_MS} FROM (SELECT 1) LEFT JOIN millrace_lease ON name = ?`,
      args: [leaseEpochKey(name), name],
    });
    const [epoch, holder, remainingMs] = rows[0] ?? [];
    return { epoch: Number(epoch), holder: String(holder ?? ""), remainingMs: Math.max(0, Number(remainingMs ?? 0)) };
  }

  async take(claim: LeaseClaim): Promise<boolean> {
    const { name, holder, epoch } = checkedClaim(claim);
    const held = `SELECT 1 FROM millrace_lease WHERE name = ? AND holder <> ? AND ${REMAINING_MS} > 0`;
    return await this.#change([
      guard(`${EPOCH} = ? AND NOT EXISTS (${held})`, [leaseEpochKey(name), epoch, name, holder]),
      {
        sql: "INSERT OR REPLACE INTO millrace_counter (key, value) VALUES (?, ?)",
        args: [leaseEpochKey(name), epoch + 1],
      },
      written(claim),
    ]);
  }

  async renew(claim: LeaseClaim): Promise<boolean> {
    return await this.#change([holds(claim), written(claim)]);
  }

  async release(claim: LeaseClaim): Promise<boolean> {
    const freed = { sql: "DELETE FROM millrace_lease WHERE name = ?", args: [claim.name] };
    return await this.#change([holds(claim), freed]);
  }

  async #change(statements: readonly SqlStatement[]): Promise<boolean> {
    try {
      await this.#database.batch(statements);
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "sql_constraint") throw error;
      return false;
    }
  }
}

const guard = (condition: string, args: SqlStatement["args"]): SqlStatement => ({
  sql: `INSERT INTO millrace_guard (holds) SELECT 0 WHERE NOT (${condition})`,
  args,
});

function holds(claim: LeaseClaim): SqlStatement {
  const { name, holder, epoch } = checkedClaim(claim);
  const own = "SELECT 1 FROM millrace_lease WHERE name = ? AND holder = ?";
  return guard(`${EPOCH} = ? AND EXISTS (${own})`, [leaseEpochKey(name), epoch, name, holder]);
}

const written = ({ name, holder, ttlMs }: LeaseClaim): SqlStatement => ({
  sql: `INSERT OR REPLACE INTO millrace_lease (name, holder, ttl_ms, expires_ms) VALUES (?, ?, ?, ${NOW_MS} + ?)`,
  args: [name, holder, ttlMs, ttlMs],
});
