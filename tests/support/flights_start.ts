// `npm start` and its siblings as a newcomer types them: started, read until the job is FINISHED, stopped, and its output hashed.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import { LineProcess, type Program } from "./cli.ts";

export interface FlightsRun {
  /** From the command to the closing line. */
  readonly seconds: number;
  /** The closing line. */
  readonly closing: string;
  /** Name and version, as the closing line has them. */
  readonly runtime: string;
  readonly rows: number;
  readonly lateRows: number;
  /** Of the table's rows in the order of its key. */
  readonly tableHash: string;
  /** Of the late rows in order. */
  readonly lateHash: string;
}

/** @param store where the run keeps its store: the committed table and the late rows lie below it. */
export async function runFlights(program: Program, store: string): Promise<FlightsRun> {
  const startedMs = performance.now();
  const running = new LineProcess(program);
  try {
    const [closing, runtime] = (await running.line(/^FINISHED {2}.* on (\S+ \S+)$/)) as unknown as [string, string];
    const seconds = (performance.now() - startedMs) / 1000;
    await running.line(/serving /);
    await running.stop();
    return { seconds, closing, runtime, ...(await hashOfTable(store)), ...hashOfLate(join(store, "flights", "late")) };
  } finally {
    await running.stop("SIGKILL");
  }
}

/** SQLite writes the text: handing 410,000 rows over one by one takes longer than the job. */
const TABLE_TEXT = `
  SELECT count(*), group_concat(line, char(10)) FROM (
    SELECT window_start || '|' || window_end || '|' || origin || '|' || departures || '|' || max_delay || '|' ||
      printf('%!.17g|%!.17g', mean_delay, late_share) AS line
    FROM flights_by_hour ORDER BY window_start, origin)`;

async function hashOfTable(store: string): Promise<{ rows: number; tableHash: string }> {
  const client = createClient({ url: `file:${join(store, "store.db")}` });
  try {
    const [row] = (await client.execute(TABLE_TEXT)).rows;
    const tableHash = createHash("sha256").update(String(row?.[1])).digest("hex");
    return { rows: Number(row?.[0]), tableHash };
  } finally {
    client.close();
  }
}

function hashOfLate(directory: string): { lateRows: number; lateHash: string } {
  const lines = readdirSync(directory).flatMap((name) =>
    readFileSync(join(directory, name), "utf8").trimEnd().split("\n"),
  );
  const hash = createHash("sha256");
  for (const line of lines.sort()) hash.update(`${line}\n`);
  return { lateRows: lines.length, lateHash: hash.digest("hex") };
}
