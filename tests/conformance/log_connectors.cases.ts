// Durable logs as sources and sinks: each record once, wherever reading stops and whichever commit is repeated.

import { utf8 } from "../../src/base/bytes.ts";
import { asBranchId, asCheckpointId, asGeneration, asJobId, asOperatorUid, asSplitId } from "../../src/base/ids.ts";
import { batchOfRows } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { logSink } from "../../src/connectors/log_sink.ts";
import { logSource } from "../../src/connectors/log_source.ts";
import type { LogStore } from "../../src/connectors/log_store.ts";
import type { Committable, CommitScope, SinkConnector } from "../../src/connectors/sink.ts";
import type { PlainData, SourceConnector } from "../../src/connectors/source.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import type { SqlLogDirectory } from "../../src/log/log_directory.ts";
import { logStoreOf } from "../../src/log/log_store.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { FlakyDatabase } from "../support/flaky_database.ts";
import { createLog, openLogs, portsOf, readTexts, texts } from "../support/logs.ts";
import { readAll, type SplitResult, sourceNode } from "../support/read_source.ts";

const schema: Schema = [field("id", "i64"), field("name", "utf8", true)];

interface Store {
  readonly logs: SqlLogDirectory;
  readonly store: LogStore;
  readonly database: FlakyDatabase;
}

async function freshStore(context: TestContext): Promise<Store> {
  const platform = await context.freshPlatform();
  const database = new FlakyDatabase(platform.tables);
  const logs = openLogs({ ...portsOf(platform), database });
  return { logs, store: logStoreOf(logs), database };
}

const source = (store: LogStore, name: string, until?: "now"): SourceConnector =>
  logSource(store, sourceNode({ kind: "log", name, format: "json" }, schema), { until });

const sink = (store: LogStore, name: string): SinkConnector =>
  logSink(store, {
    kind: "sink",
    uid: asOperatorUid("out"),
    parallelism: 1,
    inputs: [{ uid: asOperatorUid("events"), output: "main", edge: undefined, schema, updating: false }],
    output: [],
    updating: false,
    sides: new Map(),
    connector: { kind: "log", name },
  });

const scopeOf = (generation: number, branch = "00000000000000b1", uid = "out"): CommitScope => ({
  jobId: asJobId("0".repeat(32)),
  branch: asBranchId(branch),
  sink: asOperatorUid(uid),
  generation: asGeneration(generation),
});

const committable = (checkpoint: number, index: number, ...lines: string[]): Committable => ({
  checkpoint: asCheckpointId(checkpoint),
  index,
  bytes: utf8(lines.map((line) => `${line}\n`).join("")),
});

const recordOf = (id: number): string => JSON.stringify({ name: id % 5 === 0 ? null : `n${id}`, other: [id], id });
const rowOf = (id: number) => [BigInt(id), id % 5 === 0 ? null : `n${id}`];
const upTo = <T>(count: number, make: (id: number) => T): T[] => Array.from({ length: count }, (_none, id) => make(id));

const only = (results: readonly SplitResult[]): SplitResult => {
  equal(results.length, 1, "a log is one split");
  return results[0] as SplitResult;
};

async function openReader(context: TestContext, connector: SourceConnector, position?: PlainData) {
  const kernel = new KernelInstance(context.kernels, 64 * 1024 * 1024);
  const region = new BatchRegion(kernel, schema);
  const split = (await connector.enumerate())[0] ?? { id: asSplitId("none"), detail: null };
  return { split, region, reader: await connector.open(split, position, { kernel, schema, region }) };
}

export const cases: readonly Case[] = [
  test("log source: every record is read once, at any batch size and wherever it is resumed", async (context) => {
    const { logs, store } = await freshStore(context);
    const log = await createLog(logs, "in");
    for (let first = 0; first < 300; first += 25) await log.append(texts(...upTo(25, (id) => recordOf(first + id))));
    for (const [rowsMax, resumeEvery] of [
      [4096, 0],
      [7, 0],
      [7, 3],
      [1, 50],
    ] as const) {
      const { rows, rejected } = only(
        await readAll(context.kernels, source(store, "in", "now"), { rowsMax, resumeEvery }),
      );
      equal(rows, upTo(300, rowOf), `${rowsMax} rows a read, resumed every ${resumeEvery}`);
      equal(rejected, []);
    }
  }),

  test("log source: a log larger than a page and than the decoder's input is read whole", async (context) => {
    const { logs, store } = await freshStore(context);
    const log = await createLog(logs, "big");
    const pad = "p".repeat(900);
    for (let first = 0; first < 5000; first += 1000) {
      await log.append(texts(...upTo(1000, (id) => `{"id":${first + id},"name":"${pad}"}`)));
    }
    const { rows } = only(
      await readAll(context.kernels, source(store, "big", "now"), { rowsMax: 1000, resumeEvery: 2 }),
    );
    equal(
      rows.map((row) => row[0]),
      upTo(5000, (id) => BigInt(id)),
    );
  }),

  test("log source: digits are kept, line breaks within a record are harmless, bad records name their sequence", async (context) => {
    const { logs, store } = await freshStore(context);
    const log = await createLog(logs, "odd");
    await log.append(texts('{"id":9007199254740993}', '{\n"id":\r\n2,"name":"a\\nb"}', "[1]", '{"id":"x"}'));
    await log.append(texts('{"id":5}', '"text"', '{"id":7}'));
    for (const rowsMax of [4096, 1]) {
      const result = only(await readAll(context.kernels, source(store, "odd", "now"), { rowsMax, resumeEvery: 1 }));
      equal(result.rows, [
        [9007199254740993n, null],
        [2n, "a\nb"],
        [5n, null],
        [7n, null],
      ]);
      equal(
        result.rejected.map((row) => [row.position, row.raw]),
        [
          ["log odd, sequence 2", "[1]"],
          ["log odd, sequence 3", '{"id":"x"}'],
          ["log odd, sequence 5", '"text"'],
        ],
      );
    }
  }),

  test("log source: it waits at the end, reads what comes, and ends when the log is closed", async (context) => {
    const { logs, store } = await freshStore(context);
    const log = await createLog(logs, "live");
    const connector = source(store, "live");
    equal(connector.bounded, false);
    const { reader, region } = await openReader(context, connector);
    equal((await reader.read(10)).kind, "idle", "an empty log");
    await log.append(texts(recordOf(0), recordOf(1)));
    equal([(await reader.read(10)).kind, region.rowCount], ["rows", 2]);
    equal(reader.position(), { sequence: 2 });
    const waiting = reader.read(10);
    await log.submit({ records: texts(recordOf(2)), close: true });
    equal([(await waiting).kind, region.rowCount], ["rows", 1], "woken by the append");
    equal([(await reader.read(10)).kind, reader.position()], ["end", { sequence: 3 }]);
    const resumed = await openReader(context, connector, { sequence: 3 });
    equal((await resumed.reader.read(10)).kind, "end", "a closed log at its end");
    await resumed.reader.close();
  }),

  test("log source: until now, it stops at the end that the log had", async (context) => {
    const { logs, store } = await freshStore(context);
    const log = await createLog(logs, "now");
    await log.append(texts(...upTo(10, recordOf)));
    const connector = source(store, "now", "now");
    equal(connector.bounded, true);
    const { reader, region } = await openReader(context, connector);
    await log.append(texts(...upTo(10, (id) => recordOf(10 + id))));
    equal([(await reader.read(100)).kind, region.rowCount, reader.progress()], ["rows", 10, 1]);
    equal((await reader.read(100)).kind, "end");
    await createLog(logs, "empty");
    equal(only(await readAll(context.kernels, source(store, "empty", "now"), { rowsMax: 1, resumeEvery: 0 })).rows, []);
  }),

  test("log source: a log that is missing, no JSON, made anew or shorter than the position is refused", async (context) => {
    const { logs, store } = await freshStore(context);
    await rejects(() => source(store, "none").enumerate(), "log_not_found");
    await createLog(logs, "raw", "text/plain");
    await rejects(() => source(store, "raw").enumerate(), "log_not_json");
    const log = await createLog(logs, "in");
    await log.append(texts("{}"));
    const connector = source(store, "in");
    await rejects(() => openReader(context, connector, { sequence: 2 }), "source_changed");
    for (const position of [{}, 1, { sequence: -1 }, { sequence: "1" }]) {
      await rejects(() => openReader(context, connector, position), "split_invalid");
    }
    const { split, reader, region } = await openReader(context, connector);
    await reader.close();
    await logs.delete("in");
    await createLog(logs, "in");
    const target = { kernel: region.kernel, schema, region };
    await rejects(() => connector.open(split, { sequence: 0 }, target), "source_changed");
  }),

  test("log sink: a commit that is repeated, in whole or in part, has the effect of once", async (context) => {
    const { logs, store } = await freshStore(context);
    const connector = sink(store, "out");
    await connector.prepare(scopeOf(1));
    const first = [committable(1, 0, '{"id":1}', '{"id":2}'), committable(1, 1, '{"id":3}')];
    await connector.commit(scopeOf(1), first);
    await connector.commit(scopeOf(1), first);
    await connector.commit(scopeOf(1), [...first, committable(2, 0, '{"id":4}')]);
    const log = await createLog(logs, "out");
    equal(await readTexts(log), ['{"id":1}', '{"id":2}', '{"id":3}', '{"id":4}']);
    await connector.commit(scopeOf(1, "00000000000000b2"), [committable(1, 0, '{"id":5}')]);
    await connector.commit(scopeOf(1, undefined, "other"), [committable(1, 0, '{"id":6}')]);
    equal(log.nextSequence, 6, "another branch and another sink are not mistaken for this one");
  }),

  test("log sink: an older generation is refused, and leaves nothing", async (context) => {
    const { logs, store } = await freshStore(context);
    const connector = sink(store, "out");
    await connector.prepare(scopeOf(1));
    await connector.prepare(scopeOf(2));
    await rejects(() => connector.commit(scopeOf(1), [committable(1, 0, "{}")]), "fenced");
    await rejects(() => connector.prepare(scopeOf(1)), "fenced");
    await connector.commit(scopeOf(2), [committable(1, 0, '{"id":2}')]);
    await connector.commit(scopeOf(3), [committable(2, 0, '{"id":3}')]);
    await rejects(() => connector.commit(scopeOf(2), [committable(3, 0, "{}")]), "fenced");
    equal(await readTexts(await createLog(logs, "out")), ['{"id":2}', '{"id":3}']);
  }),

  test("log sink: commits whose store fails before or after writing are exact when repeated", async (context) => {
    const { logs, store, database } = await freshStore(context);
    const connector = sink(store, "out");
    await connector.prepare(scopeOf(1));
    const log = await createLog(logs, "out");
    let failures = 0;
    database.failBatch = (batch) => (["before", "after", undefined] as const)[batch % 3];
    for (let checkpoint = 1; checkpoint <= 12; checkpoint++) {
      const due = [committable(checkpoint, 0, String(checkpoint)), committable(checkpoint, 1, `${checkpoint}.5`)];
      for (let done = false; !done; ) {
        done = await connector.commit(scopeOf(1), due).then(
          () => true,
          (error: unknown) => {
            equal((error as { code: string }).code, "commit_failed");
            failures++;
            return false;
          },
        );
      }
      // Producers write to the same log meanwhile; their records and the sink's do not disturb each other.
      await log.append(texts(`"p${checkpoint}"`)).catch(() => failures++);
    }
    ok(failures > 3, `${failures} failures were met`);
    database.failBatch = () => undefined;
    const stored = (await readTexts(log)).filter((text) => !text.startsWith('"'));
    equal(stored, upTo(12, (id) => [`${id + 1}`, `${id + 1}.5`]).flat());
  }),

  test("log sink: what is written comes back through a source, large checkpoints in parts", async (context) => {
    const { logs, store } = await freshStore(context);
    const connector = sink(store, "loop");
    await connector.prepare(scopeOf(1));
    const writer = connector.writer();
    equal(writer.stage(), [], "nothing written, nothing staged");
    const name = (id: number): string | null => (id % 3 === 0 ? null : `naïve\n"${"x".repeat(id % 700)}`);
    const rows = upTo(9000, (id) => [BigInt(id) * 1_000_000_000_001n, name(id)] as const);
    for (let start = 0; start < rows.length; start += 3000) {
      writer.write(batchOfRows(schema, rows.slice(start, start + 3000)));
    }
    ok(writer.stagedBytes > 2_000_000, "staged bytes are counted");
    const parts = writer.stage();
    ok(parts.length >= 3 && parts.every((part) => part.byteLength <= 1024 * 1024), "parts fit a stored row");
    equal(writer.stagedBytes, 0);
    await connector.commit(
      scopeOf(1),
      parts.map((bytes, index) => ({ checkpoint: asCheckpointId(1), index, bytes })),
    );
    equal((await createLog(logs, "loop")).nextSequence, rows.length);
    const back = only(await readAll(context.kernels, source(store, "loop", "now"), { rowsMax: 4096, resumeEvery: 0 }));
    equal(back.rows.length, rows.length);
    ok(
      back.rows.every((row, index) => row[0] === rows[index]?.[0] && row[1] === rows[index]?.[1]),
      "every row is what was written",
    );
  }),

  test("log sink: closed logs, logs of bytes, rows taken back and rows too large are refused", async (context) => {
    const { logs, store } = await freshStore(context);
    await createLog(logs, "raw", "application/octet-stream");
    await rejects(() => sink(store, "raw").prepare(scopeOf(1)), "log_not_json");
    const closed = await createLog(logs, "closed");
    await sink(store, "closed").prepare(scopeOf(1));
    await closed.submit({ records: [], close: true });
    await rejects(() => sink(store, "closed").commit(scopeOf(1), [committable(1, 0, "{}")]), "log_closed");
    await rejects(() => sink(store, "closed").prepare(scopeOf(1)), "log_closed");
    const writer = sink(store, "out").writer();
    const batch = batchOfRows(schema, [[1n, "a"]]);
    await rejects(() => writer.write({ ...batch, weights: Int8Array.of(-1) }), "sink_cannot_retract");
    writer.write(batchOfRows(schema, [[1n, "x".repeat(1024 * 1024)]]));
    await rejects(() => writer.stage(), "row_too_large");
  }),
];
