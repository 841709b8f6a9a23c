// Savepoints of jobs in Durable Objects, in real workerd: asked for under an id, kept by count, moved to a bucket, deleted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { countingJob } from "../support/api_fixture.ts";
import { type MillraceWorker, type MillraceWorkerOptions, startMillraceWorker } from "../support/millrace_worker.ts";

const ID = "00112233445566778899aabbccddee";
const WAIT_MS = 20_000;

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes are looked into, wrong guesses fail the test
type Json = any;

async function asked(worker: MillraceWorker, method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await worker.call(method, path, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
  return answer.text === "" ? undefined : JSON.parse(answer.text);
}

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const endMs = Date.now() + WAIT_MS;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > endMs) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function withJob(
  options: MillraceWorkerOptions,
  work: (worker: MillraceWorker, jobId: string) => Promise<void>,
): Promise<void> {
  const worker = await startMillraceWorker(options);
  try {
    await asked(worker, "PUT", "/v1/stream/events");
    const { jobid } = await asked(worker, "POST", "/v1/jobs", { spec: countingJob("counting", "counts") });
    await asked(worker, "POST", "/v1/stream/events", [{ at: 0, account: "a", amount: 1 }]);
    await work(worker, jobid);
  } finally {
    await worker.dispose();
  }
}

const decided = (worker: MillraceWorker, savepoint: string): Promise<Json> =>
  until(`savepoint ${savepoint}`, async () => {
    const record = await asked(worker, "GET", `/v1/savepoints/${savepoint}`);
    return record.status === "IN_PROGRESS" ? undefined : record;
  });

test("savepoints of a Worker have the ids of their triggers, and the oldest go where a count is set", async () => {
  await withJob({ variables: { MILLRACE_SAVEPOINTS_RETAINED: "2" } }, async (worker, jobId) => {
    for (const [index, name] of [null, "golden", null, null, null].entries()) {
      const triggerId = `${ID}0${index}`;
      const answer = await asked(worker, "POST", `/v1/jobs/${jobId}/savepoints`, { triggerId, name });
      assert.deepEqual(answer, { "request-id": triggerId });
      assert.equal((await decided(worker, triggerId)).status, "COMPLETED");
    }
    const left = [1, 3, 4].map((index) => `${ID}0${index}`);
    await until("the oldest to go", async () => {
      const { savepoints } = await asked(worker, "GET", `/v1/savepoints?jobid=${jobId}`);
      return savepoints.length === left.length ? true : undefined;
    });
    for (const one of left) assert.equal((await decided(worker, one)).status, "COMPLETED");
    const { jobid: other } = await asked(worker, "POST", "/v1/jobs", { spec: countingJob("other", "others") });
    const taken = await worker.call("POST", `/v1/jobs/${other}/savepoints`, { triggerId: left[0] });
    assert.deepEqual([taken.status, JSON.parse(taken.text).code], [409, "savepoint_taken"]);
    await asked(worker, "POST", "/v1/savepoint-disposal", { "savepoint-path": left[0] });
    assert.equal((await worker.call("GET", `/v1/savepoints/${left[0]}`)).status, 404);
    const disposal = await asked(worker, "GET", `/v1/savepoint-disposal/${left[0]}`);
    assert.equal(disposal.status.id, "COMPLETED");
  });
});

test("a savepoint of a Worker is moved to its bucket, read from there, and deleted there", async () => {
  await withJob({ buckets: ["ARCHIVE"] }, async (worker, jobId) => {
    const savepoint = `${ID}00`;
    await asked(worker, "POST", `/v1/jobs/${jobId}/savepoints`, { triggerId: savepoint, archive: true });
    const moved = await until("its move", async () => {
      const record = await asked(worker, "GET", `/v1/savepoints/${savepoint}`);
      return record["kept-in"] === "archive" ? record : undefined;
    });
    assert.deepEqual(await worker.objectsIn("ARCHIVE"), [`savepoint/${savepoint}`]);
    const file = await worker.bytes("GET", `/v1/savepoints/${savepoint}/file`);
    assert.deepEqual([file.status, file.bytes.byteLength], [200, moved.bytes]);
    const next = await asked(worker, "POST", "/v1/jobs", { spec: countingJob("next", "after"), savepoint });
    assert.equal((await asked(worker, "GET", `/v1/jobs/${next.jobid}`)).millrace["started-from"], savepoint);
    const spec = countingJob("last", "last");
    await asked(worker, "POST", "/v1/jobs", { spec, savepoint, claimMode: "CLAIM" });
    assert.equal((await worker.call("GET", `/v1/savepoints/${savepoint}`)).status, 404);
    assert.deepEqual(await worker.objectsIn("ARCHIVE"), []);
  });
});

test("a count of savepoints that is none is said to whoever asks", async () => {
  const worker = await startMillraceWorker({ variables: { MILLRACE_SAVEPOINTS_RETAINED: "many" } });
  try {
    const { status, text } = await worker.call("POST", "/v1/jobs", { spec: countingJob("counting", "counts") });
    assert.deepEqual([status, JSON.parse(text).code], [400, "configuration_invalid"], text);
  } finally {
    await worker.dispose();
  }
});
