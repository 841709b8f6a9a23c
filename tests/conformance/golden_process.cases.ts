// Golden jobs of process functions, over many tasks, killed and undisturbed: what is written is that of the data alone.

import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { processJobs } from "../golden/process_jobs.ts";
import { type GoldenRun, runGolden } from "../golden/run_golden.ts";

const runs: readonly GoldenRun[] = [
  { parallelism: 1, batchRows: 4096, killed: false },
  { parallelism: 2, batchRows: 7, killed: true },
  { parallelism: 7, batchRows: 40, killed: false },
];

export const cases: readonly Case[] = processJobs.flatMap((job) =>
  runs.map((run) => {
    const { parallelism, batchRows, killed } = run;
    const how = `${parallelism} tasks a chain, ${batchRows} rows a batch, ${killed ? "killed" : "undisturbed"}`;
    return test(`golden job ${job.name}: ${how}`, async (context) => {
      for (const [output, lines] of Object.entries(job.expected)) ok(lines.length > 10, `${output} has rows`);
      equal(await runGolden(await context.freshPlatform(), job, run), job.expected);
    });
  }),
);
