// What the golden jobs with windows must give, asked of DuckDB: nothing of Millrace takes part but the rows themselves.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Value } from "../../src/batch/record_batch.ts";
import { textOfRow } from "../golden/connectors.ts";
import { visitColumns, windowGoldenJobs } from "../golden/window_jobs.ts";

const sqlType: Readonly<Record<string, string>> = {
  timestamp: "bigint",
  i64: "bigint",
  f64: "double",
  utf8: "varchar",
  bool: "boolean",
};

const literal = (value: Value): string => (typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : `${value}`);

for (const job of windowGoldenJobs) {
  test(`DuckDB finds the same: ${job.name}`, async () => {
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    const declared = visitColumns.map((one) => `${one.name} ${sqlType[one.type]}`).join(", ");
    const rows = (job.inputs["visits"] ?? []).flatMap((split, number) =>
      split.map((row, place) => `(${[number, place, ...row.map(literal)].join(", ")})`),
    );
    await connection.run(`create table visits (split bigint, place bigint, ${declared})`);
    await connection.run(`insert into visits values ${rows.join(",\n")}`);
    for (const [uid, expected] of Object.entries(job.expected)) {
      const reader = await connection.runAndReadAll(job.sql[uid] ?? "");
      const found = reader.getRows().map((row) => textOfRow([], row as Value[]));
      assert.deepEqual(found.sort(), expected, uid);
    }
    connection.closeSync();
    instance.closeSync();
  });
}
