// Registered batches as a source: every row once, in order, whatever the batch sizes and the places of resuming.

import { batchOfRows, rowOf, type Value } from "../../src/batch/record_batch.ts";
import { asSplitId } from "../../src/base/ids.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { memorySource } from "../../src/connectors/memory_source.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { readAll, sourceNode } from "../support/read_source.ts";

const schema: Schema = [
  field("id", "i64"),
  field("flag", "bool", true),
  field("name", "utf8"),
  field("value", "f64", true),
  field("at", "timestamp"),
];

const row = (id: number): Value[] => [
  BigInt(id),
  id % 7 === 0 ? null : id % 3 === 0,
  "é".repeat(id % 9),
  id % 4 === 0 ? null : id / 16,
  BigInt(id) - 50n,
];
const rows = (first: number, end: number): Value[][] =>
  Array.from({ length: end - first }, (_unused, index) => row(first + index));

const spec = { kind: "memory", name: "numbers" } as const;
const sizes = [0, 100, 0, 1, 37, 0];
let next = 0;
const batches = sizes.map((size) => {
  next += size;
  return batchOfRows(schema, rows(next - size, next));
});
const inputs = new Map([["numbers", batches]]);

export const cases: readonly Case[] = [
  test("every row is read once, at any batch size and wherever reading is resumed", async ({ kernels }) => {
    const connector = memorySource(inputs, sourceNode(spec, schema));
    for (const [rowsMax, resumeEvery] of [
      [4096, 0],
      [4096, 1],
      [7, 0],
      [7, 2],
      [1, 0],
      [1, 1],
    ] as const) {
      const [result] = await readAll(kernels, connector, { rowsMax, resumeEvery });
      equal(result?.rows, rows(0, 138), `${rowsMax} rows, resumed every ${resumeEvery}`);
    }
  }),

  test("only the columns that the job reads are handed out", async ({ kernels }) => {
    const output = [schema[0], schema[3]].filter((one) => one !== undefined);
    const connector = memorySource(inputs, sourceNode(spec, schema, output));
    const [result] = await readAll(kernels, connector, { rowsMax: 9, resumeEvery: 4 });
    equal(
      result?.rows,
      rows(0, 138).map((one) => [one[0], one[3]] as Value[]),
    );
  }),

  test("no batches, and batches without rows, are an ended split", async ({ kernels }) => {
    for (const none of [[], [batchOfRows(schema, [])]]) {
      const connector = memorySource(new Map([["numbers", none]]), sourceNode(spec, schema));
      const [result] = await readAll(kernels, connector, { rowsMax: 7, resumeEvery: 0 });
      equal(result?.rows, []);
    }
  }),

  test("the batches that were registered stay as they are", async ({ kernels }) => {
    const kernel = new KernelInstance(kernels, 16 * 1024 * 1024);
    const region = new BatchRegion(kernel, schema);
    const connector = memorySource(inputs, sourceNode(spec, schema));
    const [split] = await connector.enumerate();
    ok(split !== undefined, "one split");
    const reader = await connector.open(split, undefined, { kernel, schema, region });
    await reader.read(50);
    kernel.bytes().fill(0xee, region.dataAddress(0), region.dataAddress(0) + 400);
    equal(rowOf(batches[1] as (typeof batches)[number], 3), row(3));
    equal(reader.progress(), 50 / 138);
  }),

  test("an unknown name and another schema are refused by name", async () => {
    const unknown = await rejects(() => memorySource(new Map(), sourceNode(spec, schema)), "memory_source_unknown");
    equal(unknown.where, "memory source numbers");
    const declared = schema.map((one) => ({ ...one, nullable: true }));
    const other = await rejects(() => memorySource(inputs, sourceNode(spec, declared)), "schema_mismatch");
    ok(other.message.includes("id i64, flag bool?"), other.message);
    ok(other.message.includes("id i64?, flag bool?"), other.message);
  }),

  test("positions that this source never wrote are refused", async ({ kernels }) => {
    const kernel = new KernelInstance(kernels, 16 * 1024 * 1024);
    const target = { kernel, schema, region: new BatchRegion(kernel, schema) };
    const connector = memorySource(inputs, sourceNode(spec, schema));
    const split = { id: asSplitId("memory:numbers"), detail: {} };
    for (const position of [
      null,
      {},
      { batch: 7, row: 0 },
      { batch: 1, row: 101 },
      { batch: -1, row: 0 },
      { batch: 6, row: 1 },
    ]) {
      await rejects(() => connector.open(split, position, target), "split_invalid", JSON.stringify(position));
    }
  }),
];
