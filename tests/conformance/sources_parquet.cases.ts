// Parquet files as a source: typed columns of a subset, resumable anywhere, and never anything but rows or a clear error.

import { field, type Schema } from "../../src/batch/schema.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import { parquetFileSource } from "../../src/connectors/parquet_file_source.ts";
import type { PlainData, SourceConnector } from "../../src/connectors/source.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import type { Files } from "../../src/platform/ports.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { snappyFile, zstdFile } from "../support/data/parquet_files.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import { readAll, type SplitResult, sourceNode } from "../support/read_source.ts";

const whole: Schema = [
  field("id", "i64"),
  field("small", "i64"),
  field("name", "utf8", true),
  field("ratio", "f64"),
  field("single", "f64", true),
  field("flag", "bool", true),
  field("at", "timestamp"),
  field("day", "timestamp"),
  field("key", "utf8", true),
  field("missing", "utf8", true),
];

const ROWS = 2200;

function rowOf(i: number): Value[] {
  const id = (i % 40) - 20;
  return [
    BigInt(id),
    BigInt(id),
    i % 3 === 0 ? null : `text № ${i % 7}`,
    (i % 40) / 8,
    (i % 40) / 4,
    i % 5 === 0 ? null : i % 2 === 0,
    BigInt(Math.floor((id * 1500) / 1000)),
    BigInt(id * 86_400_000),
    i === 2100 ? null : `k${i % 4}`,
    null,
  ];
}
const rowsOf = (schema: Schema): Value[][] => {
  const columns = schema.map((one) => whole.findIndex(({ name }) => name === one.name));
  return Array.from({ length: ROWS }, (_unused, i) => columns.map((column) => rowOf(i)[column] as Value));
};

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
const snappy = bytesOf(snappyFile);

const source = (files: Files, schema: Schema, paths: readonly string[] = ["f.parquet"]): SourceConnector =>
  parquetFileSource(files, sourceNode({ kind: "parquet_file", paths }, schema));

async function filesWith(bytes: Uint8Array, context?: TestContext): Promise<Files> {
  const files = (await context?.freshPlatform())?.files ?? new MemoryFiles();
  await files.writeAtomically("f.parquet", bytes);
  return files;
}

async function openOne(context: TestContext, connector: SourceConnector, position?: PlainData) {
  const kernel = new KernelInstance(context.kernels, 16 * 1024 * 1024);
  const region = new BatchRegion(kernel, connector.schema);
  const [split] = await connector.enumerate();
  ok(split !== undefined, "there is a split");
  return connector.open(split, position, { kernel, schema: connector.schema, region });
}

const flat = (results: readonly SplitResult[]): Value[][] => results.flatMap((one) => one.rows);
const once = { rowsMax: 4096, resumeEvery: 0 };

export const cases: readonly Case[] = [
  test("every row is read once with all its types, at any batch size and wherever reading is resumed", async (context) => {
    const files = await filesWith(snappy, context);
    const expected = rowsOf(whole);
    for (const [rowsMax, resumeEvery] of [
      [4096, 0],
      [4096, 1],
      [1000, 1],
      [7, 0],
      [7, 50],
      [1, 0],
    ] as const) {
      const results = await readAll(context.kernels, source(files, whole), { rowsMax, resumeEvery });
      equal(flat(results), expected, `${rowsMax} rows, resumed every ${resumeEvery}`);
    }
  }),

  test("only the columns that the job reads are decoded", async (context) => {
    const files = new MemoryFiles();
    await files.writeAtomically("f.parquet", snappy);
    const schema = [field("key", "utf8", true), field("id", "i64")];
    equal(flat(await readAll(context.kernels, source(files, schema), once)), rowsOf(schema));
    equal(files.openHandles, 0);
    const none: Schema = [field("missing", "utf8", true)];
    equal(flat(await readAll(context.kernels, source(files, none), once)).length, ROWS);
  }),

  test("files are splits, and those that a runtime cannot decompress are refused by name", async (context) => {
    const files = await filesWith(snappy, context);
    await files.writeAtomically("z.parquet", bytesOf(zstdFile));
    const schema: Schema = [field("id", "i64"), field("key", "utf8", true)];
    const both = source(files, schema, ["f.parquet", "z.parquet"]);
    equal(
      (await both.enumerate()).map((one) => String(one.id)),
      ["f.parquet", "z.parquet"],
    );
    if (context.runtime === "workerd") {
      const refused = await rejects(() => readAll(context.kernels, both, once), "parquet_unsupported");
      equal(refused.where, "z.parquet");
      return;
    }
    const results = await readAll(context.kernels, both, { rowsMax: 300, resumeEvery: 4 });
    equal(flat(results), [...rowsOf(schema), ...rowsOf(schema)]);
  }),

  test("a null in a column that is not nullable is a rejected row, with its place", async (context) => {
    const files = await filesWith(snappy, context);
    const schema: Schema = [field("key", "utf8"), field("id", "i64"), field("name", "utf8", true)];
    for (const options of [once, { rowsMax: 7, resumeEvery: 90 }]) {
      const [result] = await readAll(context.kernels, source(files, schema), options);
      equal(
        result?.rows,
        rowsOf(schema).filter((row) => row[0] !== null),
      );
      equal(result?.rejected, [
        {
          position: "f.parquet:row 2100",
          reason: 'field "key" is null; the column is not nullable',
          raw: `{"key":null,"id":0,"name":null}`,
        },
      ]);
    }
  }),

  test("a column of another type, or that is not there, is refused with file, column, found and wanted", async (context) => {
    const files = await filesWith(snappy, context);
    const refused = async (one: Schema[number], ...parts: string[]): Promise<void> => {
      const error = await rejects(() => source(files, [one]).enumerate(), "schema_mismatch", one.name);
      equal(error.where, "f.parquet");
      for (const part of [`"${one.name}"`, ...parts]) ok(error.message.includes(part), `${part} in: ${error.message}`);
    };
    await refused(field("id", "f64"), "INT64", "f64");
    await refused(field("ratio", "i64"), "DOUBLE", "i64");
    await refused(field("at", "i64"), "TIMESTAMP", "i64");
    await refused(field("small", "timestamp"), "INT32", "timestamp");
    await refused(field("day", "utf8"), "DATE", "utf8");
    await refused(field("name", "bool"), "BYTE_ARRAY", "bool");
    await refused(field("flag", "utf8"), "BOOLEAN", "utf8");
    await refused(field("missing", "utf8"), "not in the file", "id, small, name", "not null");
  }),

  test("a file cut anywhere is refused by name, and so is one that is none", async (context) => {
    const files = new MemoryFiles();
    for (const length of [0, 3, 11, 12, 100, 4000, snappy.length - 1]) {
      await files.writeAtomically("f.parquet", snappy.subarray(0, length));
      const error = await rejects(() => source(files, whole).enumerate(), "parquet_corrupt", `${length} bytes`);
      equal(error.where, "f.parquet");
    }
    await files.writeAtomically("f.parquet", new TextEncoder().encode('{"id":1}\n'.repeat(100)));
    await rejects(() => source(files, whole).enumerate(), "parquet_corrupt");
    await files.remove("f.parquet");
    await rejects(() => source(files, whole).enumerate(), "file_not_found");
    equal(files.openHandles, 0);
    ok(context.kernels !== undefined, "no kernel is needed");
  }),

  test("bytes that were changed give rows or an error that names the file, never anything else", async (context) => {
    const files = new MemoryFiles();
    let refused = 0;
    for (let at = 0; at < snappy.length; at += 97) {
      const bytes = snappy.slice();
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
      await files.writeAtomically("f.parquet", bytes);
      try {
        const rows = flat(await readAll(context.kernels, source(files, whole), once));
        ok(rows.length <= ROWS, "no more rows than the file says");
      } catch (error) {
        const { code, where } = error as { code?: string; where?: string };
        ok(
          ["parquet_corrupt", "parquet_unsupported", "schema_mismatch"].includes(code ?? ""),
          `${at}: ${String(error)}`,
        );
        equal(where, "f.parquet");
        refused++;
      }
    }
    ok(refused > 3, "some changes are noticed");
  }),

  test("another file under the same name, and positions never written, are refused", async (context) => {
    const files = await filesWith(snappy, context);
    const connector = source(files, whole);
    const first = await connector.enumerate();
    const stale: SourceConnector = { ...connector, enumerate: async () => first };
    await files.writeAtomically("f.parquet", bytesOf(zstdFile));
    equal((await rejects(() => openOne(context, stale), "source_changed")).where, "f.parquet");
    await files.writeAtomically("f.parquet", snappy);
    await (await openOne(context, stale, { rowGroup: 2, row: 0 })).close();
    for (const position of [null, {}, { rowGroup: 3, row: 0 }, { rowGroup: 0, row: 2049 }, { rowGroup: 2, row: 1 }]) {
      await rejects(() => openOne(context, stale, position), "split_invalid", JSON.stringify(position));
    }
  }),

  test("progress goes from 0 to 1 over the row groups", async (context) => {
    const files = await filesWith(snappy, context);
    const reader = await openOne(context, source(files, whole));
    equal(reader.progress(), 0);
    await reader.read(1100);
    equal(reader.progress(), 0.5);
    equal(reader.position(), { rowGroup: 0, row: 1100 });
    while ((await reader.read(1100)).kind === "rows");
    equal(reader.progress(), 1);
    equal(reader.position(), { rowGroup: 2, row: 0 });
    await reader.close();
  }),
];
