// Whole jobs with hopping and session windows and counts of different values give what a computation over the rows of
// each window gives, whatever the parallelism, the batches and the failures.

import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { type GoldenRun, runGolden } from "../golden/run_golden.ts";
import { windowGoldenJobs } from "../golden/window_jobs.ts";

const killed: GoldenRun = { parallelism: 2, batchRows: 7, killed: true };
/** Some jobs run undisturbed; the proofs run every job in every way. */
const undisturbed: ReadonlyMap<number, GoldenRun> = new Map([
  [1, { parallelism: 1, batchRows: 4096, killed: false }],
  [4, { parallelism: 7, batchRows: 64, killed: false }],
  [7, { parallelism: 3, batchRows: 1, killed: false }],
]);

export const cases: readonly Case[] = windowGoldenJobs.map((job, index) => {
  const run = undisturbed.get(index) ?? killed;
  const how = `${run.parallelism} tasks, ${run.batchRows} rows a batch${run.killed ? ", killed" : ""}`;
  return test(`${job.name}: ${how}`, async (context) => {
    ok((job.expected["out"] ?? []).length > 30, "the results are worth testing");
    equal(await runGolden(await context.freshPlatform(), job, run), job.expected);
  });
});
