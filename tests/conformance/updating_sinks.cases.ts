// Sinks of streams that take rows back: what the rows of a checkpoint amount to is written, and nothing of what came and
// went between two barriers.

import { asBranchId, asCheckpointId, asGeneration, asJobId, asOperatorUid } from "../../src/base/ids.ts";
import { textOf } from "../../src/base/bytes.ts";
import { batchOfRows, type RecordBatch, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { ndjsonFilesSink } from "../../src/connectors/ndjson_files_sink.ts";
import { gathered, NettedRows } from "../../src/connectors/netted_rows.ts";
import { printSink } from "../../src/connectors/print_sink.ts";
import type { CommitScope, SinkConnector, SinkWriter } from "../../src/connectors/sink.ts";
import { linesWriter } from "../../src/connectors/staged_lines.ts";
import { tableSink } from "../../src/connectors/table_sink.ts";
import { seededPrng } from "../../src/base/prng.ts";
import type { SqlDatabase, SqlValue } from "../../src/platform/ports.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { NetRows } from "../twins/changes.ts";
import type { Change } from "../twins/updating_fixture.ts";

const schema: Schema = [field("key", "i64"), field("name", "utf8", true), field("score", "f64")];
const target = { table: "scores", mode: "upsert", primaryKey: ["key"], schema, updating: true } as const;

const scope: CommitScope = {
  jobId: asJobId("j".repeat(32)),
  branch: asBranchId("b1"),
  sink: asOperatorUid("sink"),
  generation: asGeneration(1),
};

const change = (weight: number, key: number, name: Value, score = 0): Change => [weight, BigInt(key), name, score];

function batchOf(changes: readonly Change[], its: Schema = schema): RecordBatch {
  const batch = batchOfRows(
    its,
    changes.map(([, ...row]) => row),
  );
  return { ...batch, weights: Int8Array.from(changes, ([weight]) => weight) };
}

function stage(writer: SinkWriter, ...batches: readonly (readonly Change[])[]): readonly Uint8Array[] {
  for (const one of batches) writer.write(batchOf(one));
  return writer.stage();
}

const linesOf = (staged: readonly Uint8Array[]): string[] => staged.map(textOf).join("").split("\n").slice(0, -1);

async function commit(sink: SinkConnector, checkpoint: number, ...batches: readonly (readonly Change[])[]) {
  const staged = stage(sink.writer(), ...batches);
  const committables = staged.map((bytes, index) => ({ checkpoint: asCheckpointId(checkpoint), index, bytes }));
  await sink.commit(scope, committables);
}

const scores = (database: SqlDatabase): Promise<readonly (readonly SqlValue[])[]> =>
  database.query({ sql: "SELECT key, name, score FROM scores ORDER BY key", args: [] });

const changelog = (...batches: readonly (readonly Change[])[]): string[] =>
  linesOf(stage(linesWriter(schema, "a test", true), ...batches));

/** The changes that a checkpoint's rows amount to, from a random stream that gives and takes back few different rows. */
function randomStream(seed: number): { batches: Change[][]; wanted: NetRows } {
  const random = seededPrng(seed);
  const wanted = new NetRows();
  const names: readonly Value[] = ["a", "b", null, "", "1:a"];
  const numbers = [0, -0, Number.NaN, 1.5, Infinity];
  const batches = Array.from({ length: 30 }, () =>
    Array.from({ length: random.below(900) }, () => {
      const made = change(random.pick([1, 1, -1, 2]), random.below(30), random.pick(names), random.pick(numbers));
      const [weight, ...row] = made;
      wanted.add(row, weight);
      return made;
    }),
  );
  return { batches, wanted };
}

export const cases: readonly Case[] = [
  test("a changelog has one line a row given or taken back, and none for one that came and went", () => {
    equal(
      changelog(
        [change(1, 1, "a", 1), change(-1, 2, "b"), change(1, 3, "c")],
        [change(-1, 3, "c"), change(-1, 1, "a", 1), change(1, 1, "a", 2), change(2, 4, null)],
      ),
      [
        '{"op":"-","key":2,"name":"b","score":0}',
        '{"op":"+","key":1,"name":"a","score":2}',
        '{"op":"+","key":4,"name":null,"score":0}',
        '{"op":"+","key":4,"name":null,"score":0}',
      ],
    );
    equal(changelog([]), [], "nothing happened");
  }),

  test("rows of a changelog are the same only where every column is the same", () => {
    const lines = changelog([
      change(1, 1, "a", 0),
      change(-1, 1, "a", -0),
      change(1, 2, null, Number.NaN),
      change(-1, 2, null, Number.NaN),
      change(1, 3, null),
      change(-1, 3, ""),
    ]);
    equal(lines, [
      '{"op":"+","key":1,"name":"a","score":0}',
      '{"op":"-","key":1,"name":"a","score":-0}',
      '{"op":"+","key":3,"name":null,"score":0}',
      '{"op":"-","key":3,"name":"","score":0}',
    ]);
  }),

  test("a stream that only gives rows is no changelog", () => {
    const writer = linesWriter(schema, "a test", false);
    writer.write(batchOfRows(schema, [[1n, "a", 0]]));
    equal(linesOf(writer.stage()), ['{"key":1,"name":"a","score":0}']);
  }),

  test("the rows of a checkpoint are netted whatever their batches, and held no longer than they count", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { batches, wanted } = randomStream(seed);
      const rows = new NettedRows();
      let largest = 0;
      for (const one of batches) {
        rows.add(batchOf(one));
        largest = Math.max(largest, rows.bytes);
      }
      const found = new NetRows();
      for (const batch of gathered(rows.take())) found.addBatch(batch);
      equal(found.difference(wanted), undefined, `seed ${seed}`);
      ok(largest < 10_000 * 40, `${largest} bytes held for at most 750 different rows`);
      equal(rows.take().length, 0, "it starts anew");
    }
  }),

  test("an upsert table has the newest row of each key, in whatever order old and new came", async (context) => {
    const database = (await context.freshPlatform()).tables;
    const sink = tableSink(database, target);
    await sink.prepare(scope);
    await commit(sink, 1, [change(1, 1, "a"), change(1, 2, "b"), change(1, 3, "c"), change(-1, 3, "c")]);
    equal(await scores(database), [
      [1, "a", 0],
      [2, "b", 0],
    ]);
    await commit(sink, 2, [change(1, 1, "new"), change(-1, 1, "a")], [change(-1, 2, "b"), change(1, 4, "d")]);
    equal(await scores(database), [
      [1, "new", 0],
      [4, "d", 0],
    ]);
    await commit(sink, 3, [change(-1, 1, "new"), change(1, 1, "x")], [change(-1, 1, "x"), change(1, 1, "new")]);
    await commit(sink, 4, [change(1, 5, "first"), change(1, 5, "last"), change(-1, 4, "d")]);
    equal(await scores(database), [
      [1, "new", 0],
      [5, "last", 0],
    ]);
  }),

  test("a changelog in files and on the terminal begins each line with what happens to the row", async (context) => {
    const platform = await context.freshPlatform();
    const printed: string[] = [];
    const terminal = printSink({ print: (line) => void printed.push(line) }, schema, true);
    await commit(terminal, 1, [change(1, 1, "a")]);
    equal(printed, ['{"op":"+","key":1,"name":"a","score":0}']);
    if (platform.files === undefined)
      return equal(context.runtime, "workerd", "only Durable Objects are without files");
    const files = ndjsonFilesSink(platform.files, { directory: "out", schema, updating: true });
    await commit(files, 1, [change(-1, 1, "a")]);
    const [found] = await platform.files.list("out");
    ok(found !== undefined, "there is a file");
  }),
];
