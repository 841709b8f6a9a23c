// The messages between coordinator and tasks. Each carries the generation it was sent in;
// a receiver drops what is not of its own generation, so a zombie's words have no effect.

import type { BranchId, CheckpointId, Generation, JobId } from "../base/ids.ts";
import type { MillraceError } from "../base/errors.ts";
import type { TaskRestore, TaskSnapshot } from "./snapshot.ts";

/** Bumped whenever a message changes shape; both sides refuse another version. */
export const PROTOCOL_VERSION = 2;

/** One of the tasks that run a chain. */
export interface TaskAddress {
  readonly chain: number;
  /** 0 .. the chain's parallelism - 1. */
  readonly subtask: number;
}

/** For maps and logs. */
export const taskKey = ({ chain, subtask }: TaskAddress): string => `${chain}.${subtask}`;

/** What a task is told when it is made. */
export interface Deployment {
  readonly jobId: JobId;
  readonly branch: BranchId;
  readonly generation: Generation;
  readonly task: TaskAddress;
  readonly restore: TaskRestore;
}

/**
 * What a barrier asks for besides the snapshot. `suspend`: sources read nothing after it. `drain`: the same, and
 * before it time ends, so that every window and timer fires. Either is undone by `abandon`: a suspended task goes on
 * reading; one that has drained cannot, and fails.
 */
export type BarrierMode = "checkpoint" | "suspend" | "drain";

export type ToTask =
  /** To tasks with sources: draw the line. Everything before it belongs to `checkpoint`; others learn it from their inputs. */
  | {
      readonly kind: "barrier";
      readonly generation: Generation;
      readonly checkpoint: CheckpointId;
      readonly mode: BarrierMode;
    }
  /** The manifest of `checkpoint` is durable: commit all that is pending up to it. */
  | { readonly kind: "commit"; readonly generation: Generation; readonly checkpoint: CheckpointId }
  /** `checkpoint` will never exist; its changes stay part of the next one. */
  | { readonly kind: "abandon"; readonly generation: Generation; readonly checkpoint: CheckpointId }
  | { readonly kind: "stop"; readonly generation: Generation };

export type FromTask = { readonly generation: Generation; readonly task: TaskAddress } & TaskReport;

export type TaskReport =
  /** State is restored, pending output is committed, inputs and outputs are connected. */
  | { readonly kind: "running" }
  | {
      readonly kind: "acknowledged";
      readonly checkpoint: CheckpointId;
      readonly snapshot: TaskSnapshot;
      readonly costs: CheckpointCosts;
    }
  | { readonly kind: "declined"; readonly checkpoint: CheckpointId; readonly error: MillraceError }
  | { readonly kind: "committed"; readonly checkpoint: CheckpointId }
  /** The sinks' buffers are full: a checkpoint is wanted now. */
  | { readonly kind: "checkpoint_wanted" }
  /** Every input has ended and every window has fired; only the final checkpoint is left. */
  | { readonly kind: "input_ended" }
  | { readonly kind: "failed"; readonly error: MillraceError }
  | { readonly kind: "stopped" };

/** What taking part in a checkpoint cost one task. */
export interface CheckpointCosts {
  /** From the first barrier of any input to the last; inputs that had theirs stood still. */
  readonly alignMs: number;
  /** The synchronous part: processing stood still. */
  readonly gatherMs: number;
  readonly uploadMs: number;
  readonly deltaBytes: number;
  readonly deltaRows: number;
}
