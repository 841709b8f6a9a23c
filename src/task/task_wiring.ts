// What a task is made from, and what can be seen of it.

import type { OperatorUid } from "../base/ids.ts";
import type { SinkConnector } from "../connectors/sink.ts";
import type { SourceConnector } from "../connectors/source.ts";
import type { JobPlan } from "../graph/plan.ts";
import type { ProcessFunctions } from "../job/define_process.ts";
import type { Platform } from "../platform/platform.ts";
import type { ChannelHub } from "../protocol/frames.ts";
import type { Deployment, FromTask } from "../protocol/messages.ts";
import type { TaskCounters } from "../protocol/snapshot.ts";
import type { CompactionLimits } from "./compactor.ts";
import type { TimeShares } from "./task_clock.ts";

export interface TaskOptions {
  /** Rows a batch; smaller is only for tests of batch independence. */
  readonly batchRows: number;
  /** Rows that a batch has room for, where that is less than a batch may have: for simulations of many small tasks. */
  readonly regionRows?: number;
  readonly memoryBudgetBytes: number;
  readonly compaction: CompactionLimits;
}

/** Of one chain. */
export interface TaskConnectors {
  readonly sources: ReadonlyMap<OperatorUid, SourceConnector>;
  readonly sinks: ReadonlyMap<OperatorUid, SinkConnector>;
}

export interface TaskWiring {
  readonly platform: Platform;
  readonly plan: JobPlan;
  readonly deployment: Deployment;
  readonly connectors: TaskConnectors;
  /** What the deployment registers. */
  readonly functions: ProcessFunctions;
  /** Connects this task with those that its edges lead from and to. */
  readonly hub: ChannelHub;
  readonly options: TaskOptions;
  readonly outbox: (message: FromTask) => void;
}

/** What an observer may see of a running task at any time. */
export interface TaskProgress extends TimeShares {
  readonly counters: TaskCounters;
  /** ms; undefined before the first row and after the end of input. */
  readonly watermarkMs: number | undefined;
  /** 0..1 where the sources can tell. */
  readonly share: number | undefined;
  readonly stateBytes: number;
  readonly stateEntries: number;
  /** Rows that the kernels scanned and aggregated since the task was made. */
  readonly rowsScanned: bigint;
  readonly rowsAggregated: bigint;
  /** Rows that came and went over edges since the task was made. */
  readonly rowsTaken: number;
  readonly rowsSent: number;
}
