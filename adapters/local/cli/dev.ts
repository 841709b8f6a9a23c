// millrace dev: a deployment with its REST interface, until it is stopped.

import { availableParallelism } from "node:os";
import process from "node:process";
import { isTerminal } from "../../../src/coordinator/job_state.ts";
import { EXIT } from "./exit.ts";
import type { ListenOptions } from "./options.ts";
import { announce, curlLine, openServing } from "./serving.ts";
import { firstSignal } from "./signals.ts";

/** That wait for jobs with several tasks; a job that needs more gets more. */
const THREADS_MAX = 4;

export async function dev(options: ListenOptions): Promise<number> {
  const stopped = firstSignal();
  const json = options.json === true;
  const serving = await openServing(options, { threads: Math.min(availableParallelism(), THREADS_MAX) });
  announce(serving, json);
  if (!json) {
    const resumed = (await serving.deployment.jobs.list()).filter((job) => !isTerminal(job.status));
    for (const job of resumed) process.stdout.write(`  resumed job ${job.name} (${job.jobId})\n`);
    process.stdout.write(`  try    ${curlLine(serving.server, "/v1/overview")}\n`);
  }
  await stopped;
  await serving.close();
  if (!json) process.stdout.write("stopped; unfinished jobs go on at the next start\n");
  return EXIT.done;
}
