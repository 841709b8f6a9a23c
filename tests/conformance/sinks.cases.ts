// Sinks: nothing is visible before the commit, every commit takes effect once, and what was replaced is refused.

import { asBranchId, asCheckpointId, asGeneration, asJobId, asOperatorUid } from "../../src/base/ids.ts";
import { textOf } from "../../src/base/bytes.ts";
import { batchOfRows, type RecordBatch, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { ndjsonFilesSink } from "../../src/connectors/ndjson_files_sink.ts";
import { printSink } from "../../src/connectors/print_sink.ts";
import type { Committable, CommitScope, SinkConnector } from "../../src/connectors/sink.ts";
import { tableSink, type TableTarget } from "../../src/connectors/table_sink.ts";
import type { Files, SqlDatabase, SqlValue } from "../../src/platform/ports.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";

const schema: Schema = [
  field("origin", "utf8"),
  field("hour", "timestamp"),
  field("departures", "i64"),
  field("mean", "f64", true),
  field("late", "bool", true),
];
const row = (
  origin: string,
  hour: number,
  departures: bigint,
  mean: number | null = 0.1,
  late: boolean | null = true,
) => [origin, BigInt(hour), departures, mean, late] as const satisfies Value[];

const upsert: TableTarget = { table: "hourly", mode: "upsert", primaryKey: ["origin", "hour"], schema };
const append: TableTarget = { table: "events", mode: "append", primaryKey: [], schema };

const scopeOf = (generation: number, branch = "b1", sink = "sink"): CommitScope => ({
  jobId: asJobId("j".repeat(32)),
  branch: asBranchId(branch),
  sink: asOperatorUid(sink),
  generation: asGeneration(generation),
});

function staged(connector: SinkConnector, checkpoint: number, ...batches: RecordBatch[]): Committable[] {
  const writer = connector.writer();
  for (const batch of batches) writer.write(batch);
  return writer.stage().map((bytes, index) => ({ checkpoint: asCheckpointId(checkpoint), index, bytes }));
}

const batch = (...rows: readonly (readonly Value[])[]): RecordBatch => batchOfRows(schema, rows);

const rowsOf = (database: SqlDatabase, table: string): Promise<readonly (readonly SqlValue[])[]> =>
  database.query({
    sql: `SELECT origin, hour, CAST(departures AS TEXT), mean, late FROM ${table} ORDER BY origin, hour, departures`,
    args: [],
  });

const tableCase = (name: string, run: (database: SqlDatabase) => Promise<void>): Case =>
  test(`table sink: ${name}`, async (context) => run((await context.freshPlatform()).tables));

const filesCase = (name: string, run: (files: Files, sink: SinkConnector) => Promise<void>): Case =>
  test(`files sink: ${name}`, async (context) => {
    const { files } = await context.freshPlatform();
    if (files === undefined) equal(context.runtime, "workerd", "only Durable Objects are without files");
    else await run(files, ndjsonFilesSink(files, { directory: "out", schema }));
  });

async function textOfFile(files: Files, path: string): Promise<string> {
  const handle = await files.open(path);
  const bytes = new Uint8Array(handle.sizeBytes);
  await handle.read(0, bytes);
  await handle.close();
  return textOf(bytes);
}

export const cases: readonly Case[] = [
  tableCase("values of every type arrive exactly, nulls and 64-bit integers too", async (database) => {
    const sink = tableSink(database, append);
    await sink.prepare(scopeOf(1));
    const large = row("ZÜR'; DROP TABLE events; --", 1546300800000, 9223372036854775807n, 1 / 3, false);
    const small = row("", -1, -9007199254740993n, null, null);
    const committables = staged(sink, 1, batch(large, small));
    equal(await rowsOf(database, "events"), [], "nothing is visible before the commit");
    await sink.commit(scopeOf(1), committables);
    equal(await rowsOf(database, "events"), [
      ["", -1, "-9007199254740993", null, null],
      ["ZÜR'; DROP TABLE events; --", 1546300800000, "9223372036854775807", 1 / 3, 0],
    ]);
  }),

  tableCase("upsert keeps the newest row of each key, within and across commits", async (database) => {
    const sink = tableSink(database, upsert);
    await sink.prepare(scopeOf(1));
    await sink.commit(scopeOf(1), staged(sink, 1, batch(row("A", 1, 1n), row("B", 1, 1n), row("A", 1, 2n))));
    await sink.commit(scopeOf(1), staged(sink, 2, batch(row("A", 1, 3n)), batch(row("A", 1, 4n), row("A", 2, 5n))));
    equal(await rowsOf(database, "hourly"), [
      ["A", 1, "4", 0.1, 1],
      ["A", 2, "5", 0.1, 1],
      ["B", 1, "1", 0.1, 1],
    ]);
  }),

  tableCase("rows that are taken back leave an upsert table, in their order", async (database) => {
    const sink = tableSink(database, upsert);
    await sink.prepare(scopeOf(1));
    const changes = {
      ...batch(row("A", 1, 1n), row("B", 1, 1n), row("A", 1, 1n), row("A", 1, 2n), row("B", 1, 1n)),
      weights: Int8Array.of(1, 1, -1, 1, -1),
    };
    await sink.commit(scopeOf(1), staged(sink, 1, changes));
    equal(await rowsOf(database, "hourly"), [["A", 1, "2", 0.1, 1]]);
    const appending = tableSink(database, append);
    await appending.prepare(scopeOf(1, "b1", "other"));
    const retracting = staged(appending, 1, { ...batch(row("A", 1, 1n)), weights: Int8Array.of(-1) });
    await rejects(() => appending.commit(scopeOf(1, "b1", "other"), retracting), "sink_cannot_retract");
  }),

  tableCase("a commit that is repeated, in whole or in part, takes effect once", async (database) => {
    const sink = tableSink(database, append);
    await sink.prepare(scopeOf(1));
    const first = staged(sink, 1, batch(row("A", 1, 1n)));
    const second = staged(sink, 2, batch(row("A", 1, 2n)));
    await sink.commit(scopeOf(1), first);
    await sink.commit(scopeOf(1), first);
    await sink.prepare(scopeOf(2));
    await sink.commit(scopeOf(2), [...first, ...second]);
    await Promise.all([sink.commit(scopeOf(2), second), sink.commit(scopeOf(2), second)]);
    equal((await rowsOf(database, "events")).length, 2);
  }),

  tableCase("of commits of the same rows at the same time, one takes effect", async (database) => {
    const sink = tableSink(database, append);
    await sink.prepare(scopeOf(1));
    const committables = staged(sink, 1, batch(row("A", 1, 1n)));
    await Promise.all(Array.from({ length: 5 }, () => sink.commit(scopeOf(1), committables)));
    equal((await rowsOf(database, "events")).length, 1);
  }),

  tableCase("a generation that has been replaced is refused, even with what is committed already", async (database) => {
    const sink = tableSink(database, append);
    await sink.prepare(scopeOf(1));
    const old = staged(sink, 1, batch(row("A", 1, 1n)));
    await sink.commit(scopeOf(1), old);
    await sink.prepare(scopeOf(3));
    const error = await rejects(() => sink.commit(scopeOf(2), staged(sink, 2, batch(row("A", 1, 2n)))), "fenced");
    ok(error.message.includes("generation 3"), error.message);
    await rejects(() => sink.commit(scopeOf(1), old), "fenced");
    await rejects(() => sink.prepare(scopeOf(2)), "fenced");
    equal((await rowsOf(database, "events")).length, 1);
  }),

  tableCase("branches and sinks have ledgers and fences of their own", async (database) => {
    const sink = tableSink(database, append);
    const committables = staged(sink, 1, batch(row("A", 1, 1n)));
    for (const [generation, branch, uid] of [
      [5, "b1", "one"],
      [1, "b2", "one"],
      [1, "b1", "two"],
    ] as const) {
      await sink.prepare(scopeOf(generation, branch, uid));
      await sink.commit(scopeOf(generation, branch, uid), committables);
    }
    equal((await rowsOf(database, "events")).length, 3);
  }),

  tableCase("a table that differs is refused, saying how", async (database) => {
    const make = (sql: string): Promise<void> => database.batch([{ sql, args: [] }]);
    await make("CREATE TABLE hourly (origin TEXT, hour TEXT, departures INTEGER, extra REAL, late INTEGER)");
    const error = await rejects(() => tableSink(database, upsert).prepare(scopeOf(1)), "table_differs");
    for (const part of [
      "mean (REAL) is missing",
      "hour is TEXT, not INTEGER",
      "extra is not written",
      "(origin, hour)",
    ]) {
      ok(error.message.includes(part), `${error.message} names ${part}`);
    }
    equal(error.where, "hourly");
    await make("CREATE TABLE events (ORIGIN VARCHAR(10), hour BIGINT, departures INT, mean DOUBLE, late INT)");
    await tableSink(database, append).prepare(scopeOf(1));
    await make("CREATE TABLE keyed (origin TEXT PRIMARY KEY, hour INT, departures INT, mean REAL, late INT)");
    await rejects(() => tableSink(database, { ...append, table: "keyed" }).prepare(scopeOf(1)), "table_differs");
  }),

  tableCase("names that are no plain identifiers never reach the database", async (database) => {
    for (const table of ["a b", "x; DROP TABLE y", 'a"b', "millrace_value", "sqlite_schema", "", "1a", "é"]) {
      await rejects(() => tableSink(database, { ...append, table }).prepare(scopeOf(1)), "table_name_invalid", table);
    }
    const bad = { ...append, schema: [field('x" TEXT); --', "utf8")] };
    await rejects(() => tableSink(database, bad).prepare(scopeOf(1)), "column_name_invalid");
  }),

  tableCase("staged bytes that are damaged are refused, and nothing of them is committed", async (database) => {
    const sink = tableSink(database, append);
    await sink.prepare(scopeOf(1));
    const [whole] = staged(sink, 1, batch(row("A", 1, 1n)), batch(row("B", 1, 1n))) as [Committable];
    const cut = { ...whole, bytes: whole.bytes.slice(0, whole.bytes.byteLength - 8) };
    await rejects(() => sink.commit(scopeOf(1), [cut]), "part_corrupt");
    equal((await rowsOf(database, "events")).length, 0);
    await sink.commit(scopeOf(1), [whole]);
    equal((await rowsOf(database, "events")).length, 2);
  }),

  tableCase("many and long rows arrive all", async (database) => {
    const sink = tableSink(database, upsert);
    await sink.prepare(scopeOf(1));
    const many = Array.from({ length: 3000 }, (_unused, index) =>
      row(`${index % 100 === 0 ? "x".repeat(40_000) : "k"}${index}`, index, BigInt(index)),
    );
    const committables = staged(sink, 1, batch(...many.slice(0, 1000)), batch(...many.slice(1000)));
    await sink.commit(scopeOf(1), committables);
    const found = await database.query({
      sql: "SELECT count(*), sum(hour), max(length(origin)) FROM hourly",
      args: [],
    });
    equal(found, [[3000, 4498500, 40004]]);
  }),

  test("writers stage what was written since the last time, and nothing where nothing was", () => {
    const writer = printSink({ print: () => undefined }, schema).writer();
    equal(writer.stage(), []);
    writer.write(batch());
    equal([writer.stage(), writer.stagedBytes], [[], 0]);
    writer.write(batch(row("A", 1, 1n)));
    ok(writer.stagedBytes > 0, "staged bytes are counted");
    equal(writer.stage().length, 1);
    equal([writer.stage(), writer.stagedBytes], [[], 0]);
  }),

  filesCase(
    "a file appears at the commit, whole, under a name of its own, and a replay changes nothing",
    async (files, sink) => {
      await sink.prepare(scopeOf(1));
      const one = staged(sink, 1, batch(row("A", 0, 1n)), batch(row("B", 0, 9007199254740993n, null, false)));
      await rejects(() => files.list("out"), "file_not_found");
      await sink.commit(scopeOf(1), one);
      await sink.commit(scopeOf(1), staged(sink, 12, batch(row("C", 0, 3n))));
      await sink.commit(scopeOf(2), one);
      await sink.commit(scopeOf(1, "b2"), one);
      await sink.commit(scopeOf(1, "b1", "other"), one);
      equal(await files.list("out"), [
        "other-b1-0000000001-000000.ndjson",
        "sink-b1-0000000001-000000.ndjson",
        "sink-b1-0000000012-000000.ndjson",
        "sink-b2-0000000001-000000.ndjson",
      ]);
      equal(
        await textOfFile(files, "out/sink-b1-0000000001-000000.ndjson"),
        '{"origin":"A","hour":"1970-01-01T00:00:00.000Z","departures":1,"mean":0.1,"late":true}\n' +
          '{"origin":"B","hour":"1970-01-01T00:00:00.000Z","departures":9007199254740993,"mean":null,"late":false}\n',
      );
    },
  ),

  filesCase("a directory outside the roots is refused before anything runs", async (files) => {
    const sink = ndjsonFilesSink(files, { directory: "/etc/millrace", schema });
    await rejects(() => sink.prepare(scopeOf(1)), "path_not_allowed");
    const dots = ndjsonFilesSink(files, { directory: "out/..", schema });
    await rejects(() => dots.commit(scopeOf(1), staged(dots, 1, batch(row("A", 1, 1n)))), "path_not_allowed");
  }),

  filesCase("rows that are taken back are refused", async (_files, sink) => {
    const writer = sink.writer();
    const retraction = { ...batch(row("A", 1, 1n)), weights: Int8Array.of(-1) };
    await rejects(() => writer.write(retraction), "sink_cannot_retract");
  }),

  test("print sink: each row is one line, printed at the commit", async () => {
    const lines: string[] = [];
    const sink = printSink({ print: (line) => lines.push(line) }, schema);
    equal(sink.guarantee, "at_least_once");
    await sink.prepare(scopeOf(1));
    const committables = staged(sink, 1, batch(row("A\nB", 0, 1n), row("C", 0, 2n)));
    equal(lines, []);
    await sink.commit(scopeOf(1), committables);
    equal(lines, [
      '{"origin":"A\\nB","hour":"1970-01-01T00:00:00.000Z","departures":1,"mean":0.1,"late":true}',
      '{"origin":"C","hour":"1970-01-01T00:00:00.000Z","departures":2,"mean":0.1,"late":true}',
    ]);
  }),
];
