// A job as a Durable Object in real workerd: posted over HTTP, fed through a log object, read back over HTTP.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startMillraceWorker } from "../support/millrace_worker.ts";

const spec = {
  millrace: 1,
  name: "metering",
  checkpoint: { intervalMs: 50 },
  operators: [
    {
      uid: "events",
      kind: "source",
      connector: { kind: "log", name: "events" },
      schema: [
        { name: "customer", type: "utf8" },
        { name: "at", type: "timestamp" },
        { name: "units", type: "i64" },
      ],
      eventTime: { column: "at", boundMs: 1000 },
    },
    {
      uid: "usage",
      kind: "window",
      input: "events",
      keyBy: ["customer"],
      window: { kind: "tumbling", sizeMs: 10_000 },
      aggregates: { calls: { function: "count" }, units: { function: "sum", column: "units" } },
    },
    {
      uid: "table",
      kind: "sink",
      input: "usage",
      connector: { kind: "table", table: "usage", mode: "upsert", primaryKey: ["customer", "window_start"] },
    },
  ],
};

test("events posted to a log object come out of the job's table, read over HTTP", async () => {
  const worker = await startMillraceWorker();
  try {
    assert.equal((await worker.call("PUT", "/v1/stream/events", undefined, "application/json")).status, 201);
    const posted = await worker.call("POST", "/v1/jobs", { spec });
    assert.equal(posted.status, 201, posted.text);
    const events = Array.from({ length: 1000 }, (_none, index) => ({
      customer: `customer ${index % 3}`,
      at: index * 100,
      units: index,
    }));
    assert.equal((await worker.call("POST", "/v1/stream/events", events)).status, 204);
    // The last event is at 99,900 ms and the bound 1,000 ms: the windows up to 90,000 ms close.
    const rows = await worker.rowsOf("usage", 27);
    const expected = new Map<string, [number, number]>();
    for (const { customer, at, units } of events) {
      const start = Math.floor(at / 10_000) * 10_000;
      if (start >= 90_000) continue;
      const [calls, sum] = expected.get(`${customer} ${start}`) ?? [0, 0];
      expected.set(`${customer} ${start}`, [calls + 1, sum + units]);
    }
    const found = rows.map((row) => [`${row.customer} ${Number(row.window_start)}`, [row.calls, row.units]]);
    assert.deepEqual(new Map(found as [string, [number, number]][]), expected);
  } finally {
    await worker.dispose();
  }
});

test("a Worker without a token answers 503 and the command that gives it one", async () => {
  const worker = await startMillraceWorker({ token: "" });
  try {
    const answer = await worker.call("GET", "/v1/jobs");
    assert.equal(answer.status, 503);
    assert.match(answer.text, /wrangler secret put MILLRACE_TOKEN/);
  } finally {
    await worker.dispose();
  }
});

test("jobs, savepoints and logs that do not exist are 404, and bad specs 400 and nothing is left behind", async () => {
  const worker = await startMillraceWorker();
  try {
    const unknown = "0123456789abcdef0123456789abcdef";
    assert.equal((await worker.call("GET", `/v1/jobs/${unknown}`)).status, 404);
    assert.equal((await worker.call("GET", "/v1/savepoints/ab")).status, 404);
    assert.equal((await worker.call("GET", "/v1/stream/nothing")).status, 404);
    const refused = await worker.call("POST", "/v1/jobs", { spec: { ...spec, operators: [] } });
    assert.equal(refused.status, 400, refused.text);
    assert.deepEqual(JSON.parse((await worker.call("GET", "/v1/jobs")).text), { jobs: [] });
    assert.equal((await worker.call("GET", "/v1/jobs", undefined, undefined, "wrong")).status, 401);
  } finally {
    await worker.dispose();
  }
});
