// The table that a table sink writes to: what it must look like, made where it is missing, compared where it exists.
// Names go into SQL text, so they are allow-listed and quoted; values never do, they are bound.

import { userError } from "../base/errors.ts";
import type { DataType, Field, Schema } from "../batch/schema.ts";
import type { SqlDatabase, SqlStatement } from "../platform/ports.ts";

export interface TableTarget {
  readonly table: string;
  readonly mode: "upsert" | "append";
  /** The columns that tell rows apart; empty for `append`. */
  readonly primaryKey: readonly string[];
  readonly schema: Schema;
  /** Rows are taken back; of mode `upsert` only. */
  readonly updating?: boolean;
}

const TABLE_NAME = /^(?!millrace_|sqlite_|__|_cf_)[A-Za-z_][A-Za-z0-9_]{0,63}$/i;
const COLUMN_NAME = /^(?!__)[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** Booleans are 0 and 1, timestamps are milliseconds since 1970 in UTC. */
const SQL_TYPES: Readonly<Record<DataType, "INTEGER" | "REAL" | "TEXT">> = {
  i64: "INTEGER",
  timestamp: "INTEGER",
  bool: "INTEGER",
  f64: "REAL",
  utf8: "TEXT",
};

export const quoted = (name: string): string => `"${name}"`;

export function checkNames(target: TableTarget): void {
  const { table, schema } = target;
  if (!TABLE_NAME.test(table)) {
    throw userError(
      "table_name_invalid",
      table,
      `${JSON.stringify(table)} cannot be a sink's table: up to 64 letters, digits and underscores, not beginning with ` +
        "a digit, millrace_, sqlite_, _cf_ or __",
    );
  }
  for (const { name } of schema) {
    if (COLUMN_NAME.test(name)) continue;
    throw userError(
      "column_name_invalid",
      table,
      `${JSON.stringify(name)} cannot be a column of ${table}: up to 64 letters, digits and underscores, not ` +
        "beginning with a digit or __; rename it with a project operator",
    );
  }
}

export function createTable(target: TableTarget): SqlStatement {
  const columns = target.schema.map((field) => `${quoted(field.name)} ${typeOf(field, target)}`);
  if (target.primaryKey.length === 0) {
    return { sql: `CREATE TABLE IF NOT EXISTS ${quoted(target.table)} (${columns.join(", ")})`, args: [] };
  }
  const key = `PRIMARY KEY (${target.primaryKey.map(quoted).join(", ")})`;
  return {
    sql: `CREATE TABLE IF NOT EXISTS ${quoted(target.table)} (${columns.join(", ")}, ${key}) WITHOUT ROWID`,
    args: [],
  };
}

// Only the key's columns are NOT NULL: SQL stores a NaN as NULL, whatever the stream says of nulls.
const typeOf = (field: Field, target: TableTarget): string =>
  SQL_TYPES[field.type] + (target.primaryKey.includes(field.name) ? " NOT NULL" : "");

/** Throws `table_differs`, saying how, unless the table has exactly the columns and the key that are written. */
export async function compareTable(database: SqlDatabase, target: TableTarget): Promise<void> {
  const rows = await database.query({
    sql: "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid",
    args: [target.table],
  });
  const found = rows.map((row) => ({ name: String(row[0]), type: String(row[1]), isKey: Number(row[2]) > 0 }));
  const differences: string[] = [];
  for (const field of target.schema) {
    const column = found.find((one) => sameName(one.name, field.name));
    const wanted = SQL_TYPES[field.type];
    if (column === undefined) differences.push(`column ${field.name} (${wanted}) is missing`);
    else if (affinityOf(column.type) !== wanted) {
      differences.push(`column ${field.name} is ${column.type || "of no type"}, not ${wanted}`);
    }
  }
  for (const { name } of found) {
    if (!target.schema.some((field) => sameName(field.name, name))) differences.push(`column ${name} is not written`);
  }
  const key = found.filter((one) => one.isKey).map((one) => one.name);
  const sameKey =
    key.length === target.primaryKey.length &&
    key.every((name) => target.primaryKey.some((one) => sameName(one, name)));
  if (!sameKey) differences.push(`its primary key is (${key.join(", ")}), not (${target.primaryKey.join(", ")})`);
  if (differences.length === 0) return;
  throw userError(
    "table_differs",
    target.table,
    `the table ${target.table} exists and differs from what the sink writes: ${differences.join("; ")}. ` +
      "Name another table, or change this one",
  );
}

const sameName = (left: string, right: string): boolean => left.toLowerCase() === right.toLowerCase();

/** SQLite's rules, in their order, as far as they lead to one of the three that are written. */
function affinityOf(type: string): string {
  const upper = type.toUpperCase();
  if (upper.includes("INT")) return "INTEGER";
  if (/CHAR|CLOB|TEXT/.test(upper)) return "TEXT";
  if (/REAL|FLOA|DOUB/.test(upper)) return "REAL";
  return upper;
}
