// What the engine's thread and the thread of a task say to each other.
// Errors travel as plain facts: a class does not survive the way between threads.

import type { MessagePort } from "node:worker_threads";
import { type ErrorFacts, MillraceError } from "../../../src/base/errors.ts";
import type { LogCommittable, LogFacts, LogPage } from "../../../src/connectors/log_store.ts";
import type { CommitScope } from "../../../src/connectors/sink.ts";
import type { JobSpec } from "../../../src/job/job_spec.ts";
import type { LogLevel } from "../../../src/platform/ports.ts";
import type { ChannelAddress } from "../../../src/protocol/frames.ts";
import type { Deployment, FromTask, ToTask } from "../../../src/protocol/messages.ts";
import type { TaskOptions, TaskProgress } from "../../../src/task/task.ts";
import type { StoreShare } from "../open_store.ts";

/** All that a thread needs to run its task. */
export interface TaskThreadOptions {
  readonly spec: JobSpec;
  readonly deployment: Deployment;
  readonly task: TaskOptions;
  readonly fileRoots: readonly string[];
  /** Modules of process functions. */
  readonly functions: readonly string[];
  readonly store: StoreShare;
  readonly channels: readonly ChannelPort[];
  /** Somebody listens to the stages that the engine passes. */
  readonly observed: boolean;
}

export interface ChannelPort {
  readonly side: "in" | "out";
  readonly address: ChannelAddress;
  readonly port: MessagePort;
}

/** The calls that a task makes to the durable logs, which the engine's thread owns. */
export type LogCall =
  | { readonly kind: "describe"; readonly name: string }
  | { readonly kind: "read"; readonly name: string; readonly from: number; readonly bytesMax: number }
  | { readonly kind: "wait"; readonly name: string; readonly from: number; readonly timeoutMs: number }
  | { readonly kind: "prepare"; readonly name: string; readonly scope: CommitScope }
  | {
      readonly kind: "commit";
      readonly name: string;
      readonly scope: CommitScope;
      readonly committables: readonly LogCommittable[];
    };

export type LogAnswer = LogFacts | LogPage | undefined;

export type ToThread =
  | { readonly kind: "message"; readonly message: ToTask }
  | { readonly kind: "log_answer"; readonly id: number; readonly answer: LogAnswer }
  | { readonly kind: "log_error"; readonly id: number; readonly error: PlainError }
  | { readonly kind: "destroy" };

export type FromThread =
  | { readonly kind: "message"; readonly message: PlainMessage }
  | { readonly kind: "progress"; readonly progress: TaskProgress }
  | { readonly kind: "log_call"; readonly id: number; readonly call: LogCall }
  | {
      readonly kind: "log_line";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "print"; readonly line: string }
  | { readonly kind: "stage"; readonly stage: string; readonly detail: Readonly<Record<string, unknown>> }
  | { readonly kind: "destroyed"; readonly progress: TaskProgress | undefined };

export type PlainError = Omit<ErrorFacts, "cause">;

/** A message of a task whose error, if it has one, is plain. */
export type PlainMessage = FromTask extends infer One
  ? One extends { readonly error: MillraceError }
    ? Omit<One, "error"> & { readonly error: PlainError }
    : One
  : never;

export const plainMessage = (message: FromTask): PlainMessage =>
  ("error" in message ? { ...message, error: message.error.toJSON() } : message) as PlainMessage;

export const messageOf = (plain: PlainMessage): FromTask =>
  ("error" in plain ? { ...plain, error: new MillraceError(plain.error) } : plain) as FromTask;
