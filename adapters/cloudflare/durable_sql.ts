// The SQL database inside a Durable Object as a SqlDatabase.
//
// Its API binds no bigint and reads every INTEGER as a double, so exactness is made here:
// - a bigint is bound as text (or as a number where that is exact) and cast to INTEGER in the statement;
// - a result with a whole number beyond 2^53 is asked for again, with the integers as text.

import { externalError, type MillraceError, userError } from "../../src/base/errors.ts";
import { utf8 } from "../../src/base/bytes.ts";
import type { SqlDatabase, SqlRow, SqlStatement, SqlValue } from "../../src/platform/ports.ts";
import { CALL_BYTES_MAX, demandAtMost, ROW_BYTES_MAX, SQL_PARAMETERS_MAX, SQL_TEXT_BYTES_MAX } from "./limits.ts";

type Bound = null | string | number | Uint8Array;

export class DurableSql implements SqlDatabase {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  async batch(statements: readonly SqlStatement[]): Promise<void> {
    let bytes = 0;
    for (const statement of statements) bytes += demandWithinLimits(statement);
    demandAtMost("the size of the batch in bytes", "batch", bytes, CALL_BYTES_MAX);
    this.#storage.transactionSync(() => {
      for (const statement of statements) this.#run(statement);
    });
    await this.#storage.sync();
  }

  async query(statement: SqlStatement): Promise<readonly SqlRow[]> {
    demandWithinLimits(statement);
    const cursor = this.#run(statement);
    const columnCount = cursor.columnNames.length;
    const rows = [...cursor.raw()];
    if (rows.some((row) => row.some(beyondExact))) return this.#queryExactly(statement, columnCount);
    return rows.map((row) => row.map(plainValue));
  }

  /** Same rows, read with no other event in between, with one column more that says which values are integers. */
  #queryExactly(statement: SqlStatement, columnCount: number): readonly SqlRow[] {
    const names = Array.from({ length: columnCount }, (_none, index) => `c${index}`);
    const kinds = names.map((name) => `substr(typeof(${name}), 1, 1)`).join(" || ");
    const values = names.map(
      (name) => `CASE typeof(${name}) WHEN 'integer' THEN CAST(${name} AS TEXT) ELSE ${name} END`,
    );
    // The line break ends a comment that the statement may close with.
    const asked = statement.sql.replace(/;\s*$/, "");
    const sql = `WITH asked(${names.join(", ")}) AS (${asked}\n) SELECT ${kinds}, ${values.join(", ")} FROM asked`;
    const rows = [...this.#run({ sql, args: statement.args }).raw()];
    return rows.map(([kindsOfRow, ...row]) =>
      row.map((value, index) => (String(kindsOfRow)[index] === "i" ? exactInteger(String(value)) : plainValue(value))),
    );
  }

  #run(statement: SqlStatement): SqlStorageCursor<Record<string, SqlStorageValue>> {
    const { sql, args } = withoutBigints(statement);
    try {
      return this.#storage.sql.exec(sql, ...args);
    } catch (error) {
      throw sqlError(error, statement.sql);
    }
  }
}

function demandWithinLimits(statement: SqlStatement): number {
  const where = `statement ${statement.sql.slice(0, 60)}`;
  demandAtMost("the statement's length in bytes", where, statement.sql.length, SQL_TEXT_BYTES_MAX);
  demandAtMost("the count of parameters", where, statement.args.length, SQL_PARAMETERS_MAX);
  let bytes = 0;
  for (const value of statement.args) bytes += sizeOf(value);
  demandAtMost("the size of the statement's values in bytes", where, bytes, ROW_BYTES_MAX);
  return bytes + statement.sql.length;
}

function sizeOf(value: SqlValue): number {
  if (value instanceof Uint8Array) return value.byteLength;
  return typeof value === "string" ? utf8(value).byteLength : 8;
}

/** Text, quoted names and comments are matched first, so that a `?` inside them is not taken for a parameter. */
const PARAMETER = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\/|\?(\d*)/g;

function withoutBigints(statement: SqlStatement): { readonly sql: string; readonly args: readonly Bound[] } {
  const { sql, args } = statement;
  if (!args.some((value) => typeof value === "bigint")) return { sql, args: args as readonly Bound[] };
  let last = 0;
  const cast = sql.replace(PARAMETER, (found: string, digits: string | undefined) => {
    if (digits === undefined) return found;
    last = digits === "" ? last + 1 : Number(digits);
    return typeof args[last - 1] === "bigint" ? `CAST(${found} AS INTEGER)` : found;
  });
  return { sql: cast, args: args.map((value) => (typeof value === "bigint" ? String(value) : value)) };
}

const beyondExact = (value: SqlStorageValue): boolean =>
  typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);

const plainValue = (value: SqlStorageValue | undefined): SqlValue =>
  value instanceof ArrayBuffer ? new Uint8Array(value) : (value ?? null);

function exactInteger(digits: string): number | bigint {
  const rounded = Number(digits);
  return Number.isSafeInteger(rounded) ? rounded : BigInt(digits);
}

/** The same codes as on every other database. */
function sqlError(error: unknown, sql: string): MillraceError {
  const message = error instanceof Error ? error.message : String(error);
  const where = `statement ${sql.slice(0, 60)}`;
  if (message.includes("SQLITE_CONSTRAINT")) return userError("sql_constraint", where, message, { cause: error });
  if (/SQLITE_(?:ERROR|MISMATCH|RANGE|TOOBIG|AUTH)|Wrong number of parameter/.test(message)) {
    return userError("sql_invalid", where, message, { cause: error });
  }
  if (message.includes("SQLITE_FULL")) {
    return externalError("store_full", where, `the object's storage is full: ${message}`, { cause: error });
  }
  return externalError("store_unavailable", where, `the object's storage refused: ${message}`, { cause: error });
}
