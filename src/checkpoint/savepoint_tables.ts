// A savepoint as tables of a SQLite database, for whoever wants to look into state with SQL.
//
//   savepoint   fact TEXT, value TEXT                                   the header
//   splits      source, split, detail, position, finished, timestamp_max    detail and position as JSON
//   states      operator, state, table_name, rows, scalars              which table holds what; scalars as JSON
//   <operator>.<state>                                                  its rows, one typed column each
//
// Types: i64 and timestamp (ms since 1970) INTEGER, f64 REAL, bool INTEGER 0 or 1, utf8 TEXT. NaN is NULL, as SQLite has it.

import { quotedName } from "../base/sql_name.ts";
import { rowOf, type Value } from "../batch/record_batch.ts";
import type { DataType } from "../batch/schema.ts";
import type { SqlStatement, SqlValue } from "../platform/ports.ts";
import type { Savepoint, SavepointState } from "./savepoint.ts";

const SQL_TYPE: Readonly<Record<DataType, string>> = {
  i64: "INTEGER",
  timestamp: "INTEGER",
  f64: "REAL",
  bool: "INTEGER",
  utf8: "TEXT",
};

const HEAD: readonly SqlStatement[] = [
  "CREATE TABLE savepoint (fact TEXT NOT NULL, value TEXT NOT NULL) STRICT",
  "CREATE TABLE splits (source TEXT, split TEXT, detail TEXT, position TEXT, finished INTEGER, timestamp_max INTEGER) STRICT",
  "CREATE TABLE states (operator TEXT, state TEXT, table_name TEXT, rows INTEGER, scalars TEXT) STRICT",
].map((sql) => ({ sql, args: [] }));

/** What makes the tables, in statements of at most `parametersMax` parameters, a bundle for each transaction. */
export function* savepointTables(savepoint: Savepoint, parametersMax: number): Generator<readonly SqlStatement[]> {
  const { header, sources, states } = savepoint;
  const { counters, ...facts } = header;
  const listed = Object.entries({ ...facts, ...counters }).map(([fact, value]) => [fact, String(value)]);
  const splits = sources.flatMap(({ uid, splits: its }) =>
    its.map(({ id, detail, position, finished, timestampMax }) => [
      ...[uid, id, JSON.stringify(detail), JSON.stringify(position), finished ? 1 : 0],
      timestampMax === null ? null : BigInt(timestampMax),
    ]),
  );
  yield [
    ...HEAD,
    ...inserts("savepoint", 2, listed, parametersMax),
    ...inserts("splits", 6, splits as readonly SqlValue[][], parametersMax),
  ];
  const taken = new Set(["savepoint", "splits", "states"]);
  for (const state of states) {
    const { uid, state: name, scalars, schema, batches } = state;
    const table = unused(`${uid}.${name}`, taken);
    const rows = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
    yield [
      tableOf(table, state),
      ...inserts("states", 5, [[uid, name, table, rows, JSON.stringify(scalars)]], parametersMax),
    ];
    for (const batch of batches) {
      const values = Array.from({ length: batch.rowCount }, (_none, row) => rowOf(batch, row).map(sqlValue));
      yield inserts(table, schema.length, values, parametersMax);
    }
  }
}

function tableOf(table: string, { schema }: SavepointState): SqlStatement {
  const taken = new Set<string>();
  const columns = schema.map(({ name, type }) => `${quotedName(unused(name, taken))} ${SQL_TYPE[type]}`);
  return { sql: `CREATE TABLE ${quotedName(table)} (${columns.join(", ")}) STRICT`, args: [] };
}

/** SQLite takes names for the same that differ in capitals only. */
function unused(name: string, taken: Set<string>): string {
  let found = name;
  for (let count = 2; taken.has(found.toLowerCase()); count++) found = `${name}~${count}`;
  taken.add(found.toLowerCase());
  return found;
}

const sqlValue = (value: Value): SqlValue => {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" && Number.isNaN(value) ? null : value;
};

function inserts(
  table: string,
  columns: number,
  rows: readonly (readonly SqlValue[])[],
  parametersMax: number,
): SqlStatement[] {
  const rowsMax = Math.max(1, Math.floor(parametersMax / columns));
  const row = `(${Array(columns).fill("?").join(", ")})`;
  const statements: SqlStatement[] = [];
  for (let at = 0; at < rows.length; at += rowsMax) {
    const some = rows.slice(at, at + rowsMax);
    const sql = `INSERT INTO ${quotedName(table)} VALUES ${some.map(() => row).join(", ")}`;
    statements.push({ sql, args: some.flat() });
  }
  return statements;
}
