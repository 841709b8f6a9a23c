// What the golden jobs with joins must give, asked of DuckDB: nothing of Millrace takes part but the rows themselves.

import { test } from "node:test";
import { joinGoldenJobs } from "../golden/join_jobs.ts";
import { assertDuckDbAgrees } from "../support/duckdb_oracle.ts";

for (const job of joinGoldenJobs) {
  test(`DuckDB finds the same: ${job.name}`, () => assertDuckDbAgrees(job, job.tables, job.sql));
}
