// Whole jobs with joins give what a comparison of every row with every other gives, whatever the parallelism, the
// batches and the failures.

import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { joinGoldenJobs } from "../golden/join_jobs.ts";
import { type GoldenRun, runGolden } from "../golden/run_golden.ts";

const runs: readonly GoldenRun[] = [
  { parallelism: 1, batchRows: 4096, killed: false },
  { parallelism: 2, batchRows: 7, killed: true },
];
const wide: GoldenRun = { parallelism: 7, batchRows: 64, killed: false };

export const cases: readonly Case[] = joinGoldenJobs.flatMap((job, index) =>
  (index === 0 ? [...runs, wide] : runs).map((run) => {
    const how = `${run.parallelism} tasks, ${run.batchRows} rows a batch${run.killed ? ", killed" : ""}`;
    return test(`${job.name}: ${how}`, async (context) => {
      for (const [uid, rows] of Object.entries(job.expected)) ok(rows.length > 30, `${uid} is worth testing`);
      equal(await runGolden(await context.freshPlatform(), job, run), job.expected);
    });
  }),
);
