// Golden jobs of streams that take rows back: running aggregates, top-N, unions, and what filters and projections make
// of them. What they must give is worked out here row by row, from all rows at once, without knowing of changes.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import type { GoldenSplits } from "./connectors.ts";
import type { GoldenJob } from "./run_golden.ts";

/** region, shop, amount, at, note. */
type Sale = readonly [region: string | null, shop: bigint, amount: bigint | null, at: bigint, note: string];

const BOUND_MS = 200;
const columns = [
  { name: "region", type: "utf8", nullable: true },
  { name: "shop", type: "i64" },
  { name: "amount", type: "i64", nullable: true },
  { name: "at", type: "timestamp" },
  { name: "note", type: "utf8" },
];

function drawSale(prng: Prng, nowMs: number): Sale {
  const region = prng.chance(0.05) ? null : prng.pick(["north", "south", "the far east of the country", "west"]);
  const amount = prng.chance(0.05) ? null : BigInt(prng.below(40) - 10);
  const atMs = nowMs - (prng.chance(0.1) ? prng.below(1500) : prng.below(150));
  return [
    region,
    BigInt(prng.below(12)),
    amount,
    BigInt(atMs),
    prng.pick(["", "cash", "card", "a gift to be wrapped"]),
  ];
}

function drawSplits(seed: number, splits: number, rows: number): readonly (readonly Sale[])[] {
  const prng = seededPrng(seed);
  return Array.from({ length: splits }, () => {
    let nowMs = 0;
    return Array.from({ length: rows }, () => {
      nowMs += prng.below(15);
      return drawSale(prng, nowMs);
    });
  });
}

const source = (uid: string, its: readonly object[] = columns): Readonly<Record<string, unknown>> => ({
  uid,
  kind: "source",
  connector: { kind: "memory", name: uid },
  schema: its,
  eventTime: { column: "at", boundMs: BOUND_MS },
});
const sink = (uid: string, input: string): Readonly<Record<string, unknown>> => ({
  uid,
  kind: "sink",
  input,
  connector: { kind: "print" },
});
const operator = (uid: string, kind: string, more: object): Readonly<Record<string, unknown>> => ({
  uid,
  kind,
  ...more,
});
const col = (name: string): object => ({ col: name });
const count = { function: "count" };
const over = (name: string, column: string): object => ({ function: name, column });

const lines = (rows: readonly (readonly Value[])[]): string[] =>
  rows.map((row) => JSON.stringify(row.map((one) => (typeof one === "bigint" ? `${one}` : one)))).sort();

/** Rows by the values of their keys, in the order of the rows. */
function grouped<Row>(rows: readonly Row[], keyOf: (row: Row) => readonly Value[]): [readonly Value[], Row[]][] {
  const groups = new Map<string, [readonly Value[], Row[]]>();
  for (const row of rows) {
    const key = keyOf(row);
    const name = lines([key])[0] as string;
    const group = groups.get(name) ?? [key, []];
    groups.set(name, group);
    group[1].push(row);
  }
  return [...groups.values()];
}

const amountsOf = (rows: readonly Sale[]): bigint[] => rows.flatMap((row) => (row[2] === null ? [] : [row[2]]));
const sumOf = (values: readonly bigint[]): bigint | null =>
  values.length === 0 ? null : values.reduce((sum, one) => sum + one, 0n);
const sortedBigints = (values: readonly bigint[]): bigint[] => values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));

/** Null last, whichever way; text by its bytes (here all ASCII). */
function compareRows(left: readonly Value[], right: readonly Value[], order: readonly [number, boolean][]): number {
  for (const [column, descending] of order) {
    const a = left[column] as Value;
    const b = right[column] as Value;
    if (a === b) continue;
    if (a === null || b === null) return a === null ? 1 : -1;
    return a < b === descending ? 1 : -1;
  }
  return 0;
}

function bestOf<Row extends readonly Value[]>(
  rows: readonly Row[],
  limit: number,
  ...order: [number, boolean][]
): Row[] {
  const others = (rows[0] ?? []).map((_, column): [number, boolean] => [column, false]);
  return rows.toSorted((left, right) => compareRows(left, right, [...order, ...others])).slice(0, limit);
}

function job(
  name: string,
  inputs: Readonly<Record<string, GoldenSplits>>,
  operators: readonly Readonly<Record<string, unknown>>[],
  expected: Readonly<Record<string, readonly string[]>>,
): GoldenJob {
  return { name, inputs, spec: { operators }, expected };
}

function runningTotals(): GoldenJob {
  const sales = drawSplits(1, 3, 300);
  const results = grouped(sales.flat(), ([region]) => [region]).map(([key, rows]): Value[] => {
    const amounts = sortedBigints(amountsOf(rows));
    const sum = sumOf(amounts);
    const mean = sum === null ? null : Number(sum) / amounts.length;
    const [rowCount, amountCount] = [BigInt(rows.length), BigInt(amounts.length)];
    return [...key, rowCount, amountCount, sum, amounts[0] ?? null, amounts.at(-1) ?? null, mean];
  });
  const aggregates = {
    rows: count,
    amounts: over("count", "amount"),
    sum: over("sum", "amount"),
    least: over("min", "amount"),
    most: over("max", "amount"),
    mean: over("avg", "amount"),
  };
  return job(
    "running totals",
    { sales },
    [
      source("sales"),
      operator("totals", "aggregate", { input: "sales", keyBy: ["region"], aggregates }),
      sink("out", "totals"),
    ],
    { out: lines(results) },
  );
}

/** How many shops have sold how often, in which region: counts of counts, which change as their rows change. */
function countsOfCounts(): GoldenJob {
  const sales = drawSplits(2, 3, 300);
  const shops = grouped(sales.flat(), ([region, shop]) => [region, shop]).map(([key, rows]) => ({
    region: key[0] as Value,
    n: BigInt(rows.length),
    sum: sumOf(amountsOf(rows)),
  }));
  const results = grouped(shops, ({ region, n }) => [region, n]).map(([key, rows]): Value[] => {
    const sums = rows.flatMap(({ sum }) => (sum === null ? [] : [sum]));
    const sum = sumOf(sums);
    return [...key, BigInt(rows.length), sum, sum === null ? null : Number(sum) / sums.length];
  });
  const perShop = { n: count, sum: over("sum", "amount") };
  const perCount = { shops: count, sum: over("sum", "sum"), mean: over("avg", "sum") };
  return job(
    "counts of counts",
    { sales },
    [
      source("sales"),
      operator("shops", "aggregate", { input: "sales", keyBy: ["region", "shop"], aggregates: perShop }),
      operator("counts", "aggregate", { input: "shops", keyBy: ["region", "n"], aggregates: perCount }),
      sink("out", "counts"),
    ],
    { out: lines(results) },
  );
}

function distinctInTwo(): GoldenJob {
  const sales = drawSplits(3, 2, 300);
  const results = grouped(sales.flat(), ([region]) => [region]).map(([key, rows]): Value[] => [
    ...key,
    BigInt(new Set(rows.map((row) => row[1])).size),
  ]);
  return job(
    "distinct values by two aggregates",
    { sales },
    [
      source("sales"),
      operator("shops", "aggregate", { input: "sales", keyBy: ["region", "shop"], aggregates: { rows: count } }),
      operator("distinct", "aggregate", { input: "shops", keyBy: ["region"], aggregates: { shops: count } }),
      sink("out", "distinct"),
    ],
    { out: lines(results) },
  );
}

function bestSales(): GoldenJob {
  const sales = drawSplits(4, 3, 300);
  const results = grouped(sales.flat(), ([, shop]) => [shop]).flatMap(([, rows]) =>
    bestOf(rows, 4, [2, true], [4, false]).map((row, index): Value[] => [...row, BigInt(index + 1)]),
  );
  const orderBy = [{ column: "amount", descending: true }, { column: "note" }];
  return job(
    "best sales with their rank",
    { sales },
    [
      source("sales"),
      operator("best", "top_n", { input: "sales", keyBy: ["shop"], orderBy, limit: 4, rank: "place" }),
      sink("out", "best"),
    ],
    { out: lines(results) },
  );
}

/** One row a key: the newest. */
function newestRow(): GoldenJob {
  const sales = drawSplits(5, 3, 300);
  const results = grouped(sales.flat(), ([region, shop]) => [region, shop]).flatMap(([, rows]) =>
    bestOf(rows, 1, [3, true]),
  );
  const orderBy = [{ column: "at", descending: true }];
  return job(
    "newest row of each key",
    { sales },
    [
      source("sales"),
      operator("newest", "top_n", { input: "sales", keyBy: ["region", "shop"], orderBy, limit: 1 }),
      sink("out", "newest"),
    ],
    { out: lines(results) },
  );
}

/** The best of totals that change. */
function bestShops(): GoldenJob {
  const sales = drawSplits(6, 3, 300);
  const totals = grouped(sales.flat(), ([region, shop]) => [region, shop]).map(([key, rows]): Value[] => [
    ...key,
    BigInt(rows.length),
    sumOf(amountsOf(rows)),
  ]);
  const best = grouped(totals, ([region]) => [region as Value]).map(([, rows]) =>
    bestOf(rows, 3, [3, true], [2, false]),
  );
  const ranked = best.flatMap((rows) => rows.map((row, index): Value[] => [...row, BigInt(index + 1)]));
  const aggregates = { n: count, sum: over("sum", "amount") };
  const orderBy = [{ column: "sum", descending: true }, { column: "n" }];
  return job(
    "best of totals that change",
    { sales },
    [
      source("sales"),
      operator("totals", "aggregate", { input: "sales", keyBy: ["region", "shop"], aggregates }),
      operator("best", "top_n", { input: "totals", keyBy: ["region"], orderBy, limit: 3 }),
      operator("ranked", "top_n", { input: "totals", keyBy: ["region"], orderBy, limit: 3, rank: "place" }),
      sink("out", "best"),
      sink("ranked_out", "ranked"),
    ],
    { out: lines(best.flat()), ranked_out: lines(ranked) },
  );
}

/** Two sources whose columns stand in another order, one of them never null. */
function unionOfSources(): GoldenJob {
  const sales = drawSplits(7, 2, 200);
  const web = drawSplits(8, 2, 200).map((rows) =>
    rows.map(([, shop, amount, at, note]): readonly Value[] => [note, at, shop, amount ?? 1n, "web"]),
  );
  const all = [
    ...sales.flat(),
    ...web.flat().map(([note, at, shop, amount, region]) => [region, shop, amount, at, note]),
  ];
  const results = grouped(all as Sale[], ([region, shop]) => [region, shop]).map(([key, rows]): Value[] => [
    ...key,
    BigInt(rows.length),
    sumOf(amountsOf(rows)),
  ]);
  const webColumns = [
    { name: "note", type: "utf8" },
    { name: "at", type: "timestamp" },
    { name: "shop", type: "i64" },
    { name: "amount", type: "i64" },
    { name: "region", type: "utf8" },
  ];
  const aggregates = { n: count, sum: over("sum", "amount") };
  return job(
    "union of sources",
    { sales, web },
    [
      source("sales"),
      source("web", webColumns),
      operator("all", "union", { inputs: ["sales", "web"] }),
      operator("totals", "aggregate", { input: "all", keyBy: ["region", "shop"], aggregates }),
      sink("out", "totals"),
      sink("rows", "all"),
    ],
    { out: lines(results), rows: lines(all as Value[][]) },
  );
}

/** A stream with a part of itself: the filter works in place, and must alter nobody else's rows. */
function unionWithItself(): GoldenJob {
  const sales = drawSplits(9, 3, 200);
  const all = sales.flat();
  const large = all.filter(([, , amount]) => amount !== null && amount > 15n);
  const results = grouped([...all, ...large], ([, shop]) => [shop]).map(([key, rows]): Value[] => [
    ...key,
    BigInt(rows.length),
    sumOf(amountsOf(rows)),
  ]);
  const south = [...all, ...large].filter(([region]) => region === "south");
  const aggregates = { n: count, sum: over("sum", "amount") };
  return job(
    "union of a stream with a part of itself",
    { sales },
    [
      source("sales"),
      operator("large", "filter", { input: "sales", where: { op: "gt", args: [col("amount"), 15] } }),
      operator("twice", "union", { inputs: ["sales", "large"] }),
      operator("south", "filter", { input: "twice", where: { op: "eq", args: [col("region"), "south"] } }),
      operator("totals", "aggregate", { input: "twice", keyBy: ["shop"], aggregates }),
      sink("out", "totals"),
      sink("south_out", "south"),
      sink("all_out", "sales"),
    ],
    { out: lines(results), south_out: lines(south), all_out: lines(all) },
  );
}

/** Results that come into a filter and leave it again as they change, and a projection of them. */
function filteredChanges(): GoldenJob {
  const sales = drawSplits(10, 3, 300);
  const results = grouped(sales.flat(), ([region, shop]) => [region, shop]).flatMap(([key, rows]): Value[][] => {
    const sum = sumOf(amountsOf(rows));
    return sum !== null && sum % 3n === 0n ? [[key[0] as Value, sum * 2n]] : [];
  });
  const aggregates = { sum: over("sum", "amount") };
  const isThird = { op: "eq", args: [{ op: "mod", args: [col("sum"), 3] }, 0] };
  const doubled = { region: col("region"), doubled: { op: "mul", args: [col("sum"), 2] } };
  return job(
    "changes through filter and projection",
    { sales },
    [
      source("sales"),
      operator("totals", "aggregate", { input: "sales", keyBy: ["region", "shop"], aggregates }),
      operator("thirds", "filter", { input: "totals", where: isThird }),
      operator("doubled", "project", { input: "thirds", columns: doubled }),
      sink("out", "doubled"),
    ],
    { out: lines(results) },
  );
}

/** Rows that stay and rows that change in one stream. */
function unionOfChanges(): GoldenJob {
  const sales = drawSplits(11, 2, 250);
  const all = sales.flat();
  const largest = grouped(all, ([, shop]) => [shop]).flatMap(([, rows]) => bestOf(rows, 2, [2, true]));
  const results = grouped([...all, ...largest], ([region]) => [region]).map(([key, rows]): Value[] => [
    ...key,
    BigInt(rows.length),
    sumOf(amountsOf(rows)),
  ]);
  const orderBy = [{ column: "amount", descending: true }];
  const aggregates = { n: count, sum: over("sum", "amount") };
  return job(
    "union of rows that stay and rows that change",
    { sales },
    [
      source("sales"),
      operator("largest", "top_n", { input: "sales", keyBy: ["shop"], orderBy, limit: 2 }),
      operator("all", "union", { inputs: ["sales", "largest"] }),
      operator("totals", "aggregate", { input: "all", keyBy: ["region"], aggregates }),
      sink("out", "totals"),
    ],
    { out: lines(results) },
  );
}

/** Event time through a union: windows close by the least watermark, and lateness stays that of each row's own split. */
function windowsOverUnion(): GoldenJob {
  const sales = drawSplits(12, 2, 250);
  const web = drawSplits(13, 3, 250);
  const [inTime, late]: [Sale[], Sale[]] = [[], []];
  for (const rows of [...sales, ...web]) {
    let latest = -(2n ** 60n);
    for (const row of rows) {
      const end = (row[3] < 0n ? (row[3] - 499n) / 500n : row[3] / 500n) * 500n + 500n;
      (end <= latest - BigInt(BOUND_MS) ? late : inTime).push(row);
      if (row[3] > latest) latest = row[3];
    }
  }
  const startOf = (at: bigint): bigint => (at < 0n ? (at - 499n) / 500n : at / 500n) * 500n;
  const results = grouped(inTime, ([region, , , at]) => [startOf(at), startOf(at) + 500n, region]).map(
    ([key, rows]): Value[] => [...key, BigInt(rows.length), sumOf(amountsOf(rows))],
  );
  const window = { kind: "tumbling", sizeMs: 500 };
  const aggregates = { n: count, sum: over("sum", "amount") };
  return job(
    "windows over a union",
    { sales, web },
    [
      source("sales"),
      source("web"),
      operator("all", "union", { inputs: ["sales", "web"] }),
      operator("windows", "window", { input: "all", keyBy: ["region"], window, aggregates }),
      sink("out", "windows"),
      sink("late", "windows#late"),
    ],
    { out: lines(results), late: lines(late) },
  );
}

export const updatingJobs: readonly GoldenJob[] = [
  runningTotals(),
  countsOfCounts(),
  distinctInTwo(),
  bestSales(),
  newestRow(),
  bestShops(),
  unionOfSources(),
  unionWithItself(),
  filteredChanges(),
  unionOfChanges(),
  windowsOverUnion(),
];
