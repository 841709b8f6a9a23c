// What the golden jobs with joins must give, asked of DuckDB: nothing of Millrace takes part but the rows themselves.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Value } from "../../src/batch/record_batch.ts";
import { textOfRow } from "../golden/connectors.ts";
import { type ColumnSpec, type JoinGoldenJob, joinGoldenJobs } from "../golden/join_jobs.ts";

const sqlType: Readonly<Record<string, string>> = {
  timestamp: "bigint",
  i64: "bigint",
  f64: "double",
  utf8: "varchar",
  bool: "boolean",
};

const literal = (value: Value): string => (typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : `${value}`);

function tableOf(job: JoinGoldenJob, name: string, columns: readonly ColumnSpec[]): string[] {
  const declared = columns.map((one) => `${one.name} ${sqlType[one.type]}`).join(", ");
  const rows = (job.inputs[name] ?? []).flatMap((split, number) =>
    split.map((row, place) => `(${[number, place, ...row.map(literal)].join(", ")})`),
  );
  return [
    `create table ${name} (split bigint, place bigint, ${declared})`,
    `insert into ${name} values ${rows.join(",\n")}`,
  ];
}

for (const job of joinGoldenJobs) {
  test(`DuckDB finds the same: ${job.name}`, async () => {
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    for (const [name, columns] of Object.entries(job.tables)) {
      for (const statement of tableOf(job, name, columns)) await connection.run(statement);
    }
    for (const [uid, expected] of Object.entries(job.expected)) {
      const reader = await connection.runAndReadAll(job.sql[uid] ?? "");
      const found = reader.getRows().map((row) => textOfRow([], row as Value[]));
      assert.deepEqual(found.sort(), expected, uid);
    }
    connection.closeSync();
    instance.closeSync();
  });
}
