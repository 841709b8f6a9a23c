// A job whose whole life is in shared stores: its rows are generated, its results go into tables of the deployment.

import { differenceOf } from "./crash_oracle.ts";
import { type CrashJob, crashSpec, prepareInput } from "./crash_job.ts";
import type { SqlDatabase } from "../../src/platform/ports.ts";

export const sharedJob: CrashJob = {
  source: "generator",
  seed: 11,
  rows: 9_000,
  keys: 100,
  ratePerSecond: 3_000,
  checkpointMs: 100,
};

/** Starts again for as long as it takes: what fails here are the stores. */
export function sharedSpec(job: CrashJob): object {
  const spec = crashSpec(job) as { operators: { uid: string }[] };
  const operators = spec.operators.filter(({ uid }) => uid !== "output");
  return { ...spec, operators, restart: { strategy: "fixed_delay", attempts: 1000, delayMs: 50 } };
}

/** What is lost or wrong in the tables; empty where every row is there once. */
export async function sharedDifferences(database: SqlDatabase, job: CrashJob): Promise<readonly string[]> {
  const expected = prepareInput(job, "");
  const read = async (sql: string): Promise<string[]> =>
    (await database.query({ sql, args: [] })).map((row) => JSON.stringify(row));
  const windows = "SELECT window_start, window_end, customer, events, units, least, most, mean FROM windows";
  return [
    ...differenceOf("windows", expected.windows, await read(windows)).examples,
    ...differenceOf("late", expected.late, await read("SELECT customer, at, units, price FROM late")).examples,
  ];
}
