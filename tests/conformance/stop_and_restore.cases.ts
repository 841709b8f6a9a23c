// Whole jobs that are stopped with a savepoint and go on from it, at any parallelism; and jobs of which a part fails.

import { externalError } from "../../src/base/errors.ts";
import { JOBS_PREFIX, SAVEPOINT_PREFIX, savepointKey } from "../../src/checkpoint/paths.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { StoreOp } from "../../src/platform/ports.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import type { GoldenSplits } from "../golden/connectors.ts";
import { eventually } from "../support/api_fixture.ts";
import { drawRows, type Gated, gatedEngine, hasRead, jobOf, openGate, savepointEnds } from "../support/gated_job.ts";

const SPLITS = 5;
const ROWS = 240;
const HALF = 110;
const events = drawRows(1, SPLITS, ROWS);
const upTo = (rows: number) => events.map((split) => split.slice(0, rows));

/** What one task makes of these rows in one go. */
async function straight(platform: Platform, rows: GoldenSplits): Promise<string[]> {
  const { engine, target } = gatedEngine(platform, { events: rows }, openGate(Number.POSITIVE_INFINITY));
  const { record } = await engine.submit(jobOf(1, ["events"]));
  equal((await engine.ended(record.jobId)).status, "FINISHED");
  await engine.close();
  return target.rowsOf("events_out");
}

async function halfway(platform: Platform, parallelism: number, inputs = { events }): Promise<Gated & { id: string }> {
  const gated = gatedEngine(platform, inputs, openGate(HALF));
  const { record } = await gated.engine.submit(jobOf(parallelism, Object.keys(inputs)));
  await hasRead(gated, record.jobId, HALF * SPLITS);
  return { ...gated, id: record.jobId };
}

/** The store loses every savepoint file. */
const withoutSavepoints = (platform: Platform): Platform => ({
  ...platform,
  blobs: {
    put: async (name, bytes) => {
      if (name.startsWith("savepoint/")) throw externalError("store_full", name, "the store is full");
      await platform.blobs.put(name, bytes);
    },
    get: (name) => platform.blobs.get(name),
    delete: (names) => platform.blobs.delete(names),
    list: (prefix) => platform.blobs.list(prefix),
  },
});

/** A store that takes no commit which the case names, as if the process had died before it. */
const refusing = (platform: Platform, refused: (ops: readonly StoreOp[]) => boolean): Platform => ({
  ...platform,
  metadata: {
    commit: async (guards, ops) => {
      if (refused(ops)) throw externalError("store_unavailable", "test", "nothing was written");
      return await platform.metadata.commit(guards, ops);
    },
    get: (key) => platform.metadata.get(key),
    getCounter: (key) => platform.metadata.getCounter(key),
    list: (prefix, options) => platform.metadata.list(prefix, options),
  },
});
const says = (op: StoreOp, prefix: string, word: string): boolean =>
  op.kind === "put" && op.key.startsWith(prefix) && new TextDecoder().decode(op.value).includes(word);
const withoutEnd = (platform: Platform): Platform =>
  refusing(platform, (ops) => ops.some((op) => says(op, JOBS_PREFIX, "FINISHED")));
const withoutSavepointsComplete = (platform: Platform): Platform =>
  refusing(platform, (ops) =>
    ops.some((op) => says(op, SAVEPOINT_PREFIX, "COMPLETED") || says(op, SAVEPOINT_PREFIX, "FAILED")),
  );

async function stopAndGoOn(platform: Platform, before: number, after: number): Promise<string[]> {
  const first = await halfway(platform, before);
  const { savepoint } = await first.engine.stop(first.id, false);
  equal((await first.engine.ended(first.id)).status, "FINISHED");
  equal((await first.engine.savepoints.get(savepoint)).status, "COMPLETED");
  await first.engine.close();
  const second = gatedEngine(platform, { events }, openGate(Number.POSITIVE_INFINITY), first.target);
  const { record } = await second.engine.submit(jobOf(after, ["events"]), { savepoint });
  const view = await second.engine.ended(record.jobId);
  equal(view.status, "FINISHED");
  equal(view.progress?.counters.rowsIn, SPLITS * ROWS, "rows are counted through both jobs");
  await second.engine.close();
  return second.target.rowsOf("events_out");
}

const restored: readonly Case[] = [
  [1, 3],
  [3, 1],
  [2, 5],
  [4, 4],
].map(([before, after]) =>
  test(`stopped with ${before} tasks a chain and started with ${after}, a job gives what it gives in one go`, async (context) => {
    const wanted = await straight(await context.freshPlatform(), events);
    equal(await stopAndGoOn(await context.freshPlatform(), before as number, after as number), wanted);
  }),
);

const rescaled: readonly Case[] = [
  [1, 3],
  [3, 2],
].map(([before, after]) =>
  test(`moved from ${before} tasks a chain to ${after} under its id, a job gives what it gives in one go`, async (context) => {
    const job = await halfway(await context.freshPlatform(), before as number);
    const ended = job.engine.ended(job.id);
    const { savepoint } = await job.engine.rescale(job.id, after as number);
    equal((await job.engine.savepoints.get(savepoint)).status, "COMPLETED");
    job.gate.rows = Number.POSITIVE_INFINITY;
    const view = await ended;
    equal([view.status, view.restartsTotal], ["FINISHED", 0]);
    equal((view.record.spec as { parallelism?: unknown }).parallelism, after);
    equal(view.progress?.counters.rowsIn, SPLITS * ROWS);
    equal(job.target.rowsOf("events_out"), await straight(await context.freshPlatform(), events));
    await job.engine.close();
  }),
);

const suspensions: readonly Case[] = [
  test("a suspended job goes on from its savepoint's checkpoint in the next process, and reads no row twice", async (context) => {
    const platform = await context.freshPlatform();
    const job = await halfway(platform, 2);
    const { status } = await job.engine.suspend(job.id);
    equal([status, job.engine.job(job.id).status], ["COMPLETED", "SUSPENDED"]);
    await job.engine.close();
    const next = gatedEngine(platform, { events }, openGate(HALF), job.target);
    await next.engine.recover();
    await hasRead(next, job.id, HALF * SPLITS);
    equal(next.engine.job(job.id).progress?.counters.rowsIn, HALF * SPLITS);
    next.gate.rows = Number.POSITIVE_INFINITY;
    equal((await next.engine.ended(job.id)).status, "FINISHED");
    equal(job.target.rowsOf("events_out"), await straight(await context.freshPlatform(), events));
    await next.engine.close();
  }),
  test("a job that cannot be moved says why and goes on as it was: no savepoint, a wrong number, two at a time", async (context) => {
    const platform = withoutSavepoints(await context.freshPlatform());
    const job = await halfway(platform, 2);
    await rejects(() => job.engine.rescale(job.id, 17), "spec_invalid");
    await rejects(() => job.engine.rescale(job.id, 3), "store_full");
    const [one, other] = await Promise.allSettled([job.engine.suspend(job.id), job.engine.rescale(job.id, 1)]);
    equal([one?.status, other?.status], ["rejected", "rejected"]);
    equal((other as { reason?: { code?: unknown } }).reason?.code, "job_moving");
    job.gate.rows = Number.POSITIVE_INFINITY;
    const view = await job.engine.ended(job.id);
    equal([view.status, view.restartsTotal], ["FINISHED", 0]);
    equal((view.record.spec as { parallelism?: unknown }).parallelism, 2);
    equal(job.target.rowsOf("events_out"), await straight(await context.freshPlatform(), events));
    await rejects(() => job.engine.rescale(job.id, 1), "job_not_running");
    await job.engine.close();
  }),
];

const stops: readonly Case[] = [
  test("a drained job has given what its rows up to then amount to, and its savepoint goes on from there", async (context) => {
    const platform = await context.freshPlatform();
    const job = await halfway(platform, 2);
    const { savepoint } = await job.engine.stop(job.id, true);
    equal((await job.engine.ended(job.id)).status, "FINISHED");
    equal((await job.engine.savepoints.get(savepoint)).status, "COMPLETED");
    equal(job.target.rowsOf("events_out"), await straight(await context.freshPlatform(), upTo(HALF)));
    await job.engine.close();
  }),
  test("a suspended job whose savepoint cannot be written says so, and goes on to its end", async (context) => {
    const platform = withoutSavepoints(await context.freshPlatform());
    const job = await halfway(platform, 2);
    const { savepoint } = await job.engine.stop(job.id, false);
    equal(await savepointEnds(job, savepoint), "FAILED");
    equal((await job.engine.savepoints.get(savepoint)).error?.code, "store_full");
    job.gate.rows = Number.POSITIVE_INFINITY;
    const view = await job.engine.ended(job.id);
    equal([view.status, view.restartsTotal], ["FINISHED", 0]);
    equal(job.target.rowsOf("events_out"), await straight(await context.freshPlatform(), events));
    await job.engine.close();
  }),
  test("a drained job whose savepoint cannot be written is finished without it", async (context) => {
    const platform = withoutSavepoints(await context.freshPlatform());
    const job = await halfway(platform, 2);
    const { savepoint } = await job.engine.stop(job.id, true);
    equal((await job.engine.ended(job.id)).status, "FINISHED");
    equal(await savepointEnds(job, savepoint), "FAILED");
    equal(job.target.rowsOf("events_out"), await straight(await context.freshPlatform(), upTo(HALF)));
    await job.engine.close();
  }),
  test("a process that dies between the savepoint of a stop and the end of the job leaves both to the next", async (context) => {
    const platform = await context.freshPlatform();
    for (const drain of [false, true]) {
      const first = await halfway(withoutEnd(platform), 2);
      const { savepoint } = await first.engine.stop(first.id, drain);
      await eventually(platform, "the file", () => platform.blobs.get(savepointKey(savepoint)));
      await eventually(platform, "the end", async () => first.engine.job(first.id).status === "FINISHED" || undefined);
      equal((await first.engine.savepoints.get(savepoint)).status, "IN_PROGRESS", "the end is not recorded");
      await first.engine.close();
      const output = first.target.rowsOf("events_out");
      const next = gatedEngine(platform, { events }, openGate(Number.POSITIVE_INFINITY), first.target);
      await next.engine.recover();
      equal((await next.engine.ended(first.id)).status, "FINISHED");
      equal(await savepointEnds(next, savepoint), "COMPLETED");
      equal(first.target.rowsOf("events_out"), output, "nothing follows the savepoint");
      if (!drain) {
        const { record } = await next.engine.submit(jobOf(3, ["events"]), { savepoint });
        equal((await next.engine.ended(record.jobId)).status, "FINISHED");
        equal(first.target.rowsOf("events_out"), await straight(await context.freshPlatform(), events));
      }
      await next.engine.close();
    }
  }),
  test("a process that takes a job over refuses the savepoints that the one before it had begun", async (context) => {
    const platform = await context.freshPlatform();
    const first = await halfway(withoutSavepointsComplete(platform), 2);
    const { savepoint } = await first.engine.triggerSavepoint(first.id);
    await eventually(platform, "the file", () => platform.blobs.get(savepointKey(savepoint)));
    await first.engine.close();
    const next = gatedEngine(platform, { events }, openGate(Number.POSITIVE_INFINITY), first.target);
    await next.engine.recover();
    equal((await next.engine.ended(first.id)).status, "FINISHED");
    equal(await savepointEnds(next, savepoint), "FAILED");
    equal((await next.engine.savepoints.get(savepoint)).error?.code, "savepoint_interrupted");
    await next.engine.close();
  }),
  test("a savepoint goes into another store as a file, and starts the job there", async (context) => {
    const job = await halfway(await context.freshPlatform(), 3);
    const { savepoint } = await job.engine.stop(job.id, false);
    await job.engine.ended(job.id);
    const file = await job.engine.savepoints.bytes(savepoint);
    await job.engine.close();
    const there = gatedEngine(await context.freshPlatform(), { events }, openGate(1 / 0), job.target);
    const imported = await there.engine.savepoints.import(file);
    const { record } = await there.engine.submit(jobOf(2, ["events"]), { savepoint: imported.savepoint });
    equal((await there.engine.ended(record.jobId)).status, "FINISHED");
    equal(there.target.rowsOf("events_out"), await straight(await context.freshPlatform(), events));
    await there.engine.close();
  }),
  test("a source that the savepoint does not know begins at its beginning", async (context) => {
    const platform = await context.freshPlatform();
    const job = await halfway(platform, 2);
    const { savepoint } = await job.engine.stop(job.id, false);
    await job.engine.ended(job.id);
    await job.engine.close();
    const more = drawRows(2, 3, 50);
    const next = gatedEngine(platform, { events, more }, openGate(Number.POSITIVE_INFINITY), job.target);
    const { record } = await next.engine.submit(jobOf(2, ["events", "more"]), { savepoint });
    const view = await next.engine.ended(record.jobId);
    equal(view.progress?.counters.rowsIn, SPLITS * ROWS + 3 * 50);
    equal(next.target.rowsOf("events_out"), await straight(await context.freshPlatform(), events));
    await next.engine.close();
  }),
  test("a savepoint that does not fit the job is refused, and says what does not", async (context) => {
    const platform = await context.freshPlatform();
    const job = await halfway(platform, 2);
    const { savepoint } = await job.engine.stop(job.id, false);
    await job.engine.ended(job.id);
    const refuses = async (spec: Readonly<Record<string, unknown>>, text: string): Promise<void> => {
      const error = await rejects(() => job.engine.submit(spec, { savepoint }), "savepoint_mismatch");
      ok(error.message.includes(text), error.message);
    };
    const jobs = job.engine.list().length;
    await refuses(jobOf(2, ["more"]), 'no source "events"; it has "more"; and 1 more');
    await refuses({ ...jobOf(2, ["events"]), maxParallelism: 8 }, "maxParallelism 16, the job 8");
    await refuses(jobOf(2, ["events"], { uid: "other" }), 'no operator "events_window" with state; it has "other"');
    await refuses(jobOf(2, ["events"], { keyBy: ["amount"] }), "the columns (");
    equal(job.engine.list().length, jobs, "no job was made");
    await job.engine.close();
  }),
];

const failures: readonly Case[] = [
  test("a failure starts the region anew that it belongs to, and no other", async (context) => {
    const platform = await context.freshPlatform();
    const more = drawRows(3, SPLITS, ROWS);
    const gated = gatedEngine(platform, { events, more }, openGate(HALF));
    const { record } = await gated.engine.submit(jobOf(2, ["events", "more"]));
    await hasRead(gated, record.jobId, 2 * HALF * SPLITS);
    gated.gate.failing.add("more");
    await eventually(platform, "the restart", async () => {
      const { restartsTotal, status } = gated.engine.job(record.jobId);
      return (restartsTotal === 1 && status === "RUNNING") || undefined;
    });
    gated.gate.rows = Number.POSITIVE_INFINITY;
    equal((await gated.engine.ended(record.jobId)).status, "FINISHED");
    equal(gated.gate.opened.get("events"), SPLITS, "its splits were opened once");
    equal(gated.gate.opened.get("more"), 2 * SPLITS);
    const [wanted, other] = [await context.freshPlatform(), await context.freshPlatform()];
    equal(gated.target.rowsOf("events_out"), await straight(wanted, events));
    equal(gated.target.rowsOf("more_out"), await straight(other, more));
    await gated.engine.close();
  }),
  test("a job without news writes no manifests, and goes on when news come", async (context) => {
    const platform = await context.freshPlatform();
    const job = await halfway(platform, 2);
    const history = () => job.engine.job(job.id).checkpoints;
    await eventually(platform, "unchanged checkpoints", async () => (history()?.unchangedCount ?? 0) >= 5 || undefined);
    const completed = history()?.completedCount;
    const unchanged = history()?.unchangedCount ?? 0;
    await eventually(
      platform,
      "more of them",
      async () => (history()?.unchangedCount ?? 0) > unchanged + 5 || undefined,
    );
    equal(history()?.completedCount, completed);
    job.gate.rows = Number.POSITIVE_INFINITY;
    equal((await job.engine.ended(job.id)).status, "FINISHED");
    equal(job.target.rowsOf("events_out"), await straight(await context.freshPlatform(), events));
    await job.engine.close();
  }),
];

export const cases: readonly Case[] = [...restored, ...rescaled, ...suspensions, ...stops, ...failures];
