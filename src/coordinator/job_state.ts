// The whole of what the coordinator knows about one job, the events that change it, and the effects it asks for.
// `step` (step.ts) is the only thing that makes a new state; the workflow around it does the I/O.

import type { MillraceError } from "../base/errors.ts";
import type { BranchId, CheckpointId, Generation, JobId } from "../base/ids.ts";
import type { FinalStop } from "../checkpoint/manifest.ts";
import type { CheckpointSpec, RestartSpec } from "../job/job_spec.ts";
import type { CheckpointCosts, Deployment, FromTask, TaskAddress, ToTask } from "../protocol/messages.ts";
import type { TaskSnapshot } from "../protocol/snapshot.ts";
import type { Restores } from "./distribution.ts";
import type { TaskPlace } from "./layout.ts";
import type { RestartHistory } from "./restart_strategy.ts";

/** Flink's names for the states of a job. */
export type JobStatus =
  | "CREATED"
  | "INITIALIZING"
  | "RUNNING"
  | "FAILING"
  | "RESTARTING"
  | "CANCELLING"
  | "FAILED"
  | "CANCELED"
  | "FINISHED"
  | "SUSPENDED";

/** As the job's spec says. */
export interface CoordinatorConfig {
  readonly checkpoint: CheckpointSpec;
  readonly restart: RestartSpec;
}

export interface TaskState {
  readonly place: TaskPlace;
  /** `leaving`: it is being destroyed, and whatever it still says has no meaning. */
  readonly life: "absent" | "starting" | "running" | "leaving";
  /** The one that it was deployed with; other regions may have been restarted since. */
  readonly generation: Generation;
  /** The checkpoint that it was restored from; what was pending there is committed once it runs. */
  readonly restored: CheckpointId;
  readonly inputEnded: boolean;
}

/** The end of the job that somebody asked for. */
export interface Stop extends FinalStop {
  /** The job does not end: it is SUSPENDED, and whoever claims it next goes on from the savepoint's checkpoint. */
  readonly resumes?: true;
}

export interface Acknowledgement {
  readonly snapshot: TaskSnapshot;
  readonly costs: CheckpointCosts;
}

export interface InFlightCheckpoint {
  readonly checkpoint: CheckpointId;
  readonly phase: "gathering" | "publishing";
  readonly triggeredAtMs: number;
  /** Savepoints that were asked for before the barrier and are made from this checkpoint. */
  readonly savepoints: readonly string[];
  readonly stop: Stop | undefined;
  /** By task key. */
  readonly acknowledged: ReadonlyMap<string, Acknowledgement>;
}

/** A published checkpoint that not every task has committed yet. */
export interface UncommittedCheckpoint {
  readonly checkpoint: CheckpointId;
  readonly savepoints: readonly string[];
  readonly stop: Stop | undefined;
  /** Nothing follows it: all input had ended, or was drained. */
  readonly ended: boolean;
  /** Keys of the tasks that have not said that it is committed. */
  readonly waiting: readonly string[];
}

/** What the newest manifest holds. */
export interface DurableCheckpoint {
  readonly checkpoint: CheckpointId;
  readonly tasks: readonly TaskSnapshot[];
}

/** The checkpoint of a stop is committed; its savepoint is being written. */
export interface Stopping {
  readonly checkpoint: CheckpointId;
  readonly stop: Stop;
  readonly ended: boolean;
  /** A failure meanwhile: of no interest unless the savepoint cannot be written and the job has to go on. */
  readonly broken: Failure | undefined;
}

export interface Failure {
  readonly error: MillraceError;
  /** The regions that have to start again. */
  readonly regions: readonly number[];
}

export interface JobState {
  readonly status: JobStatus;
  readonly jobId: JobId;
  readonly branch: BranchId;
  readonly config: CoordinatorConfig;
  /** By chain and subtask. */
  readonly tasks: readonly TaskState[];
  /** 0 until the first claim; monotonic. */
  readonly generation: Generation;
  /** The last claim was answered: what is stored carries this generation, and statuses can be recorded under it. */
  readonly claimed: boolean;
  /** Asked for while no claim was answered; it happens, and is recorded, once one is. */
  readonly cancelWanted: boolean;
  /** What broke while a claim was not answered. */
  readonly brokenMeanwhile: Failure | undefined;
  /** Never used twice: a region that goes on through a failover knows the numbers that were given up. */
  readonly nextCheckpoint: CheckpointId;
  readonly inFlight: InFlightCheckpoint | undefined;
  readonly uncommitted: readonly UncommittedCheckpoint[];
  readonly durable: DurableCheckpoint | undefined;
  /** Asked for and not yet part of a checkpoint. */
  readonly wantedSavepoints: readonly string[];
  readonly wantedStop: Stop | undefined;
  readonly stopping: Stopping | undefined;
  readonly checkpointWanted: boolean;
  readonly checkpointFailuresInRow: number;
  readonly lastTriggerMs: number;
  /** When the last checkpoint was over, whatever became of it; undefined before the first. */
  readonly lastEndMs: number | undefined;
  readonly restarts: RestartHistory;
  readonly restartsTotal: number;
  readonly restartAtMs: number;
  /** While failing: how it goes on once the tasks are gone. */
  readonly verdict: Verdict | undefined;
  /** SUSPENDED because it was asked for: nobody else has taken the job over. */
  readonly resumable: boolean;
  readonly error: MillraceError | undefined;
}

export type Verdict = { readonly kind: "restart"; readonly delayMs: number } | { readonly kind: "give_up" };

/** Where a claim says that the job goes on. */
export interface RestorePoint {
  /** 0: nothing was ever published. */
  readonly checkpoint: CheckpointId;
  /** Nothing follows it but the commit of what is pending there. */
  readonly ended: boolean;
  /** The stop of a predecessor, to be finished: its savepoint is still waited for. */
  readonly stop: FinalStop | undefined;
  /** What the manifest holds; undefined where there is none. */
  readonly tasks: readonly TaskSnapshot[] | undefined;
  /** For every task of the job, those that go on running included. */
  readonly restores: Restores;
}

export type JobEvent =
  | { readonly kind: "start" }
  | {
      readonly kind: "claimed";
      readonly generation: Generation;
      readonly branch: BranchId;
      readonly restore: RestorePoint;
    }
  /** A newer generation than this one exists: this coordinator has no say any more. */
  | { readonly kind: "fenced"; readonly generation: Generation }
  | {
      readonly kind: "claim_failed";
      readonly error: MillraceError;
      /** The claim itself took effect; what failed came after it. */
      readonly held?: { readonly generation: Generation; readonly branch: BranchId };
    }
  | { readonly kind: "task"; readonly message: FromTask }
  | { readonly kind: "published"; readonly generation: Generation; readonly checkpoint: CheckpointId }
  /** The outcome of publishing is unknown: only a claim, which reads the store again, can tell. */
  | {
      readonly kind: "publish_failed";
      readonly generation: Generation;
      readonly checkpoint: CheckpointId;
      readonly error: MillraceError;
    }
  | { readonly kind: "tasks_gone"; readonly tasks: readonly TaskAddress[] }
  /** The savepoints of a checkpoint are written or refused; `error` is why that of its stop is. */
  | { readonly kind: "exported"; readonly checkpoint: CheckpointId; readonly error: MillraceError | undefined }
  | { readonly kind: "tick" }
  | { readonly kind: "cancel" }
  | { readonly kind: "savepoint"; readonly savepoint: string }
  /** Take a savepoint and end the job with it. */
  | ({ readonly kind: "stop" } & Stop);

export type JobEffect =
  /** In one transaction raise the generation by one and record the status; then read where to go on and answer `claimed`, `fenced` or `claim_failed`. */
  | { readonly kind: "claim" }
  | { readonly kind: "deploy"; readonly deployment: Deployment }
  | { readonly kind: "send"; readonly task: TaskAddress; readonly message: ToTask }
  | {
      readonly kind: "publish";
      readonly checkpoint: CheckpointId;
      readonly generation: Generation;
      readonly branch: BranchId;
      readonly ended: boolean;
      readonly stop: FinalStop | undefined;
      readonly tasks: readonly TaskSnapshot[];
    }
  /**
   * The checkpoint and its commits are done: write these savepoints from it, and the file of that of its stop, which
   * is complete only by `record_status`, unless the stop resumes; answer `exported`.
   */
  | {
      readonly kind: "export";
      readonly checkpoint: CheckpointId;
      readonly savepoints: readonly string[];
      readonly stop?: Stop;
    }
  | { readonly kind: "refuse_savepoints"; readonly savepoints: readonly string[]; readonly error: MillraceError }
  | { readonly kind: "collect_garbage" }
  /** Stop and drop these tasks, if there are any; answer `tasks_gone`. */
  | { readonly kind: "destroy_tasks"; readonly tasks: readonly TaskAddress[] }
  /** With the savepoint of a stop whose file is written: in one transaction, that it is complete. */
  | { readonly kind: "record_status"; readonly savepoint?: string }
  | { readonly kind: "wake"; readonly atMs: number }
  | { readonly kind: "checkpoint_done"; readonly checkpoint: InFlightCheckpoint; readonly completedAtMs: number }
  /** Nothing had changed since the newest manifest: it stands for this checkpoint as well. */
  | { readonly kind: "checkpoint_unchanged"; readonly checkpoint: CheckpointId }
  | { readonly kind: "checkpoint_failed"; readonly checkpoint: InFlightCheckpoint; readonly error: MillraceError };

export type Step = readonly [state: JobState, effects: readonly JobEffect[]];

export const isTerminal = (status: JobStatus): boolean =>
  status === "FAILED" || status === "CANCELED" || status === "FINISHED" || status === "SUSPENDED";

/** Goes on with what a step has led to, keeping the effects of both. */
export function then([state, effects]: Step, more: (state: JobState) => Step): Step {
  const [next, added] = more(state);
  return [next, [...effects, ...added]];
}
