// What the engine's thread and the thread of a task say to each other.

import type { MessagePort } from "node:worker_threads";
import type { PlainError, PlainMessage } from "../../../src/cluster/plain_messages.ts";
import type { RemoteAnswer, RemoteCall } from "../../../src/cluster/remote_calls.ts";
import type { JobSpec } from "../../../src/job/job_spec.ts";
import type { LogLevel } from "../../../src/platform/ports.ts";
import type { ChannelAddress } from "../../../src/protocol/frames.ts";
import type { Deployment, ToTask } from "../../../src/protocol/messages.ts";
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

export type ToThread =
  | { readonly kind: "message"; readonly message: ToTask }
  | { readonly kind: "log_answer"; readonly id: number; readonly answer: RemoteAnswer }
  | { readonly kind: "log_error"; readonly id: number; readonly error: PlainError }
  | { readonly kind: "destroy" };

export type FromThread =
  | { readonly kind: "message"; readonly message: PlainMessage }
  | { readonly kind: "progress"; readonly progress: TaskProgress }
  | { readonly kind: "log_call"; readonly id: number; readonly call: RemoteCall }
  | {
      readonly kind: "log_line";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "print"; readonly line: string }
  | { readonly kind: "stage"; readonly stage: string; readonly detail: Readonly<Record<string, unknown>> }
  | { readonly kind: "destroyed"; readonly progress: TaskProgress | undefined };
