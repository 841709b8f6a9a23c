// Promise 1.2: the flights table and the side output equal DuckDB's, row by row, whatever the batch size.

import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { flightsJob, FLIGHTS_TABLE } from "../../examples/flights/job.ts";
import { FLIGHTS_COUNT, FLIGHTS_PATH, prepareFlights } from "../../examples/flights/prepare.ts";
import type { Figure, Proof } from "../../tools/proof.ts";
import { rootPath } from "../../tools/process.ts";
import { FlightsOracle, wholeQuestion } from "../oracle/duckdb_flights.ts";

interface Wanted {
  readonly table: readonly string[];
  readonly late: readonly string[];
}

/** The slice takes only the first arrivals. */
const SLICE_FLIGHTS = 150_000;

async function computeWanted(flights: number): Promise<Wanted> {
  const oracle = await FlightsOracle.open({ ...wholeQuestion, flights });
  try {
    const table = (await oracle.windows()).map((row) =>
      [row.windowStart, row.windowEnd, row.origin, row.departures, row.meanDelay, row.maxDelay, row.lateShare].join(
        "|",
      ),
    );
    const late = (await oracle.lateFlights()).map((one) => lateLine(one));
    return { table: table.sort(), late: late.sort() };
  } finally {
    oracle.close();
  }
}

const lateLine = (one: {
  date: number;
  delay: number;
  distance: number;
  origin: string;
  destination: string;
}): string => [one.date, one.delay, one.distance, one.origin, one.destination].join("|");

const RELATIVE_PATH = "examples/flights/.cache/flights.ndjson";

async function writeFirstLines(path: string, count: number): Promise<void> {
  const lines = createInterface({ input: createReadStream(FLIGHTS_PATH) });
  const kept: string[] = [];
  for await (const line of lines) if (kept.push(line) === count) break;
  writeFileSync(path, `${kept.join("\n")}\n`);
}

/** Runs the example's own job in a store of its own and reads back what it committed. */
async function run(flights: number, batchRows: number): Promise<{ found: Wanted; seconds: number }> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-1-2-"));
  const deployment = await openDeployment({
    directory: join(directory, "store"),
    fileRoots: [rootPath, directory],
    task: { batchRows },
  });
  try {
    const startedMs = performance.now();
    const spec = JSON.stringify(flightsJob(join(directory, "out")));
    const input = join(directory, "flights.ndjson");
    if (flights < FLIGHTS_COUNT) await writeFirstLines(input, flights);
    const path = flights < FLIGHTS_COUNT ? input : FLIGHTS_PATH;
    const { jobId } = await deployment.jobs.submit(JSON.parse(spec.replace(RELATIVE_PATH, path)), {});
    const view = await deployment.engine.ended(jobId);
    if (view.status !== "FINISHED") throw new Error(`the job is ${view.status}: ${view.error?.message}`);
    const seconds = (performance.now() - startedMs) / 1000;
    const columns =
      "CAST(window_start AS TEXT), CAST(window_end AS TEXT), origin, departures, mean_delay, max_delay, late_share";
    const rows = await deployment.platform.tables.query({ sql: `SELECT ${columns} FROM ${FLIGHTS_TABLE}`, args: [] });
    return {
      found: { table: rows.map((row) => row.join("|")).sort(), late: lateRows(join(directory, "out", "late")) },
      seconds,
    };
  } finally {
    await deployment.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The lines of the committed files; hidden ones are not committed. */
function lateRows(folder: string): string[] {
  const lines: string[] = [];
  for (const name of readdirSync(folder)) {
    if (name.startsWith(".")) continue;
    for (const line of readFileSync(join(folder, name), "utf8").split("\n")) {
      if (line === "") continue;
      const row = JSON.parse(line) as Record<string, never>;
      lines.push(
        lateLine({ ...(row as never as Parameters<typeof lateLine>[0]), date: Date.parse(String(row["date"])) }),
      );
    }
  }
  return lines.sort();
}

function differences(found: readonly string[], wanted: readonly string[]): number {
  let different = Math.abs(found.length - wanted.length);
  for (let at = 0; at < Math.min(found.length, wanted.length); at++) if (found[at] !== wanted[at]) different++;
  return different;
}

export const prove: Proof = async ({ slice, log, progress }) => {
  await prepareFlights(log);
  const flights = slice ? SLICE_FLIGHTS : FLIGHTS_COUNT;
  const wanted = await computeWanted(flights);
  const figures: Record<string, Figure> = { tableRows: wanted.table.length, lateRows: wanted.late.length };
  let pass = wanted.late.length > 0;
  for (const batchRows of [4096, 7, 1]) {
    const key = `batch${batchRows}`;
    let outcome = progress.get<string>(key);
    if (outcome === undefined) {
      const { found, seconds } = await run(flights, batchRows);
      const different = differences(found.table, wanted.table) + differences(found.late, wanted.late);
      outcome = JSON.stringify({ differences: different, seconds: Math.round(seconds * 10) / 10 });
      progress.set(key, outcome);
      if (different > 0) log(`${found.table[0]} / ${wanted.table[0]}; ${found.late[0]} / ${wanted.late[0]}`);
    }
    log(`batches of ${batchRows}: ${outcome}`);
    const result = JSON.parse(outcome) as { differences: number; seconds: number };
    figures[`${key}Differences`] = result.differences;
    figures[`${key}Seconds`] = result.seconds;
    pass &&= result.differences === 0;
  }
  return { pass, figures };
};
