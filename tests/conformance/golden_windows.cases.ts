// Whole jobs with hopping and session windows and counts of different values give what a computation over the rows of
// each window gives, whatever the parallelism, the batches and the failures.

import type { Platform } from "../../src/platform/platform.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { type GoldenRun, runGolden } from "../golden/run_golden.ts";
import { type WindowGoldenJob, windowGoldenJobs } from "../golden/window_jobs.ts";
import { gatedEngine, hasRead, openGate } from "../support/gated_job.ts";

const killed: GoldenRun = { parallelism: 2, batchRows: 7, killed: true };
/** Some jobs run undisturbed; the proofs run every job in every way. */
const undisturbed: ReadonlyMap<number, GoldenRun> = new Map([
  [1, { parallelism: 1, batchRows: 4096, killed: false }],
  [4, { parallelism: 7, batchRows: 64, killed: false }],
  [7, { parallelism: 3, batchRows: 1, killed: false }],
]);

const runCases: readonly Case[] = windowGoldenJobs.map((job, index) => {
  const run = undisturbed.get(index) ?? killed;
  const how = `${run.parallelism} tasks, ${run.batchRows} rows a batch${run.killed ? ", killed" : ""}`;
  return test(`${job.name}: ${how}`, async (context) => {
    ok((job.expected["out"] ?? []).length > 30, "the results are worth testing");
    equal(await runGolden(await context.freshPlatform(), job, run), job.expected);
  });
});

/** Stops the job with a savepoint once it has read half of its rows, and starts another one from it. */
async function stopAndGoOn(platform: Platform, job: WindowGoldenJob, before: number, after: number) {
  const spec = { millrace: 1, name: "windows", maxParallelism: 16, checkpoint: { intervalMs: 20 }, ...job.spec };
  const splits = Object.values(job.inputs).flat();
  const half = Math.floor((splits[0]?.length ?? 0) / 2);
  const first = gatedEngine(platform, job.inputs, openGate(half));
  const { record } = await first.engine.submit({ ...spec, parallelism: before });
  await hasRead(first, record.jobId, half * splits.length);
  const { savepoint } = await first.engine.stop(record.jobId, false);
  equal((await first.engine.ended(record.jobId)).status, "FINISHED");
  await first.engine.close();
  const second = gatedEngine(platform, job.inputs, openGate(Number.POSITIVE_INFINITY), first.target);
  const going = await second.engine.submit({ ...spec, parallelism: after }, { savepoint });
  const view = await second.engine.ended(going.record.jobId);
  equal(view.status, "FINISHED", view.error?.message ?? "the second job");
  await second.engine.close();
  return Object.fromEntries(Object.keys(job.expected).map((uid) => [uid, second.target.rowsOf(uid)]));
}

const rescaleCases: readonly Case[] = [
  [1, 2, 5],
  [4, 3, 1],
  [7, 3, 2],
  [8, 1, 3],
].map(([index = 0, before = 1, after = 1]) => {
  const job = windowGoldenJobs[index] as WindowGoldenJob;
  return test(`${job.name}: stopped with ${before} tasks, started with ${after}`, async (context) => {
    equal(await stopAndGoOn(await context.freshPlatform(), job, before, after), job.expected);
  });
});

export const cases: readonly Case[] = [...runCases, ...rescaleCases];
