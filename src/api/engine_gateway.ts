// The gateway to an engine of the same process.

import { present } from "../base/assert.ts";
import { asMillraceError } from "../base/errors.ts";
import { hexOf, utf8 } from "../base/bytes.ts";
import type { JobId } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import { contentsOf } from "../checkpoint/savepoint_contents.ts";
import type { CheckpointEntry, CheckpointHistory } from "../coordinator/checkpoint_history.ts";
import type { JobRecord } from "../coordinator/job_record.ts";
import type { Engine, JobView } from "../engine/engine.ts";
import type { JobPlan } from "../graph/plan.ts";
import { planJob } from "../graph/plan_job.ts";
import type { JobSpec } from "../job/job_spec.ts";
import type { JobProgress } from "../engine/job_progress.ts";
import type { Platform } from "../platform/platform.ts";
import type { TaskCounters } from "../protocol/snapshot.ts";
import type { TaskProgress } from "../task/task.ts";
import type {
  ChainFacts,
  CheckpointFact,
  CheckpointFacts,
  JobFacts,
  JobGateway,
  TableFacts,
  TaskFacts,
} from "./gateway.ts";
import { readTable, tablesOf, unknownTable } from "./tables.ts";

export function engineGateway(engine: Engine): JobGateway {
  /** A job that is taken up at another parallelism has another spec. */
  const plans = new Map<JobId, { readonly spec: PlainData; readonly plan: JobPlan }>();
  const ended = new Map<JobId, TaskCounters | null>();
  /** Of which it was told already that their counters cannot be read. */
  const told = new Set<JobId>();

  const planOf = ({ record }: JobView): JobPlan => {
    const { jobId, spec } = record;
    const known = plans.get(jobId);
    if (known?.spec === spec) return known.plan;
    const plan = planOrNone(record);
    plans.set(jobId, { spec, plan });
    return plan;
  };
  // Of a job that ended before this process began only its last checkpoint still knows the totals.
  const countersOf = async (view: JobView): Promise<Counted> => {
    if (view.progress !== undefined) return { counters: view.progress.counters, countersError: null };
    const { jobId } = view.record;
    const known = ended.get(jobId);
    if (known !== undefined) return { counters: known, countersError: null };
    try {
      const counters = (await engine.storedCounters(jobId)) ?? null;
      if (view.checkpoints === undefined) ended.set(jobId, counters);
      told.delete(jobId);
      return { counters, countersError: null };
    } catch (thrown) {
      // The job is listed all the same, and whoever asks again may get them.
      const { code, message, where } = asMillraceError(thrown, `job ${jobId}`);
      if (!told.has(jobId)) {
        engine.platform.log.write("warning", `the counters cannot be read: ${message}`, { job: jobId, code, where });
      }
      told.add(jobId);
      return { counters: null, countersError: { code, message, where } };
    }
  };
  const factsOf = async (view: JobView): Promise<JobFacts> =>
    jobFacts(engine.platform, view, planOf(view), await countersOf(view));
  // The newest job's idea of a table's columns is the one that its rows have.
  const tables = (): Map<string, TableFacts> => {
    const found = new Map<string, TableFacts>();
    for (const view of engine.list()) {
      for (const one of tablesOf(view.record.jobId, planOf(view))) found.set(one.table, one);
    }
    return found;
  };

  return {
    submit: async (spec, from) => factsOf(await engine.submit(spec, from)),
    check: (spec, from) => engine.check(spec, from),
    list: () => Promise.all(engine.list().map(factsOf)),
    job: async (jobId) => factsOf(engine.job(jobId)),
    cancel: async (jobId) => {
      engine.cancel(jobId);
    },
    triggerSavepoint: (jobId, request) => engine.triggerSavepoint(jobId, request),
    stop: (jobId, drain, request) => engine.stop(jobId, drain, request),
    savepoints: () => engine.savepoints.list(),
    savepoint: (savepoint) => engine.savepoints.get(savepoint),
    savepointContents: async (savepoint) => contentsOf(await engine.savepoints.load(savepoint)),
    labelSavepoint: async (savepoint, change) => {
      const record = await engine.savepoints.label(savepoint, change);
      void engine.upkeep.wake();
      return record;
    },
    deleteSavepoint: (savepoint) => engine.upkeep.delete(savepoint),
    savepointDeletion: (savepoint) => engine.upkeep.deletion(savepoint),
    savepointBytes: (savepoint) => engine.savepoints.bytes(savepoint),
    importSavepoint: (bytes) => engine.savepoints.import(bytes),
    tables: async () => [...tables().values()],
    tableRows: async (query) => {
      const table = tables().get(query.table);
      if (table === undefined) throw unknownTable(query.table);
      return await readTable(engine.platform.tables, table, query);
    },
  };
}

/** A record of another version, or a damaged one, may hold what cannot be planned: it is listed all the same. */
function planOrNone({ name, spec }: JobRecord): JobPlan {
  try {
    return planJob(spec as unknown as JobSpec);
  } catch {
    return { name, maxParallelism: 0, nodes: [], chains: [], edges: [] };
  }
}

type Counted = Pick<JobFacts, "counters" | "countersError">;

function jobFacts(platform: Platform, view: JobView, plan: JobPlan, counted: Counted): JobFacts {
  const { record, progress, checkpoints } = view;
  const { jobId, name, branch, spec, createdAtMs, changedAtMs, startedFrom } = record;
  return {
    jobId,
    name,
    branch,
    spec,
    createdAtMs,
    changedAtMs,
    startedFrom,
    status: view.status,
    nowMs: platform.clock.nowMs(),
    restartsTotal: view.restartsTotal,
    maxParallelism: plan.maxParallelism,
    error: view.error === null ? null : { code: view.error.code, message: view.error.message, where: view.error.where },
    chains: chainFacts(platform, plan, progress),
    ...counted,
    task: progress === undefined ? null : taskFacts(progress),
    checkpoints: checkpoints === undefined ? null : checkpointFacts(checkpoints),
  };
}

function chainFacts(platform: Platform, plan: JobPlan, progress: JobProgress | undefined): readonly ChainFacts[] {
  const ids = plan.chains.map((chain) => {
    const digest = platform.digest.sha256();
    digest.update(utf8(present(chain.nodes[0], "the first operator of a chain").uid));
    return hexOf(digest.finish()).slice(0, 32);
  });
  return plan.chains.map((chain) => ({
    id: ids[chain.id] as string,
    parallelism: chain.parallelism,
    inputs: plan.edges
      .filter((edge) => edge.to.chain === chain.id)
      .map((edge) => ({ id: ids[edge.from.chain] as string, partition: edge.partition.kind })),
    operators: chain.nodes.map((node) => ({
      uid: node.uid,
      kind: node.kind,
      connector: node.kind === "source" || node.kind === "sink" ? node.connector.kind : null,
    })),
    subtasks: Array.from({ length: chain.parallelism }, (_none, subtask) => {
      const seen = progress?.tasks.find(({ task }) => task.chain === chain.id && task.subtask === subtask);
      return seen === undefined ? null : taskFacts(seen.progress);
    }),
  }));
}

const taskFacts = (progress: TaskProgress): TaskFacts => ({
  watermarkMs: progress.watermarkMs ?? null,
  share: progress.share ?? null,
  stateBytes: progress.stateBytes,
  stateEntries: progress.stateEntries,
  rowsScanned: Number(progress.rowsScanned),
  rowsAggregated: Number(progress.rowsAggregated),
  rowsIn: progress.counters.rowsIn,
  rowsOut: progress.counters.rowsOut,
  rowsTaken: progress.rowsTaken,
  rowsSent: progress.rowsSent,
  busyMs: progress.busyMs,
  idleMs: progress.idleMs,
  backpressuredMs: progress.backpressuredMs,
});

const checkpointFacts = (history: CheckpointHistory): CheckpointFacts => ({
  completed: history.completedCount,
  failed: history.failedCount,
  history: history.entries.map(checkpointFact),
});

const checkpointFact = (entry: CheckpointEntry): CheckpointFact => ({
  checkpoint: entry.checkpoint,
  status: entry.status,
  endedAtMs: entry.endedAtMs,
  durationMs: entry.durationMs,
  fullBytes: entry.fullBytes,
  deltaBytes: entry.costs?.deltaBytes ?? 0,
  deltaRows: entry.costs?.deltaRows ?? 0,
  gatherMs: entry.costs?.gatherMs ?? 0,
  uploadMs: entry.costs?.uploadMs ?? 0,
  error: entry.error ?? null,
});
