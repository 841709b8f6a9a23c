// Golden jobs over hopping and session windows and counts of different values: their rows are drawn from a seed, what
// they must give is computed from the rows of each window. tests/unit/window_oracle_test.ts asks DuckDB the same.

import { seededPrng } from "../../src/base/prng.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import { type DataType, field } from "../../src/batch/schema.ts";
import type { WindowAggregate } from "../../src/state/window_table.ts";
import { PanesTwin, type WindowKind } from "../twins/panes_twin.ts";
import { LAST_WATERMARK, NO_WATERMARK } from "../twins/window_fixture.ts";
import { type GoldenSplits, textOfRow } from "./connectors.ts";
import type { GoldenJob } from "./run_golden.ts";

export interface WindowColumn {
  readonly name: string;
  readonly type: DataType;
  readonly nullable?: boolean;
}

/** A golden job and the same questions in SQL, over the table `visits` with the input's columns, `split` and `place`. */
export interface WindowGoldenJob extends GoldenJob {
  readonly sql: Readonly<Record<string, string>>;
}

export const visitColumns: readonly WindowColumn[] = [
  { name: "seen_at", type: "timestamp" },
  { name: "page", type: "utf8", nullable: true },
  { name: "country", type: "i64" },
  { name: "member", type: "bool", nullable: true },
  { name: "visitor", type: "utf8", nullable: true },
  { name: "seconds", type: "i64", nullable: true },
  { name: "paid", type: "f64", nullable: true },
];
const schema = visitColumns.map((one) => field(one.name, one.type, one.nullable));
const positionOf = (name: string): number => visitColumns.findIndex((one) => one.name === name);

interface Question {
  readonly name: string;
  readonly seed: number;
  readonly splits: number;
  readonly rows: number;
  /** Largest step of a split's clock, which rows are behind by up to 150 ms, some by up to 900. */
  readonly stepMs: number;
  readonly boundMs: number;
  readonly keyBy: readonly string[];
  readonly window: WindowKind;
  readonly aggregates: Readonly<
    Record<string, { readonly function: WindowAggregate["function"]; readonly column?: string }>
  >;
}

function drawVisits({ seed, splits, rows, stepMs }: Question): GoldenSplits {
  const random = seededPrng(seed);
  return Array.from({ length: splits }, () => {
    let nowMs = 1_700_000_000_000 + random.below(400);
    return Array.from({ length: rows }, (): Value[] => {
      nowMs += random.chance(0.02) ? random.below(2000) : random.below(stepMs);
      const orNull = (chance: number, value: Value): Value => (random.chance(chance) ? null : value);
      return [
        BigInt(nowMs - (random.chance(0.1) ? random.below(900) : random.below(150))),
        orNull(0.05, random.chance(0.3) ? `/a/page/with/a/long/path/${random.below(6)}` : `/${random.below(6)}`),
        BigInt(random.below(4) - 2),
        orNull(0.2, random.chance(0.5)),
        orNull(0.2, random.chance(0.5) ? `visitor number ${random.below(30)}` : `v${random.below(30)}`),
        orNull(0.3, BigInt(random.below(50) - 10)),
        // Sums of eighths are exact in any order.
        orNull(0.3, random.below(4000) / 8 - 100),
      ];
    });
  });
}

/** Each row's watermark: of the rows of its split before it. */
function watermarksOf(rows: readonly (readonly Value[])[], boundMs: number): bigint[] {
  let latest: bigint | undefined;
  return rows.map((row) => {
    const watermark = latest === undefined ? NO_WATERMARK : latest - BigInt(boundMs);
    const at = row[0] as bigint;
    if (latest === undefined || at > latest) latest = at;
    return watermark;
  });
}

const lines = (rows: readonly (readonly Value[])[]): string[] => rows.map((row) => textOfRow([], row)).sort();

function expectedOf(question: Question, visits: GoldenSplits): { out: string[]; late: string[] } {
  const twin = new PanesTwin(schema, {
    window: question.window,
    timestamp: 0,
    keys: question.keyBy.map(positionOf),
    aggregates: Object.entries(question.aggregates).map(([name, { function: fold, column }]) => ({
      name,
      function: fold,
      ...(column === undefined ? {} : { column: positionOf(column) }),
    })),
  });
  const late = visits.flatMap((rows) =>
    twin.update(rows, watermarksOf(rows, question.boundMs)).map((row) => rows[row] as readonly Value[]),
  );
  return { out: lines(twin.fire(LAST_WATERMARK)), late: lines(late) };
}

function sqlOf({ boundMs, keyBy, window, aggregates }: Question): { out: string; late: string } {
  const columns = visitColumns.map((one) => one.name).join(", ");
  const keys = keyBy.join(", ");
  const results = Object.values(aggregates).map(({ function: name, column = "*" }) =>
    name === "count_distinct" ? `count(distinct ${column})` : `${name}(${column})`,
  );
  const marked = `(select *, coalesce(max(seen_at) over (partition by split order by place
    rows between unbounded preceding and 1 preceding) - ${boundMs}, -9e18::bigint) as own from visits)`;
  if (window.kind === "session") {
    const { gapMs } = window;
    const begun = `(select *, coalesce(seen_at - lag(seen_at) over (partition by ${keys} order by seen_at) >= ${gapMs}, true) as b
      from ${marked} where seen_at >= own)`;
    const numbered = `(select *, sum(b::int) over (partition by ${keys} order by seen_at
      rows between unbounded preceding and current row) as n from ${begun})`;
    return {
      out: `select min(seen_at), max(seen_at) + ${gapMs}, ${[keys, ...results].join(", ")} from ${numbered} group by ${keys}, n`,
      late: `select ${columns} from ${marked} where seen_at < own`,
    };
  }
  const { sizeMs, offsetMs } = window;
  const slideMs = window.kind === "hopping" ? window.slideMs : sizeMs;
  const newest = `(seen_at - ${offsetMs}) // ${slideMs} * ${slideMs} + ${offsetMs}`;
  const windows = `(select *, ${newest} - k * ${slideMs} as s from ${marked}, range(${sizeMs / slideMs}) t(k))`;
  return {
    out: `select s, s + ${sizeMs}, ${[keys, ...results].join(", ")} from ${windows} where s + ${sizeMs} > own
      group by s, ${keys}`,
    late: `select ${columns} from ${marked} where ${newest} + ${sizeMs} <= own`,
  };
}

function jobOf(question: Question): WindowGoldenJob {
  const visits = drawVisits(question);
  const source = {
    uid: "visits",
    kind: "source",
    connector: { kind: "memory", name: "visits" },
    schema: visitColumns,
    eventTime: { column: "seen_at", boundMs: question.boundMs },
  };
  const { keyBy, window, aggregates } = question;
  return {
    name: question.name,
    inputs: { visits },
    expected: expectedOf(question, visits),
    sql: sqlOf(question),
    spec: {
      operators: [
        source,
        { uid: "windows", kind: "window", input: "visits", keyBy, window, aggregates },
        { uid: "out", kind: "sink", input: "windows", connector: { kind: "print" } },
        { uid: "late", kind: "sink", input: "windows#late", connector: { kind: "print" } },
      ],
    },
  };
}

const everything: Question["aggregates"] = {
  visits: { function: "count" },
  timed: { function: "count", column: "seconds" },
  seconds: { function: "sum", column: "seconds" },
  shortest: { function: "min", column: "seconds" },
  longest: { function: "max", column: "seconds" },
  mean: { function: "avg", column: "seconds" },
  paid: { function: "sum", column: "paid" },
  least: { function: "min", column: "paid" },
  most: { function: "max", column: "paid" },
  mean_paid: { function: "avg", column: "paid" },
};
const different: Question["aggregates"] = {
  visitors: { function: "count_distinct", column: "visitor" },
  lengths: { function: "count_distinct", column: "seconds" },
  kinds: { function: "count_distinct", column: "member" },
  times: { function: "count_distinct", column: "seen_at" },
  visits: { function: "count" },
};
const hopping = (sizeMs: number, slideMs: number, offsetMs = 0): WindowKind => ({
  kind: "hopping",
  sizeMs,
  slideMs,
  offsetMs,
});

const questions: readonly Question[] = [
  {
    name: "hopping windows with every aggregate",
    ...{ seed: 21, splits: 3, rows: 150, stepMs: 20, boundMs: 200 },
    ...{ keyBy: ["page"], window: hopping(600, 200, 50), aggregates: everything },
  },
  {
    name: "hopping windows that rows reach in part",
    ...{ seed: 22, splits: 4, rows: 150, stepMs: 20, boundMs: 20 },
    ...{ keyBy: ["country"], window: hopping(500, 100), aggregates: everything },
  },
  {
    name: "hopping windows of many slides by several keys",
    ...{ seed: 23, splits: 2, rows: 50, stepMs: 60, boundMs: 100 },
    ...{ keyBy: ["country", "page", "member"], window: hopping(480, 20), aggregates: everything },
  },
  {
    name: "sessions by page",
    ...{ seed: 24, splits: 3, rows: 200, stepMs: 60, boundMs: 200 },
    ...{ keyBy: ["page"], window: { kind: "session", gapMs: 120 }, aggregates: everything },
  },
  {
    name: "sessions that late rows join or miss",
    ...{ seed: 25, splits: 4, rows: 200, stepMs: 50, boundMs: 60 },
    ...{ keyBy: ["country"], window: { kind: "session", gapMs: 70 }, aggregates: everything },
  },
  {
    name: "sessions by several keys",
    ...{ seed: 26, splits: 2, rows: 250, stepMs: 30, boundMs: 150 },
    ...{ keyBy: ["member", "page", "country"], window: { kind: "session", gapMs: 400 }, aggregates: everything },
  },
  {
    name: "different values in tumbling windows",
    ...{ seed: 27, splits: 3, rows: 200, stepMs: 20, boundMs: 150 },
    ...{ keyBy: ["page"], window: { kind: "tumbling", sizeMs: 500, offsetMs: 0 }, aggregates: different },
  },
  {
    name: "different values in hopping windows",
    ...{ seed: 28, splits: 3, rows: 200, stepMs: 20, boundMs: 60 },
    ...{ keyBy: ["country"], window: hopping(800, 200), aggregates: different },
  },
  {
    name: "different values in sessions",
    ...{ seed: 29, splits: 3, rows: 200, stepMs: 60, boundMs: 150 },
    ...{ keyBy: ["page", "member"], window: { kind: "session", gapMs: 300 }, aggregates: different },
  },
];

export const windowGoldenJobs: readonly WindowGoldenJob[] = questions.map(jobOf);
