// A job whose source has always more rows and whose sink takes a few batches a minute; says once a second how much
// memory the process holds and how far it is. `node bench/backpressure/slow_sink_process.ts <directory> <batches a minute>`

import process from "node:process";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { systemTimers } from "../../adapters/local/machine.ts";
import { asSplitId } from "../../src/base/ids.ts";
import { batchOfRows, type RecordBatch } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { decodePart, encodePart } from "../../src/checkpoint/part_batches.ts";
import type { SinkConnector } from "../../src/connectors/sink.ts";
import type { SourceConnector } from "../../src/connectors/source.ts";
import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";

export interface SlowSinkSample {
  readonly second: number;
  readonly residentBytes: number;
  readonly checkpoints: number;
  /** Those that found nothing changed, and so needed no manifest of their own. */
  readonly unchangedCheckpoints: number;
  readonly failedCheckpoints: number;
  readonly rowsRead: number;
  readonly rowsCommitted: number;
  readonly backpressuredMs: number;
}

const [directory = ".", batchesPerMinute = "10"] = process.argv.slice(2);
const msPerRow = 60_000 / Number(batchesPerMinute) / BATCH_ROWS_MAX;
const schema: Schema = [field("id", "i64"), field("text", "utf8")];
const rowsPerSplit = batchOfRows(
  schema,
  Array.from({ length: BATCH_ROWS_MAX }, (_none, row) => [BigInt(row), `${row} `.padEnd(1000, "x")]),
);

const endlessSource: SourceConnector = {
  schema,
  bounded: false,
  enumerate: async () => [0, 1].map((index) => ({ id: asSplitId(`split-${index}`), detail: index })),
  open: async (_split, position, { region }) => {
    let batches = position === undefined ? 0 : (position as number);
    return {
      read: async (rowsMax) => {
        region.load(rowsPerSplit, 0, Math.min(rowsMax, rowsPerSplit.rowCount));
        batches++;
        return { kind: "rows", rejected: [] };
      },
      position: () => batches,
      progress: () => undefined,
      close: async () => undefined,
    };
  },
};

let rowsCommitted = 0;

/** Takes its time for every row; what it has taken once, it does not take again. */
function slowSink(): SinkConnector {
  const taken = new Set<string>();
  return {
    guarantee: "exactly_once",
    writer: () => {
      let batches: RecordBatch[] = [];
      let bytes = 0;
      return {
        get stagedBytes() {
          return bytes;
        },
        write: (batch) => {
          batches.push(batch);
          bytes += batch.rowCount * 1024;
        },
        stage: () => {
          const staged = batches.map((one) => encodePart([one]));
          batches = [];
          bytes = 0;
          return staged;
        },
      };
    },
    prepare: async () => undefined,
    commit: async (scope, committables) => {
      for (const { checkpoint, index, bytes } of committables) {
        const id = `${scope.branch}/${checkpoint}/${index}`;
        if (taken.has(id)) continue;
        const rows = decodePart(bytes, id).reduce((sum, one) => sum + one.rowCount, 0);
        await systemTimers.sleep(rows * msPerRow);
        taken.add(id);
        rowsCommitted += rows;
      }
    },
  };
}

const deployment = await openDeployment({
  directory,
  fileRoots: [directory],
  logLevel: "error",
  connectors: () => ({ source: () => endlessSource, sink: slowSink }),
  task: { memoryBudgetBytes: 64 * 1024 * 1024 },
});
const { record } = await deployment.engine.submit({
  millrace: 1,
  name: "slow-sink",
  checkpoint: { intervalMs: 1000 },
  operators: [
    {
      uid: "events",
      kind: "source",
      connector: { kind: "generator", seed: 1, rows: 1, keys: 1 },
      schema: [
        { name: "id", type: "i64" },
        { name: "text", type: "utf8" },
      ],
    },
    // Another parallelism than the source's: rows and barriers go from task to task.
    { uid: "out", kind: "sink", input: "events", connector: { kind: "print" }, parallelism: 2 },
  ],
});
const started = performance.now();
setInterval(() => {
  const { progress, checkpoints, status, error } = deployment.engine.job(record.jobId);
  if (status === "FAILED") throw new Error(error?.message);
  const sample: SlowSinkSample = {
    second: Math.round((performance.now() - started) / 1000),
    residentBytes: process.memoryUsage.rss(),
    checkpoints: checkpoints?.completedCount ?? 0,
    unchangedCheckpoints: checkpoints?.unchangedCount ?? 0,
    failedCheckpoints: checkpoints?.failedCount ?? 0,
    rowsRead: progress?.counters.rowsIn ?? 0,
    rowsCommitted,
    backpressuredMs: progress?.backpressuredMs ?? 0,
  };
  console.log(JSON.stringify(sample));
}, 1000);
