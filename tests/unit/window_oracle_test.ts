// What the golden jobs with windows must give, asked of DuckDB: nothing of Millrace takes part but the rows themselves.

import { test } from "node:test";
import { visitColumns, windowGoldenJobs } from "../golden/window_jobs.ts";
import { assertDuckDbAgrees } from "../support/duckdb_oracle.ts";

for (const job of windowGoldenJobs) {
  test(`DuckDB finds the same: ${job.name}`, () => assertDuckDbAgrees(job, { visits: visitColumns }, job.sql));
}
