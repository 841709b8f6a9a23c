// A whole job over stores that processes share: a libSQL server, and blobs in a bucket or a directory. Whatever breaks
// between the process and its stores, or ends the process, its tables have every row once.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { LibsqlServerDatabase } from "../../adapters/local/libsql_server.ts";
import { rootPath } from "../../tools/process.ts";
import { FaultProxy, type ProxyMode } from "../support/fault_proxy.ts";
import { type S3Server, startS3 } from "../support/s3_server.ts";
import { waitFor } from "../support/server_process.ts";
import { sharedDifferences, sharedJob, sharedSpec } from "../support/shared_job.ts";
import { type Sqld, startSqld } from "../support/sqld.ts";

const root = mkdtempSync(join(tmpdir(), "millrace-deployment-"));
let s3: S3Server;
const servers: Sqld[] = [];

before(async () => {
  s3 = await startS3();
});
after(async () => {
  await s3.kill();
  for (const server of servers) await server.kill();
  rmSync(root, { recursive: true, force: true });
});

async function sqld(name: string, port?: number): Promise<Sqld> {
  const server = await startSqld({ directory: join(root, name), ...(port === undefined ? {} : { port }) });
  servers.push(server);
  return server;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("a job outlasts lost answers, cut connections and killed stores, and commits every row once", async () => {
  let server = await sqld("faults");
  const { port } = server;
  const store = await FaultProxy.start(port);
  const blobs = await FaultProxy.start(Number(new URL(s3.endpoint).port));
  const bucket = await s3.bucket();
  const deployment = await openDeployment({
    directory: join(root, "process"),
    fileRoots: [],
    logLevel: "error",
    store: { url: store.url, timeoutMs: 500, retryForMs: 3_000 },
    blobs: { ...bucket, url: bucket.url.replace(s3.endpoint, blobs.url), timeoutMs: 500, retryForMs: 3_000 },
    task: { batchRows: 64 },
  });
  try {
    const { record } = await deployment.engine.submit(sharedSpec(sharedJob));
    let ended = false;
    const end = deployment.engine.ended(record.jobId).then((view) => {
      ended = true;
      return view;
    });
    const modes: readonly ProxyMode[] = ["drop_answers", "refuse", "cut_requests", "swallow"];
    let faults = 0;
    for (let round = 0; round < 10 && !ended; round++) {
      const mode = modes[round % modes.length] as ProxyMode;
      const way = round % 3 === 2 ? blobs : store;
      await way.mode(mode);
      await pause(120);
      await way.mode("pass");
      way.cut();
      faults += way.faults;
      if (round === 4) {
        await server.kill();
        server = await sqld("faults", port);
      }
      await pause(200);
    }
    const view = await end;
    assert.equal(view.status, "FINISHED", JSON.stringify(view.error));
    assert.ok(faults > 0, "the faults struck");
    assert.deepEqual(await sharedDifferences(deployment.platform.tables, sharedJob), []);
  } finally {
    await deployment.close();
    await store.close();
    await blobs.close();
  }
});

test("a job whose process is killed goes on in another, in another directory, and commits every row once", async () => {
  const server = await sqld("kills");
  const blobsUrl = pathToFileURL(join(root, "blobs")).href;
  const program = join(rootPath, "tests/support/shared_child.ts");
  let status = "";
  for (let life = 0; status === ""; life++) {
    assert.ok(life < 10, "it comes to its end");
    const args = [program, join(root, `host${life}`), server.url, blobsUrl];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => (said += String(bytes)));
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    if (life < 3) {
      await waitFor("the job", 60_000, async () => (said.includes("running") ? true : undefined));
      await pause(500 + life * 170);
      child.kill("SIGKILL");
    }
    await closed;
    status = /ended (\w+)/.exec(said)?.[1] ?? "";
    if (life >= 3) assert.equal(status, "FINISHED", said);
  }
  const database = await LibsqlServerDatabase.open({ url: server.url, log: silentLog });
  assert.deepEqual(await sharedDifferences(database, sharedJob), []);
  await database.close();
});
