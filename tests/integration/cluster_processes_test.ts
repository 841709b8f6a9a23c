// Real processes of one deployment: workers and leaders are killed and stopped while a job runs, and its tables have
// every row once.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { LibsqlServerDatabase } from "../../adapters/local/libsql_server.ts";
import { openLocalPlatform } from "../../adapters/local/platform.ts";
import { Deployed } from "../support/deployed.ts";
import { sharedDifferences, sharedJob, sharedSpec } from "../support/shared_job.ts";
import { startSqld } from "../support/sqld.ts";

const job = { ...sharedJob, rows: 36_000 };
const spec = { ...(sharedSpec(job) as object), parallelism: 2 };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("millrace up on a file: a worker and the coordinator are killed, a worker hangs, and nothing is lost", async () => {
  const root = mkdtempSync(join(tmpdir(), "millrace-up-"));
  const up = await Deployed.start(root, ["--tasks", "2", "--lease-ms", "1000"]);
  try {
    const id = await up.submit(spec);
    await up.checkpoints(id, 2);
    process.kill(await up.processOf("worker 1"), "SIGKILL");
    await up.line(/worker 1 \(process \d+\) ended with SIGKILL/);
    await pause(2_000);
    await up.checkpoints(id, 2);
    process.kill(await up.processOf("coordinator 1"), "SIGKILL");
    await pause(3_000);
    process.kill(await up.processOf("worker 2"), "SIGSTOP");
    await up.line(/worker 2 \(process \d+\) has said nothing/);
    assert.equal(await up.ended(id), "FINISHED");
    const restarts = await up.restarts(id);
    assert.ok(restarts > 0, "the job was started again");
  } finally {
    await up.stop();
  }
  const platform = await openLocalPlatform({
    ...{ directory: join(root, "store"), fileRoots: [], log: silentLog, console: { print: () => undefined } },
  });
  assert.deepEqual(await sharedDifferences(platform.database, job), []);
  await platform.close();
  rmSync(root, { recursive: true, force: true });
});

test("three coordinators: the leader is killed, and one that was stopped for long changes nothing", async () => {
  const root = mkdtempSync(join(tmpdir(), "millrace-up-"));
  const server = await startSqld({ directory: join(root, "sqld") });
  const blobs = pathToFileURL(join(root, "blobs")).href;
  const shared = ["--store", server.url, "--blobs", blobs];
  const up = await Deployed.start(root, [...shared, "--tasks", "2", "--coordinators", "3", "--lease-ms", "1000"]);
  try {
    const id = await up.submit(spec);
    await up.checkpoints(id, 2);
    const first = await up.leader();
    process.kill(await up.processOf(first), "SIGKILL");
    const second = await up.leader(first);
    await up.checkpoints(id, 2);
    const zombie = await up.processOf(second);
    process.kill(zombie, "SIGSTOP");
    await up.leader(second);
    process.kill(zombie, "SIGCONT");
    assert.equal(await up.ended(id), "FINISHED");
    const database = await LibsqlServerDatabase.open({ url: server.url, log: silentLog });
    assert.deepEqual(await sharedDifferences(database, job), []);
    await database.close();
  } finally {
    await up.stop();
    await server.kill();
  }
  rmSync(root, { recursive: true, force: true });
});
