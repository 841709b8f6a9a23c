// The whole of what the coordinator knows about one job, the events that change it, and the effects it asks for.
// `step` (step.ts) is the only thing that makes a new state; the workflow around it does the I/O.

import type { MillraceError } from "../base/errors.ts";
import type { BranchId, CheckpointId, Generation, JobId } from "../base/ids.ts";
import type { CheckpointCosts, Deployment, FromTask, ToTask } from "../protocol/messages.ts";
import type { TaskSnapshot } from "../protocol/snapshot.ts";

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

export interface CoordinatorConfig {
  readonly checkpointIntervalMs: number;
  readonly checkpointTimeoutMs: number;
  /** Restarts in a row, without a completed checkpoint between them, before the job fails. */
  readonly restartAttempts: number;
  readonly restartDelayMs: number;
}

export interface InFlightCheckpoint {
  readonly checkpoint: CheckpointId;
  readonly phase: "gathering" | "publishing";
  readonly triggeredAtMs: number;
  /** Savepoints that were asked for before the barrier and are made from this checkpoint. */
  readonly savepoints: readonly string[];
  readonly snapshot: TaskSnapshot | undefined;
  readonly costs: CheckpointCosts | undefined;
}

/** A published checkpoint whose commits are not recorded yet. */
export interface UncommittedCheckpoint {
  readonly checkpoint: CheckpointId;
  readonly savepoints: readonly string[];
  readonly inputEnded: boolean;
}

export interface JobState {
  readonly status: JobStatus;
  readonly jobId: JobId;
  readonly branch: BranchId;
  readonly config: CoordinatorConfig;
  /** 0 until the first claim; monotonic. */
  readonly generation: Generation;
  /** The last claim was answered: what is stored carries this generation, and statuses can be recorded under it. */
  readonly claimed: boolean;
  /** Asked for while no claim was answered; it happens, and is recorded, once one is. */
  readonly cancelWanted: boolean;
  readonly nextCheckpoint: CheckpointId;
  readonly inFlight: InFlightCheckpoint | undefined;
  readonly uncommitted: readonly UncommittedCheckpoint[];
  /** Asked for and not yet part of a checkpoint. */
  readonly wantedSavepoints: readonly string[];
  readonly checkpointWanted: boolean;
  readonly inputEnded: boolean;
  readonly restartsInRow: number;
  readonly restartsTotal: number;
  readonly lastTriggerMs: number;
  readonly restartAtMs: number;
  readonly error: MillraceError | undefined;
}

export type JobEvent =
  | { readonly kind: "start" }
  | {
      readonly kind: "claimed";
      readonly generation: Generation;
      readonly branch: BranchId;
      readonly restore: Deployment["restore"];
    }
  /** A newer generation than this one exists: this coordinator has no say any more. */
  | { readonly kind: "fenced"; readonly generation: Generation }
  | { readonly kind: "claim_failed"; readonly error: MillraceError }
  | { readonly kind: "task"; readonly message: FromTask }
  | { readonly kind: "published"; readonly generation: Generation; readonly checkpoint: CheckpointId }
  /** The outcome of publishing is unknown: only a restart, which reads the store again, can tell. */
  | {
      readonly kind: "publish_failed";
      readonly generation: Generation;
      readonly checkpoint: CheckpointId;
      readonly error: MillraceError;
    }
  | { readonly kind: "task_gone" }
  | { readonly kind: "tick" }
  | { readonly kind: "cancel" }
  | { readonly kind: "savepoint"; readonly savepoint: string };

export type JobEffect =
  /** In one transaction raise the generation by one and record the status; then read where to go on and answer `claimed`, `fenced` or `claim_failed`. */
  | { readonly kind: "claim" }
  | { readonly kind: "deploy"; readonly deployment: Deployment }
  | { readonly kind: "send"; readonly message: ToTask }
  | {
      readonly kind: "publish";
      readonly checkpoint: CheckpointId;
      readonly generation: Generation;
      readonly branch: BranchId;
      readonly snapshot: TaskSnapshot;
    }
  /** The checkpoint and its commits are done: write these savepoints from it. */
  | { readonly kind: "export"; readonly checkpoint: CheckpointId; readonly savepoints: readonly string[] }
  | { readonly kind: "refuse_savepoints"; readonly savepoints: readonly string[]; readonly error: MillraceError }
  | { readonly kind: "collect_garbage"; readonly generation: Generation }
  /** Stop and drop the task; answer `task_gone`. */
  | { readonly kind: "destroy_task" }
  | { readonly kind: "record_status" }
  | { readonly kind: "wake"; readonly atMs: number }
  | { readonly kind: "checkpoint_done"; readonly checkpoint: InFlightCheckpoint; readonly completedAtMs: number }
  | { readonly kind: "checkpoint_failed"; readonly checkpoint: InFlightCheckpoint; readonly error: MillraceError };

export type Step = readonly [state: JobState, effects: readonly JobEffect[]];

export const isTerminal = (status: JobStatus): boolean =>
  status === "FAILED" || status === "CANCELED" || status === "FINISHED" || status === "SUSPENDED";
