// millrace start: a server, and the flights example on it: its data are made, its job is run, its result is shown.
// A job that has run in this store is not run again.

import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { JobFacts } from "../../../src/api/gateway.ts";
import { userError } from "../../../src/base/errors.ts";
import { isTerminal } from "../../../src/coordinator/job_state.ts";
import type { Deployment } from "../deployment.ts";
import { conclude } from "./run.ts";
import { EXIT } from "./exit.ts";
import { follow } from "./follow.ts";
import { grouped, minuteOf } from "./format.ts";
import type { ListenOptions } from "./options.ts";
import { type ProgressView, progressView } from "./progress.ts";
import { announce, curlLine, openServing, type Serving } from "./serving.ts";
import { firstSignal } from "./signals.ts";

const packageRoot = fileURLToPath(new URL("../../../", import.meta.url));

export async function start(options: ListenOptions): Promise<number> {
  const stopped = firstSignal();
  const json = options.json === true;
  const view = progressView(json);
  const fileRoots = [packageRoot, resolve(options.directory), ...options.root];
  const serving = await openServing(options, { fileRoots, console: { print: (line) => view.note(line) } });
  try {
    announce(serving, json);
    const status = await runFlights(serving, view, json, stopped);
    if (status !== undefined) await stopped;
    return status ?? EXIT.done;
  } finally {
    await serving.close();
  }
}

/** The status to exit with; undefined where the process was asked to stop meanwhile. */
async function runFlights(
  { deployment, server }: Serving,
  view: ProgressView,
  json: boolean,
  stopped: Promise<unknown>,
): Promise<number | undefined> {
  const { FLIGHTS_JOB } = await import("../../../examples/flights/job.ts");
  const before = (await deployment.jobs.list()).filter((job) => job.name === FLIGHTS_JOB);
  const done = before.findLast((job) => job.status === "FINISHED");
  if (done !== undefined) {
    await showResult(deployment, view);
    const rows = grouped(done.counters?.rowsIn ?? 0);
    view.note(`FINISHED  ${rows} rows on ${minuteOf(done.changedAtMs)} UTC; the job ran in this store already`);
  } else {
    const followed = await follow(deployment, (await flightsJobOf(deployment, before, view)).jobId, view, stopped);
    if (followed.kind === "stopped") {
      view.note("stopped; the job goes on at the next start");
      return undefined;
    }
    if (followed.job.status === "FINISHED") await showResult(deployment, view);
    if (conclude(followed, json) !== EXIT.done) return EXIT.jobFailed;
  }
  view.note(`serving ${server.url}, Ctrl-C stops; the rows over HTTP:`);
  view.note(`  ${curlLine(server, "/v1/tables/flights_by_hour/rows?order=-mean_delay&limit=5")}`);
  return EXIT.done;
}

/** The one that an earlier process has left, or a new one. */
async function flightsJobOf(
  deployment: Deployment,
  before: readonly JobFacts[],
  view: ProgressView,
): Promise<JobFacts> {
  const { prepareFlights } = await import("../../../examples/flights/prepare.ts");
  const { flightsJob } = await import("../../../examples/flights/job.ts");
  const unfinished = before.find((job) => !isTerminal(job.status));
  if (unfinished !== undefined) {
    view.note(`going on with job ${unfinished.name} (${unfinished.jobId})`);
    return unfinished;
  }
  try {
    await prepareFlights((line) => view.note(line));
  } catch (thrown) {
    throw dataMissing(thrown);
  }
  const inside = relative(packageRoot, deployment.directory);
  const directory = inside.startsWith("..") ? deployment.directory : inside;
  const job = await deployment.jobs.submit(flightsJob(join(directory, "flights")), {});
  view.note(`running job ${job.name} (${job.jobId})`);
  return job;
}

async function showResult(deployment: Deployment, view: ProgressView): Promise<void> {
  const { flightsReport } = await import("../../../examples/flights/report.ts");
  for (const line of await flightsReport(deployment.platform.tables)) view.note(line);
}

/** The package that holds the flights is for development: an installation without it cannot run the example. */
function dataMissing(thrown: unknown): unknown {
  const { code, path = "node_modules/vega-datasets" } = thrown as { readonly code?: string; readonly path?: string };
  if (code !== "ENOENT") return thrown;
  const message = `the flights are not there: ${path} does not exist; \`npm ci\` installs them`;
  return userError("example_data_missing", path, message, { cause: thrown });
}
