// Process functions where they are loaded: in the threads of tasks, and bundled with a Worker.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { startMillraceWorker } from "../support/millrace_worker.ts";
import { rootPath } from "../../tools/process.ts";

const field = (name: string, type: string) => ({ name, type });

const labelCounts = (parallelism: number) => ({
  millrace: 1,
  name: "threads",
  parallelism,
  checkpoint: { intervalMs: 50 },
  operators: [
    {
      uid: "events",
      kind: "source",
      connector: { kind: "generator", seed: 7, rows: 20_000, keys: 40, splits: 3, stepMs: 5, jitterMs: 900 },
      schema: [field("at", "timestamp"), field("key", "utf8"), field("label", "utf8"), field("amount", "i64")],
      eventTime: { column: "at", boundMs: 1000 },
    },
    {
      uid: "counts",
      kind: "process",
      input: "events",
      keyBy: ["key"],
      function: "label_counts",
      columns: [{ name: "key", type: "utf8", nullable: true }, field("label", "utf8"), field("rows", "i64")],
      states: { counts: { kind: "map" } },
    },
    { uid: "out", kind: "sink", input: "counts", connector: { kind: "ndjson_files", directory: "out" } },
  ],
});

async function committed(parallelism: number): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), "millrace-process-"));
  const deployment = await openDeployment({
    directory: join(directory, "store"),
    fileRoots: [directory],
    functions: [join(rootPath, "tests/golden/process_functions.ts")],
    logLevel: "error",
  });
  try {
    const { record } = await deployment.engine.submit(labelCounts(parallelism));
    const view = await deployment.engine.ended(record.jobId);
    assert.equal(view.status, "FINISHED", view.error?.message ?? "");
    assert.equal(view.progress?.tasks.length, parallelism === 1 ? 1 : parallelism * 2);
    const files = (await readdir(join(directory, "out"))).filter((one) => one.endsWith(".ndjson"));
    const texts = await Promise.all(files.map((one) => readFile(join(directory, "out", one), "utf8")));
    return texts.flatMap((text) => text.trimEnd().split("\n")).sort();
  } finally {
    await deployment.close();
    await rm(directory, { recursive: true, force: true });
  }
}

test("each thread of a task loads the modules of functions", async () => {
  const one = await committed(1);
  const rows = one.map((line) => (JSON.parse(line) as { rows: number }).rows);
  assert.equal(
    rows.reduce((sum, count) => sum + count, 0),
    20_000,
  );
  assert.deepEqual(await committed(2), one);
});

test("a Worker runs the functions that its entry registers, and refuses others by name", async () => {
  const worker = await startMillraceWorker({ entry: "tests/runtimes/workerd/process_worker.ts" });
  const spec = (name: string) => ({
    millrace: 1,
    name: "metering",
    checkpoint: { intervalMs: 50 },
    operators: [
      {
        uid: "events",
        kind: "source",
        connector: { kind: "log", name: "events" },
        schema: [field("customer", "utf8"), field("units", "i64")],
      },
      {
        uid: "running",
        kind: "process",
        input: "events",
        keyBy: ["customer"],
        function: name,
        columns: [field("customer", "utf8"), field("total", "i64")],
        states: { total: { kind: "value" } },
      },
      {
        uid: "table",
        kind: "sink",
        input: "running",
        connector: { kind: "table", table: "totals", mode: "upsert", primaryKey: ["customer"] },
      },
    ],
  });
  try {
    assert.equal((await worker.call("PUT", "/v1/stream/events", undefined, "application/json")).status, 201);
    const refused = await worker.call("POST", "/v1/jobs", { spec: spec("runing") });
    assert.equal(refused.status, 400, refused.text);
    assert.match(refused.text, /a function that the deployment registers: .*running.*did you mean/);
    const posted = await worker.call("POST", "/v1/jobs", { spec: spec("running") });
    assert.equal(posted.status, 201, posted.text);
    const events = Array.from({ length: 30 }, (_none, index) => ({ customer: `c${index % 3}`, units: 2 }));
    assert.equal((await worker.call("POST", "/v1/stream/events", events)).status, 204);
    let found = await worker.rowsOf("totals", 3);
    // A checkpoint may fall between the first rows of a customer and the last.
    for (let attempt = 0; attempt < 50 && found.some((row) => row["total"] !== 20); attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      found = await worker.rowsOf("totals", 3);
    }
    assert.deepEqual(found.map((row) => [row["customer"], row["total"]]).sort(), [
      ["c0", 20],
      ["c1", 20],
      ["c2", 20],
    ]);
  } finally {
    await worker.dispose();
  }
});
