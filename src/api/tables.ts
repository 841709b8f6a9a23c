// Reading what table sinks have committed. Only tables that a known job's sink names can be read, by the columns
// that the job's plan gives them; names are quoted, everything else is bound.

import { textOf } from "../base/bytes.ts";
import { quotedName } from "../base/sql_name.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { columnIndex, type DataType } from "../batch/schema.ts";
import { type JobPlan, sinkInput } from "../graph/plan.ts";
import type { SqlDatabase, SqlValue } from "../platform/ports.ts";
import type { TableCell, TableFacts, TablePage, TableQuery } from "./gateway.ts";

export function tablesOf(jobId: string, plan: JobPlan): TableFacts[] {
  const found: TableFacts[] = [];
  for (const node of plan.nodes) {
    if (node.kind !== "sink" || node.connector.kind !== "table" || node.connector.database !== undefined) continue;
    const { table, mode, primaryKey } = node.connector;
    const columns = sinkInput(node).schema.map(({ name, type }) => ({ name, type }));
    found.push({ table, jobId, sink: node.uid, mode, primaryKey, columns });
  }
  return found;
}

export const unknownTable = (table: string): MillraceError => {
  const shown = JSON.stringify(table.slice(0, 64));
  return userError("table_unknown", `table ${shown}`, `no job of this deployment writes to a table named ${shown}`);
};

export async function readTable(database: SqlDatabase, table: TableFacts, query: TableQuery): Promise<TablePage> {
  const order = query.order.map(({ column, descending }) => {
    if (columnIndexOf(table, column) < 0) throw unknownColumn(table, column);
    return `${quotedName(column)}${descending ? " DESC" : ""}`;
  });
  // The rows of a page follow each other whatever is asked for: the rest of the key, or the row's place, decides.
  const rest = table.mode === "upsert" ? table.primaryKey.map(quotedName) : ["rowid"];
  if (!(await exists(database, table.table))) return { ...table, rows: [], more: false };
  const selected = table.columns.map(({ name, type }) => selectedAs(name, type)).join(", ");
  const sql = `SELECT ${selected} FROM ${quotedName(table.table)} ORDER BY ${[...order, ...rest].join(", ")} LIMIT ? OFFSET ?`;
  const rows = await database.query({ sql, args: [BigInt(query.limit + 1), BigInt(query.offset)] });
  return {
    ...table,
    rows: rows.slice(0, query.limit).map((row) => table.columns.map(({ type }, index) => cellOf(type, row[index]))),
    more: rows.length > query.limit,
  };
}

const columnIndexOf = (table: TableFacts, column: string): number =>
  columnIndex(
    table.columns.map((one) => ({ ...one, nullable: true })),
    column,
  );

function unknownColumn(table: TableFacts, column: string): MillraceError {
  const has = table.columns.map((one) => one.name).join(", ");
  const message = `the table has no column ${JSON.stringify(column.slice(0, 64))}; it has ${has}`;
  return userError("query_invalid", `table ${table.table}`, message);
}

/** A sink makes its table at its first start; before that there is nothing to read. */
async function exists(database: SqlDatabase, table: string): Promise<boolean> {
  const sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)";
  return (await database.query({ sql, args: [table] })).length > 0;
}

/**
 * Integers travel as digits: beyond 2^53 a platform may not hand them over whole. Text travels as bytes: libSQL cuts it
 * at a character of code 0 where it reads it.
 */
function selectedAs(name: string, type: DataType): string {
  if (type === "i64" || type === "timestamp") return `CAST(${quotedName(name)} AS TEXT)`;
  return type === "utf8" ? `CAST(${quotedName(name)} AS BLOB)` : quotedName(name);
}

function cellOf(type: DataType, value: SqlValue | undefined): TableCell {
  if (value === null || value === undefined) return null;
  switch (type) {
    case "i64":
    case "timestamp":
      return String(value);
    case "utf8":
      return value instanceof Uint8Array ? textOf(value) : String(value);
    case "bool":
      return Number(value) !== 0;
    case "f64":
      return Number(value);
  }
}
