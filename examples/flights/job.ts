// The flights example as a job: departures and delays per origin airport and hour of event time.
//   npx millrace run examples/flights/job.ts
//
// The flights come in order of arrival, so their dates are out of order; a flight whose hour has been over for more
// than an hour, as far as the flights before it tell, goes to the side output instead of the table.

import {
  avg,
  count,
  f64,
  type JobSpec,
  job,
  max,
  ndjsonFile,
  ndjsonFiles,
  table,
  tumbling,
  when,
} from "../../src/job/mod.ts";

export const FLIGHTS_JOB = "flights";
export const FLIGHTS_TABLE = "flights_by_hour";

/** @param outputDirectory where late and rejected flights go, as files of NDJSON. */
export function flightsJob(outputDirectory: string): JobSpec {
  return job(FLIGHTS_JOB)
    .source("arrivals", ndjsonFile({ path: "examples/flights/.cache/flights.ndjson" }), {
      schema: { date: "timestamp", delay: "i64", distance: "i64", origin: "utf8", destination: "utf8" },
      eventTime: { column: "date", bound: { minutes: 60 } },
    })
    .rejected("rejected", ndjsonFiles({ directory: `${outputDirectory}/rejected` }))
    .project("scored", ({ date, delay, distance, origin, destination }) => ({
      ...{ date, delay, distance, origin, destination },
      // Its mean is the share of flights that were more than 15 minutes late.
      over_15: when(delay.gt(15), f64(1), f64(0)),
    }))
    .keyBy("origin")
    .window("hourly", tumbling({ hours: 1 }), {
      departures: count(),
      mean_delay: avg("delay"),
      max_delay: max("delay"),
      late_share: avg("over_15"),
    })
    .late("late", ndjsonFiles({ directory: `${outputDirectory}/late` }))
    .sink("by_hour", table({ table: FLIGHTS_TABLE, mode: "upsert", primaryKey: ["window_start", "origin"] }))
    .toSpec();
}

export default flightsJob(".millrace/flights");
