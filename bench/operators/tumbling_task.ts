// Contestant: Millrace as a user embeds it. The rows go through a whole job (source in memory, watermarks, window,
// sink) in a deployment with a libSQL store, with checkpoints at an interval that gives several in each run.
// The time runs from the first read to the barrier of the final checkpoint, when every window has been emitted.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDeployment } from "../../adapters/local/deployment.ts";
import type { RecordBatch } from "../../src/batch/record_batch.ts";
import type { SinkConnector } from "../../src/connectors/sink.ts";
import type { SourceConnector } from "../../src/connectors/source.ts";
import { startCoreClock } from "./core_seconds.ts";
import type { MillraceOutcome, RunMillrace } from "./tumbling.ts";
import {
  addGroup,
  emptyFingerprint,
  type Fingerprint,
  JITTER_MS,
  type TumblingData,
  WINDOW_MS,
} from "./tumbling_data.ts";
import { tumblingSchema } from "./tumbling_table.ts";

const spec = (intervalMs: number) => ({
  millrace: 1,
  name: "tumbling",
  checkpoint: { intervalMs },
  restart: { strategy: "none" },
  operators: [
    {
      uid: "rows",
      kind: "source",
      connector: { kind: "memory", name: "rows" },
      schema: tumblingSchema,
      eventTime: { column: "time", boundMs: JITTER_MS },
    },
    {
      uid: "windows",
      kind: "window",
      input: "rows",
      keyBy: ["key"],
      window: { kind: "tumbling", sizeMs: WINDOW_MS },
      aggregates: {
        count: { function: "count" },
        sum: { function: "sum", column: "value" },
        min: { function: "min", column: "value" },
        max: { function: "max", column: "value" },
      },
    },
    { uid: "out", kind: "sink", input: "windows", connector: { kind: "print" } },
  ],
});

/** Counts what it is given and keeps nothing, as DuckDB's result stays where it was computed. */
function countingSink(fingerprint: Fingerprint, check: boolean, onBarrier: () => void): SinkConnector {
  return {
    guarantee: "at_least_once",
    writer: () => ({
      write: (batch) => {
        if (check) addRows(batch, fingerprint);
        else fingerprint.groups += batch.rowCount;
      },
      readsInPlace: true,
      stagedBytes: 0,
      stage: () => {
        onBarrier();
        return [];
      },
    }),
    prepare: () => Promise.resolve(),
    commit: () => Promise.resolve(),
  };
}

function addRows(batch: RecordBatch, into: Fingerprint): void {
  const columns = batch.columns.map((column) => ("values" in column ? column.values : []));
  const at = (column: number, row: number): number => Number(columns[column]?.[row]);
  for (let row = 0; row < batch.rowCount; row++) {
    addGroup(into, at(2, row), at(0, row), at(3, row), at(4, row), at(5, row), at(6, row));
  }
}

/** Calls back before the first row is read. */
function watched(source: SourceConnector, onBegin: () => void): SourceConnector {
  return {
    ...source,
    open: async (split, position, target) => {
      const reader = await source.open(split, position, target);
      onBegin();
      return reader;
    },
  };
}

interface TaskOutcome extends MillraceOutcome {
  readonly wallMs: number;
}

/** @param intervalMs between checkpoints. */
export async function runTask(data: TumblingData, intervalMs: number, check: boolean): Promise<TaskOutcome> {
  const columns = [
    { type: "i64", values: data.key, validity: undefined },
    { type: "timestamp", values: data.time, validity: undefined },
    { type: "i64", values: data.value, validity: undefined },
  ] as const;
  const batch: RecordBatch = { schema: tumblingSchema, rowCount: data.rows, columns, weights: undefined };
  const fingerprint = emptyFingerprint();
  const directory = mkdtempSync(join(tmpdir(), "millrace-tumbling-"));
  let clock: (() => number) | undefined;
  let seconds = 0;
  let beganMs = 0;
  let wallMs = 0;
  const sink = countingSink(fingerprint, check, () => {
    seconds = clock?.() ?? 0;
    wallMs = performance.now() - beganMs;
  });
  const deployment = await openDeployment({
    directory,
    fileRoots: [directory],
    memory: new Map([["rows", [batch]]]),
    connectors: (builtIn) => ({
      source: (node) =>
        watched(builtIn.source(node), () => {
          beganMs = performance.now();
          clock = startCoreClock();
        }),
      sink: () => sink,
    }),
  });
  try {
    const { jobId } = (await deployment.engine.submit(spec(intervalMs))).record;
    const view = await deployment.engine.ended(jobId);
    if (view.status !== "FINISHED") throw new Error(`the job is ${view.status}: ${view.error?.message}`);
    const checkpoints = view.checkpoints?.completedCount ?? 0;
    const rowsAggregated = Number(view.progress?.rowsAggregated ?? 0);
    return { seconds, wallMs, fingerprint, rowsAggregated, checkpoints };
  } finally {
    await deployment.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * In a run as long as the one that sets the interval. That one begins before anything is warm, and the machine may be
 * busier: a run in two thirds of its time still has three, besides the final one. Every checkpoint costs us, none DuckDB.
 */
const CHECKPOINTS_WANTED = 4.5;
const INTERVAL_MS_MIN = 20;

/** Runs through the task; the first run of each data set, without periodic checkpoints, sets the interval for the others. */
export function runAtTask(): RunMillrace {
  const intervals = new WeakMap<TumblingData, number>();
  return async (data, check) => {
    let intervalMs = intervals.get(data);
    if (intervalMs === undefined) {
      // By the wall clock, as the interval is: on a busy machine a run takes much longer than its own time.
      const { wallMs } = await runTask(data, 3_600_000, false);
      intervalMs = Math.max(INTERVAL_MS_MIN, Math.floor(wallMs / CHECKPOINTS_WANTED));
      intervals.set(data, intervalMs);
    }
    return await runTask(data, intervalMs, check);
  };
}
