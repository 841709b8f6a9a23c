// The jobs that are simulated, and what each must have committed at the end: computed in passes over the input that
// know nothing of the engine, of batches, tasks or checkpoints.

import type { Prng } from "../../src/base/prng.ts";
import {
  lineOf,
  simSchema,
  type SimInput,
  type SimRow,
  type SimSource,
  type SourceName,
  sourceNames,
  timedRows,
} from "./sim_data.ts";

type Operator = Readonly<Record<string, unknown>>;

export interface Shape {
  readonly name: string;
  /** Without sources and sinks. */
  readonly operators: readonly Operator[];
  /** By output that is written to a sink of the same name: what it must hold, sorted. */
  readonly expected: (input: SimInput) => Readonly<Record<string, readonly string[]>>;
}

interface Window {
  readonly spec: Readonly<Record<string, unknown>>;
  /** Results of the rows of one key that are not late for any of their windows. */
  readonly of: (rows: readonly TimedOf[]) => [startMs: number, endMs: number, rows: SimRow[]][];
  readonly isLate: (row: TimedOf) => boolean;
}

type TimedOf = ReturnType<typeof timedRows>[number];

const aggregates = {
  rows: { function: "count" },
  sum: { function: "sum", column: "amount" },
  min: { function: "min", column: "amount" },
  max: { function: "max", column: "amount" },
};

function aggregatesOf(rows: readonly SimRow[]): (number | null)[] {
  const amounts = rows.flatMap((row) => (row.amount === null ? [] : [row.amount]));
  if (amounts.length === 0) return [rows.length, null, null, null];
  return [rows.length, amounts.reduce((sum, one) => sum + one, 0), Math.min(...amounts), Math.max(...amounts)];
}

/** Every `slideMs` a window of `sizeMs`; a row is late for those that had ended at its own watermark. */
function hopping(sizeMs: number, slideMs: number, spec: Readonly<Record<string, unknown>>): Window {
  const startsOf = ({ row, watermarkMs }: TimedOf): number[] => {
    const last = Math.floor(row.atMs / slideMs) * slideMs;
    const starts = Array.from({ length: sizeMs / slideMs }, (_none, index) => last - index * slideMs);
    return starts.filter((start) => start + sizeMs > watermarkMs);
  };
  return {
    spec,
    isLate: (row) => startsOf(row).length === 0,
    of: (rows) => {
      const windows = new Map<number, SimRow[]>();
      for (const one of rows) {
        for (const start of startsOf(one)) windows.set(start, [...(windows.get(start) ?? []), one.row]);
      }
      return [...windows].map(([start, of]) => [start, start + sizeMs, of]);
    },
  };
}

/** A row is late when it is older than its own watermark; rows less than the gap apart belong together. */
function session(gapMs: number): Window {
  return {
    spec: { kind: "session", gapMs },
    isLate: ({ row, watermarkMs }) => row.atMs < watermarkMs,
    of: (rows) => {
      const sessions: SimRow[][] = [];
      for (const { row } of [...rows].sort((a, b) => a.row.atMs - b.row.atMs)) {
        const open = sessions.at(-1);
        const last = open?.at(-1);
        if (open !== undefined && last !== undefined && row.atMs - last.atMs < gapMs) open.push(row);
        else sessions.push([row]);
      }
      return sessions.map((of) => [(of[0] as SimRow).atMs, (of.at(-1) as SimRow).atMs + gapMs, of]);
    },
  };
}

function drawWindow(prng: Prng): Window {
  const sizeMs = prng.pick([500, 2_000]);
  const drawn = prng.below(3);
  if (drawn === 0) return hopping(sizeMs, sizeMs, { kind: "tumbling", sizeMs });
  if (drawn === 1) return hopping(sizeMs, sizeMs / 2, { kind: "hopping", sizeMs, slideMs: sizeMs / 2 });
  return session(prng.pick([60, 200]));
}

function windowsOf(sources: readonly SimSource[], window: Window): { windows: string[]; late: string[] } {
  const rows = sources.flatMap(timedRows);
  const late = rows.filter((one) => window.isLate(one)).map((one) => lineOf(one.row));
  const keys = new Map<string, TimedOf[]>();
  for (const one of rows) {
    if (window.isLate(one)) continue;
    const known = keys.get(one.row.key);
    if (known === undefined) keys.set(one.row.key, [one]);
    else known.push(one);
  }
  const windows = [...keys].flatMap(([key, of]) =>
    window.of(of).map(([start, end, inside]) => JSON.stringify([start, end, key, ...aggregatesOf(inside)])),
  );
  return { windows: windows.sort(), late: late.sort() };
}

const windowOperator = (uid: string, input: string, window: Window): Operator => ({
  uid,
  kind: "window",
  input,
  keyBy: ["key"],
  window: window.spec,
  aggregates,
});

/** Two halves that share no edge: they fail over each by itself. */
function apart(prng: Prng): Shape {
  const [left, right] = [drawWindow(prng), drawWindow(prng)];
  return {
    name: "windows apart",
    operators: [windowOperator("wl", "left", left), windowOperator("wr", "right", right)],
    expected: (input) => {
      const a = windowsOf([input.left], left);
      const b = windowsOf([input.right], right);
      return { wl: a.windows, "wl#late": a.late, wr: b.windows, "wr#late": b.late };
    },
  };
}

function intervalJoin(prng: Prng): Shape {
  const lowerMs = -prng.below(150);
  const upperMs = prng.below(150);
  return {
    name: "interval join",
    operators: [{ uid: "j", kind: "interval_join", lowerMs, upperMs, ...joined }],
    expected: (input) => {
      const rows = joinOf(input, (left, right) => right >= left + lowerMs && right <= left + upperMs);
      return { j: rows.pairs, "j#late_left": rows.late.left, "j#late_right": rows.late.right };
    },
  };
}

function regularJoin(prng: Prng): Shape {
  const ttlMs = 20 + prng.below(120);
  return {
    name: "join",
    operators: [{ uid: "j", kind: "join", ttlMs, ...joined }],
    expected: (input) => ({ j: joinOf(input, (left, right) => Math.abs(left - right) <= ttlMs).pairs }),
  };
}

const joined = {
  left: "left",
  right: "right",
  on: [{ left: "key", right: "key" }],
  columns: { key: "left.key", lat: "left.at", rat: "right.at", la: "left.amount", ra: "right.amount" },
};

function joinOf(input: SimInput, meets: (leftMs: number, rightMs: number) => boolean) {
  const sides = { left: [] as SimRow[], right: [] as SimRow[] };
  const late = { left: [] as string[], right: [] as string[] };
  for (const name of sourceNames) {
    for (const { row, watermarkMs } of timedRows(input[name])) {
      if (row.atMs < watermarkMs) late[name].push(lineOf(row));
      else sides[name].push(row);
    }
    late[name].sort();
  }
  const byKey = new Map<string, SimRow[]>();
  for (const row of sides.right) byKey.set(row.key, [...(byKey.get(row.key) ?? []), row]);
  const pairs = sides.left.flatMap((left) =>
    (byKey.get(left.key) ?? [])
      .filter((right) => meets(left.atMs, right.atMs))
      .map((right) => JSON.stringify([left.key, left.atMs, right.atMs, left.amount, right.amount])),
  );
  return { pairs: pairs.sort(), late };
}

const union: Operator = { uid: "u", kind: "union", inputs: ["left", "right"] };

/** Rows of both sources meet before their windows. */
function together(prng: Prng): Shape {
  const window = drawWindow(prng);
  return {
    name: "windows over a union",
    operators: [union, windowOperator("w", "u", window)],
    expected: (input) => {
      const { windows, late } = windowsOf([input.left, input.right], window);
      return { w: windows, "w#late": late };
    },
  };
}

function byKey(input: SimInput): Map<string, SimRow[]> {
  const keys = new Map<string, SimRow[]>();
  for (const { row } of sourceNames.flatMap((name) => timedRows(input[name]))) {
    const known = keys.get(row.key);
    if (known === undefined) keys.set(row.key, [row]);
    else known.push(row);
  }
  return keys;
}

/** Each row takes back what was said of its key before. */
function running(): Shape {
  return {
    name: "running aggregate",
    operators: [union, { uid: "a", kind: "aggregate", input: "u", keyBy: ["key"], aggregates }],
    expected: (input) => ({
      a: [...byKey(input)].map(([key, rows]) => JSON.stringify([key, ...aggregatesOf(rows)])).sort(),
    }),
  };
}

/** The newest rows of each key; of equally new ones those with the least amounts, null last. */
function newest(prng: Prng): Shape {
  const limit = 1 + prng.below(4);
  const orderBy = [{ column: "at", descending: true }];
  const least = (amount: number | null): number => amount ?? Number.POSITIVE_INFINITY;
  return {
    name: "newest rows",
    operators: [union, { uid: "t", kind: "top_n", input: "u", keyBy: ["key"], orderBy, limit }],
    expected: (input) => ({
      t: [...byKey(input).values()]
        .flatMap((rows) =>
          [...rows].sort((a, b) => b.atMs - a.atMs || least(a.amount) - least(b.amount)).slice(0, limit),
        )
        .map(lineOf)
        .sort(),
    }),
  };
}

const shapes = [apart, apart, together, intervalJoin, regularJoin, running, newest] as const;

export const drawShape = (prng: Prng): Shape => prng.pick(shapes)(prng);

export interface Scale {
  readonly parallelism: number;
  readonly sources: Readonly<Record<SourceName, number>>;
}

export const drawScale = (prng: Prng): Scale => ({
  parallelism: 2 + prng.below(2),
  sources: { left: 1 + prng.below(3), right: 1 + prng.below(3) },
});

export interface JobSettings {
  readonly maxParallelism: number;
  readonly intervalMs: number;
  readonly tolerableFailures: number;
}

/** A complete job spec. */
export function specOf(shape: Shape, input: SimInput, scale: Scale, settings: JobSettings): unknown {
  const sources = sourceNames.map((uid) => ({
    uid,
    kind: "source",
    parallelism: scale.sources[uid],
    connector: { kind: "generator", seed: 1, rows: 1, keys: 1 },
    schema: simSchema,
    eventTime: { column: "at", boundMs: input[uid].boundMs },
  }));
  const sinks = Object.keys(shape.expected(emptyInput)).map((output) => ({
    uid: sinkOf(output),
    kind: "sink",
    input: output,
    connector: { kind: "print" },
  }));
  const { intervalMs, tolerableFailures, maxParallelism } = settings;
  return {
    millrace: 1,
    name: "simulated",
    parallelism: scale.parallelism,
    maxParallelism,
    checkpoint: { intervalMs, timeoutMs: 400, tolerableFailures },
    restart: { strategy: "fixed_delay", attempts: 1000, delayMs: 10 },
    operators: [...sources, ...shape.operators, ...sinks],
  };
}

/** The uid of the sink that an output is written to. */
export const sinkOf = (output: string): string => `to_${output.replace("#", "_")}`;

const emptyInput: SimInput = { left: { splits: [], boundMs: 0 }, right: { splits: [], boundMs: 0 } };
