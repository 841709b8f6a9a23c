// The seeded generator: every value depends on seed, column and row alone, and on nothing of the machine.

import type { Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { generatorSource } from "../../src/connectors/generator_source.ts";
import type { PlainData } from "../../src/connectors/source.ts";
import type { GeneratorSpec } from "../../src/job/job_spec.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import type { Clock } from "../../src/platform/ports.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { readAll, type SplitResult, sourceNode } from "../support/read_source.ts";

const schema: Schema = [
  field("at", "timestamp"),
  field("key", "utf8"),
  field("id", "i64"),
  field("ratio", "f64"),
  field("flag", "bool"),
  field("other", "utf8", true),
];

const spec: GeneratorSpec = {
  kind: "generator",
  seed: 42,
  rows: 500,
  keys: 1000,
  startMs: 1_000_000_000_000,
  stepMs: 250,
  jitterMs: 90_000,
  splits: 1,
};

/** Row 0 of the spec above: were it to change, jobs that were restored would go on with other rows. */
const GOLDEN: Value[] = [999_999_933_162n, "key-920", 224n, 0.22713980841516135, false, "key-897"];

const still: Clock = { nowMs: () => 0, monotonicMs: () => 0 };
const whole = { rowsMax: 4096, resumeEvery: 0 };

/** The values by 64-bit arithmetic, one by one. */
function twin(one: GeneratorSpec, row: number): Value[] {
  const scramble = (word: bigint): bigint => {
    let mixed = BigInt.asUintN(32, word);
    mixed = BigInt.asUintN(32, (mixed ^ (mixed >> 16n)) * 0x85ebca6bn);
    mixed = BigInt.asUintN(32, (mixed ^ (mixed >> 13n)) * 0xc2b2ae35n);
    return mixed ^ (mixed >> 16n);
  };
  const word = (column: number, half: number): bigint => {
    const stream = scramble(scramble(BigInt(one.seed)) + BigInt(column * 2 + half + 1) * 0x9e3779b1n);
    return scramble(stream ^ scramble(BigInt(row)) ^ BigInt.asUintN(32, (BigInt(row) >> 32n) * 0x9e3779b1n));
  };
  const below = (column: number, bound: number): bigint => (word(column, 0) * BigInt(bound)) >> 32n;
  const fraction = Number(((word(3, 0) >> 5n) << 26n) | (word(3, 1) >> 6n)) / 2 ** 53;
  return [
    BigInt(one.startMs + row * one.stepMs) - below(0, one.jitterMs + 1),
    `key-${below(1, one.keys)}`,
    below(2, one.keys),
    fraction,
    word(4, 0) >> 31n === 1n,
    `key-${below(5, one.keys)}`,
  ];
}
const twins = (one: GeneratorSpec, rows: readonly number[]): Value[][] => rows.map((row) => twin(one, row));
const range = (count: number): number[] => Array.from({ length: count }, (_unused, index) => index);

const rowsOf = (results: readonly SplitResult[]): Value[][] => results.flatMap((one) => one.rows);
const source = (one: GeneratorSpec, output: Schema = schema, clock: Clock = still) =>
  generatorSource(clock, sourceNode(one, schema, output));

async function openOne({ kernels }: TestContext, one: GeneratorSpec, clock: Clock, position?: PlainData) {
  const kernel = new KernelInstance(kernels, 16 * 1024 * 1024);
  const region = new BatchRegion(kernel, schema);
  const connector = source(one, schema, clock);
  const [split] = await connector.enumerate();
  ok(split !== undefined, "there is a split");
  return { region, reader: await connector.open(split, position, { kernel, schema, region }) };
}

export const cases: readonly Case[] = [
  test("every value is the twin's, at any batch size and wherever reading is resumed", async ({ kernels }) => {
    const expected = twins(spec, range(spec.rows));
    for (const [rowsMax, resumeEvery] of [
      [4096, 0],
      [7, 5],
      [1, 100],
    ] as const) {
      equal(rowsOf(await readAll(kernels, source(spec), { rowsMax, resumeEvery })), expected, `${rowsMax} rows`);
    }
  }),

  test("the first row of seed 42 never changes", async ({ kernels }) => {
    const [result] = await readAll(kernels, source({ ...spec, rows: 1 }), whole);
    equal(result?.rows, [GOLDEN]);
  }),

  test("splits share the rows out in turn, and together they are the rows of one", async ({ kernels }) => {
    const results = await readAll(kernels, source({ ...spec, splits: 3 }), { rowsMax: 64, resumeEvery: 3 });
    equal(results.length, 3);
    for (const [split, { rows }] of results.entries()) {
      equal(
        rows,
        twins(
          spec,
          range(spec.rows).filter((row) => row % 3 === split),
        ),
        `split ${split}`,
      );
    }
    const few = await readAll(kernels, source({ ...spec, rows: 2, splits: 5 }), whole);
    equal(
      few.map(({ rows }) => rows.length),
      [1, 1, 0, 0, 0],
    );
  }),

  test("a column's values do not depend on which others are read", async ({ kernels }) => {
    const output = [schema[1], schema[4]].filter((one) => one !== undefined);
    const results = await readAll(kernels, source(spec, output), whole);
    equal(
      rowsOf(results),
      twins(spec, range(spec.rows)).map((row) => [row[1], row[4]] as Value[]),
    );
  }),

  test("keys of every length, times before 1970 and rows beyond 2^32 are right", async (context) => {
    for (const keys of [1, 9, 10, 11, 100_000_000, 100_000_001, 1_000_000_000]) {
      const one: GeneratorSpec = { ...spec, keys, rows: 300, startMs: 0, jitterMs: 2 ** 33 };
      equal(rowsOf(await readAll(context.kernels, source(one), whole)), twins(one, range(one.rows)), `${keys} keys`);
    }
    const far: GeneratorSpec = { ...spec, rows: 2 ** 40, stepMs: 1, jitterMs: 0 };
    const { reader, region } = await openOne(context, far, still, { row: 2 ** 40 - 3 });
    await reader.read(2);
    equal(
      region.int64(2).slice(0, 2),
      BigInt64Array.from(twins(far, [2 ** 40 - 3, 2 ** 40 - 2]), (row) => row[2] as bigint),
    );
    equal(region.int64(0)[1], BigInt(far.startMs + 2 ** 40 - 2));
  }),

  test("values are spread evenly", async ({ kernels }) => {
    const one: GeneratorSpec = { ...spec, keys: 10, rows: 20_000, jitterMs: 99 };
    const rows = rowsOf(await readAll(kernels, source(one), whole));
    const even = (name: string, values: readonly number[], buckets: number): void => {
      const counts = new Array<number>(buckets).fill(0);
      for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
      const mean = values.length / buckets;
      // Five standard deviations: with these seeds it holds, and it never changes.
      for (const count of counts) ok(Math.abs(count - mean) < 5 * Math.sqrt(mean), `${name}: ${counts}`);
    };
    even(
      "i64",
      rows.map((row) => Number(row[2])),
      10,
    );
    even(
      "utf8",
      rows.map((row) => Number(String(row[1]).slice(4))),
      10,
    );
    even(
      "f64",
      rows.map((row) => Math.floor((row[3] as number) * 50)),
      50,
    );
    even(
      "bool",
      rows.map((row) => (row[4] === true ? 1 : 0)),
      2,
    );
    even(
      "jitter",
      rows.map((row, index) => one.startMs + index * one.stepMs - Number(row[0])),
      100,
    );
    even(
      "i64 given utf8",
      rows.map((row) => Number(row[2]) * 10 + Number(String(row[1]).slice(4))),
      100,
    );
  }),

  test("with a rate, rows become due with the time, and at most a second's worth is made up for", async (context) => {
    let nowMs = 5000;
    const clock: Clock = { nowMs: () => 0, monotonicMs: () => nowMs };
    const { reader, region } = await openOne(context, { ...spec, rows: 10_000, ratePerSecond: 100 }, clock);
    const read = async (): Promise<number> => {
      const outcome = await reader.read(4096);
      return outcome.kind === "rows" ? region.rowCount : outcome.kind === "idle" ? -outcome.retryAfterMs : 0;
    };
    equal(await read(), -10);
    nowMs += 10;
    equal(await read(), 1);
    equal(await read(), -10);
    nowMs += 25;
    equal(await read(), 2);
    equal(await read(), -5);
    nowMs += 500;
    equal(await read(), 50);
    nowMs += 60_000;
    equal(await read(), 100);
    equal(await read(), -10);
    equal(reader.position(), { row: 153 });
  }),

  test("the rate is that of all splits together, and decides when rows come, never which", async ({ kernels }) => {
    let nowMs = 0;
    const clock: Clock = { nowMs: () => 0, monotonicMs: () => nowMs };
    const onIdle = (retryAfterMs: number): void => {
      nowMs += retryAfterMs / 2;
    };
    const connector = source({ ...spec, splits: 2, ratePerSecond: 250 }, schema, clock);
    const results = await readAll(kernels, connector, { rowsMax: 9, resumeEvery: 0, onIdle });
    equal(
      results.map(({ rows }) => rows.length),
      [250, 250],
    );
    equal(
      results[1]?.rows,
      twins(
        spec,
        range(spec.rows).filter((row) => row % 2 === 1),
      ),
    );
    ok(nowMs >= 1990 && nowMs < 2100, `500 rows at 250 a second took ${nowMs} ms`);
  }),

  test("positions never written, and times beyond all bounds, are refused", async (context) => {
    for (const position of [null, {}, { row: -1 }, { row: 501 }, { row: 0.5 }]) {
      await rejects(() => openOne(context, spec, still, position), "split_invalid", JSON.stringify(position));
    }
    await rejects(() => source({ ...spec, rows: 2 ** 52, stepMs: 1000 }), "spec_invalid");
  }),
];
