// The result of the flights example in two small tables: where flights are late, and the worst hours.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { grouped, minuteOf, table } from "../../adapters/local/cli/format.ts";
import type { SqlDatabase, SqlRow } from "../../src/platform/ports.ts";
import { FLIGHTS_TABLE } from "./job.ts";

const airportsPath = fileURLToPath(new URL("../../node_modules/vega-datasets/data/airports.csv", import.meta.url));

const COLUMNS =
  "origin, sum(departures), sum(mean_delay * departures) / sum(departures), max(max_delay)," +
  " sum(late_share * departures) / sum(departures)";

const BUSY_AIRPORT = 20_000;
const BUSY_HOUR = 25;

export async function flightsReport(tables: SqlDatabase): Promise<string[]> {
  const names = airportNames();
  const ask = (sql: string): Promise<readonly SqlRow[]> => tables.query({ sql, args: [] });
  const airports = await ask(
    `SELECT ${COLUMNS} FROM ${FLIGHTS_TABLE} GROUP BY origin HAVING sum(departures) >= ${BUSY_AIRPORT} ORDER BY 5 DESC, 1 LIMIT 6`,
  );
  const hours = await ask(
    `SELECT origin, departures, mean_delay, max_delay, late_share, window_start FROM ${FLIGHTS_TABLE}` +
      ` WHERE departures >= ${BUSY_HOUR} ORDER BY mean_delay DESC, 1, 6 LIMIT 6`,
  );
  const shared = [
    { title: "departures", right: true },
    { title: "mean delay", right: true },
    { title: "longest", right: true },
    { title: "over 15 min", right: true },
  ];
  const name = (row: SqlRow): string => `${String(row[0])} ${(names.get(String(row[0])) ?? "").slice(0, 36)}`.trim();
  return [
    "",
    "Busy airports where flights leave late",
    ...table(
      [{ title: "airport" }, ...shared],
      airports.map((row) => [name(row), ...figures(row)]),
    ),
    "",
    "Busy hours with the longest delays",
    ...table(
      [{ title: "hour (UTC)" }, { title: "airport" }, ...shared],
      hours.map((row) => [minuteOf(Number(row[5])), name(row), ...figures(row)]),
    ),
    "",
  ];
}

const figures = (row: SqlRow): string[] => [
  grouped(Number(row[1])),
  `${Number(row[2]).toFixed(1)} min`,
  `${grouped(Number(row[3]))} min`,
  `${(Number(row[4]) * 100).toFixed(1)} %`,
];

/** By code. The first two fields of each line: iata,name,…; a quoted field may hold commas. */
function airportNames(): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const line of readFileSync(airportsPath, "utf8").split("\n").slice(1)) {
    const match = /^([^,]+),(?:"((?:[^"]|"")*)"|([^,]*)),/.exec(line);
    if (match !== null) names.set(match[1] as string, (match[2]?.replaceAll('""', '"') ?? match[3] ?? "").trim());
  }
  return names;
}
