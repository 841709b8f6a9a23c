// The flights example as a job: departures and delays per origin airport and hour of event time.
//   npx millrace run examples/flights/job.ts
//
// The flights come in order of arrival, so their dates are out of order; a flight whose hour has been over for more
// than an hour, as far as the flights before it tell, goes to the side output instead of the table.

import type { JobSpec } from "../../src/job/job_spec.ts";

export const FLIGHTS_JOB = "flights";
export const FLIGHTS_TABLE = "flights_by_hour";
const HOUR_MS = 3_600_000;

/** @param outputDirectory where late and rejected flights go, as files of NDJSON. */
export function flightsJob(outputDirectory: string): JobSpec {
  return {
    millrace: 1,
    name: FLIGHTS_JOB,
    maxParallelism: 128,
    checkpoint: { intervalMs: 1000 },
    restart: { strategy: "fixed_delay", attempts: 3, delayMs: 1000 },
    operators: [
      {
        uid: "arrivals",
        kind: "source",
        connector: { kind: "ndjson_file", paths: ["examples/flights/.cache/flights.ndjson"], splits: 1 },
        schema: [
          { name: "date", type: "timestamp", nullable: false },
          { name: "delay", type: "i64", nullable: false },
          { name: "distance", type: "i64", nullable: false },
          { name: "origin", type: "utf8", nullable: false },
          { name: "destination", type: "utf8", nullable: false },
        ],
        eventTime: { column: "date", boundMs: HOUR_MS },
      },
      {
        uid: "scored",
        kind: "project",
        input: "arrivals",
        columns: {
          date: { col: "date" },
          delay: { col: "delay" },
          distance: { col: "distance" },
          origin: { col: "origin" },
          destination: { col: "destination" },
          // Its mean is the share of flights that were more than 15 minutes late.
          over_15: { op: "if", args: [{ op: "gt", args: [{ col: "delay" }, 15] }, { f64: 1 }, { f64: 0 }] },
        },
      },
      {
        uid: "hourly",
        kind: "window",
        input: "scored",
        keyBy: ["origin"],
        window: { kind: "tumbling", sizeMs: HOUR_MS, offsetMs: 0 },
        aggregates: {
          departures: { function: "count" },
          mean_delay: { function: "avg", column: "delay" },
          max_delay: { function: "max", column: "delay" },
          late_share: { function: "avg", column: "over_15" },
        },
      },
      {
        uid: "by_hour",
        kind: "sink",
        input: "hourly",
        connector: { kind: "table", table: FLIGHTS_TABLE, mode: "upsert", primaryKey: ["window_start", "origin"] },
      },
      {
        uid: "late",
        kind: "sink",
        input: "hourly#late",
        connector: { kind: "ndjson_files", directory: `${outputDirectory}/late` },
      },
      {
        uid: "rejected",
        kind: "sink",
        input: "arrivals#rejected",
        connector: { kind: "ndjson_files", directory: `${outputDirectory}/rejected` },
      },
    ],
  };
}

export default flightsJob(".millrace/flights");
