// Golden jobs of streams that take rows back: the result is that of all rows at once, whatever the parallelism, the
// batches and the failures. Each job runs in one way here; a proof runs each in all of them.

import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";
import { type GoldenRun, runGolden } from "../golden/run_golden.ts";
import { updatingJobs } from "../golden/updating_jobs.ts";

const runs: readonly GoldenRun[] = [
  { parallelism: 2, batchRows: 7, killed: true },
  { parallelism: 1, batchRows: 4096, killed: false },
  { parallelism: 3, batchRows: 64, killed: true },
  { parallelism: 2, batchRows: 64, killed: false },
  { parallelism: 1, batchRows: 7, killed: true },
  { parallelism: 7, batchRows: 7, killed: false },
];

export const cases: readonly Case[] = updatingJobs.map((job, index) => {
  const run = runs[index % runs.length] as GoldenRun;
  const how = `${run.parallelism} tasks a chain, ${run.batchRows} rows a batch, ${run.killed ? "killed" : "undisturbed"}`;
  return test(`golden: ${job.name}: ${how}`, async (context) => {
    equal(await runGolden(await context.freshPlatform(), job, run), job.expected);
  });
});
