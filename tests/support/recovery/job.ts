// The job of the proofs that kill and stop processes: much keyed state, and new output with every checkpoint.
//
//   preload  (at full speed, once)  ┐
//   live     (so many rows a second)┴─ union ─▶ aggregate by customer ─▶ those with live rows ─▶ table totals (upsert)
//   live ───────────────────────────────────────────────────────────────────────────────────▶ table events (append)
//
// A total holds what was preloaded for its customer, so a wrong or lost entry of the restored state shows as soon as a
// live row touches it; a row of `live` that is committed twice, or never, shows in `events`.
//
// The job has no end: it is stopped with a savepoint, and what it must have written follows from how many rows of each
// split that checkpoint says were read.

import type { SqlDatabase } from "../../../src/platform/ports.ts";
import { below, word } from "../generated_values.ts";

export interface RecoveryJob {
  readonly seed: number;
  readonly preloadRows: number;
  readonly customers: number;
  readonly liveRowsPerSecond: number;
  readonly checkpointMs: number;
  readonly parallelism: number;
}

/** More than any run reads. */
const LIVE_ROWS = 1_000_000_000;
export const SPLITS = 2;
export const PRELOAD = "preload";
export const LIVE = "live";
/** The sink of the table that tells whether there is new output. */
export const EVENTS = "events_table";

const column = (name: string): object => ({ col: name });
const table = (name: string, more: object): object => ({ kind: "table", table: name, ...more });

export function recoverySpec(job: RecoveryJob): object {
  const generated = { kind: "generator", keys: job.customers, startMs: 0, stepMs: 1, splits: SPLITS };
  const preload = { ...generated, seed: job.seed, rows: job.preloadRows };
  const live = { ...generated, seed: job.seed + 1, rows: LIVE_ROWS, ratePerSecond: job.liveRowsPerSecond };
  const schema = [
    { name: "at", type: "timestamp" },
    { name: "customer", type: "utf8" },
    { name: "units", type: "i64" },
  ];
  const marked = (uid: string, input: string, isLive: number): object => ({
    ...{ uid, kind: "project", input },
    columns: { customer: column("customer"), units: column("units"), live: isLive },
  });
  return {
    millrace: 1,
    name: "recovery",
    parallelism: job.parallelism,
    checkpoint: { intervalMs: job.checkpointMs },
    restart: { strategy: "fixed_delay", attempts: 1_000, delayMs: 10 },
    operators: [
      { uid: PRELOAD, kind: "source", connector: preload, schema },
      { uid: LIVE, kind: "source", connector: live, schema },
      marked("preloaded", PRELOAD, 0),
      marked("arrived", LIVE, 1),
      { uid: "all", kind: "union", inputs: ["preloaded", "arrived"] },
      {
        ...{ uid: "totals", kind: "aggregate", input: "all", keyBy: ["customer"] },
        aggregates: {
          events: { function: "count" },
          units: { function: "sum", column: "units" },
          live: { function: "sum", column: "live" },
        },
      },
      { uid: "touched", kind: "filter", input: "totals", where: { op: "gt", args: [column("live"), 0] } },
      {
        ...{ uid: "totals_table", kind: "sink", input: "touched" },
        connector: table("totals", { mode: "upsert", primaryKey: ["customer"] }),
      },
      { uid: EVENTS, kind: "sink", input: LIVE, connector: table("events", { mode: "append" }) },
    ],
  };
}

/** How many rows of each split were read. */
export interface Read {
  readonly preload: readonly number[];
  readonly live: readonly number[];
}

export interface Compared {
  readonly rows: number;
  readonly lost: number;
  readonly wrong: number;
  readonly examples: readonly string[];
}

/** Compares both tables with what the rows that were read amount to. */
export async function compareTables(database: SqlDatabase, job: RecoveryJob, read: Read): Promise<Compared> {
  const expected = expectedOf(job, read);
  const events = await rowsOf(database, "SELECT at, customer, units FROM events ORDER BY rowid");
  const totals = await rowsOf(database, "SELECT customer, events, units, live FROM totals ORDER BY customer");
  const parts = [differ("events", expected.events, events), differ("totals", expected.totals, totals)];
  const sum = (of: (one: Compared) => number): number => parts.reduce((total, one) => total + of(one), 0);
  return {
    rows: sum((one) => one.rows),
    lost: sum((one) => one.lost),
    wrong: sum((one) => one.wrong),
    examples: parts.flatMap((one) => one.examples),
  };
}

async function rowsOf(database: SqlDatabase, sql: string): Promise<string[]> {
  const PAGE = 20_000;
  const rows: string[] = [];
  for (;;) {
    const page = await database.query({ sql: `${sql} LIMIT ${PAGE} OFFSET ${rows.length}`, args: [] });
    for (const row of page) rows.push(row.join("|"));
    if (page.length < PAGE) return rows;
  }
}

function expectedOf(job: RecoveryJob, read: Read): { readonly events: Set<string>; readonly totals: Set<string> } {
  const sums = new Map<number, { events: number; units: number; live: number }>();
  const add = (seed: number, counts: readonly number[], live: number, each: (row: number, of: Row) => void): void => {
    counts.forEach((count, split) => {
      for (let index = 0; index < count; index++) {
        const row = split + index * SPLITS;
        const one = rowAt(seed, job.customers, row);
        const known = sums.get(one.customer) ?? { events: 0, units: 0, live: 0 };
        sums.set(one.customer, known);
        known.events++;
        known.units += one.units;
        known.live += live;
        each(row, one);
      }
    });
  };
  const events = new Set<string>();
  add(job.seed, read.preload, 0, () => undefined);
  add(job.seed + 1, read.live, 1, (row, { customer, units }) => events.add(`${row}|key-${customer}|${units}`));
  const totals = new Set<string>();
  for (const [customer, { events: count, units, live }] of sums) {
    if (live > 0) totals.add(`key-${customer}|${count}|${units}|${live}`);
  }
  return { events, totals };
}

/** Every expected row differs from the others, so a row that is found twice is wrong. */
function differ(what: string, expected: Set<string>, found: readonly string[]): Compared {
  const left = new Set(expected);
  const wrong = found.filter((row) => !left.delete(row));
  const examples = [
    ...wrong.slice(0, 3).map((row) => `${what}: not expected, or once too often: ${row}`),
    ...[...left].slice(0, 3).map((row) => `${what}: missing: ${row}`),
  ];
  return { rows: expected.size, lost: left.size, wrong: wrong.length, examples };
}

interface Row {
  readonly customer: number;
  readonly units: number;
}

/** The generator's documented values, by the position of the column in the schema. */
const rowAt = (seed: number, customers: number, row: number): Row => ({
  customer: below(word(seed, 1, row), customers),
  units: below(word(seed, 2, row), customers),
});
