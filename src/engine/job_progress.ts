// What a job looks like as a whole, from what its tasks report.

import { addCounters, type TaskCounters, zeroCounters } from "../protocol/snapshot.ts";
import type { TaskAddress } from "../protocol/messages.ts";
import type { TaskProgress } from "../task/task.ts";

export interface SeenTask {
  readonly task: TaskAddress;
  readonly progress: TaskProgress;
}

export interface JobProgress extends TaskProgress {
  /** By chain and subtask. */
  readonly tasks: readonly SeenTask[];
}

/** Undefined while nothing has been seen of any task. */
export function jobProgress(seen: readonly SeenTask[]): JobProgress | undefined {
  if (seen.length === 0) return undefined;
  const tasks = [...seen].sort((a, b) => a.task.chain - b.task.chain || a.task.subtask - b.task.subtask);
  const all = tasks.map((one) => one.progress);
  const sum = (of: (one: TaskProgress) => number): number => all.reduce((total, one) => total + of(one), 0);
  const total = (of: (one: TaskProgress) => bigint): bigint => all.reduce((rows, one) => rows + of(one), 0n);
  const shares = all.flatMap((one) => (one.share === undefined ? [] : [one.share]));
  const watermarks = all.flatMap((one) => (one.watermarkMs === undefined ? [] : [one.watermarkMs]));
  return {
    counters: all.reduce<TaskCounters>((counters, one) => addCounters(counters, one.counters), zeroCounters),
    watermarkMs: watermarks.length === 0 ? undefined : Math.min(...watermarks),
    share: shares.length === 0 ? undefined : shares.reduce((a, b) => a + b, 0) / shares.length,
    stateBytes: sum((one) => one.stateBytes),
    stateEntries: sum((one) => one.stateEntries),
    rowsScanned: total((one) => one.rowsScanned),
    rowsAggregated: total((one) => one.rowsAggregated),
    rowsTaken: sum((one) => one.rowsTaken),
    rowsSent: sum((one) => one.rowsSent),
    busyMs: sum((one) => one.busyMs),
    idleMs: sum((one) => one.idleMs),
    backpressuredMs: sum((one) => one.backpressuredMs),
    tasks,
  };
}
