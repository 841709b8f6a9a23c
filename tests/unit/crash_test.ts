// What kills and aborts leave behind, in small: `npm run prove -- 1.3` does the same hundreds of times.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { CrashJob } from "../support/crash_job.ts";
import { crashSpec, EVENTS_LOG } from "../support/crash_job.ts";
import { liveUnderKills } from "../support/crash_life.ts";
import { liveInWorker } from "../support/crash_worker.ts";
import { startMillraceWorker } from "../support/millrace_worker.ts";
import { expectJson } from "../support/server_process.ts";

const root = mkdtempSync(join(tmpdir(), "millrace-crash-"));
after(() => rmSync(root, { recursive: true, force: true }));

const small: Omit<CrashJob, "source"> = { seed: 3, rows: 9_000, keys: 100, ratePerSecond: 24_000, checkpointMs: 30 };

test("a job that was killed at its stages commits exactly what it should, into tables and files", async () => {
  const options = { directory: join(root, "node"), kills: 3, struckBefore: {}, batchRows: 64, readMs: 2 };
  const life = await liveUnderKills({ ...options, job: { ...small, source: "ndjson_file" } });
  assert.deepEqual({ lost: life.lost, wrong: life.wrong, faults: life.faults }, { lost: 0, wrong: 0, faults: [] });
  assert.ok(life.kills === 3, `${life.kills} kills`);
  assert.ok(life.windowRows > 0 && life.lateRows > 0 && life.rejectedRows > 0, "every kind of output is there");
});

test("a job whose process is killed and whose objects are aborted commits exactly what it should", async () => {
  const life = await liveInWorker({
    storagePath: join(root, "worker"),
    job: { ...small, source: "log", rows: 1000 },
    blows: { process: 1, cell: 1, output: 1 },
    silenceMs: 0,
  });
  assert.deepEqual({ lost: life.lost, wrong: life.wrong, faults: life.faults }, { lost: 0, wrong: 0, faults: [] });
  assert.ok(life.windowRows > 0 && life.lateRows > 0 && life.rejectedRows > 0, "every kind of output is there");
});

test("a job's object without an alarm sets one as soon as it is woken", async () => {
  const worker = await startMillraceWorker({ entry: "tests/runtimes/workerd/chaos_worker.ts" });
  try {
    assert.equal((await worker.call("PUT", `/v1/stream/${EVENTS_LOG}`)).status, 201);
    const spec = crashSpec({ ...small, source: "log" });
    const { jobid } = await expectJson<{ jobid: string }>(worker, 201, "POST", "/v1/jobs", { spec });
    const chaos = `/chaos/cell/job/${jobid}`;
    assert.equal(typeof (await expectJson(worker, 200, "GET", chaos)), "number", "a new job has an alarm");
    await worker.call("DELETE", chaos);
    assert.equal(await expectJson(worker, 200, "GET", chaos), null, "now it has none");
    await worker.call("POST", chaos);
    await expectJson(worker, 200, "GET", `/v1/jobs/${jobid}`);
    assert.equal(typeof (await expectJson(worker, 200, "GET", chaos)), "number", "it has one again");
  } finally {
    await worker.dispose();
  }
});
