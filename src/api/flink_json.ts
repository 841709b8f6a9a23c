// Jobs in the JSON of Flink's REST interface, so that what reads a Flink cluster reads a deployment of Millrace.
// Times are milliseconds since the Unix epoch; -1 stands where Flink has it: not yet, or not known.

import type { JobStatus } from "../coordinator/job_state.ts";
import { isTerminal } from "../coordinator/job_state.ts";
import type { ChainFacts, CheckpointFact, JobFacts, SavepointRecord, TaskFacts } from "./gateway.ts";

const STATUSES: readonly JobStatus[] = [
  "INITIALIZING",
  "CREATED",
  "RUNNING",
  "FAILING",
  "FAILED",
  "CANCELLING",
  "CANCELED",
  "FINISHED",
  "RESTARTING",
  "SUSPENDED",
];

/** A task's states have other names than a job's. */
const TASK_STATUS: Readonly<Record<JobStatus, string>> = {
  CREATED: "CREATED",
  INITIALIZING: "INITIALIZING",
  RUNNING: "RUNNING",
  FAILING: "FAILED",
  RESTARTING: "SCHEDULED",
  CANCELLING: "CANCELING",
  FAILED: "FAILED",
  CANCELED: "CANCELED",
  FINISHED: "FINISHED",
  SUSPENDED: "CANCELED",
};
const TASK_STATUSES = [
  "CREATED",
  "SCHEDULED",
  "DEPLOYING",
  "INITIALIZING",
  "RUNNING",
  "FINISHED",
  "CANCELING",
  "CANCELED",
  "FAILED",
  "RECONCILING",
];

const endTimeOf = (job: JobFacts): number => (isTerminal(job.status) ? job.changedAtMs : -1);
const durationOf = (job: JobFacts): number => (isTerminal(job.status) ? job.changedAtMs : job.nowMs) - job.createdAtMs;

const countsOf = (status: string, count: number): Record<string, number> =>
  Object.fromEntries(TASK_STATUSES.map((one) => [one, one === status ? count : 0]));

const tasksOf = (job: JobFacts): number => job.chains.reduce((sum, one) => sum + one.parallelism, 0);

export const statusLine = (job: JobFacts) => ({ id: job.jobId, status: job.status });

export const jobOverview = (job: JobFacts) => ({
  jid: job.jobId,
  name: job.name,
  state: job.status,
  "start-time": job.createdAtMs,
  "end-time": endTimeOf(job),
  duration: durationOf(job),
  "last-modification": job.changedAtMs,
  // Flink's own client reads no overview without it.
  "pending-operators": 0,
  jobType: "STREAMING",
  schedulerType: "Adaptive",
  tasks: { total: tasksOf(job), ...lowerCased(countsOf(TASK_STATUS[job.status], tasksOf(job))) },
});

const lowerCased = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [name.toLowerCase(), count]));

export function clusterOverview(jobs: readonly JobFacts[], version: string, runtime: string) {
  const count = (...statuses: readonly JobStatus[]): number =>
    jobs.filter((job) => statuses.includes(job.status)).length;
  const running = count("CREATED", "INITIALIZING", "RUNNING", "FAILING", "RESTARTING", "CANCELLING");
  return {
    taskmanagers: 1,
    "slots-total": running,
    "slots-available": 0,
    "jobs-running": running,
    "jobs-finished": count("FINISHED"),
    "jobs-cancelled": count("CANCELED"),
    "jobs-failed": count("FAILED"),
    "flink-version": `Millrace ${version}`,
    "flink-commit": "",
    "millrace-version": version,
    "millrace-runtime": runtime,
  };
}

const chainName = (chain: ChainFacts): string =>
  chain.operators
    .map(({ uid, kind }) => (kind === "source" ? `Source: ${uid}` : kind === "sink" ? `Sink: ${uid}` : uid))
    .join(" -> ");

export function jobPlan(job: JobFacts) {
  const nodes = job.chains.map((chain) => ({
    id: chain.id,
    parallelism: chain.parallelism,
    operator: "",
    operator_strategy: "",
    description: chainName(chain),
    inputs: chain.inputs.map(({ id, partition }, num) => ({
      num,
      id,
      ship_strategy: partition === "hash" ? "HASH" : "REBALANCE",
      exchange: "pipelined_bounded",
    })),
    optimizer_properties: {},
  }));
  return { jid: job.jobId, name: job.name, type: "STREAMING", nodes };
}

export function jobDetails(job: JobFacts) {
  const timestamps = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  timestamps["CREATED"] = job.createdAtMs;
  timestamps[job.status] = job.status === "CREATED" ? job.createdAtMs : job.changedAtMs;
  return {
    jid: job.jobId,
    name: job.name,
    isStoppable: false,
    state: job.status,
    "job-type": "STREAMING",
    "start-time": job.createdAtMs,
    "end-time": endTimeOf(job),
    duration: durationOf(job),
    maxParallelism: job.maxParallelism,
    now: job.nowMs,
    timestamps,
    vertices: job.chains.map((chain) => vertexOf(job, chain)),
    "status-counts": countsOf(TASK_STATUS[job.status], job.chains.length),
    plan: jobPlan(job),
    // Beyond Flink: what is known of this job that Flink has no field for.
    millrace: {
      branch: job.branch,
      "started-from": job.startedFrom,
      "restarts-total": job.restartsTotal,
      error: job.error,
      counters: job.counters,
      "counters-error": job.countersError,
      task: job.task,
    },
  };
}

function vertexOf(job: JobFacts, chain: ChainFacts) {
  const known = chain.subtasks.filter((one) => one !== null);
  const sum = (of: (one: TaskFacts) => number): number => known.reduce((total, one) => total + of(one), 0);
  const complete = known.length === chain.parallelism;
  return {
    id: chain.id,
    name: chainName(chain),
    maxParallelism: job.maxParallelism,
    parallelism: chain.parallelism,
    status: TASK_STATUS[job.status],
    "start-time": job.createdAtMs,
    "end-time": endTimeOf(job),
    duration: durationOf(job),
    tasks: countsOf(TASK_STATUS[job.status], chain.parallelism),
    metrics: {
      "read-bytes": 0,
      "read-bytes-complete": false,
      "write-bytes": 0,
      "write-bytes-complete": false,
      "read-records": sum((one) => one.rowsIn + one.rowsTaken),
      "read-records-complete": complete,
      "write-records": sum((one) => one.rowsOut + one.rowsSent),
      "write-records-complete": complete,
      "accumulated-backpressured-time": Math.round(sum((one) => one.backpressuredMs)),
      "accumulated-idle-time": Math.round(sum((one) => one.idleMs)),
      "accumulated-busy-time": Math.round(sum((one) => one.busyMs)),
    },
    // Beyond Flink: each subtask at one look, so that skew shows.
    millrace: { subtasks: chain.subtasks },
  };
}

export function checkpointStatistics(job: JobFacts) {
  const history = job.checkpoints?.history ?? [];
  const completed = history.filter((one) => one.status === "COMPLETED");
  const { completed: completedCount, failed: failedCount } = job.checkpoints ?? { completed: 0, failed: 0 };
  const latest = (status: CheckpointFact["status"]) => {
    const found = history.findLast((one) => one.status === status);
    return found === undefined ? null : checkpointEntry(found, tasksOf(job));
  };
  return {
    counts: {
      restored: job.restartsTotal,
      total: completedCount + failedCount,
      in_progress: 0,
      completed: completedCount,
      failed: failedCount,
    },
    summary: {
      checkpointed_size: summaryOf(completed.map((one) => one.deltaBytes)),
      state_size: summaryOf(completed.map((one) => one.fullBytes)),
      end_to_end_duration: summaryOf(completed.map((one) => one.durationMs)),
    },
    latest: { completed: latest("COMPLETED"), savepoint: null, failed: latest("FAILED"), restored: null },
    history: history.map((one) => checkpointEntry(one, tasksOf(job))).reverse(),
  };
}

function checkpointEntry(one: CheckpointFact, tasks: number) {
  return {
    id: one.checkpoint,
    status: one.status,
    is_savepoint: false,
    checkpoint_type: "CHECKPOINT",
    trigger_timestamp: Math.round(one.endedAtMs - one.durationMs),
    latest_ack_timestamp: Math.round(one.endedAtMs),
    checkpointed_size: one.deltaBytes,
    state_size: one.fullBytes,
    end_to_end_duration: Math.round(one.durationMs),
    num_subtasks: tasks,
    num_acknowledged_subtasks: one.status === "COMPLETED" ? tasks : 0,
    sync_duration: one.gatherMs,
    async_duration: one.uploadMs,
    rows: one.deltaRows,
    ...(one.error === null
      ? {}
      : { failure_message: `${one.error.code}: ${one.error.message} (at ${one.error.where})` }),
  };
}

/** Flink's percentiles by their names; nearest rank, 0 where there is nothing to rank. */
function summaryOf(values: readonly number[]) {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const sum = values.reduce((total, one) => total + one, 0);
  return {
    min: sorted[0] ?? 0,
    max: sorted[sorted.length - 1] ?? 0,
    avg: values.length === 0 ? 0 : Math.round(sum / values.length),
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    p999: at(0.999),
  };
}

export function jobExceptions(job: JobFacts) {
  const { error } = job;
  const text = error === null ? null : `${error.code}: ${error.message} (at ${error.where})`;
  const entry = (stacktrace: string, exceptionName: string) => ({
    exceptionName,
    stacktrace,
    timestamp: job.changedAtMs,
    taskName: job.chains.map(chainName).join(", "),
    failureLabels: {},
    concurrentExceptions: [],
  });
  const entries = error === null || text === null ? [] : [entry(text, error.code)];
  return {
    "root-exception": text,
    timestamp: error === null ? null : job.changedAtMs,
    "all-exceptions": entries.map((one) => ({
      exception: one.stacktrace,
      task: one.taskName,
      timestamp: one.timestamp,
    })),
    truncated: false,
    exceptionHistory: { entries, truncated: false },
  };
}

/** The state of an asynchronous trigger: failures stand inside, under a status that says COMPLETED. */
export function savepointOperation(record: SavepointRecord) {
  if (record.status === "IN_PROGRESS") return { status: { id: "IN_PROGRESS" }, operation: null };
  if (record.status === "COMPLETED") {
    return { status: { id: "COMPLETED" }, operation: { location: record.savepoint } };
  }
  const { code, message, where } = record.error ?? { code: "savepoint_failed", message: "it failed", where: "" };
  const cause = { class: code, "stack-trace": `${code}: ${message} (at ${where})` };
  return { status: { id: "COMPLETED" }, operation: { "failure-cause": cause } };
}
