// Parquet files of every codec and of the types that a job can declare, written by DuckDB and read back by it too.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { LocalFiles } from "../../adapters/local/files.ts";
import { kernelModules } from "../../adapters/local/machine.ts";
import { type DataType, field, type Schema } from "../../src/batch/schema.ts";
import { parquetFileSource } from "../../src/connectors/parquet_file_source.ts";
import { readAll, sourceNode } from "../support/read_source.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-parquet-"));
const kernels = kernelModules().kernels;
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

before(async () => {
  instance = await DuckDBInstance.create(":memory:");
  duckdb = await instance.connect();
});
after(() => {
  duckdb.closeSync();
  instance.closeSync();
  rmSync(folder, { recursive: true });
});

const rows = 2200;

/** Integer division of SQL cuts towards zero. */
const floor = (value: string, by: number): string =>
  `((${value} - CASE WHEN ${value} < 0 THEN ${by - 1} ELSE 0 END) // ${by})::VARCHAR`;

/** Expressions over `i`, the type a job declares for them, and how DuckDB tells their value as text. */
const columns: readonly { readonly sql: string; readonly type: DataType; readonly text: string }[] = [
  { sql: "i - 2500", type: "i64", text: "c::VARCHAR" },
  {
    sql: "(i * 7919) % 9223372036854775807 * (CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END)",
    type: "i64",
    text: "c::VARCHAR",
  },
  { sql: "(i - 1250)::INTEGER", type: "i64", text: "c::VARCHAR" },
  { sql: "(i % 200 - 100)::TINYINT", type: "i64", text: "c::VARCHAR" },
  { sql: "(4294967295 - i)::UINTEGER", type: "i64", text: "c::VARCHAR" },
  { sql: "(i % 65536)::USMALLINT", type: "i64", text: "c::VARCHAR" },
  { sql: "CASE WHEN i % 3 = 0 THEN NULL ELSE i / 7.0::DOUBLE END", type: "f64", text: "c::VARCHAR" },
  { sql: "(i / 8.0)::FLOAT", type: "f64", text: "c::DOUBLE::VARCHAR" },
  { sql: "i % 11 < 5", type: "bool", text: "c::VARCHAR" },
  { sql: "CASE WHEN i % 4 = 0 THEN NULL ELSE i % 7 = 0 END", type: "bool", text: "c::VARCHAR" },
  {
    sql: "CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE repeat('ä€😀', (i % 20)::INTEGER) || i END",
    type: "utf8",
    text: "c",
  },
  { sql: "'k' || (i % 9)", type: "utf8", text: "c" },
  { sql: "CASE WHEN i < 2100 THEN NULL ELSE 'late' END", type: "utf8", text: "c" },
  { sql: "make_timestamp((i - 1250) * 1234567)", type: "timestamp", text: floor("epoch_us(c)", 1000) },
  { sql: "make_timestamp_ns((i - 1250) * 1234567)", type: "timestamp", text: floor("epoch_ns(c)", 1_000_000) },
  { sql: "make_timestamp_ms((i - 1250) * 999)", type: "timestamp", text: "epoch_ms(c)::VARCHAR" },
  { sql: "make_timestamp(i * 1000000)::TIMESTAMPTZ", type: "timestamp", text: "epoch_ms(c)::VARCHAR" },
  { sql: "DATE '1970-01-01' + (i - 1250)::INTEGER", type: "timestamp", text: "epoch_ms(c)::VARCHAR" },
];

/** The 32-bit unsigned one. */
const UNSIGNED = "c4";

const schema: Schema = columns.map(({ type }, index) => field(`c${index}`, type, true));

async function expected(path: string): Promise<(string | null)[][]> {
  const list = columns.map(({ text }, index) => text.replaceAll(/\bc\b/g, `c${index}`)).join(", ");
  const result = await duckdb.runAndReadAll(`SELECT ${list} FROM '${path}' ORDER BY file_row_number`);
  return result.getRowsJS() as (string | null)[][];
}

/** Values as DuckDB shows them: numbers are compared as numbers, the rest as text. */
const comparable = (value: unknown, type: DataType): unknown =>
  value === null ? null : type === "f64" ? Number(value) : String(value);

async function write(name: string, options: string): Promise<string> {
  const path = join(folder, name);
  const list = columns.map(({ sql }, index) => `${sql} AS c${index}`).join(", ");
  await duckdb.run(
    `COPY (SELECT ${list} FROM range(${rows}) t(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048, ${options})`,
  );
  return path;
}

for (const options of [
  "CODEC 'uncompressed'",
  "CODEC 'snappy'",
  "CODEC 'gzip'",
  "CODEC 'zstd'",
  "CODEC 'brotli'",
  "CODEC 'lz4_raw'",
  "CODEC 'snappy', PARQUET_VERSION 'v2'",
  "CODEC 'zstd', DICTIONARY_SIZE_LIMIT 1",
  "CODEC 'snappy', PARQUET_VERSION 'v2', DICTIONARY_SIZE_LIMIT 1",
]) {
  test(`a file with ${options} gives the values that DuckDB reads`, async () => {
    const name = `${options.replaceAll(/\W+/g, "_")}.parquet`;
    const wanted = await expected(await write(name, options));
    const read = options.includes("v2") ? schema.filter((one) => one.name !== UNSIGNED) : schema;
    const node = sourceNode({ kind: "parquet_file", paths: [name] }, schema, read);
    const connector = parquetFileSource(new LocalFiles([folder]), node);
    const [result] = await readAll(kernels, connector, { rowsMax: 999, resumeEvery: 2 });
    assert.equal(result?.rows.length, rows);
    for (const [index, row] of wanted.entries()) {
      const kept = row.filter((_value, column) => read.includes(schema[column] as Schema[number]));
      const shown = (values: readonly unknown[]): unknown[] =>
        read.map(({ type }, column) => comparable(values[column], type));
      assert.deepEqual(shown(result?.rows[index] ?? []), shown(kept), `row ${index}`);
    }
  });
}

test("unsigned integers in an encoding that writers disagree about are refused, not misread", async () => {
  await write("delta.parquet", "PARQUET_VERSION 'v2'");
  const node = sourceNode({ kind: "parquet_file", paths: ["delta.parquet"] }, [field(UNSIGNED, "i64", true)]);
  const connector = parquetFileSource(new LocalFiles([folder]), node);
  await assert.rejects(readAll(kernels, connector, { rowsMax: 9, resumeEvery: 0 }), { code: "parquet_unsupported" });
});

test("types that have no counterpart are refused by name", async () => {
  const path = join(folder, "others.parquet");
  await duckdb.run(
    `COPY (SELECT 1::DECIMAL(9, 2) AS amount, TIME '10:00:00' AS clock, [1, 2] AS list, {'a': 1} AS pair, 'x'::BLOB AS raw,
       18446744073709551615::UBIGINT AS huge, uuid() AS id) TO '${path}' (FORMAT parquet)`,
  );
  const files = new LocalFiles([folder]);
  for (const [name, type, found] of [
    ["amount", "f64", "DECIMAL"],
    ["clock", "i64", "TIME"],
    ["list", "utf8", "LIST"],
    ["pair", "utf8", "a group of columns"],
    ["raw", "utf8", "BYTE_ARRAY"],
    ["huge", "i64", "64"],
    ["id", "utf8", "UUID"],
  ] as const) {
    const node = sourceNode({ kind: "parquet_file", paths: ["others.parquet"] }, [field(name, type)]);
    await assert.rejects(parquetFileSource(files, node).enumerate(), (error: Error & { code?: string }) => {
      assert.equal(error.code, "schema_mismatch");
      assert.ok(error.message.includes(found) && error.message.includes(`"${name}"`), error.message);
      return true;
    });
  }
});

test("text that is not UTF-8 is a rejected row", async () => {
  const path = join(folder, "latin.parquet");
  await duckdb.run(
    `COPY (SELECT i, 'nañe' || i AS name FROM range(10) t(i)) TO '${path}' (FORMAT parquet, CODEC 'uncompressed')`,
  );
  const bytes = readFileSync(path);
  bytes[bytes.indexOf("ñe3") + 1] = 0x28;
  writeFileSync(path, bytes);
  const node = sourceNode({ kind: "parquet_file", paths: ["latin.parquet"] }, [
    field("name", "utf8", true),
    field("i", "i64"),
  ]);
  const [result] = await readAll(kernels, parquetFileSource(new LocalFiles([folder]), node), {
    rowsMax: 4,
    resumeEvery: 0,
  });
  assert.equal(result?.rows.length, 9);
  assert.deepEqual(
    result?.rejected.map(({ position, reason }) => ({ position, reason })),
    [{ position: "latin.parquet:row 3", reason: 'field "name" is not UTF-8' }],
  );
});
