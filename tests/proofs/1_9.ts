// Promise 1.9: a savepoint taken under Node goes on in workerd and in Bun, and the output is that of one
// uninterrupted run. Everything over HTTP, as a user would.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Proof } from "../../tools/proof.ts";
import { startMillraceWorker } from "../support/millrace_worker.ts";
import {
  expectJson,
  jobEnded,
  type LocalRuntime,
  startServer,
  type ServerProcess,
  tableLines,
  waitFor,
} from "../support/server_process.ts";
import type { MillraceWorker } from "../support/millrace_worker.ts";

type Server = ServerProcess | MillraceWorker;
const TABLES = ["moved_windows", "moved_late"] as const;

/** Out of order beyond the bound, so that late rows, and the watermarks that decide them, are part of the output. */
const spec = (rows: number, ratePerSecond?: number) => ({
  millrace: 1,
  name: "moved",
  // The part before the savepoint commits nothing but at the savepoint, so that both parts can be told apart exactly.
  checkpoint: { intervalMs: ratePerSecond === undefined ? 200 : 600_000 },
  operators: [
    {
      uid: "events",
      kind: "source",
      connector: {
        kind: "generator",
        seed: 7,
        rows,
        keys: 500,
        startMs: 1_000_000,
        stepMs: 20,
        jitterMs: 30_000,
        splits: 2,
        ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
      },
      schema: [
        { name: "customer", type: "utf8" },
        { name: "at", type: "timestamp" },
        { name: "units", type: "i64" },
        { name: "price", type: "f64" },
      ],
      eventTime: { column: "at", boundMs: 5_000 },
    },
    {
      uid: "windows",
      kind: "window",
      input: "events",
      keyBy: ["customer"],
      window: { kind: "tumbling", sizeMs: 60_000 },
      aggregates: {
        events: { function: "count" },
        units: { function: "sum", column: "units" },
        dearest: { function: "max", column: "price" },
        mean_price: { function: "avg", column: "price" },
      },
    },
    {
      uid: "table",
      kind: "sink",
      input: "windows",
      connector: { kind: "table", table: TABLES[0], mode: "upsert", primaryKey: ["customer", "window_start"] },
    },
    {
      uid: "late",
      kind: "sink",
      input: "windows#late",
      connector: { kind: "table", table: TABLES[1], mode: "append" },
    },
  ],
});

async function rowsOf(server: Server): Promise<string[]> {
  return [...(await tableLines(server, TABLES[0])), ...(await tableLines(server, TABLES[1]))];
}

async function uninterrupted(directory: string, rows: number): Promise<string[]> {
  const server = await startServer("node", join(directory, "whole"));
  try {
    const { jobid } = await expectJson<{ jobid: string }>(server, 201, "POST", "/v1/jobs", { spec: spec(rows) });
    if ((await jobEnded(server, jobid, 120_000)) !== "FINISHED") throw new Error("the uninterrupted run failed");
    return (await rowsOf(server)).sort();
  } finally {
    await server.stop();
  }
}

/** Runs the first part under Node; gives back the savepoint file and what had been committed before it. */
async function firstPart(directory: string, rows: number): Promise<{ file: Uint8Array; before: string[] }> {
  const server = await startServer("node", join(directory, "first"));
  try {
    const body = { spec: spec(rows, Math.floor(rows / 8)) };
    const { jobid } = await expectJson<{ jobid: string }>(server, 201, "POST", "/v1/jobs", body);
    await new Promise((resolve) => setTimeout(resolve, 4_000)); // about half of the rows, at 8 s for all of them
    const trigger = await expectJson<{ "request-id": string }>(server, 202, "POST", `/v1/jobs/${jobid}/savepoints`, {});
    const savepoint = trigger["request-id"];
    await waitFor("the savepoint", 30_000, async () => {
      const found = await expectJson<{ status: string }>(server, 200, "GET", `/v1/savepoints/${savepoint}`);
      if (found.status === "FAILED") throw new Error(JSON.stringify(found));
      return found.status === "COMPLETED" ? true : undefined;
    });
    await server.call("PATCH", `/v1/jobs/${jobid}?mode=cancel`);
    await jobEnded(server, jobid, 30_000);
    return {
      file: (await server.bytes("GET", `/v1/savepoints/${savepoint}/file`)).bytes,
      before: await rowsOf(server),
    };
  } finally {
    await server.stop();
  }
}

async function goOn(server: Server, file: Uint8Array, rows: number): Promise<string[]> {
  const uploaded = await server.bytes("POST", "/v1/savepoints", file);
  if (uploaded.status !== 201)
    throw new Error(`upload: ${uploaded.status} ${new TextDecoder().decode(uploaded.bytes)}`);
  const { savepoint } = JSON.parse(new TextDecoder().decode(uploaded.bytes)) as { savepoint: string };
  const { jobid } = await expectJson<{ jobid: string }>(server, 201, "POST", "/v1/jobs", {
    spec: spec(rows),
    savepoint,
  });
  const state = await jobEnded(server, jobid, 120_000);
  if (state !== "FINISHED") throw new Error(`the restored job is ${state}`);
  return await rowsOf(server);
}

/** How often a line of one list is missing in the other. */
function missing(wanted: readonly string[], found: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const line of found) counts.set(line, (counts.get(line) ?? 0) + 1);
  let lacking = 0;
  for (const line of wanted) {
    const left = counts.get(line) ?? 0;
    if (left === 0) lacking++;
    else counts.set(line, left - 1);
  }
  return lacking;
}

export const prove: Proof = async ({ slice, log }) => {
  const rows = slice ? 40_000 : 400_000;
  const directory = mkdtempSync(join(tmpdir(), "millrace-1-9-"));
  try {
    const whole = await uninterrupted(directory, rows);
    log(`uninterrupted: ${whole.length} rows`);
    const { file, before } = await firstPart(directory, rows);
    log(`savepoint: ${file.byteLength} bytes after ${before.length} committed rows`);
    const figures: Record<string, number> = { rowsIn: rows, rowsOut: whole.length, savepointBytes: file.byteLength };
    let pass = before.length > 0 && before.length < whole.length;
    for (const runtime of ["workerd", "bun"] as const) {
      const server =
        runtime === "workerd"
          ? await startMillraceWorker({ storagePath: join(directory, "workerd") })
          : await startServer(runtime satisfies LocalRuntime, join(directory, runtime));
      try {
        const after = await goOn(server, file, rows);
        const both = [...before, ...after];
        const lost = missing(whole, both);
        const wrong = missing(both, whole);
        log(`${runtime}: ${after.length} rows after the savepoint, ${lost} lost, ${wrong} wrong`);
        figures[`${runtime}Lost`] = lost;
        figures[`${runtime}Wrong`] = wrong;
        figures[`${runtime}After`] = after.length;
        pass &&= lost === 0 && wrong === 0 && after.length > 0 && after.length < whole.length;
      } finally {
        await ("dispose" in server ? server.dispose() : server.stop());
      }
    }
    return { pass, figures };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};
