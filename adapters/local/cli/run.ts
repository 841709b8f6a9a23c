// millrace run: one job in this process, on the store of a directory, to its end.
//
// A job of the same name and spec that is not finished goes on instead of starting anew, so that `run` after a
// crash or Ctrl-C does what the person means.

import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import type { JobFacts } from "../../../src/api/gateway.ts";
import { userError } from "../../../src/base/errors.ts";
import { isTerminal } from "../../../src/coordinator/job_state.ts";
import type { JobSpec } from "../../../src/job/job_spec.ts";
import { specError, validateJobSpec } from "../../../src/job/validate_job_spec.ts";
import { type Deployment, openDeployment } from "../deployment.ts";
import { loadFunctions } from "../functions.ts";
import { detectRuntime } from "../runtime.ts";
import { EXIT, reportError } from "./exit.ts";
import { type Followed, follow } from "./follow.ts";
import { grouped, secondsOf } from "./format.ts";
import { loadJob } from "./load_job.ts";
import { deploymentOptions, type StoreOptions } from "./options.ts";
import { progressView } from "./progress.ts";
import { exitCodeOfSignal, firstSignal } from "./signals.ts";

export interface RunOptions extends StoreOptions {
  /** The file of a savepoint, or the id of one in the store. */
  readonly savepoint?: string;
  readonly allowNonRestoredState?: boolean;
}

export async function run(file: string, options: RunOptions): Promise<number> {
  const stopped = firstSignal();
  const json = options.json === true;
  const functions = await loadFunctions(options.functions);
  const validation = validateJobSpec(await loadJob(file), { functions: functions.signatures });
  if (validation.kind === "invalid")
    return reportError(specError(validation.problems, file), json, validation.problems);
  const view = progressView(json);
  const deployment = await openDeployment(
    deploymentOptions(options, { console: { print: (line) => view.note(line) } }),
  );
  try {
    await deployment.engine.recover();
    const { job, resumed } = await submitOrResume(deployment, validation.spec, options);
    if (json) event({ event: "started", jobid: job.jobId, name: job.name, resumed });
    else view.note(`${resumed ? "going on with" : "running"} job ${job.name} (${job.jobId})`);
    const followed = await follow(deployment, job.jobId, view, stopped);
    if (followed.kind === "ended") return conclude(followed, json);
    if (json) event({ event: "stopped", jobid: job.jobId });
    else view.note(`stopped; run it again to go on (the store is ${deployment.directory})`);
    return exitCodeOfSignal(await stopped);
  } finally {
    await deployment.close();
  }
}

const event = (facts: object): boolean => process.stdout.write(`${JSON.stringify(facts)}\n`);

async function submitOrResume(
  { jobs }: Deployment,
  spec: JobSpec,
  { savepoint: from, allowNonRestoredState = false }: Pick<RunOptions, "savepoint" | "allowNonRestoredState">,
): Promise<{ readonly job: JobFacts; readonly resumed: boolean }> {
  const unfinished = (await jobs.list()).find((job) => job.name === spec.name && !isTerminal(job.status));
  if (unfinished !== undefined) {
    const where = `job ${spec.name}`;
    if (from !== undefined || JSON.stringify(unfinished.spec) !== JSON.stringify(spec)) {
      const message = `a job of that name is not finished in this store, and is another one: ${unfinished.jobId}; choose another name or directory, or cancel it through \`millrace dev\``;
      throw userError("job_exists", where, message);
    }
    return { job: unfinished, resumed: true };
  }
  if (from === undefined) return { job: await jobs.submit(spec, {}), resumed: false };
  const savepoint = existsSync(from) ? (await jobs.importSavepoint(readFileSync(from))).savepoint : from;
  return { job: await jobs.submit(spec, { savepoint, allowNonRestoredState }), resumed: false };
}

/** The last line, and the status to exit with. */
export function conclude({ job, elapsedMs }: Extract<Followed, { kind: "ended" }>, json: boolean): number {
  const { name, version } = detectRuntime();
  const { jobId, status, error, counters } = job;
  if (json) {
    event({
      event: "ended",
      jobid: jobId,
      status,
      counters,
      seconds: elapsedMs / 1000,
      runtime: `${name} ${version}`,
      error,
    });
  } else {
    if (error !== null && status === "FAILED") {
      process.stderr.write(`error [${error.code}] ${error.where}: ${error.message}\n`);
    }
    const rows = grouped(counters?.rowsIn ?? 0);
    process.stdout.write(`${status}  ${rows} rows in ${secondsOf(elapsedMs)} s on ${name} ${version}\n`);
  }
  return status === "FINISHED" ? EXIT.done : EXIT.jobFailed;
}
