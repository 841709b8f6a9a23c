// The jobs of the crash tests: specs, input, and the rows that the oracle sees.
//
//   generator    3 splits, rate-limited; filter and project before the window; keys of up to 7 or of up to 13 bytes
//   ndjson_file  one file in 3 splits; keys of up to 40 bytes, Unicode among them; about one line in 50 malformed
//   log          the same events as records of a durable log, which is one split
//
// Rows are out of order by more than the bound, so late rows exist, and the watermarks that decide them have to survive.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededPrng } from "../../src/base/prng.ts";
import { expectedOf, type Expected, type OracleRow } from "./crash_oracle.ts";
import { below, word } from "./generated_values.ts";

export const SIZE_MS = 10_000;
const BOUND_MS = 2_000;
const STEP_MS = 10;
const JITTER_MS = 9_000;
const START_MS = 1_700_000_000_000;
const SPLITS = 3;
const EVENTS_FILE = "events.ndjson";

export type Source = "generator" | "ndjson_file" | "log";
/** The logs of a job that reads from one. */
export const EVENTS_LOG = "events";
export const OUTPUT_LOG = "windows";

export interface CrashJob {
  readonly source: Source;
  readonly seed: number;
  readonly rows: number;
  readonly keys: number;
  /** Of the generator. */
  readonly ratePerSecond: number;
  readonly checkpointMs: number;
}

const columns = [
  { name: "customer", type: "utf8" },
  { name: "at", type: "timestamp" },
  { name: "units", type: "i64" },
] as const;

function sourceOf(job: CrashJob): object {
  switch (job.source) {
    case "generator":
      return {
        kind: "generator",
        seed: job.seed,
        rows: job.rows,
        keys: job.keys,
        startMs: START_MS,
        stepMs: STEP_MS,
        jitterMs: JITTER_MS,
        splits: SPLITS,
        ratePerSecond: job.ratePerSecond,
      };
    case "ndjson_file":
      return { kind: "ndjson_file", path: EVENTS_FILE, splits: SPLITS };
    case "log":
      return { kind: "log", name: EVENTS_LOG };
  }
}

/** Files are below the directory that the deployment allows as its first root; a job on a log writes no files. */
export function crashSpec(job: CrashJob): object {
  const generated = job.source === "generator";
  const schema = [...columns, generated ? { name: "kept", type: "bool" } : { name: "price", type: "f64" }];
  const files = (directory: string): object => ({ kind: "ndjson_files", directory });
  const [output, rejected] =
    job.source === "log"
      ? [{ kind: "log", name: OUTPUT_LOG }, appended("rejected")]
      : [files("windows"), files("rejected")];
  return {
    millrace: 1,
    name: `crash-${job.source}`,
    checkpoint: { intervalMs: job.checkpointMs },
    // A restart inside one process would hide what a kill is to show; but objects do lose one another.
    restart: job.source === "log" ? { strategy: "fixed_delay", attempts: 1000, delayMs: 50 } : { strategy: "none" },
    operators: [
      {
        uid: "events",
        kind: "source",
        connector: sourceOf(job),
        schema,
        eventTime: { column: "at", boundMs: BOUND_MS },
      },
      ...(generated ? generatedOperators : []),
      { ...windows, input: generated ? "priced" : "events" },
      { uid: "table", kind: "sink", input: "windows", connector: upserted },
      { uid: "output", kind: "sink", input: "windows", connector: output },
      { uid: "late", kind: "sink", input: "windows#late", connector: appended("late") },
      ...(generated ? [] : [{ uid: "rejected", kind: "sink", input: "events#rejected", connector: rejected }]),
    ],
  };
}

const appended = (table: string): object => ({ kind: "table", table, mode: "append" });
const upserted = { kind: "table", table: "windows", mode: "upsert", primaryKey: ["customer", "window_start"] };

const generatedOperators = [
  { uid: "kept", kind: "filter", input: "events", where: { col: "kept" } },
  {
    uid: "priced",
    kind: "project",
    input: "kept",
    columns: {
      customer: { col: "customer" },
      at: { col: "at" },
      units: { col: "units" },
      price: { op: "div", args: [{ op: "cast", to: "f64", args: [{ col: "units" }] }, { f64: 8 }] },
    },
  },
];

const windows = {
  uid: "windows",
  kind: "window",
  keyBy: ["customer"],
  window: { kind: "tumbling", sizeMs: SIZE_MS },
  aggregates: {
    events: { function: "count" },
    units: { function: "sum", column: "units" },
    least: { function: "min", column: "price" },
    most: { function: "max", column: "price" },
    mean: { function: "avg", column: "price" },
  },
};

const time = { sizeMs: SIZE_MS, boundMs: BOUND_MS };

/** Writes the input into the directory, where the source needs any, and computes what has to come out. */
export function prepareInput(job: CrashJob, directory: string): Expected {
  if (job.source === "generator") return { ...expectedOf(generatedSplits(job), time), rejected: [] };
  const lines = eventLines(job);
  const text = lines.map((line) => `${line.text}\n`).join("");
  writeFileSync(join(directory, EVENTS_FILE), text);
  const rejected = rejectedOf(lines, (line) => `${EVENTS_FILE}:${line.offset}`);
  return { ...expectedOf(splitsOf(lines, Buffer.byteLength(text)), time), rejected };
}

/** The records that have to be appended to the log, as JSON, and what has to come out. */
export function prepareRecords(job: CrashJob): { readonly records: readonly string[]; readonly expected: Expected } {
  const lines = eventLines(job);
  const rejected = rejectedOf(lines, (_line, index) => `log ${EVENTS_LOG}, sequence ${index}`);
  const rows = lines.flatMap((line) => (line.row === undefined ? [] : [line.row]));
  return { records: lines.map((line) => line.text), expected: { ...expectedOf([rows], time), rejected } };
}

function rejectedOf(lines: readonly Line[], positionOf: (line: Line, index: number) => string): string[] {
  return lines.flatMap((line, index) =>
    line.reason === undefined ? [] : [JSON.stringify(["events", positionOf(line, index), line.reason, line.text])],
  );
}

/** The generator's documented values: split s of n has the rows s, s + n, s + 2n, … */
function generatedSplits(job: CrashJob): OracleRow[][] {
  const splits = Array.from({ length: SPLITS }, (): OracleRow[] => []);
  for (let row = 0; row < job.rows; row++) {
    const units = below(word(job.seed, 2, row), job.keys);
    splits[row % SPLITS]?.push({
      key: `key-${below(word(job.seed, 0, row), job.keys)}`,
      atMs: START_MS + row * STEP_MS - below(word(job.seed, 1, row), JITTER_MS + 1),
      units,
      price: units / 8,
      kept: word(job.seed, 3, row) >= 2 ** 31,
    });
  }
  return splits;
}

interface Line {
  readonly offset: number;
  readonly text: string;
  readonly row: OracleRow | undefined;
  /** Why the line is to be rejected. */
  readonly reason: string | undefined;
}

const names = ["a", "bb", "ключ", "exactly 12 b", "a key longer than twelve bytes", "数据流处理", 'quo"ted\\', ""];

function eventLines(job: CrashJob): Line[] {
  const prng = seededPrng(job.seed);
  const lines: Line[] = [];
  let offset = 0;
  for (let index = 0; index < job.rows; index++) {
    const key = `${prng.pick(names)}${prng.below(job.keys)}`;
    const atMs = START_MS + index * STEP_MS - prng.below(JITTER_MS + 1);
    const units = prng.below(2000) - 1000;
    const price = (prng.below(80_000) - 40_000) / 8;
    const broken = prng.chance(0.02) ? prng.below(4) : undefined;
    const [text, reason] = lineOf({ customer: key, at: atMs, units, price }, broken);
    const row = reason === undefined ? { key, atMs, units, price, kept: true } : undefined;
    lines.push({ offset, text, reason, row });
    offset += Buffer.byteLength(text) + 1;
  }
  return lines;
}

interface Event {
  readonly customer: string;
  readonly at: number;
  readonly units: number;
  readonly price: number;
}

/** One line of the file, and why it has to be rejected where it is broken. */
function lineOf(event: Event, broken: number | undefined): [text: string, reason: string | undefined] {
  const { customer, at, price } = event;
  switch (broken) {
    case undefined:
      return [JSON.stringify(event), undefined];
    case 0:
      return [JSON.stringify({ customer, at, price }), 'field "units" is missing; the column is not nullable'];
    case 1:
      return [JSON.stringify({ ...event, price: "dear" }), 'field "price" is not a number; the column is f64'];
    case 2:
      return [JSON.stringify([event]), "not a JSON object"];
    default:
      return [
        JSON.stringify({ ...event, units: event.units + 0.5 }),
        'field "units" is not a whole number; the column is i64',
      ];
  }
}

/** Ranges of about a third of the bytes, each moved on to the next start of a line. */
function splitsOf(lines: readonly Line[], byteCount: number): OracleRow[][] {
  const starts = Array.from({ length: SPLITS - 1 }, (_none, index) => {
    const target = Math.floor((byteCount * (index + 1)) / SPLITS);
    return lines.find((line) => line.offset >= target)?.offset ?? byteCount;
  });
  const splits = Array.from({ length: SPLITS }, (): OracleRow[] => []);
  for (const { offset, row } of lines) {
    if (row !== undefined) splits[starts.filter((start) => offset >= start).length]?.push(row);
  }
  return splits;
}
