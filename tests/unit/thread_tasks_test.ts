// Tasks in threads: what they commit is what one task commits.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openDeployment } from "../../adapters/local/deployment.ts";

const spec = (parallelism: number) => ({
  millrace: 1,
  name: "threads",
  parallelism,
  checkpoint: { intervalMs: 50 },
  operators: [
    {
      uid: "events",
      kind: "source",
      connector: {
        kind: "generator",
        seed: 7,
        rows: 60_000,
        keys: 40,
        splits: 3,
        startMs: 0,
        stepMs: 5,
        jitterMs: 900,
      },
      schema: [
        { name: "at", type: "timestamp" },
        { name: "name", type: "utf8", nullable: true },
        { name: "flag", type: "bool" },
        { name: "amount", type: "i64" },
      ],
      eventTime: { column: "at", boundMs: 500 },
    },
    { uid: "some", kind: "filter", input: "events", where: { op: "gt", args: [{ col: "amount" }, 3] } },
    {
      uid: "window",
      kind: "window",
      input: "some",
      keyBy: ["name", "flag"],
      window: { kind: "tumbling", sizeMs: 1000 },
      aggregates: { rows: { function: "count" }, sum: { function: "sum", column: "amount" } },
    },
    { uid: "out", kind: "sink", input: "window", connector: { kind: "ndjson_files", directory: "out" } },
    { uid: "late", kind: "sink", input: "window#late", connector: { kind: "log", name: "late" } },
  ],
});

interface Committed {
  readonly rows: readonly string[];
  readonly late: number;
}

async function committed(parallelism: number): Promise<Committed> {
  const directory = await mkdtemp(join(tmpdir(), "millrace-threads-"));
  const deployment = await openDeployment({
    directory: join(directory, "store"),
    fileRoots: [directory],
    logLevel: "error",
    console: { print: () => undefined },
  });
  try {
    const { record } = await deployment.engine.submit(spec(parallelism));
    const view = await deployment.engine.ended(record.jobId);
    assert.equal(view.status, "FINISHED", view.error?.message ?? "");
    assert.equal(view.progress?.tasks.length, parallelism === 1 ? 1 : parallelism * 2);
    assert.equal(view.progress?.counters.rowsIn, 60_000);
    const files = (await readdir(join(directory, "out"))).filter((one) => one.endsWith(".ndjson"));
    const texts = await Promise.all(files.map((one) => readFile(join(directory, "out", one), "utf8")));
    const rows = texts.flatMap((text) => text.trimEnd().split("\n")).sort();
    return { rows, late: view.progress?.counters.rowsLate ?? 0 };
  } finally {
    await deployment.close();
    await rm(directory, { recursive: true, force: true });
  }
}

test("a job over threads commits what it commits in one task", async () => {
  const one = await committed(1);
  assert.ok(one.rows.length > 1000 && one.late > 0);
  const two = await committed(2);
  assert.deepEqual(two, one);
});
