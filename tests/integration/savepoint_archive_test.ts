// Savepoints of a deployment of processes, moved to a bucket on a real S3-compatible server while the job runs.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openBlobs } from "../../adapters/local/blobs/open_blobs.ts";
import { Deployed } from "../support/deployed.ts";
import { endlessJob } from "../support/endless_job.ts";
import { type S3Server, startS3 } from "../support/s3_server.ts";

const root = mkdtempSync(join(tmpdir(), "millrace-archive-"));
let s3: S3Server;

before(async () => {
  s3 = await startS3();
});
after(async () => {
  await s3.kill();
  rmSync(root, { recursive: true, force: true });
});

test("savepoints of `millrace up` are moved to a bucket, those without a name given up, and one is deleted there", async () => {
  const bucket = await s3.bucket();
  const archive = await openBlobs(bucket);
  const keys = ["--archive-key", bucket.accessKeyId as string, "--archive-secret", bucket.secretAccessKey as string];
  const args = ["--tasks", "1", "--archive", bucket.url, ...keys, "--savepoints-retained", "1"];
  const deployed = await Deployed.start(root, args);
  try {
    const jobId = await deployed.submit(endlessJob("endless"));
    await deployed.checkpoints(jobId, 2);
    const ask = async (body: object): Promise<string> => {
      const { "request-id": id } = await deployed.call("POST", `/v1/jobs/${jobId}/savepoints`, body);
      await deployed.until("the savepoint in the archive", async () => {
        return (await deployed.call("GET", `/v1/savepoints/${id}`))["kept-in"] === "archive";
      });
      return String(id);
    };
    const named = await ask({ archive: true, name: "end of November" });
    const first = await ask({ archive: true });
    const second = await ask({ archive: true });
    await deployed.until("the first to go", async () => {
      return (await archive.list("savepoint/")).every((name) => !name.endsWith(first));
    });
    const left = [named, second].sort().map((one) => `savepoint/${one}`);
    assert.deepEqual(await archive.list("savepoint/"), left);
    await deployed.call("DELETE", `/v1/savepoints/${second}`);
    assert.deepEqual(await archive.list("savepoint/"), [`savepoint/${named}`]);
    await deployed.call("POST", `/v1/jobs/${jobId}/stop`, {});
    await deployed.ended(jobId);
    const next = await deployed.submit({ spec: endlessJob("again"), savepoint: named });
    await deployed.checkpoints(next, 1);
  } finally {
    await deployed.stop();
  }
});
