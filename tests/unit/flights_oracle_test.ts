// The flights oracle agrees with a loop that goes row by row.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Flight, FlightsOracle, type FlightsWindow, wholeQuestion } from "../oracle/duckdb_flights.ts";

const MINUTE_MS = 60_000;

/** The rules as a loop: what is late, and what each hour sums up to. */
function byHand(flights: readonly Flight[], boundMs: number, windowMs: number) {
  const late: Flight[] = [];
  const behindMs: number[] = [];
  const windows = new Map<string, { start: number; origin: string; delays: number[] }>();
  let greatest = Number.NEGATIVE_INFINITY;
  for (const flight of flights) {
    const start = Math.floor(flight.date / windowMs) * windowMs;
    if (start + windowMs <= greatest - boundMs) late.push(flight);
    else {
      const key = `${start} ${flight.origin}`;
      const window = windows.get(key) ?? { start, origin: flight.origin, delays: [] };
      windows.set(key, window);
      window.delays.push(flight.delay);
    }
    behindMs.push(greatest - flight.date);
    greatest = Math.max(greatest, flight.date);
  }
  const rows = [...windows.values()].map(({ start, origin, delays }): FlightsWindow => {
    const departures = delays.length;
    return {
      windowStart: start,
      windowEnd: start + windowMs,
      origin,
      departures,
      meanDelay: delays.reduce((sum, delay) => sum + delay, 0) / departures,
      maxDelay: Math.max(...delays),
      lateShare: delays.filter((delay) => delay > 15).length / departures,
    };
  });
  rows.sort((a, b) => a.windowStart - b.windowStart || (a.origin < b.origin ? -1 : 1));
  return { rows, late, behindMs };
}

test("the first arrivals give what a loop over them gives", async () => {
  const question = { ...wholeQuestion, flights: 30_000, boundMs: 20 * MINUTE_MS };
  const oracle = await FlightsOracle.open(question);
  const flights = await oracle.arrivals();
  const windows = await oracle.windows();
  const late = await oracle.lateFlights();
  const facts = await oracle.facts();
  oracle.close();
  assert.equal(flights.length, question.flights);
  for (let index = 1; index < flights.length; index++) {
    const [before, after] = [flights[index - 1] as Flight, flights[index] as Flight];
    assert.ok(before.date + before.delay * MINUTE_MS <= after.date + after.delay * MINUTE_MS, "in order of arrival");
  }
  const expected = byHand(flights, question.boundMs, question.windowMs);
  assert.ok(expected.late.length > 1000, "some are late");
  assert.deepEqual(late, expected.late);
  assert.deepEqual(windows, expected.rows);
  assert.equal(facts.flights, question.flights);
  assert.equal(facts.lateFlights, late.length);
  assert.equal(facts.windows, windows.length);
  assert.equal(facts.disorder.max, Math.max(...expected.behindMs) / MINUTE_MS);
});
