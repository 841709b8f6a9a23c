// Metrics of jobs as Prometheus text. Where Flink has a metric, its name is kept behind our prefix.

import type { JobStatus } from "../coordinator/job_state.ts";
import { isTerminal } from "../coordinator/job_state.ts";
import { type Labels, PrometheusText } from "../telemetry/prometheus.ts";
import type { JobFacts } from "./gateway.ts";

const STATUSES: readonly JobStatus[] = [
  "CREATED",
  "INITIALIZING",
  "RUNNING",
  "FAILING",
  "RESTARTING",
  "CANCELLING",
  "FAILED",
  "CANCELED",
  "FINISHED",
  "SUSPENDED",
];

/** Turns the busy time that a job has gathered into a rate over the time between two readings. */
export class BusyMeter {
  readonly #last = new Map<string, { atMs: number; busyMs: number; rate: number | undefined }>();
  /** Readings nearer to each other than this share one rate. */
  static readonly windowMs = 1000;

  read(jobId: string, nowMs: number, busyMs: number): number | undefined {
    const last = this.#last.get(jobId);
    if (last === undefined || busyMs < last.busyMs) {
      this.#last.set(jobId, { atMs: nowMs, busyMs, rate: undefined });
      return undefined;
    }
    const elapsedMs = nowMs - last.atMs;
    if (elapsedMs < BusyMeter.windowMs) return last.rate;
    const rate = Math.min(1000, ((busyMs - last.busyMs) / elapsedMs) * 1000);
    this.#last.set(jobId, { atMs: nowMs, busyMs, rate });
    return rate;
  }

  /** Forgets jobs that are not among `known`. */
  keep(known: readonly string[]): void {
    for (const jobId of [...this.#last.keys()]) if (!known.includes(jobId)) this.#last.delete(jobId);
  }
}

export function metricsText(
  jobs: readonly JobFacts[],
  deployment: { readonly version: string; readonly runtime: string },
  busy: BusyMeter,
): string {
  const out = new PrometheusText();
  const { version, runtime } = deployment;
  out.add("millrace_info", "gauge", "The version and runtime of this process; always 1.", { version, runtime }, 1);
  const running = jobs.filter((job) => !isTerminal(job.status)).length;
  out.add("millrace_numRunningJobs", "gauge", "Jobs that have not ended.", {}, running);
  busy.keep(jobs.map((job) => job.jobId));
  for (const job of jobs) {
    const labels = { job_id: job.jobId, job_name: job.name };
    addStatus(out, job, labels);
    addRows(out, job, labels);
    addTask(out, job, labels, busy);
    addCheckpoints(out, job, labels);
  }
  return out.text();
}

function addStatus(out: PrometheusText, job: JobFacts, labels: Labels): void {
  for (const status of STATUSES) {
    const is = job.status === status ? 1 : 0;
    out.add("millrace_jobStatus", "gauge", "1 for the state that the job is in.", { ...labels, status }, is);
  }
  out.add("millrace_numRestarts", "counter", "Restarts after failures.", labels, job.restartsTotal);
  const endMs = isTerminal(job.status) ? job.changedAtMs : job.nowMs;
  out.add(
    "millrace_jobDurationMs",
    "gauge",
    "Time from the job's start to its end or to now.",
    labels,
    endMs - job.createdAtMs,
  );
}

function addRows(out: PrometheusText, { counters }: JobFacts, labels: Labels): void {
  if (counters === null) return;
  const add = (name: string, help: string, value: number): void =>
    out.add(`millrace_${name}`, "counter", help, labels, value);
  add("numRecordsIn", "Rows read, rejected ones among them.", counters.rowsIn);
  add("numRecordsOut", "Rows handed to sinks.", counters.rowsOut);
  add("numLateRecords", "Rows that came after their window had closed; they go to the side output.", counters.rowsLate);
  add("numRecordsRejected", "Rows that could not be decoded.", counters.rowsRejected);
}

function addTask(out: PrometheusText, { jobId, task, nowMs }: JobFacts, labels: Labels, busy: BusyMeter): void {
  if (task === null) return;
  const add = (name: string, help: string, value: number | undefined): void =>
    out.add(`millrace_${name}`, "gauge", help, labels, value);
  const count = (name: string, help: string, value: number): void =>
    out.add(`millrace_${name}`, "counter", help, labels, value);
  add(
    "currentInputWatermark",
    "Event time up to which all rows are expected to have come, in ms.",
    task.watermarkMs ?? undefined,
  );
  add("sourceProgressRatio", "Share of the input that has been read.", task.share ?? undefined);
  add("stateBytes", "Memory that keyed state takes.", task.stateBytes);
  add("stateEntries", "Entries of keyed state.", task.stateEntries);
  count("wasmRowsScanned", "Rows that WASM kernels decoded since the task was made.", task.rowsScanned);
  count("wasmRowsAggregated", "Rows that WASM kernels aggregated since the task was made.", task.rowsAggregated);
  count("accumulatedBusyTimeMs", "Time that the task has spent processing.", task.busyMs);
  add(
    "busyTimeMsPerSecond",
    "Time spent processing, a second of the time before this reading.",
    busy.read(jobId, nowMs, task.busyMs),
  );
}

function addCheckpoints(out: PrometheusText, { checkpoints }: JobFacts, labels: Labels): void {
  if (checkpoints === null) return;
  const { completed, failed, history } = checkpoints;
  out.add("millrace_numberOfCompletedCheckpoints", "counter", "Checkpoints that completed.", labels, completed);
  out.add("millrace_numberOfFailedCheckpoints", "counter", "Checkpoints that did not.", labels, failed);
  const latest = history.findLast((one) => one.status === "COMPLETED");
  if (latest === undefined) return;
  const add = (name: string, help: string, value: number): void =>
    out.add(`millrace_lastCheckpoint${name}`, "gauge", help, labels, value);
  add("Duration", "From trigger to manifest, in ms.", latest.durationMs);
  add("Size", "Bytes that the latest checkpoint wrote.", latest.deltaBytes);
  add("FullSize", "Bytes of state that it refers to.", latest.fullBytes);
  add("CompletedTimestamp", "When it completed, in ms.", latest.endedAtMs);
  add("GatherDuration", "Its synchronous part, in ms.", latest.gatherMs);
}
