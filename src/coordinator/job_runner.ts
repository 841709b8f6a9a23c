// The workflow round the pure coordinator: it feeds events to `step` one at a time and carries the effects out.
// Results of I/O come back as events; nothing here decides anything.

import { asMillraceError, externalError, type MillraceError } from "../base/errors.ts";
import { asCheckpointId, type CheckpointId, type Generation } from "../base/ids.ts";
import type { FinalStop, Manifest } from "../checkpoint/manifest.ts";
import { Abort } from "../platform/abort.ts";
import { AlarmClock } from "../platform/alarm_clock.ts";
import type { Platform } from "../platform/platform.ts";
import type { Guard } from "../platform/ports.ts";
import { type Deployment, type FromTask, type TaskAddress, taskKey, type ToTask } from "../protocol/messages.ts";
import type { SourceSnapshot } from "../protocol/snapshot.ts";
import { CheckpointHistory } from "./checkpoint_history.ts";
import { distribute, distributeSplits } from "./distribution.ts";
import type { JobRecord } from "./job_record.ts";
import {
  type CoordinatorConfig,
  isTerminal,
  type JobEffect,
  type JobEvent,
  type JobState,
  type RestorePoint,
} from "./job_state.ts";
import { type Claimed, collectionOf, type GuardedPut, JobStore } from "./job_store.ts";
import type { JobLayout } from "./layout.ts";
import { initialJobState, step } from "./step.ts";

/** One running task as the coordinator sees it: messages in, an end. */
export interface TaskHandle {
  deliver(message: ToTask): void;
  /** Resolves when the task does nothing any more. */
  destroy(): Promise<void>;
}

export interface JobRunnerHooks {
  /** Makes a task that speaks through `outbox`; never throws (failures are `failed` messages). */
  readonly deploy: (deployment: Deployment, outbox: (message: FromTask) => void) => TaskHandle;
  /** The splits of every source, for a job of which nothing was ever published. */
  readonly enumerate: () => Promise<readonly SourceSnapshot[]>;
  /** Makes the file durable; answers with what makes the savepoint complete. Rejects where it could not; it is refused then. */
  readonly writeSavepoint: (savepoint: string, store: JobStore, checkpoint: CheckpointId) => Promise<GuardedPut>;
  /** Rejects where the savepoint was refused before. */
  readonly completeSavepoint: (savepoint: string, complete: GuardedPut) => Promise<void>;
  readonly refuseSavepoint: (savepoint: string, error: MillraceError) => Promise<void>;
  /**
   * Refuses the savepoints of the job that a predecessor has begun, while `fence` holds, except for that of its stop.
   * Answers whether that one is still waited for.
   */
  readonly takeOverSavepoints: (fence: Guard, stop: string | undefined) => Promise<boolean>;
  readonly onChange: (runner: JobRunner) => void;
}

/** How long after a status could not be recorded it is tried again. */
const RECORD_AGAIN_MS = 500;

export class JobRunner {
  readonly platform: Platform;
  readonly store: JobStore;
  readonly history: CheckpointHistory;
  readonly #hooks: JobRunnerHooks;
  readonly #alarm: AlarmClock;
  readonly #events: JobEvent[] = [];
  #state: JobState;
  readonly #layout: JobLayout;
  readonly #tasks = new Map<string, TaskHandle>();
  /** Those that are being destroyed. */
  readonly #leaving = new Map<string, Promise<void>>();
  #stepping = false;
  #halted = false;
  readonly #halting = new Abort();
  #unrecorded = false;
  /** Savepoints of stops whose files are durable, and what makes them complete. */
  readonly #written = new Map<string, GuardedPut>();
  /** What is recorded together with the end of the job. */
  #lastWord: GuardedPut | undefined;
  /** Whoever ran the job before has left nothing undecided. */
  #hasTakenOver = false;
  #recording = false;
  /** Resolves when no status is left to be recorded, or the runner was halted first. */
  #recorded: Promise<void> = Promise.resolve();
  #publishing: Promise<void> = Promise.resolve();
  readonly #background = new Set<Promise<void>>();

  constructor(
    platform: Platform,
    record: JobRecord,
    layout: JobLayout,
    config: CoordinatorConfig,
    hooks: JobRunnerHooks,
  ) {
    this.platform = platform;
    this.#layout = layout;
    this.#hooks = hooks;
    const { jobId, branch, restartsTotal } = record;
    this.#state = { ...initialJobState(jobId, branch, this.#layout, config), restartsTotal };
    this.store = new JobStore(platform, record);
    this.history = new CheckpointHistory();
    this.#alarm = new AlarmClock(platform.clock, platform.timers, () => this.dispatch({ kind: "tick" }));
  }

  get state(): JobState {
    return this.#state;
  }

  dispatch(event: JobEvent): void {
    if (this.#halted) return;
    this.#events.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#apply(next);
    } finally {
      this.#stepping = false;
    }
  }

  /** Stops all activity of this process for the job without changing what is stored: the job goes on elsewhere, later. */
  async halt(): Promise<void> {
    this.#halted = true;
    this.#halting.abort("the runner is halted");
    this.#alarm.stop();
    await Promise.allSettled([...this.#tasks.values()].map((task) => task.destroy()));
    await Promise.allSettled([...this.#background]);
  }

  #apply(event: JobEvent): void {
    const before = this.#state.status;
    const [state, effects] = step(this.#state, event, this.platform.clock.monotonicMs());
    this.#state = state;
    if (state.status !== before) this.#announce(before);
    for (const effect of effects) this.#perform(effect);
    if (isTerminal(state.status)) this.#alarm.stop();
    if (state.status !== before || effects.length > 0) this.#hooks.onChange(this);
  }

  /** Resolves when the newest status is recorded, or will not be by this process. */
  get recorded(): Promise<void> {
    return this.#recorded;
  }

  #announce(before: string): void {
    const { status, jobId, generation, error } = this.#state;
    const level = status === "FAILING" || status === "FAILED" ? "error" : "info";
    const cause = error === undefined ? {} : { code: error.code, where: error.where, error: error.message };
    this.platform.log.write(level, `job ${before} -> ${status}`, { job: jobId, generation, ...cause });
  }

  #perform(effect: JobEffect): void {
    switch (effect.kind) {
      case "claim":
        return this.#inBackground(this.#claim());
      case "deploy":
        return this.#deploy(effect.deployment);
      case "send":
        this.#tasks.get(taskKey(effect.task))?.deliver(effect.message);
        return;
      case "publish":
        this.#publishing = this.#publish(effect);
        return this.#inBackground(this.#publishing);
      case "export":
        return this.#inBackground(this.#export(effect));
      case "refuse_savepoints":
        for (const one of effect.savepoints) this.#inBackground(this.#refuse(one, effect.error));
        return;
      case "collect_garbage":
        return this.#inBackground(this.#collectGarbage());
      case "destroy_tasks":
        return this.#inBackground(this.#destroyTasks(effect.tasks));
      case "record_status":
        this.#unrecorded = true;
        if (effect.savepoint !== undefined) this.#lastWord = this.#written.get(effect.savepoint);
        if (this.#recording) return;
        this.#recorded = this.#recordStatus();
        return this.#inBackground(this.#recorded);
      case "wake":
        this.#alarm.wakeAt(effect.atMs);
        return;
      case "checkpoint_done":
        this.history.completed(effect.checkpoint, effect.completedAtMs, this.platform.clock.nowMs());
        return;
      case "checkpoint_unchanged":
        this.history.unchanged();
        return;
      case "checkpoint_failed":
        return this.#checkpointFailed(effect);
    }
  }

  #deploy(deployment: Deployment): void {
    const task = this.#hooks.deploy(deployment, (message) => this.dispatch({ kind: "task", message }));
    this.#tasks.set(taskKey(deployment.task), task);
  }

  #checkpointFailed({ checkpoint, error }: Extract<JobEffect, { kind: "checkpoint_failed" }>): void {
    this.history.failed(checkpoint, error, this.platform.clock.nowMs());
    const facts = { job: this.#state.jobId, checkpoint: checkpoint.checkpoint, code: error.code, where: error.where };
    this.platform.log.write("warning", `checkpoint ${checkpoint.checkpoint} failed: ${error.message}`, facts);
  }

  /** Background work never rejects unobserved: what it could not handle itself is logged. */
  #inBackground(work: Promise<void>): void {
    const watched = work
      .catch((thrown: unknown) => {
        const error = asMillraceError(thrown, `job ${this.#state.jobId}`);
        this.platform.log.write("error", error.message, {
          job: this.#state.jobId,
          code: error.code,
          where: error.where,
        });
      })
      .finally(() => this.#background.delete(watched));
    this.#background.add(watched);
  }

  /** Until the store has taken the newest status: a job whose end is not recorded would come back at the next start. */
  async #recordStatus(): Promise<void> {
    this.#recording = true;
    while (this.#unrecorded) {
      this.#unrecorded = false;
      try {
        if (await this.store.recordStatus(this.#state, this.#lastWord)) continue;
        // This runner itself has claimed the job anew meanwhile, and there is a newer status.
        if (this.#unrecorded) continue;
        // What belongs to whoever runs the job now is not touched.
        this.#unrecorded = true;
        this.#sayOvertaken();
        break;
      } catch (thrown) {
        this.#unrecorded = true;
        if (!(await this.#retries("recording the status", thrown))) break;
      }
    }
    this.#recording = false;
  }

  #sayOvertaken(): void {
    const { status, jobId, generation } = this.#state;
    if (!isTerminal(status)) return;
    const message = `${status} is not recorded: the job was taken over`;
    this.platform.log.write("warning", message, { job: jobId, generation });
  }

  /** Waits until what failed can be tried again; false: this process has been told to let go. */
  async #retries(what: string, thrown: unknown): Promise<boolean> {
    const { message, code, where } = asMillraceError(thrown, `job ${this.#state.jobId}`);
    this.platform.log.write("error", `${what}: ${message}`, { job: this.#state.jobId, code, where });
    if (this.#halting.aborted) return false;
    await this.platform.timers.sleep(RECORD_AGAIN_MS, this.#halting).catch(() => undefined); // told by `aborted`
    return !this.#halting.aborted;
  }

  async #claim(): Promise<void> {
    const { generation } = this.#state;
    let held: Extract<JobEvent, { kind: "claim_failed" }>["held"];
    try {
      const claim = await this.store.claim(this.#state);
      if (claim.kind === "fenced") this.dispatch({ ...claim, generation });
      else {
        held = { generation: claim.claimed.generation, branch: claim.claimed.branch };
        const restore = await this.#restorePoint(claim.claimed);
        this.#hasTakenOver = true;
        this.dispatch({ kind: "claimed", generation: claim.claimed.generation, branch: claim.claimed.branch, restore });
      }
    } catch (thrown) {
      const error = asMillraceError(thrown, `job ${this.#state.jobId}`);
      this.dispatch({ kind: "claim_failed", error, ...(held === undefined ? {} : { held }) });
    }
  }

  /** The splits are fixed here; they become durable with the first manifest, and until then nothing is committed. */
  async #restorePoint({ manifest, generation }: Claimed): Promise<RestorePoint> {
    if (manifest === undefined) {
      const restores = distributeSplits(this.#layout, await this.#hooks.enumerate());
      const stop = await this.#takeOver(generation, undefined);
      return { checkpoint: asCheckpointId(0), ended: false, stop, tasks: undefined, restores };
    }
    const { checkpoint, ended, tasks } = manifest;
    const restores = distribute(this.#layout, checkpoint, tasks);
    // Last, because a stop is taken over only once: a claim that has failed tries it again.
    const stop = await this.#takeOver(generation, manifest);
    return { checkpoint, ended, stop, tasks, restores };
  }

  /** The stop that a predecessor has left to be finished; what else it had begun is refused. */
  async #takeOver(generation: Generation, manifest: Manifest | undefined): Promise<FinalStop | undefined> {
    if (this.#hasTakenOver) return undefined;
    const stop = manifest?.stop;
    const isOpen = await this.#hooks.takeOverSavepoints(this.store.fence(generation), stop?.savepoint);
    return isOpen ? stop : undefined;
  }

  async #publish(effect: Extract<JobEffect, { kind: "publish" }>): Promise<void> {
    const { checkpoint, generation } = effect;
    try {
      this.platform.stages.enter("publishing", { checkpoint });
      const outcome = await this.store.publish(effect);
      if (outcome === "superseded") {
        throw externalError("checkpoint_superseded", `checkpoint ${checkpoint}`, "the job was claimed anew meanwhile");
      }
      this.dispatch(
        outcome === "published" ? { kind: "published", generation, checkpoint } : { kind: "fenced", generation },
      );
    } catch (thrown) {
      const error = asMillraceError(thrown, `checkpoint ${checkpoint}`);
      this.dispatch({ kind: "publish_failed", generation, checkpoint, error });
    }
  }

  async #export({ checkpoint, savepoints, stop }: Extract<JobEffect, { kind: "export" }>): Promise<void> {
    const release = this.store.pin(checkpoint);
    let error: MillraceError | undefined;
    try {
      // What is made of the end of a job says that there is an end.
      if (isTerminal(this.#state.status)) await this.#recorded;
      for (const one of savepoints) await this.#write(checkpoint, one, true);
      if (stop !== undefined) error = await this.#write(checkpoint, stop.savepoint, stop.resumes === true);
    } finally {
      release();
    }
    this.dispatch({ kind: "exported", checkpoint, error });
    // What only the export kept from being collected when the job ended.
    if (isTerminal(this.#state.status)) await this.#collectGarbage();
  }

  /** @param completes at once; else together with the end of the job. */
  async #write(checkpoint: CheckpointId, savepoint: string, completes: boolean): Promise<MillraceError | undefined> {
    try {
      const complete = await this.#hooks.writeSavepoint(savepoint, this.store, checkpoint);
      if (completes) await this.#hooks.completeSavepoint(savepoint, complete);
      else this.#written.set(savepoint, complete);
      return undefined;
    } catch (thrown) {
      const error = asMillraceError(thrown, `savepoint ${savepoint}`);
      this.#inBackground(this.#refuse(savepoint, error));
      return error;
    }
  }

  /** Until the store has taken it: somebody waits for the answer. */
  async #refuse(savepoint: string, error: MillraceError): Promise<void> {
    for (;;) {
      try {
        return await this.#hooks.refuseSavepoint(savepoint, error);
      } catch (thrown) {
        if (!(await this.#retries(`refusing savepoint ${savepoint}`, thrown))) return;
      }
    }
  }

  async #collectGarbage(): Promise<void> {
    if (isTerminal(this.#state.status)) {
      // A checkpoint that is still being published when the job ends could name what is about to be deleted, and a job
      // whose end is not recorded is brought back by the next process, which reads what would be deleted.
      await this.#publishing;
      await this.#recorded;
      if (this.#unrecorded) return;
    }
    if (this.#state.status === "SUSPENDED") return;
    this.platform.stages.enter("collecting", {});
    await this.store.collectGarbage(collectionOf(this.#state));
  }

  /** Who was overtaken may find parts gone that the job does not need any more: it is for others to say that it failed. */
  async #beforeGivingUp(): Promise<void> {
    const { generation, verdict, jobId } = this.#state;
    if (verdict?.kind !== "give_up") return;
    try {
      if (await this.store.isOvertaken(this.#state)) this.dispatch({ kind: "fenced", generation });
    } catch (thrown) {
      const { message, code, where } = asMillraceError(thrown, `job ${jobId}`);
      this.platform.log.write("warning", `who leads the job is not known: ${message}`, { job: jobId, code, where });
    }
  }

  async #destroyTasks(tasks: readonly TaskAddress[]): Promise<void> {
    const keys = tasks.map(taskKey);
    for (const key of keys) {
      const task = this.#tasks.get(key);
      if (task === undefined) continue;
      this.#tasks.delete(key);
      this.#leaving.set(key, task.destroy());
    }
    const outcomes = await Promise.allSettled(keys.map((key) => this.#leaving.get(key)));
    for (const key of keys) this.#leaving.delete(key);
    await this.#beforeGivingUp();
    this.dispatch({ kind: "tasks_gone", tasks });
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }
}
