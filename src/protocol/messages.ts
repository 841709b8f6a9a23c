// The messages between coordinator and task. Each carries the generation it was sent in;
// a receiver drops what is not of its own generation, so a zombie's words have no effect.

import type { BranchId, CheckpointId, Generation, JobId } from "../base/ids.ts";
import type { MillraceError } from "../base/errors.ts";
import type { TaskSnapshot } from "./snapshot.ts";

/** Bumped whenever a message changes shape; both sides refuse another version. */
export const PROTOCOL_VERSION = 1;

/** What a task is told when it is made. */
export interface Deployment {
  readonly jobId: JobId;
  readonly branch: BranchId;
  readonly generation: Generation;
  /** The checkpoint to go on from; undefined: a start with empty state. */
  readonly restore: { readonly checkpoint: CheckpointId; readonly snapshot: TaskSnapshot } | undefined;
}

export type ToTask =
  /** Draw the line: everything before it belongs to `checkpoint`. */
  | { readonly kind: "barrier"; readonly generation: Generation; readonly checkpoint: CheckpointId }
  /** The manifest of `checkpoint` is durable: commit all that is pending up to it. */
  | { readonly kind: "commit"; readonly generation: Generation; readonly checkpoint: CheckpointId }
  /** `checkpoint` will never exist; its changes stay part of the next one. */
  | { readonly kind: "abandon"; readonly generation: Generation; readonly checkpoint: CheckpointId }
  | { readonly kind: "stop"; readonly generation: Generation };

export type FromTask =
  | { readonly kind: "running"; readonly generation: Generation }
  | {
      readonly kind: "acknowledged";
      readonly generation: Generation;
      readonly checkpoint: CheckpointId;
      readonly snapshot: TaskSnapshot;
      readonly costs: CheckpointCosts;
    }
  | {
      readonly kind: "declined";
      readonly generation: Generation;
      readonly checkpoint: CheckpointId;
      readonly error: MillraceError;
    }
  | { readonly kind: "committed"; readonly generation: Generation; readonly checkpoint: CheckpointId }
  /** The sinks' buffers are full: a checkpoint is wanted now. */
  | { readonly kind: "checkpoint_wanted"; readonly generation: Generation }
  /** Every split has ended and every window has fired; only the final checkpoint is left. */
  | { readonly kind: "input_ended"; readonly generation: Generation }
  | { readonly kind: "failed"; readonly generation: Generation; readonly error: MillraceError }
  | { readonly kind: "stopped"; readonly generation: Generation };

/** What taking part in a checkpoint cost the task. */
export interface CheckpointCosts {
  /** The synchronous part: processing stood still. */
  readonly gatherMs: number;
  readonly uploadMs: number;
  readonly deltaBytes: number;
  readonly deltaRows: number;
}
