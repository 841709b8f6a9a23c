// How long a table sink takes to commit 100,000 rows of six columns: staging, decoding, the way to the store's thread,
// the transaction with its sync. Prints one line of JSON; medians of several rounds.
//   <runtime> bench/sinks/table_commit_bench.ts [rounds]

import process from "node:process";
import { openLocalContext } from "../../tests/support/local_context.ts";
import { asBranchId, asCheckpointId, asGeneration, asJobId, asOperatorUid } from "../../src/base/ids.ts";
import { batchOfRows, type RecordBatch, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { tableSink, type TableTarget } from "../../src/connectors/table_sink.ts";

const ROWS = 100_000;
const BATCH = 4096;
const rounds = Number(process.argv[2] ?? 5);

const schema: Schema = [
  field("origin", "utf8"),
  field("hour", "timestamp"),
  field("departures", "i64"),
  field("mean", "f64"),
  field("share", "f64"),
  field("most", "i64"),
];

const batches: RecordBatch[] = [];
for (let start = 0; start < ROWS; start += BATCH) {
  const rows = Array.from({ length: Math.min(BATCH, ROWS - start) }, (_unused, index): Value[] => {
    const row = start + index;
    return [`AP${row % 300}`, BigInt(row) * 3_600_000n, BigInt(row % 97), row / 3, Math.sqrt(row), BigInt(row % 1000)];
  });
  batches.push(batchOfRows(schema, rows));
}

const { context, close } = await openLocalContext();
const platform = await context.freshPlatform();
const scope = {
  jobId: asJobId("0".repeat(32)),
  branch: asBranchId("b"),
  sink: asOperatorUid("sink"),
  generation: asGeneration(1),
};
const times: Record<string, number[]> = { upsert: [], append: [] };
for (let round = 0; round < rounds; round++) {
  for (const mode of ["upsert", "append"] as const) {
    const primaryKey = mode === "upsert" ? ["origin", "hour"] : [];
    const target: TableTarget = { table: `t_${mode}_${round}`, mode, primaryKey, schema };
    const sink = tableSink(platform.tables, target);
    await sink.prepare(scope);
    const startMs = performance.now();
    const writer = sink.writer();
    for (const batch of batches) writer.write(batch);
    const committables = writer.stage().map((bytes, index) => ({
      checkpoint: asCheckpointId(1 + round * 2 + (mode === "upsert" ? 1 : 0)),
      index,
      bytes,
    }));
    await sink.commit(scope, committables);
    times[mode]?.push(performance.now() - startMs);
  }
}
const count = await platform.tables.query({ sql: "SELECT count(*), sum(departures) FROM t_upsert_0", args: [] });
await close();
const median = (values: readonly number[]): number =>
  Math.round([...values].sort((a, b) => a - b)[values.length >> 1] ?? 0);
console.log(
  JSON.stringify({
    bench: "table_commit",
    runtime: context.runtime,
    rows: ROWS,
    upsertMs: median(times["upsert"] ?? []),
    appendMs: median(times["append"] ?? []),
    result: count[0]?.join("/"),
  }),
);
