// The input of the flights example: lines that JSON reads back, in the order that DuckDB finds too.

import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  arrivalOrder,
  type FlightsTable,
  flightsParquetPath,
  readFlights,
} from "../../examples/flights/flights_table.ts";
import { LineWriter } from "../../examples/flights/line_writer.ts";
import { FlightsOracle, wholeQuestion } from "../oracle/duckdb_flights.ts";

function linesOf(table: FlightsTable, rows: Iterable<number>): string[] {
  const folder = mkdtempSync(join(tmpdir(), "millrace-flights-"));
  try {
    const path = join(folder, "lines");
    const file = openSync(path, "w");
    const writer = new LineWriter(table);
    for (const row of rows) {
      writer.write(row);
      if (writer.full) writer.flush(file);
    }
    writer.flush(file);
    closeSync(file);
    const text = readFileSync(path, "utf8");
    assert.equal(writer.written, text.length);
    assert.ok(text.endsWith("\n"));
    return text.slice(0, -1).split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const minutesOf = (iso: string): number => Date.parse(iso) / 60_000;

test("a line is what JSON.stringify gives, whatever the numbers are", () => {
  const dates = ["2001-01-01T00:00:00Z", "1969-12-31T23:59:00Z", "2001-12-31T23:09:00Z", "2024-02-29T10:05:00Z"];
  const table: FlightsTable = {
    rowCount: 4,
    date: Int32Array.from(dates, minutesOf),
    delay: Int32Array.of(0, -1116, 9, 1000),
    distance: Int32Array.of(10, 99, 100, 2147483647),
    origin: Uint16Array.of(0, 1, 0, 2),
    destination: Uint16Array.of(1, 0, 2, 2),
    airports: ["ATL", 'a"b', "JFK"],
  };
  const lines = linesOf(table, [2, 0, 1, 3]);
  const expected = [2, 0, 1, 3].map((row) => {
    const codeOf = (ids: Uint16Array): string => table.airports[ids[row] as number] as string;
    return JSON.stringify({
      date: dates[row],
      delay: table.delay[row],
      distance: table.distance[row],
      origin: codeOf(table.origin),
      destination: codeOf(table.destination),
    });
  });
  assert.deepEqual(lines, expected);
});

test("flights are ordered by arrival, and those of one minute stay in the order of the table", () => {
  const table: FlightsTable = {
    rowCount: 6,
    date: Int32Array.of(100, 101, 99, 100, 400, 97),
    delay: Int32Array.of(5, -1, 6, 0, -305, 3),
    distance: new Int32Array(6),
    origin: new Uint16Array(6),
    destination: new Uint16Array(6),
    airports: ["ATL"],
  };
  assert.deepEqual([...arrivalOrder(table)], [4, 1, 3, 5, 0, 2]);
});

test("the first lines of the example's input are the first arrivals that DuckDB finds", async () => {
  const table = await readFlights(flightsParquetPath(), () => undefined);
  assert.equal(table.rowCount, 3_000_000);
  assert.equal(table.airports.length, 229);
  const flights = 30_000;
  const lines = linesOf(table, arrivalOrder(table).subarray(0, flights));
  const oracle = await FlightsOracle.open({ ...wholeQuestion, flights });
  const arrivals = await oracle.arrivals();
  oracle.close();
  const found = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    found.map((flight) => ({ ...flight, date: Date.parse(flight["date"] as string) })),
    arrivals,
  );
});
