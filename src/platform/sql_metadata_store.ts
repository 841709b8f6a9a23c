// MetadataStore over any SqlDatabase (libSQL, a Durable Object's SQLite).
//
// A commit is one batch: each guard inserts a row that violates a CHECK exactly when the guard does not hold, which
// rolls the whole batch back. Which guard it was is found by asking afterwards; should all of them hold by then
// (another commit came between), the batch is tried again.
//
//   millrace_value     key TEXT (primary key), value BLOB
//   millrace_counter   key TEXT (primary key), value INTEGER
//   millrace_guard     holds INTEGER CHECK (holds = 1); always empty

import { assert } from "../base/assert.ts";
import type { Bytes } from "../base/bytes.ts";
import { corruptionError, userError } from "../base/errors.ts";
import type {
  CommitOutcome,
  Guard,
  MetadataEntry,
  MetadataStore,
  SqlDatabase,
  SqlStatement,
  StoreOp,
} from "./ports.ts";
import { checkedKey, checkedValue, KEY_CEILING } from "./store_rules.ts";

/** Version of the tables of this file and of the blob store's; kept in a counter of its own. */
const LAYOUT_VERSION = 1;
const LAYOUT_KEY = "millrace/layout";

/** Commits that lose this many races one after another point to a guard that is evaluated in two ways. */
const RACES_MAX = 100;

/** Guards asked for in one query, so that it stays far below the limit on parameters and text. */
const GUARDS_PER_QUERY = 20;

const TABLES: readonly string[] = [
  "CREATE TABLE IF NOT EXISTS millrace_value (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS millrace_counter (key TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS millrace_guard (holds INTEGER NOT NULL CHECK (holds = 1))",
];

export class SqlMetadataStore implements MetadataStore {
  readonly #database: SqlDatabase;

  private constructor(database: SqlDatabase) {
    this.#database = database;
  }

  /** Creates the tables where they are missing; refuses a store of another layout. */
  static async open(database: SqlDatabase): Promise<SqlMetadataStore> {
    await database.batch(TABLES.map((sql) => ({ sql, args: [] })));
    const store = new SqlMetadataStore(database);
    const layout = await store.getCounter(LAYOUT_KEY);
    if (layout === 0) await store.commit([], [{ kind: "put_counter", key: LAYOUT_KEY, value: LAYOUT_VERSION }]);
    else if (layout !== LAYOUT_VERSION) {
      throw userError(
        "store_layout_unknown",
        "metadata store",
        `the store has layout version ${layout}, this Millrace reads ${LAYOUT_VERSION}: start the version that wrote it`,
      );
    }
    return store;
  }

  async commit(guards: readonly Guard[], ops: readonly StoreOp[]): Promise<CommitOutcome> {
    const statements = [...guards.map(guardStatement), ...ops.flatMap(opStatements)];
    for (let race = 0; race < RACES_MAX; race++) {
      try {
        await this.#database.batch(statements);
        return { kind: "committed" };
      } catch (error) {
        if (guards.length === 0 || !isConstraint(error)) throw error;
        const guard = await this.#firstBroken(guards);
        if (guard !== undefined) return { kind: "refused", guard };
      }
    }
    throw corruptionError(
      "store_corrupt",
      "metadata store",
      "a guard is refused although it holds: the store is damaged",
    );
  }

  async #firstBroken(guards: readonly Guard[]): Promise<number | undefined> {
    for (let start = 0; start < guards.length; start += GUARDS_PER_QUERY) {
      const some = guards.slice(start, start + GUARDS_PER_QUERY).map(condition);
      const rows = await this.#database.query({
        sql: `SELECT ${some.map((one) => one.sql).join(", ")}`,
        args: some.flatMap((one) => one.args),
      });
      const broken = (rows[0] ?? []).findIndex((holds) => holds !== 1);
      if (broken >= 0) return start + broken;
    }
    return undefined;
  }

  async get(key: string): Promise<Bytes | undefined> {
    const rows = await this.#database.query({ sql: "SELECT value FROM millrace_value WHERE key = ?", args: [key] });
    return rows[0] === undefined ? undefined : (rows[0][0] as Bytes);
  }

  async getCounter(key: string): Promise<number> {
    const rows = await this.#database.query({ sql: "SELECT value FROM millrace_counter WHERE key = ?", args: [key] });
    return rows[0] === undefined ? 0 : Number(rows[0][0]);
  }

  async list(
    prefix: string,
    options: { readonly reverse?: boolean; readonly limit?: number } = {},
  ): Promise<readonly MetadataEntry[]> {
    const order = options.reverse === true ? "DESC" : "ASC";
    const rows = await this.#database.query({
      sql: `SELECT key, value FROM millrace_value WHERE key >= ? AND key < ? ORDER BY key ${order} LIMIT ?`,
      args: [prefix, prefix + KEY_CEILING, options.limit ?? -1],
    });
    return rows.map((row) => ({ key: row[0] as string, value: row[1] as Bytes }));
  }
}

/** Adapters give every broken constraint this code. */
const isConstraint = (error: unknown): boolean => (error as { code?: unknown }).code === "sql_constraint";

/** An SQL expression that is 1 exactly when the guard holds. */
function condition(guard: Guard): SqlStatement {
  switch (guard.kind) {
    case "absent":
      return { sql: "(NOT EXISTS (SELECT 1 FROM millrace_value WHERE key = ?))", args: [guard.key] };
    case "equals":
      return {
        sql: "(EXISTS (SELECT 1 FROM millrace_value WHERE key = ? AND value = ?))",
        args: [guard.key, guard.value],
      };
    case "counter_at_most":
      return { sql: `(${COUNTER} <= ?)`, args: [guard.key, guard.value] };
    case "counter_is":
      return { sql: `(${COUNTER} = ?)`, args: [guard.key, guard.value] };
  }
}

const COUNTER = "coalesce((SELECT value FROM millrace_counter WHERE key = ?), 0)";

function guardStatement(guard: Guard): SqlStatement {
  const { sql, args } = condition(guard);
  return { sql: `INSERT INTO millrace_guard (holds) SELECT 0 WHERE NOT ${sql}`, args };
}

function opStatements(op: StoreOp): SqlStatement[] {
  checkedKey(op.key);
  switch (op.kind) {
    case "put":
      checkedValue(op.key, op.value);
      return [{ sql: "INSERT OR REPLACE INTO millrace_value (key, value) VALUES (?, ?)", args: [op.key, op.value] }];
    case "put_counter":
      assert(Number.isSafeInteger(op.value), "a counter is a safe integer");
      return [{ sql: "INSERT OR REPLACE INTO millrace_counter (key, value) VALUES (?, ?)", args: [op.key, op.value] }];
    case "delete":
      return [
        { sql: "DELETE FROM millrace_value WHERE key = ?", args: [op.key] },
        { sql: "DELETE FROM millrace_counter WHERE key = ?", args: [op.key] },
      ];
  }
}
