// What the REST routes and the CLI need of a deployment, as plain data throughout: the engine of this process
// implements it (engine_gateway.ts), and so can an object that is reached by RPC.

import type { PlainData } from "../base/plain.ts";
import type { DataType } from "../batch/schema.ts";
import type { StoredError } from "../coordinator/job_record.ts";
import type { JobStatus } from "../coordinator/job_state.ts";
import type { SavepointContents } from "../checkpoint/savepoint_contents.ts";
import type { StartFrom } from "../engine/engine.ts";
import type { RestoreFate } from "../engine/restore_plan.ts";
import type { SavepointChange, SavepointRecord, SavepointRequest } from "../engine/savepoint_record.ts";
import type { SavepointDeletion } from "../engine/savepoint_upkeep.ts";
import type { TaskCounters } from "../protocol/snapshot.ts";

export type { StartFrom, SavepointChange, SavepointDeletion, SavepointRecord, SavepointRequest };

export interface JobGateway {
  /** Throws `spec_invalid` with every problem; `savepoint` is the id of a complete one. */
  submit(spec: unknown, from: StartFrom): Promise<JobFacts>;
  /** What would become of each part of the savepoint; starts nothing. */
  check(spec: unknown, from: StartFrom & { readonly savepoint: string }): Promise<readonly RestoreFate[]>;
  /** Oldest first. */
  list(): Promise<readonly JobFacts[]>;
  /** Throws `job_unknown`. */
  job(jobId: string): Promise<JobFacts>;
  cancel(jobId: string): Promise<void>;
  /** A request with the id of one before finds that one's savepoint. */
  triggerSavepoint(jobId: string, request: SavepointRequest): Promise<SavepointRecord>;
  /** Ends the job with a savepoint, whose record says when; `drain` lets time end first. */
  stop(jobId: string, drain: boolean, request: SavepointRequest): Promise<SavepointRecord>;
  savepoints(): Promise<readonly SavepointRecord[]>;
  /** Throws `savepoint_unknown`. */
  savepoint(savepoint: string): Promise<SavepointRecord>;
  /** Throws `savepoint_not_complete` where there is no file yet. */
  savepointContents(savepoint: string): Promise<SavepointContents>;
  labelSavepoint(savepoint: string, change: SavepointChange): Promise<SavepointRecord>;
  /** It is gone at once; its file soon, see `savepointDeletion`. */
  deleteSavepoint(savepoint: string): Promise<void>;
  savepointDeletion(savepoint: string): Promise<SavepointDeletion>;
  savepointBytes(savepoint: string): Promise<Uint8Array>;
  /** Reads the whole file before it takes it in. */
  importSavepoint(bytes: Uint8Array): Promise<SavepointRecord>;
  /** Tables that sinks of known jobs write to in the deployment's own database. */
  tables(): Promise<readonly TableFacts[]>;
  tableRows(query: TableQuery): Promise<TablePage>;
}

export interface JobFacts {
  readonly jobId: string;
  readonly name: string;
  readonly status: JobStatus;
  readonly branch: string;
  readonly spec: PlainData;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  /** When these facts were gathered. */
  readonly nowMs: number;
  readonly restartsTotal: number;
  readonly maxParallelism: number;
  /** The savepoint that the job was started from. */
  readonly startedFrom: string | null;
  readonly error: StoredError | null;
  /** What runs fused in one task. */
  readonly chains: readonly ChainFacts[];
  readonly counters: TaskCounters | null;
  /** Why they cannot be told, where that is so. */
  readonly countersError: StoredError | null;
  /** Null where this process has not run the job. */
  readonly task: TaskFacts | null;
  readonly checkpoints: CheckpointFacts | null;
}

export interface ChainFacts {
  /** 32 hex digits, as Flink's vertices have; the same for the same uid of the chain's first operator. */
  readonly id: string;
  readonly parallelism: number;
  /** Ids of the chains that it reads from, and how their rows are spread. */
  readonly inputs: readonly { readonly id: string; readonly partition: "hash" | "rebalance" }[];
  /** By subtask; null where nothing is known of it. */
  readonly subtasks: readonly (TaskFacts | null)[];
  readonly operators: readonly { readonly uid: string; readonly kind: string; readonly connector: string | null }[];
}

export interface TaskFacts {
  readonly watermarkMs: number | null;
  /** 0..1 of the input, where the source can tell. */
  readonly share: number | null;
  readonly stateBytes: number;
  readonly stateEntries: number;
  readonly rowsScanned: number;
  readonly rowsAggregated: number;
  /** Rows that sources read and sinks were handed, since the job's first start. */
  readonly rowsIn: number;
  readonly rowsOut: number;
  /** Rows that came and went between tasks, since the task was made. */
  readonly rowsTaken: number;
  readonly rowsSent: number;
  readonly busyMs: number;
  readonly idleMs: number;
  readonly backpressuredMs: number;
}

export interface CheckpointFacts {
  readonly completed: number;
  readonly failed: number;
  /** Oldest first, the latest hundred of this process. */
  readonly history: readonly CheckpointFact[];
}

export interface CheckpointFact {
  readonly checkpoint: number;
  readonly status: "COMPLETED" | "FAILED";
  readonly endedAtMs: number;
  readonly durationMs: number;
  readonly fullBytes: number;
  readonly deltaBytes: number;
  readonly deltaRows: number;
  readonly gatherMs: number;
  readonly uploadMs: number;
  readonly error: StoredError | null;
}

export interface TableFacts {
  readonly table: string;
  readonly jobId: string;
  readonly sink: string;
  readonly mode: "upsert" | "append";
  readonly primaryKey: readonly string[];
  readonly columns: readonly TableColumn[];
}

export interface TableColumn {
  readonly name: string;
  readonly type: DataType;
}

export interface TableQuery {
  readonly table: string;
  readonly limit: number;
  readonly offset: number;
  /** Columns of the table, the first one decides first. */
  readonly order: readonly { readonly column: string; readonly descending: boolean }[];
}

export interface TablePage extends TableFacts {
  /** Cells in the order of `columns`; i64 and timestamp as decimal digits, so that none is lost. */
  readonly rows: readonly (readonly TableCell[])[];
  /** There are rows after these. */
  readonly more: boolean;
}
export type TableCell = null | string | number | boolean;
