// What the engine's thread and a thread of tasks say to each other.

import type { MessagePort } from "node:worker_threads";
import type { PlainError, PlainMessage } from "../../../src/cluster/plain_messages.ts";
import type { RemoteAnswer, RemoteCall } from "../../../src/cluster/remote_calls.ts";
import type { JobSpec } from "../../../src/job/job_spec.ts";
import type { LogLevel } from "../../../src/platform/ports.ts";
import type { ChannelAddress } from "../../../src/protocol/frames.ts";
import type { Deployment, ToTask } from "../../../src/protocol/messages.ts";
import type { TaskOptions, TaskProgress } from "../../../src/task/task.ts";
import type { StoreShare } from "../open_store.ts";

/** What all tasks of a thread share. */
export interface SlotOptions {
  readonly fileRoots: readonly string[];
  /** Modules of process functions. */
  readonly functions: readonly string[];
  /** Somebody listens to the stages that the engine passes. */
  readonly observed: boolean;
  readonly store: StoreShare;
}

/** All that a thread needs to run one more task. */
export interface SlotTaskOptions {
  readonly spec: JobSpec;
  readonly deployment: Deployment;
  readonly task: TaskOptions;
  readonly channels: readonly ChannelPort[];
}

export interface ChannelPort {
  readonly side: "in" | "out";
  readonly address: ChannelAddress;
  readonly port: MessagePort;
}

/** `place` is a task's number among all that the thread has had. */
export type ToSlot =
  | { readonly kind: "deploy"; readonly place: number; readonly options: SlotTaskOptions }
  | { readonly kind: "message"; readonly place: number; readonly message: ToTask }
  | { readonly kind: "destroy"; readonly place: number }
  | { readonly kind: "log_answer"; readonly id: number; readonly answer: RemoteAnswer }
  | { readonly kind: "log_error"; readonly id: number; readonly error: PlainError };

export type FromSlot =
  | { readonly kind: "message"; readonly place: number; readonly message: PlainMessage }
  | { readonly kind: "progress"; readonly place: number; readonly progress: TaskProgress }
  | { readonly kind: "destroyed"; readonly place: number; readonly progress: TaskProgress | undefined }
  | { readonly kind: "log_call"; readonly id: number; readonly call: RemoteCall }
  | {
      readonly kind: "log_line";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "print"; readonly line: string }
  | { readonly kind: "stage"; readonly stage: string; readonly detail: Readonly<Record<string, unknown>> };
