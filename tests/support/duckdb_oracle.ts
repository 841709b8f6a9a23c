// Asks DuckDB the questions of a golden job, over tables with the rows of its inputs: `split`, `place`, the columns.
// Times are plain integers there. Runs under Node only.

import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Value } from "../../src/batch/record_batch.ts";
import { textOfRow } from "../golden/connectors.ts";
import type { GoldenJob } from "../golden/run_golden.ts";

interface ColumnSpec {
  readonly name: string;
  readonly type: string;
}

const sqlType: Readonly<Record<string, string>> = {
  timestamp: "bigint",
  i64: "bigint",
  f64: "double",
  utf8: "varchar",
  bool: "boolean",
};

const literal = (value: Value): string => (typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : `${value}`);

/** @param tables by input: its columns. @param sql by sink: what gives its rows. */
export async function assertDuckDbAgrees(
  job: GoldenJob,
  tables: Readonly<Record<string, readonly ColumnSpec[]>>,
  sql: Readonly<Record<string, string>>,
): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  for (const [name, columns] of Object.entries(tables)) {
    const declared = columns.map((one) => `${one.name} ${sqlType[one.type]}`).join(", ");
    const rows = (job.inputs[name] ?? []).flatMap((split, number) =>
      split.map((row, place) => `(${[number, place, ...row.map(literal)].join(", ")})`),
    );
    await connection.run(`create table ${name} (split bigint, place bigint, ${declared})`);
    await connection.run(`insert into ${name} values ${rows.join(",\n")}`);
  }
  for (const [uid, expected] of Object.entries(job.expected)) {
    const reader = await connection.runAndReadAll(sql[uid] ?? "");
    const found = reader.getRows().map((row) => textOfRow([], row as Value[]));
    assert.deepEqual(found.sort(), expected, uid);
  }
  connection.closeSync();
  instance.closeSync();
}
