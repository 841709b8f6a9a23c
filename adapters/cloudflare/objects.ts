// How the parts of a deployment find one another. Names are for ever: a generation is never part of one.
//
//   DIRECTORY  "directory"        one object: which jobs, logs and savepoints exist (objects cannot be enumerated)
//   CELL       "job/<job id>"     one job: coordinator, task, state, checkpoints and its sinks' tables
//              "upload/<id>"      one uploaded savepoint
//   LOG        "log/<name>"       one durable log

import type { StartFrom } from "../../src/api/gateway.ts";
import { hexOf } from "../../src/base/bytes.ts";
import type { Envelope } from "./envelope.ts";

/** What an object answers to; every method is one RPC. */
export interface CellCalls {
  jobs(method: string, args: readonly unknown[]): Promise<Envelope>;
  /** @param savepoint the bytes of the one that `from` names */
  submit(jobId: string, spec: unknown, savepoint: Uint8Array | null, from: StartFrom): Promise<Envelope>;
  erase(): Promise<Envelope>;
}
export interface LogCalls {
  logs(method: string, args: readonly unknown[]): Promise<Envelope>;
  store(method: string, args: readonly unknown[]): Promise<Envelope>;
}
export interface DirectoryCalls {
  ask(method: string, args: readonly unknown[]): Promise<Envelope>;
}

export interface Env {
  readonly CELL: DurableObjectNamespace;
  readonly LOG: DurableObjectNamespace;
  readonly DIRECTORY: DurableObjectNamespace;
  /** A secret: `npx wrangler secret put MILLRACE_TOKEN`. */
  readonly MILLRACE_TOKEN?: string;
  /** A bucket that savepoints may be moved to. */
  readonly ARCHIVE?: R2Bucket;
  /** A variable: how many of a job's savepoints stay that have no name. All, where it is not set. */
  readonly MILLRACE_SAVEPOINTS_RETAINED?: string;
}

/** A new stub a call: a stub is broken for good once its object was reset. */
const stubOf = <Calls>(namespace: DurableObjectNamespace, name: string): Calls =>
  namespace.get(namespace.idFromName(name)) as unknown as Calls;

export const cellOf = (env: Env, name: string): CellCalls => stubOf<CellCalls>(env.CELL, name);
export const logOf = (env: Env, name: string): LogCalls => stubOf<LogCalls>(env.LOG, `log/${name}`);
export const directoryOf = (env: Env): DirectoryCalls => stubOf<DirectoryCalls>(env.DIRECTORY, "directory");

/** Of so many bytes. */
export const randomHex = (byteCount: number): string => hexOf(crypto.getRandomValues(new Uint8Array(byteCount)));

export const jobCellName = (jobId: string): string => `job/${jobId}`;
