// The workflow round the pure coordinator: it feeds events to `step` one at a time and carries the effects out.
// Results of I/O come back as events; nothing here decides anything.

import { asMillraceError, type MillraceError } from "../base/errors.ts";
import type { CheckpointId } from "../base/ids.ts";
import { Abort } from "../platform/abort.ts";
import { AlarmClock } from "../platform/alarm_clock.ts";
import type { Platform } from "../platform/platform.ts";
import type { Deployment, FromTask, ToTask } from "../protocol/messages.ts";
import { CheckpointHistory } from "./checkpoint_history.ts";
import type { JobRecord } from "./job_record.ts";
import { type CoordinatorConfig, isTerminal, type JobEffect, type JobEvent, type JobState } from "./job_state.ts";
import { JobStore } from "./job_store.ts";
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
  readonly exportSavepoint: (savepoint: string, store: JobStore, checkpoint: CheckpointId) => Promise<void>;
  readonly refuseSavepoint: (savepoint: string, error: MillraceError) => Promise<void>;
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
  #task: TaskHandle | undefined;
  #stepping = false;
  #halted = false;
  readonly #halting = new Abort();
  #unrecorded = false;
  #recording = false;
  #gone: Promise<unknown> = Promise.resolve();
  readonly #background = new Set<Promise<void>>();

  constructor(platform: Platform, record: JobRecord, config: CoordinatorConfig, hooks: JobRunnerHooks) {
    this.platform = platform;
    this.#hooks = hooks;
    const { jobId, branch, restartsTotal } = record;
    this.#state = { ...initialJobState(jobId, branch, config), restartsTotal };
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
    await this.#task?.destroy();
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
        this.#task = this.#hooks.deploy(effect.deployment, (message) => this.dispatch({ kind: "task", message }));
        return;
      case "send":
        this.#task?.deliver(effect.message);
        return;
      case "publish":
        return this.#inBackground(this.#publish(effect));
      case "export":
        return this.#inBackground(this.#export(effect.checkpoint, effect.savepoints));
      case "refuse_savepoints":
        for (const one of effect.savepoints) this.#inBackground(this.#hooks.refuseSavepoint(one, effect.error));
        return;
      case "collect_garbage":
        return this.#inBackground(this.#collectGarbage());
      case "destroy_task":
        return this.#inBackground(this.#destroyTask());
      case "record_status":
        this.#unrecorded = true;
        if (!this.#recording) this.#inBackground(this.#recordStatus());
        return;
      case "wake":
        this.#alarm.wakeAt(effect.atMs);
        return;
      case "checkpoint_done":
        this.history.completed(effect.checkpoint, effect.completedAtMs, this.platform.clock.nowMs());
        return;
      case "checkpoint_failed":
        return this.#checkpointFailed(effect);
    }
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
        await this.store.recordStatus(this.#state);
      } catch (thrown) {
        const { message, code, where } = asMillraceError(thrown, `job ${this.#state.jobId}`);
        this.platform.log.write("error", `recording the status: ${message}`, { job: this.#state.jobId, code, where });
        if (this.#halting.aborted) break;
        this.#unrecorded = true;
        await this.platform.timers.sleep(RECORD_AGAIN_MS, this.#halting).catch(() => undefined); // the loop looks
      }
    }
    this.#recording = false;
  }

  async #claim(): Promise<void> {
    const { generation } = this.#state;
    try {
      const claim = await this.store.claim(this.#state);
      this.dispatch(claim.kind === "fenced" ? { ...claim, generation } : { kind: "claimed", ...claim.claimed });
    } catch (thrown) {
      this.dispatch({ kind: "claim_failed", error: asMillraceError(thrown, `job ${this.#state.jobId}`) });
    }
  }

  async #publish(effect: Extract<JobEffect, { kind: "publish" }>): Promise<void> {
    const { checkpoint, generation } = effect;
    try {
      this.platform.stages.enter("publishing", { checkpoint });
      const outcome = await this.store.publish(effect);
      this.dispatch(
        outcome === "published" ? { kind: "published", generation, checkpoint } : { kind: "fenced", generation },
      );
    } catch (thrown) {
      const error = asMillraceError(thrown, `checkpoint ${checkpoint}`);
      this.dispatch({ kind: "publish_failed", generation, checkpoint, error });
    }
  }

  async #export(checkpoint: CheckpointId, savepoints: readonly string[]): Promise<void> {
    const release = this.store.pin(checkpoint);
    try {
      for (const savepoint of savepoints) await this.#hooks.exportSavepoint(savepoint, this.store, checkpoint);
    } finally {
      release();
    }
  }

  async #collectGarbage(): Promise<void> {
    this.platform.stages.enter("collecting", {});
    await this.store.collectGarbage(this.#state);
  }

  async #destroyTask(): Promise<void> {
    const task = this.#task;
    this.#task = undefined;
    const destroyed = task?.destroy();
    // One that an earlier call is still destroying counts as well.
    const all = Promise.allSettled([this.#gone, destroyed]);
    this.#gone = all;
    await all;
    this.dispatch({ kind: "task_gone" });
    await destroyed;
  }
}
