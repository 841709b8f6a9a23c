// Golden jobs of process functions, and what they must write: from the data alone, by lists that are sorted and
// searched, without state, timers or watermarks other than each split's own.

import { seededPrng } from "../../src/base/prng.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import type { GoldenSplits } from "./connectors.ts";
import { goldenFunctions } from "./process_functions.ts";
import type { GoldenJob } from "./run_golden.ts";

const BOUND_MS = 60n;
const SPLITS = 4;
const ROWS = 250;

interface Event {
  readonly at: bigint;
  readonly key: string | null;
  readonly label: string;
  readonly amount: bigint;
  /** The watermark of its own split just before it. */
  readonly watermark: bigint;
}

const line = (...values: readonly Value[]): string =>
  JSON.stringify(values.map((value) => (typeof value === "bigint" ? String(value) : value)));
const byTime = <Row extends { readonly at: bigint }>(rows: readonly Row[]): Row[] =>
  [...rows].sort((left, right) => Number(left.at - right.at));
const isLate = ({ at, watermark }: Event): boolean => at < watermark;

function drawEvents(seed: number): GoldenSplits {
  const prng = seededPrng(seed);
  return Array.from({ length: SPLITS }, () => {
    let nowMs = 1000 + prng.below(100);
    return Array.from({ length: ROWS }, (): Value[] => {
      nowMs += prng.below(12);
      const at = BigInt(nowMs - (prng.chance(0.1) ? prng.below(300) : prng.below(40)));
      const key = prng.chance(0.03) ? null : `k${prng.below(12)}${prng.chance(0.1) ? " with a longer name" : ""}`;
      return [at, key, prng.pick(["red", "grün", "blue 😀"]), BigInt(prng.below(100) - 30)];
    });
  });
}

function eventsOf(splits: GoldenSplits): Event[] {
  return splits.flatMap((rows) => {
    let highest = -(2n ** 60n);
    return rows.map((row) => {
      const [at, key, label, amount] = row as readonly [bigint, string | null, string, bigint];
      const event = { at, key, label, amount, watermark: highest - BOUND_MS };
      if (at > highest) highest = at;
      return event;
    });
  });
}

function groups<Row, Key>(rows: readonly Row[], keyOf: (row: Row) => Key): [Key, Row[]][] {
  const found = new Map<Key, Row[]>();
  for (const row of rows) found.set(keyOf(row), [...(found.get(keyOf(row)) ?? []), row]);
  return [...found];
}

const eventSource = {
  uid: "events",
  kind: "source",
  connector: { kind: "memory", name: "events" },
  schema: [
    { name: "at", type: "timestamp" },
    { name: "key", type: "utf8", nullable: true },
    { name: "label", type: "utf8" },
    { name: "amount", type: "i64" },
  ],
  eventTime: { column: "at", boundMs: Number(BOUND_MS) },
};

interface OneInput {
  readonly name: string;
  readonly function: string;
  readonly params?: unknown;
  /** By output: rows by hand. */
  readonly expected: (events: readonly Event[]) => Readonly<Record<string, readonly string[]>>;
}

function oneInput(seed: number, { name, function: named, params = null, expected }: OneInput): GoldenJob {
  const splits = drawEvents(seed);
  const wanted = expected(eventsOf(splits));
  const its = goldenFunctions.find((one) => one.name === named);
  if (its === undefined) throw new Error(`there is no function ${named}`);
  const sinks = Object.keys(wanted).map((output) => ({
    uid: output,
    kind: "sink",
    input: output === "out" ? "process" : `process#${output}`,
    connector: { kind: "print" },
  }));
  return {
    name,
    functions: goldenFunctions,
    inputs: { events: splits },
    expected: Object.fromEntries(Object.entries(wanted).map(([output, lines]) => [output, [...lines].sort()])),
    spec: {
      operators: [
        eventSource,
        { ...processOf(its), uid: "process", input: "events", keyBy: ["key"], params },
        ...sinks,
      ],
    },
  };
}

const processOf = (its: (typeof goldenFunctions)[number]) => ({
  kind: "process",
  function: its.name,
  columns: its.output,
  states: Object.fromEntries(
    its.states.map(({ name, kind, ttlMs }) => [name, { kind, ...(ttlMs === undefined ? {} : { ttlMs }) }]),
  ),
  outputs: Object.fromEntries(its.sideOutputs),
});

const dedup: OneInput = {
  name: "first rows of keys",
  function: "first_of_key",
  expected: (events) => {
    const out: string[] = [];
    for (const [key, rows] of groups(
      events.filter((one) => !isLate(one)),
      ({ key: its }) => its,
    )) {
      let told = -(2n ** 60n);
      for (const { at } of byTime(rows)) {
        if (at < told + 500n) continue;
        told = at;
        out.push(line(key, at));
      }
    }
    return { out, late: events.filter(isLate).map(({ key, at }) => line(key, at)) };
  },
};

const sessions: OneInput = {
  name: "sessions by timers",
  function: "sessions",
  expected: (events) => ({
    out: groups(
      events.filter((one) => !isLate(one)),
      ({ key }) => key,
    ).flatMap(([key, rows]) => {
      const found: { start: bigint; last: bigint; rows: bigint }[] = [];
      for (const { at } of byTime(rows)) {
        const open = found.at(-1);
        if (open === undefined || at >= open.last + 100n) found.push({ start: at, last: at, rows: 1n });
        else Object.assign(open, { last: at, rows: open.rows + 1n });
      }
      return found.map((one) => line(key, one.start, one.last + 100n, one.rows));
    }),
  }),
};

const alerts: OneInput = {
  name: "rate alerts",
  function: "rate_alert",
  params: { most: 4 },
  expected: (events) => ({
    out: groups(
      events.filter((one) => !isLate(one)),
      ({ key }) => key,
    ).flatMap(([key, rows]) => {
      const sorted = byTime(rows);
      return sorted.flatMap(({ at }, index) => {
        const recent = sorted.slice(0, index + 1).filter((one) => at < one.at + 200n).length;
        return recent > 4 ? [line(key, at, BigInt(recent))] : [];
      });
    }),
  }),
};

const labels: OneInput = {
  name: "labels of keys",
  function: "label_counts",
  expected: (events) => ({
    out: groups(events, ({ key, label }) => JSON.stringify([key, label])).map(([, rows]) => {
      const [{ key, label }] = rows as [Event];
      return line(key, label, BigInt(rows.length));
    }),
  }),
};

const startOf = ({ at }: Event): bigint => at - (((at % 250n) + 250n) % 250n);
const windowClosed = (event: Event): boolean => startOf(event) + 250n <= event.watermark;

const windows: OneInput = {
  name: "windows by hand",
  function: "windows_by_hand",
  expected: (events) => ({
    out: groups(
      events.filter((one) => !windowClosed(one)),
      (one) => JSON.stringify([String(startOf(one)), one.key]),
    ).map(([, rows]) => {
      const [first] = rows as [Event];
      return line(
        startOf(first),
        first.key,
        rows.reduce((sum, one) => sum + one.amount, 0n),
      );
    }),
    late: events.filter(windowClosed).map(({ key, at, amount }) => line(key, at, amount)),
  }),
};

interface Timed {
  readonly id: bigint;
  readonly at: bigint;
  readonly value: Value;
  readonly late: boolean;
}

/** Rows (id, time, value); no two rows of an id have one time, so that their order is theirs alone. */
function drawTimed(seed: number, valueAt: (n: number) => Value): { splits: GoldenSplits; rows: Timed[] } {
  const prng = seededPrng(seed);
  const taken = new Set<string>();
  const rows: Timed[] = [];
  const splits = Array.from({ length: SPLITS }, () => {
    let nowMs = 1000;
    let highest = -(2n ** 60n);
    return Array.from({ length: ROWS }, (_, n): Value[] => {
      nowMs += prng.below(12);
      const id = BigInt(prng.below(15));
      let at = BigInt(nowMs - (prng.chance(0.1) ? prng.below(250) : prng.below(40)));
      while (taken.has(`${id} ${at}`)) at--;
      taken.add(`${id} ${at}`);
      rows.push({ id, at, value: valueAt(n), late: at < highest - BOUND_MS });
      if (at > highest) highest = at;
      return [id, at, valueAt(n)];
    });
  });
  return { splits, rows };
}

function enrichment(seed: number): GoldenJob {
  const orders = drawTimed(seed, (n) => BigInt(n));
  const moves = drawTimed(seed + 1, (n) => ["Köln", "Oslo", "Roma"][n % 3] as string);
  const out: string[] = [];
  const unknown: string[] = [];
  for (const { id, at, value } of orders.rows.filter((one) => !one.late)) {
    // An order and a move of the same time: orders come first, being the first input.
    const before = byTime(moves.rows.filter((one) => !one.late && one.id === id && one.at < at));
    const city = before.at(-1)?.value;
    if (city === undefined) unknown.push(line(id, at));
    else out.push(line(id, at, value, city));
  }
  const late = [
    ...orders.rows.filter((one) => one.late).map(({ at }) => line("order", at)),
    ...moves.rows.filter((one) => one.late).map(({ at }) => line("move", at)),
  ];
  const its = goldenFunctions.find((one) => one.name === "enrich");
  if (its === undefined) throw new Error("there is no function enrich");
  const source = (uid: string, [id, at, value]: readonly string[], type: string) => ({
    uid,
    kind: "source",
    connector: { kind: "memory", name: uid },
    schema: [
      { name: id, type: "i64" },
      { name: at, type: "timestamp" },
      { name: value, type },
    ],
    eventTime: { column: at, boundMs: Number(BOUND_MS) },
  });
  const sink = (uid: string, input: string) => ({ uid, kind: "sink", input, connector: { kind: "print" } });
  return {
    name: "orders with cities",
    functions: goldenFunctions,
    inputs: { orders: orders.splits, moves: moves.splits },
    expected: { out: out.sort(), unknown: unknown.sort(), late: late.sort() },
    spec: {
      operators: [
        source("orders", ["customer", "ordered_at", "amount"], "i64"),
        source("moves", ["id", "moved_at", "city"], "utf8"),
        { ...processOf(its), uid: "process", inputs: ["orders", "moves"], keyBy: [["customer"], ["id"]] },
        sink("out", "process"),
        sink("unknown", "process#unknown"),
        sink("late", "process#late"),
      ],
    },
  };
}

export const processJobs: readonly GoldenJob[] = [
  ...[dedup, sessions, alerts, labels, windows].map((one, index) => oneInput(100 + index, one)),
  enrichment(200),
];
