// What the leader and its workers say to each other, over one link a worker. CBOR, one message a message of the link.
//
//   worker                                   leader
//     │ hello ───────────────────────────────▶ │
//     │ ◀───────────────── welcome, or refused │
//     │ ◀──────────── deploy, deliver, destroy │
//     │ task, progress, destroyed, call ─────▶ │
//     │ leaving ─────────────────────────────▶ │   its tasks go on elsewhere,
//     │ ◀───────────────────────────── released │   then it may end
//     │ ◀───────────────────── answered, failed │
//     │ ◀──────────── beat, both ways ───────▶ │

import type { Bytes } from "../base/bytes.ts";
import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import type { Deployment, TaskAddress, ToTask } from "../protocol/messages.ts";
import type { TaskOptions, TaskProgress } from "../task/task.ts";
import type { PeerAddress } from "./data_plane.ts";
import type { PlainError, PlainMessage } from "./plain_messages.ts";
import type { RemoteAnswer, RemoteCall } from "./remote_calls.ts";

/** Bumped whenever a message changes shape; both sides refuse another version. */
export const CLUSTER_PROTOCOL_VERSION = 2;

/** One task of one generation of a job. */
export interface TaskName {
  readonly jobId: string;
  readonly generation: number;
  readonly task: TaskAddress;
}

/** The tasks of one generation of one job. */
export const runOf = ({ jobId, generation }: Pick<TaskName, "jobId" | "generation">): string =>
  `${jobId}/${generation}`;
export const nameKey = (name: TaskName): string => `${runOf(name)}/${name.task.chain}.${name.task.subtask}`;

/** Counts of 64 bits as text. */
export type PlainProgress = Omit<TaskProgress, "rowsScanned" | "rowsAggregated"> & {
  readonly rowsScanned: string;
  readonly rowsAggregated: string;
};

export const plainProgress = (progress: TaskProgress): PlainProgress => ({
  ...progress,
  rowsScanned: `${progress.rowsScanned}`,
  rowsAggregated: `${progress.rowsAggregated}`,
});
export const progressOf = (plain: PlainProgress): TaskProgress => ({
  ...plain,
  rowsScanned: BigInt(plain.rowsScanned),
  rowsAggregated: BigInt(plain.rowsAggregated),
});

export type FromWorker =
  | {
      readonly kind: "hello";
      readonly version: number;
      /** Of this life of the process. */
      readonly worker: string;
      /** Where other workers reach it. */
      readonly address: string;
      readonly slots: number;
    }
  | { readonly kind: "beat" }
  | { readonly kind: "task"; readonly of: TaskName; readonly message: PlainMessage }
  | { readonly kind: "progress"; readonly of: TaskName; readonly progress: PlainProgress }
  | { readonly kind: "destroyed"; readonly of: TaskName; readonly progress: PlainProgress | undefined }
  | { readonly kind: "call"; readonly id: number; readonly call: RemoteCall }
  /** It wants to end, and runs on until nothing is left on it. */
  | { readonly kind: "leaving" };

export type FromLeader =
  | { readonly kind: "welcome"; readonly epoch: number }
  | { readonly kind: "refused"; readonly error: PlainError }
  | { readonly kind: "beat" }
  | {
      readonly kind: "deploy";
      readonly deployment: Deployment;
      /** The spec as JSON: expressions may be nested deeper than what arrives as CBOR may be. */
      readonly spec: string;
      readonly options: TaskOptions;
      /** By task, for every task of this run that is placed on another worker than this one. */
      readonly elsewhere: Readonly<Record<string, PeerAddress>>;
    }
  | { readonly kind: "deliver"; readonly of: TaskName; readonly message: ToTask }
  | { readonly kind: "destroy"; readonly of: TaskName }
  | { readonly kind: "released" }
  | { readonly kind: "answered"; readonly id: number; readonly answer: RemoteAnswer }
  | { readonly kind: "failed"; readonly id: number; readonly error: PlainError };

export const encodeMessage = (message: FromWorker | FromLeader): Bytes => encodeCbor(message);
/** What comes over an authenticated link is of our own making, of this version or of one that `hello` tells. */
export const decodeFromWorker = (bytes: Bytes): FromWorker => decodeCbor(bytes, "message of a worker") as FromWorker;
export const decodeFromLeader = (bytes: Bytes): FromLeader => decodeCbor(bytes, "message of a leader") as FromLeader;
