// Promise 2.6: two tasks a chain on two cores do nearly what two jobs by themselves do, and rows pass between tasks
// fast. The result of the parallel job is DuckDB's, with lateness decided split by split, as it is.

import { type ChildProcess, spawn } from "node:child_process";
import { median } from "../../bench/median.ts";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type ExchangeFigures, measureExchange } from "../../bench/exchange/exchange_bench.ts";
import { FLIGHTS_COUNT, FLIGHTS_PATH, prepareFlights } from "../../examples/flights/prepare.ts";
import type { Figure, Proof } from "../../tools/proof.ts";
import { FlightsOracle, wholeQuestion } from "../oracle/duckdb_flights.ts";

const WANTED_SHARE = 0.85;
const WANTED_ROWS_PER_SECOND = 50e6;
const SPLITS = 8;
const SLICE_FLIGHTS = 150_000;
const program = fileURLToPath(new URL("../../bench/exchange/flights_process.ts", import.meta.url));

interface Outcome {
  readonly seconds: number;
  readonly rows: number;
  readonly tasks: number;
}

/** Started and ready; `go` lets it run. */
async function start(parallelism: number, input: string, directory: string) {
  mkdirSync(directory, { recursive: true });
  const child: ChildProcess = spawn(process.execPath, [program, String(parallelism), input, directory], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = (await lines.next()) as IteratorResult<string>;
    if (next.done === true) throw new Error("the process ended without a result");
    return next.value;
  };
  if ((await line()) !== "ready") throw new Error("the process did not become ready");
  return {
    go: async (): Promise<Outcome> => {
      child.stdin?.write("go\n");
      return JSON.parse(await line()) as Outcome;
    },
  };
}

const committedLines = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line !== "");

/** Rows that differ between what the job has committed and what DuckDB computes. */
async function differences(directory: string, input: string, flights: number): Promise<number> {
  const oracle = await FlightsOracle.open({ ...wholeQuestion, flights, cuts: cutsOf(input) });
  try {
    const wanted = (await oracle.windows()).map((one) =>
      [
        one.windowStart,
        one.origin,
        one.departures,
        one.maxDelay,
        one.meanDelay.toFixed(9),
        one.lateShare.toFixed(9),
      ].join("|"),
    );
    const found = committedLines(join(directory, "out", "by_hour")).map((line) => {
      const row = JSON.parse(line) as Record<string, string | number>;
      const share = (name: string): string => Number(row[name]).toFixed(9);
      const start = Date.parse(String(row["window_start"]));
      return [start, row["origin"], row["departures"], row["max_delay"], share("mean_delay"), share("late_share")].join(
        "|",
      );
    });
    const late = (await oracle.lateFlights()).length - committedLines(join(directory, "out", "late")).length;
    return unlike(found.sort(), wanted.sort()) + Math.abs(late);
  } finally {
    oracle.close();
  }
}

function unlike(found: readonly string[], wanted: readonly string[]): number {
  let count = Math.abs(found.length - wanted.length);
  for (let at = 0; at < Math.min(found.length, wanted.length); at++) if (found[at] !== wanted[at]) count++;
  return count;
}

/** The number (from 1) of the first line of each split but the first: that begins at or behind its share of the bytes. */
function cutsOf(input: string): number[] {
  const bytes = readFileSync(input);
  const cuts: number[] = [];
  let line = 1;
  let start = 0;
  for (let part = 1; part < SPLITS; part++) {
    const target = Math.floor((bytes.byteLength * part) / SPLITS);
    while (start < target) {
      start = bytes.indexOf(10, start) + 1;
      line++;
    }
    cuts.push(line);
  }
  return cuts;
}

interface Round {
  readonly two: Outcome;
  readonly copies: readonly Outcome[];
  readonly differences: number;
}

async function round(input: string, flights: number): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-2-6-"));
  try {
    const two = await (await start(2, input, join(directory, "two"))).go();
    const pair = [await start(1, input, join(directory, "a")), await start(1, input, join(directory, "b"))];
    const copies = await Promise.all(pair.map((one) => one.go()));
    return { two, copies, differences: await differences(join(directory, "two"), input, flights) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function firstFlights(count: number): string {
  const path = join(tmpdir(), `millrace-2-6-${count}.ndjson`);
  const bytes = readFileSync(FLIGHTS_PATH);
  let end = 0;
  for (let line = 0; line < count; line++) end = bytes.indexOf(10, end) + 1;
  if (statSync(path, { throwIfNoEntry: false })?.size !== end) writeFileSync(path, bytes.subarray(0, end));
  return path;
}

export const prove: Proof = async ({ slice, log }) => {
  await prepareFlights(log);
  const flights = slice ? SLICE_FLIGHTS : FLIGHTS_COUNT;
  const input = slice ? firstFlights(flights) : FLIGHTS_PATH;
  const shares: number[] = [];
  const rates: number[] = [];
  let different = 0;
  for (let count = 0; count < (slice ? 1 : 7); count++) {
    const { two, copies, differences: found } = await round(input, flights);
    const together = Math.max(...copies.map((one) => one.seconds));
    shares.push(flights / two.seconds / ((2 * flights) / together));
    rates.push(flights / two.seconds);
    different += found;
    log(`two tasks a chain ${two.seconds.toFixed(2)} s, two copies ${together.toFixed(2)} s, ${found} differences`);
  }
  const passes: ExchangeFigures[] = [];
  for (let run = 0; run < (slice ? 1 : 5); run++) passes.push(await measureExchange(slice ? 10e6 : 200e6, 1));
  const spread = await measureExchange(slice ? 4e6 : 100e6, 2);
  const share = median(shares);
  const rowsPerSecond = median(passes.map((one) => one.rowsPerSecond));
  const figures: Record<string, Figure> = {
    share: Number(share.toFixed(3)),
    shares: shares.map((one) => Number(one.toFixed(3))),
    rowsPerSecondWithTwoTasks: Math.round(median(rates)),
    differencesToDuckDb: different,
    exchangedRowsPerSecond: rowsPerSecond,
    exchangedRowsPerSecondByKeyTwoToTwo: spread.rowsPerSecond,
  };
  // The slice shows that it works; a busy machine says nothing about speed.
  const fast = share >= WANTED_SHARE && rowsPerSecond >= WANTED_ROWS_PER_SECOND;
  return { pass: different === 0 && (slice || fast), figures };
};
