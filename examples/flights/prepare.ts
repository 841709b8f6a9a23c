// Makes the input of the flights example: one NDJSON file of 3,000,000 flights in order of arrival, beside the example.
//   node|deno run -A|bun examples/flights/prepare.ts
//
//   {"date":"2001-01-01T00:10:00Z","delay":14,"distance":405,"origin":"MCI","destination":"MDW"}
//
// Invariant: the file has its name only when it is whole. It is made again where it is not the known size or does not
// end in a line feed, as after a power cut: waiting for the disk would take longer than making it.

import { closeSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { arrivalOrder, type FlightsTable, flightsParquetPath, readFlights } from "./flights_table.ts";
import { LineWriter } from "./line_writer.ts";

const folder = fileURLToPath(new URL(".cache/", import.meta.url));
export const FLIGHTS_PATH: string = `${folder}flights.ndjson`;
export const FLIGHTS_COUNT = 3_000_000;
/** The size of the whole file: the data never change. */
const FLIGHTS_BYTES = 279_783_695;

/** Says in plain lines how far it has come. */
export type Say = (line: string) => void;

/** The path of the file; makes it where it is missing or not whole, which takes a few seconds. */
export async function prepareFlights(say: Say = () => undefined): Promise<string> {
  if (isWhole()) return FLIGHTS_PATH;
  mkdirSync(folder, { recursive: true });
  let told = 0;
  const table = await readFlights(flightsParquetPath(), (share) => {
    if (share < 1 && share - told < 0.25) return;
    told = share;
    say(`flights: read ${Math.round(share * 100)} % of ${FLIGHTS_COUNT.toLocaleString("en-US")}`);
  });
  say("flights: ordered by arrival, writing");
  const temporary = `${FLIGHTS_PATH}.${process.pid}`;
  try {
    const bytes = writeLines(temporary, table, arrivalOrder(table));
    if (bytes !== FLIGHTS_BYTES) {
      throw new Error(`the flights take ${bytes} bytes instead of ${FLIGHTS_BYTES}: vega-datasets has other data`);
    }
    renameSync(temporary, FLIGHTS_PATH);
    say(`flights: wrote ${Math.round(bytes / 1e6)} MB to ${FLIGHTS_PATH}`);
  } finally {
    rmSync(temporary, { force: true });
  }
  return FLIGHTS_PATH;
}

function isWhole(): boolean {
  if (statSync(FLIGHTS_PATH, { throwIfNoEntry: false })?.size !== FLIGHTS_BYTES) return false;
  const file = openSync(FLIGHTS_PATH, "r");
  try {
    const last = new Uint8Array(1);
    readSync(file, last, 0, 1, FLIGHTS_BYTES - 1);
    return last[0] === 10;
  } finally {
    closeSync(file);
  }
}

/** Returns the count of bytes written. */
function writeLines(path: string, table: FlightsTable, order: Uint32Array): number {
  const file = openSync(path, "wx");
  try {
    const lines = new LineWriter(table);
    for (const row of order) {
      lines.write(row);
      if (lines.full) lines.flush(file);
    }
    lines.flush(file);
    return lines.written;
  } finally {
    closeSync(file);
  }
}

if (import.meta.main) await prepareFlights(console.log);
