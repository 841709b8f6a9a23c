// Millrace in one process: a platform, the jobs on it, and what a user can ask of them.
// REST, CLI, embedding programs and Durable Objects all stand on this class.

import { asMillraceError, externalError, type MillraceError, userError } from "../base/errors.ts";
import { hexOf } from "../base/bytes.ts";
import { asBranchId, asJobId, type CheckpointId, type JobId } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { CheckpointHistory } from "../coordinator/checkpoint_history.ts";
import { type BrokenJob, brokenRecord, type JobRecord, listJobRecords } from "../coordinator/job_record.ts";
import { JobRunner } from "../coordinator/job_runner.ts";
import { isTerminal, type JobEvent, type JobStatus } from "../coordinator/job_state.ts";
import { collectEndedJob, createJob, type GuardedPut, JobStore } from "../coordinator/job_store.ts";
import { layoutOf } from "../coordinator/layout.ts";
import type { JobPlan } from "../graph/plan.ts";
import { planJob } from "../graph/plan_job.ts";
import { ProcessFunctions } from "../job/define_process.ts";
import type { JobSpec } from "../job/job_spec.ts";
import { specError, validateJobSpec } from "../job/validate_job_spec.ts";
import type { Platform } from "../platform/platform.ts";
import { type Deployment, type FromTask, taskKey } from "../protocol/messages.ts";
import { addCounters, type TaskCounters, zeroCounters } from "../protocol/snapshot.ts";
import { defaultTaskOptions, type TaskOptions } from "../task/task.ts";
import { checkConnectors, type ConnectorFactory, enumerateSplits } from "./connector_factory.ts";
import { type JobProgress, jobProgress, type SeenTask } from "./job_progress.ts";
import type { SavepointKind, SavepointRecord, SavepointRequest } from "./savepoint_record.ts";
import { SavepointStore } from "./savepoint_store.ts";
import { demandStartable, planRestore, type RestoreFate, type RestorePlan } from "./restore_plan.ts";
import { type SavepointPolicy, SavepointUpkeep } from "./savepoint_upkeep.ts";
import { Suspension } from "./suspension.ts";
import { collectOrphanedImports, importState } from "./start_from_savepoint.ts";
import { type HostedTask, InlineTasks, type TaskHost } from "./task_host.ts";

export interface EngineOptions {
  readonly connectors: ConnectorFactory;
  readonly task?: Partial<TaskOptions>;
  /** Where the tasks of jobs with more than one run; absent: where those with one do, in the engine's event loop. */
  readonly tasks?: TaskHost;
  /** The TypeScript functions that jobs may name; absent: none. */
  readonly functions?: ProcessFunctions;
  /** Every task runs there, also of jobs with one. */
  readonly everywhere?: boolean;
  /** Sources in memory are allowed: the program that embeds Millrace is the only one to submit jobs. */
  readonly embedded?: boolean;
  readonly savepoints?: SavepointPolicy;
  readonly onChange?: (view: JobView) => void;
}

export interface StartFrom {
  /** The id of a complete savepoint. */
  readonly savepoint?: string;
  /** What the job has no place for is left behind; otherwise it is refused. */
  readonly allowNonRestoredState?: boolean;
  /** `CLAIM`: the savepoint is the job's from then on, which has copied its state: it is gone. Else it stays as it is. */
  readonly claimMode?: "CLAIM" | "NO_CLAIM";
}

export interface SubmitFrom extends StartFrom {
  /** An unused id, where the deployment has to know it before the job exists (Durable Objects are named by it). */
  readonly jobId?: string;
  /** What the savepoint is called where the job is asked for, if it is known here by another id. */
  readonly savepointName?: string;
}

/** A job as it is seen from outside. */
export interface JobView {
  readonly record: JobRecord;
  readonly status: JobStatus;
  readonly error: { readonly code: string; readonly message: string; readonly where: string } | null;
  readonly restartsTotal: number;
  readonly checkpoints: CheckpointHistory | undefined;
  /** Of the tasks that run, and of those that ended as they were last seen. */
  readonly progress: JobProgress | undefined;
}

interface LiveJob {
  readonly runner: JobRunner;
  readonly plan: JobPlan;
  /** By task key. */
  readonly tasks: Map<string, HostedTask>;
  readonly seen: Map<string, SeenTask>;
  readonly waiting: ((view: JobView) => void)[];
  /** Asked for, until it is settled. */
  suspension: Suspension | undefined;
  /** Suspended in order to go on here: it is shown as restarting meanwhile. */
  moves: boolean;
}

export class Engine {
  readonly platform: Platform;
  readonly savepoints: SavepointStore;
  readonly upkeep: SavepointUpkeep;
  readonly #options: EngineOptions;
  readonly #taskOptions: TaskOptions;
  readonly #functions: ProcessFunctions;
  readonly #inline: TaskHost;
  readonly #live = new Map<JobId, LiveJob>();
  readonly #ended = new Map<JobId, JobRecord>();
  #closed = false;

  constructor(platform: Platform, options: EngineOptions) {
    this.platform = platform;
    this.#options = options;
    this.#taskOptions = { ...defaultTaskOptions, ...options.task };
    this.#functions = options.functions ?? new ProcessFunctions();
    this.#inline = new InlineTasks(platform, options.connectors, this.#taskOptions, this.#functions);
    const policy = options.savepoints ?? {};
    this.savepoints = new SavepointStore(platform, this.#taskOptions.memoryBudgetBytes, policy.archive);
    this.upkeep = new SavepointUpkeep(platform, this.savepoints, policy);
  }

  /** Picks up every job that the stores know: call once, before anything is submitted. */
  async recover(): Promise<void> {
    const { records, broken } = await listJobRecords(this.platform.metadata);
    if (this.#closed) return;
    for (const one of broken) {
      const { code, message, where } = one.error;
      this.platform.log.write("error", `a job cannot be read: ${message}`, { job: one.jobId, code, where });
      this.#ended.set(asJobId(one.jobId), brokenRecord(one));
    }
    for (const record of records) {
      if (isTerminal(record.status)) this.#ended.set(record.jobId, record);
      else this.#resume(record);
    }
    await this.#collectLeftovers(records, broken);
  }

  /** What ended jobs and failed submissions have left; where that fails, the next start tries again. */
  async #collectLeftovers(records: readonly JobRecord[], broken: readonly BrokenJob[]): Promise<void> {
    const attempt = async (job: string, work: Promise<unknown>): Promise<void> => {
      try {
        await work;
      } catch (thrown) {
        const { code, message, where } = asMillraceError(thrown, "garbage");
        this.platform.log.write("warning", `leftovers are not collected: ${message}`, { job, code, where });
      }
    };
    for (const record of records) await attempt(record.jobId, collectEndedJob(this.platform, record));
    // A job that is not over belongs to whoever claims it, here or elsewhere, and so do its savepoints.
    const open = new Set<string>(records.filter((one) => !isTerminal(one.status)).map((one) => one.jobId));
    for (const one of broken) open.add(one.jobId);
    await attempt(
      "",
      this.savepoints.failInterrupted((jobId) => !open.has(jobId)),
    );
    await attempt("", collectOrphanedImports(this.platform));
    void this.upkeep.wake();
  }

  /** A job that cannot be taken up is shown with the reason, and keeps no other waiting. */
  #resume(record: JobRecord): void {
    try {
      const plan = planJob(record.spec as unknown as JobSpec);
      for (const node of plan.nodes) {
        if (node.kind === "process") this.#functions.get(node.functionName, `operator ${node.uid}`);
      }
      const live = this.#launch(record, plan);
      // Whoever asked for it was answered; only the end was not recorded yet.
      if (record.status === "CANCELLING") live.runner.dispatch({ kind: "cancel" });
    } catch (thrown) {
      // Nothing is stored: a deployment that can run the job will take it up.
      const { code, message, where } = asMillraceError(thrown, `job ${record.jobId}`);
      this.platform.log.write("error", `the job cannot be taken up: ${message}`, { job: record.jobId, code, where });
      this.#ended.set(record.jobId, { ...record, status: "FAILED", error: { code, message, where } });
    }
  }

  /** Starts a job from a spec of unknown shape; throws `spec_invalid` with every problem. */
  async submit(input: unknown, from: SubmitFrom = {}): Promise<JobView> {
    const { spec, plan } = this.#validated(input);
    checkConnectors(this.#options.connectors, plan);
    const jobId = asJobId(from.jobId ?? hexOf(this.platform.entropy.bytes(16)));
    const branch = asBranchId(hexOf(this.platform.entropy.bytes(8)));
    const nowMs = this.platform.clock.nowMs();
    const record: JobRecord = {
      format: 1,
      jobId,
      name: spec.name,
      spec: spec as unknown as PlainData,
      status: "CREATED",
      branch,
      createdAtMs: nowMs,
      changedAtMs: nowMs,
      restartsTotal: 0,
      error: null,
      startedFrom: from.savepointName ?? from.savepoint ?? null,
    };
    if (from.savepoint === undefined) await createJob(this.platform, record);
    else {
      const restore = await this.#planRestore(plan, from.savepoint, from);
      demandStartable(restore, `savepoint ${from.savepoint}`);
      const savepoint = restore.restored;
      const enumerate = () => enumerateSplits(this.#options.connectors, plan);
      const imported = await importState(this.platform, { jobId, branch, plan, savepoint, enumerate });
      const claim = from.claimMode === "CLAIM" ? await this.upkeep.claim(from.savepoint) : { guards: [], ops: [] };
      await createJob(this.platform, record, {
        guards: [...imported.guards, ...claim.guards],
        ops: [...imported.ops, ...claim.ops],
      });
      void this.upkeep.wake();
    }
    return this.#viewOf(this.#launch(record, plan));
  }

  /** What would become of each part of the savepoint if the job were submitted so. Nothing is started or stored. */
  async check(input: unknown, from: StartFrom & { readonly savepoint: string }): Promise<readonly RestoreFate[]> {
    const { plan } = this.#validated(input);
    return (await this.#planRestore(plan, from.savepoint, from)).fates;
  }

  async #planRestore(plan: JobPlan, savepoint: string, { allowNonRestoredState }: StartFrom): Promise<RestorePlan> {
    return planRestore(this.platform, plan, await this.savepoints.load(savepoint), allowNonRestoredState === true);
  }

  #validated(input: unknown): { readonly spec: JobSpec; readonly plan: JobPlan } {
    const options = { embedded: this.#options.embedded === true, functions: this.#functions.signatures };
    const validation = validateJobSpec(input, options);
    if (validation.kind === "invalid") throw specError(validation.problems);
    return { spec: validation.spec, plan: planJob(validation.spec) };
  }

  list(): readonly JobView[] {
    const views = [...this.#live.values()].map((job) => this.#viewOf(job));
    for (const record of this.#ended.values()) views.push(endedView(record));
    return views.sort((left, right) => left.record.createdAtMs - right.record.createdAtMs);
  }

  job(jobId: string): JobView {
    const live = this.#live.get(asJobId(jobId));
    if (live !== undefined) return this.#viewOf(live);
    const record = this.#ended.get(asJobId(jobId));
    if (record === undefined) throw unknownJob(jobId);
    return endedView(record);
  }

  cancel(jobId: string): JobView {
    const live = this.#live.get(asJobId(jobId));
    if (live?.moves === true && live.runner.state.resumable) throw suspendedAlready(jobId);
    if (live === undefined || isTerminal(live.runner.state.status)) {
      const { status } = this.job(jobId);
      throw userError("job_not_running", `job ${jobId}`, `the job is ${status} already`);
    }
    live.runner.dispatch({ kind: "cancel" });
    return this.#viewOf(live);
  }

  /** Asks for a savepoint; its record says when it is complete. */
  async triggerSavepoint(jobId: string, request: SavepointRequest = {}): Promise<SavepointRecord> {
    return await this.#ask(jobId, "savepoint", request, (savepoint) => ({ kind: "savepoint", savepoint }));
  }

  /**
   * Ends the job with a savepoint; its record says when both are done. A job that could not be stopped goes on, and
   * the record says why.
   * @param drain lets time end first, so that all windows and timers fire: for a job that will not go on.
   */
  async stop(jobId: string, drain: boolean, request: SavepointRequest = {}): Promise<SavepointRecord> {
    return await this.#ask(jobId, "stop", request, (savepoint) => ({ kind: "stop", savepoint, drain }));
  }

  /** The same request again, also of a job that has ended meanwhile, finds its savepoint. */
  async #ask(
    jobId: string,
    kind: SavepointKind,
    request: SavepointRequest,
    event: (savepoint: string) => JobEvent,
  ): Promise<SavepointRecord> {
    const known = await this.savepoints.asked({ jobId, kind }, request.id);
    if (known !== undefined) return known;
    const { runner } = this.#running(jobId);
    const of = { jobId, jobName: runner.store.record.name, kind };
    const { record, isNew } = await this.savepoints.begin(of, request);
    if (isNew) runner.dispatch(event(record.savepoint));
    return record;
  }

  /**
   * Stops the job with a savepoint and does not end it: whoever takes it up next goes on from there. Resolves once
   * nothing of it runs; where its input had ended, it is finished. Rejects where it goes on, and says why.
   */
  async suspend(jobId: string): Promise<SavepointRecord> {
    const live = this.#running(jobId);
    if (live.suspension !== undefined) throw suspendedAlready(jobId);
    const suspension = new Suspension();
    live.suspension = suspension;
    try {
      const of = { jobId, jobName: live.runner.store.record.name, kind: "suspend" } as const;
      const { savepoint } = (await this.savepoints.begin(of)).record;
      suspension.savepoint = savepoint;
      live.runner.dispatch({ kind: "stop", savepoint, drain: false, resumes: true });
      await suspension.settled;
      if (live.runner.state.resumable) await live.runner.halt();
      return await this.savepoints.get(savepoint);
    } finally {
      live.suspension = undefined;
    }
  }

  /** Suspends the job and takes it up again at this parallelism, which operators with one of their own do not follow. */
  async rescale(jobId: string, parallelism: number): Promise<SavepointRecord> {
    const live = this.#running(jobId);
    const { spec, plan } = this.#validated({ ...(live.runner.store.record.spec as unknown as JobSpec), parallelism });
    live.moves = true;
    let savepoint: SavepointRecord;
    try {
      savepoint = await this.suspend(jobId);
    } catch (thrown) {
      live.moves = false;
      throw thrown;
    }
    // The claim writes the new spec with the new generation, in one commit: the job has one or the other.
    const record = { ...live.runner.store.record, spec: spec as unknown as PlainData };
    if (live.runner.state.resumable && !this.#closed) this.#launch(record, plan, live.waiting);
    return savepoint;
  }

  #running(jobId: string): LiveJob {
    const live = this.#live.get(asJobId(jobId));
    if (live?.moves === true && live.runner.state.resumable) throw suspendedAlready(jobId);
    if (live !== undefined && !isTerminal(live.runner.state.status)) return live;
    const { status } = this.job(jobId);
    const message = `the job is ${status}; a savepoint can only be taken of a running job`;
    throw userError("job_not_running", `job ${jobId}`, message);
  }

  /** Resolves when the job has ended, whatever the outcome. */
  async ended(jobId: string): Promise<JobView> {
    const view = this.job(jobId);
    const live = this.#live.get(asJobId(jobId));
    if (live === undefined || isTerminal(view.status)) return view;
    return await new Promise((resolve) => live.waiting.push(resolve));
  }

  /** Totals as of the job's latest checkpoint: what is still known of a job that ended before this process began. */
  async storedCounters(jobId: string): Promise<TaskCounters | undefined> {
    const manifest = await new JobStore(this.platform, this.job(jobId).record).latestManifest();
    return manifest?.tasks.reduce((sum, one) => addCounters(sum, one.counters), zeroCounters);
  }

  /** Stops working without ending any job: each goes on from its last checkpoint at the next start. It starts none after. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { suspension } of this.#live.values()) suspension?.fail(closing());
    await Promise.all([...this.#live.values()].map((job) => job.runner.halt()));
    await this.upkeep.close();
  }

  #launch(record: JobRecord, plan: JobPlan, waiting: LiveJob["waiting"] = []): LiveJob {
    const spec = record.spec as unknown as JobSpec;
    const { checkpoint, restart } = spec;
    const { jobId } = record;
    const live: LiveJob = {
      plan,
      tasks: new Map(),
      seen: new Map(),
      waiting,
      suspension: undefined,
      moves: false,
      runner: new JobRunner(
        this.platform,
        record,
        layoutOf(plan),
        { checkpoint, restart },
        {
          enumerate: () => enumerateSplits(this.#options.connectors, plan),
          deploy: (deployment, outbox) => this.#deploy(live, spec, deployment, outbox),
          writeSavepoint: (savepoint, store, checkpoint) => this.#write(live, savepoint, store, checkpoint),
          completeSavepoint: async (savepoint, complete) => {
            await this.savepoints.complete(savepoint, complete);
            void this.upkeep.wake();
          },
          refuseSavepoint: async (savepoint, error) => {
            if (live.suspension?.savepoint === savepoint) live.suspension.fail(error);
            await this.savepoints.fail(savepoint, error);
          },
          takeOverSavepoints: (fence, stop) => this.savepoints.failInterrupted((id) => id === jobId, [fence], stop),
          onChange: () => this.#onChange(live),
        },
      ),
    };
    this.#live.set(record.jobId, live);
    // What was stored before the engine was closed is for the next one to run.
    if (this.#closed) void live.runner.halt();
    else live.runner.dispatch({ kind: "start" });
    return live;
  }

  #deploy(live: LiveJob, spec: JobSpec, deployment: Deployment, outbox: (message: FromTask) => void): HostedTask {
    const { plan } = live;
    const single = plan.chains.length === 1 && plan.chains[0]?.parallelism === 1;
    const host = single && this.#options.everywhere !== true ? this.#inline : (this.#options.tasks ?? this.#inline);
    const task = host.deploy({ spec, plan, deployment, outbox });
    const key = taskKey(deployment.task);
    live.tasks.set(key, task);
    return {
      deliver: (message) => task.deliver(message),
      progress: () => task.progress(),
      destroy: async () => {
        await task.destroy();
        const progress = task.progress();
        if (progress !== undefined) live.seen.set(key, { task: deployment.task, progress });
        if (live.tasks.get(key) === task) live.tasks.delete(key);
      },
    };
  }

  async #write(
    { runner, plan }: LiveJob,
    savepoint: string,
    store: JobStore,
    checkpoint: CheckpointId,
  ): Promise<GuardedPut> {
    const manifest = await store.manifest(runner.state.branch, checkpoint);
    return await this.savepoints.write(savepoint, plan, manifest);
  }

  #onChange(live: LiveJob): void {
    const view = this.#viewOf(live);
    this.#options.onChange?.(view);
    const { status, resumable } = live.runner.state;
    if (resumable || status === "FINISHED") live.suspension?.reached();
    else if (isTerminal(status)) live.suspension?.fail(endedOtherwise(view));
    if (!isTerminal(status) || resumable) return;
    void live.runner.recorded.then(() => this.upkeep.wake());
    for (const resolve of live.waiting.splice(0)) resolve(view);
  }

  #viewOf(live: LiveJob): JobView {
    const { state, store, history } = live.runner;
    return {
      record: store.record,
      status: live.moves && state.resumable ? "RESTARTING" : state.status,
      error: storedError(state.error) ?? store.record.error,
      restartsTotal: state.restartsTotal,
      checkpoints: history,
      progress: jobProgress(seenTasks(live)),
    };
  }
}

/** The tasks that run, and the last that was seen of the others. */
function seenTasks({ plan, tasks, seen }: LiveJob): SeenTask[] {
  return plan.chains.flatMap(({ id, parallelism }) =>
    Array.from({ length: parallelism }, (_none, subtask) => ({ chain: id, subtask })).flatMap((task) => {
      const key = taskKey(task);
      const progress = tasks.get(key)?.progress() ?? seen.get(key)?.progress;
      return progress === undefined ? [] : [{ task, progress }];
    }),
  );
}

const storedError = (error: MillraceError | undefined) => (error === undefined ? undefined : error.toJSON());

const endedView = (record: JobRecord): JobView => ({
  record,
  status: record.status,
  error: record.error,
  restartsTotal: record.restartsTotal,
  checkpoints: undefined,
  progress: undefined,
});

const suspendedAlready = (jobId: string): MillraceError =>
  externalError("job_moving", `job ${jobId}`, "the job is being suspended, to go on in a moment; ask again then");
const endedOtherwise = ({ record, status }: JobView): MillraceError =>
  externalError("job_not_running", `job ${record.jobId}`, `the job was to be suspended and is ${status}`);
const closing = (): MillraceError =>
  externalError("not_leading", "engine", "this process stops working on jobs before the job was suspended");

const unknownJob = (jobId: string): MillraceError =>
  userError("job_unknown", `job ${jobId.slice(0, 64)}`, `there is no job "${jobId.slice(0, 64)}"`);
