// What is stored of jobs: who may change it, what is collected when, and records that cannot be read.

import { encodeCbor } from "../../src/base/cbor.ts";
import { asBranchId, asCheckpointId, asGeneration, asJobId, asOperatorUid } from "../../src/base/ids.ts";
import { manifestPrefix, partPrefix } from "../../src/checkpoint/paths.ts";
import { describePart } from "../../src/checkpoint/parts.ts";
import { IMPORT_PREFIX, jobKey, savepointKey } from "../../src/checkpoint/paths.ts";
import { encodeJobRecord, type JobRecord, listJobRecords } from "../../src/coordinator/job_record.ts";
import { type JobState, isTerminal } from "../../src/coordinator/job_state.ts";
import {
  collectEndedJob,
  collectionOf,
  createJob,
  type GuardedPut,
  JobStore,
} from "../../src/coordinator/job_store.ts";
import { initialJobState } from "../../src/coordinator/step.ts";
import type { SavepointRecord } from "../../src/engine/savepoint_record.ts";
import { SavepointStore } from "../../src/engine/savepoint_store.ts";
import { collectOrphanedImports, importState } from "../../src/engine/start_from_savepoint.ts";
import { externalError } from "../../src/base/errors.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { type PartRef, type TaskSnapshot, zeroCounters } from "../../src/protocol/snapshot.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { config, single } from "../support/coordinator_fixture.ts";
import { emptyManifest, noPlan } from "../support/empty_job.ts";

const jobId = asJobId("0123456789abcdef0123456789abcdef");
const branch = asBranchId("00000000000000aa");

const recordOf = (status: JobRecord["status"]): JobRecord => ({
  format: 1,
  jobId,
  name: "job",
  spec: {},
  status,
  branch,
  createdAtMs: 0,
  changedAtMs: 0,
  restartsTotal: 0,
  error: null,
  startedFrom: null,
});

/** The record of a savepoint that is asked for now. */
const begun = async (savepoints: SavepointStore, job: string = jobId): Promise<SavepointRecord> =>
  (await savepoints.begin({ jobId: job, jobName: "job", kind: "savepoint" })).record;

const stateOf = (more: Partial<JobState>): JobState => ({ ...initialJobState(jobId, branch, single, config), ...more });

async function storePart(platform: Platform, generation: number, checkpoint: number, text: string): Promise<PartRef> {
  const bytes = new TextEncoder().encode(text);
  const scope = { jobId, branch, generation: asGeneration(generation) };
  const content = { rowCount: 1, expiresAt: undefined };
  const part = describePart(platform.digest, scope, asCheckpointId(checkpoint), bytes, content);
  await platform.blobs.put(part.name, bytes);
  return part;
}

const taskWith = (...parts: readonly PartRef[]): TaskSnapshot => {
  const states = [{ uid: asOperatorUid("w"), state: "windows", parts, scalars: null }];
  return { chain: 0, subtask: 0, states, sources: [], pending: [], inputEnded: false, counters: zeroCounters };
};

/** A claimed job with three published checkpoints, each of one part of its own, and one part of a fourth. */
async function withCheckpoints(platform: Platform) {
  await createJob(platform, recordOf("CREATED"));
  const store = new JobStore(platform, recordOf("CREATED"));
  const claim = await store.claim(stateOf({}));
  ok(claim.kind === "claimed", "the first claim succeeds");
  const { generation } = claim.claimed;
  const parts: PartRef[] = [];
  for (const checkpoint of [1, 2, 3]) {
    const part = await storePart(platform, generation, checkpoint, `part ${checkpoint}`);
    parts.push(part);
    const of = { checkpoint: asCheckpointId(checkpoint), generation, branch, ended: false, stop: undefined };
    equal(await store.publish({ ...of, tasks: [taskWith(part)] }), "published");
  }
  parts.push(await storePart(platform, generation, 4, "part 4"));
  return { store, generation, parts: parts.map((part) => part.name) };
}

const left = async (platform: Platform): Promise<{ manifests: number; parts: readonly string[] }> => ({
  manifests: (await platform.metadata.list(manifestPrefix(jobId))).length,
  parts: [...(await platform.blobs.list(partPrefix(jobId)))].sort(),
});

const emptySavepoint = {
  header: {
    savepoint: "s",
    jobId: "j",
    jobName: "n",
    branch: "b",
    checkpoint: 3,
    createdAtMs: 0,
    maxParallelism: 8,
    inputEnded: false,
    counters: zeroCounters,
  },
  sources: [],
  states: [],
};
const imports = { jobId, branch, plan: noPlan, savepoint: emptySavepoint, enumerate: async () => [] };

/** The same platform so much later. */
const later = (platform: Platform, ms: number): Platform => ({
  ...platform,
  clock: { nowMs: () => platform.clock.nowMs() + ms, monotonicMs: () => platform.clock.monotonicMs() },
});
const DAY_MS = 24 * 3_600_000;

export const cases: readonly Case[] = [
  test("while a job lives, the newest checkpoints stay, and whatever may be in the making", async (context) => {
    const platform = await context.freshPlatform();
    const { store, generation, parts } = await withCheckpoints(platform);
    await store.collectGarbage(collectionOf(stateOf({ status: "RUNNING", generation })));
    equal(await left(platform), { manifests: 2, parts: [...parts.slice(1)].sort() });
  }),
  test("a checkpoint that is not committed stays, however old", async (context) => {
    const platform = await context.freshPlatform();
    const { store, generation } = await withCheckpoints(platform);
    const first = { checkpoint: asCheckpointId(1), savepoints: ["s"], stop: undefined, ended: false, waiting: ["0.0"] };
    await store.collectGarbage(collectionOf(stateOf({ status: "RUNNING", generation, uncommitted: [first] })));
    equal((await left(platform)).manifests, 3);
    equal((await store.manifest(branch, asCheckpointId(1))).checkpoint, asCheckpointId(1));
  }),
  test("of a job that failed or was canceled the last checkpoint stays, and nothing else", async (context) => {
    for (const status of ["FAILED", "CANCELED"] as const) {
      const platform = await context.freshPlatform();
      const { store, generation, parts } = await withCheckpoints(platform);
      await store.collectGarbage(collectionOf(stateOf({ status, generation })));
      equal(await left(platform), { manifests: 1, parts: [parts[2] as string] }, status);
    }
  }),
  test("of a job that finished the last manifest stays, and no part that nobody reads", async (context) => {
    const platform = await context.freshPlatform();
    const { store, generation, parts } = await withCheckpoints(platform);
    const ended = collectionOf(stateOf({ status: "FINISHED", generation }));
    const release = store.pin(asCheckpointId(3));
    await store.collectGarbage(ended);
    equal(await left(platform), { manifests: 1, parts: [parts[2] as string] }, "a savepoint is being made of it");
    release();
    await store.collectGarbage(ended);
    equal(await left(platform), { manifests: 1, parts: [] });
  }),
  test("a process that starts collects after jobs that ended, and touches none that has not", async (context) => {
    const platform = await context.freshPlatform();
    const { parts } = await withCheckpoints(platform);
    for (const status of ["RUNNING", "FAILING", "RESTARTING", "CANCELLING", "SUSPENDED"] as const) {
      ok(!isTerminal(status) || status === "SUSPENDED", status);
      await collectEndedJob(platform, recordOf(status));
      equal((await left(platform)).parts.length, 4, status);
    }
    await collectEndedJob(platform, recordOf("CANCELED"));
    equal(await left(platform), { manifests: 1, parts: [parts[2] as string] });
  }),
  test("nothing is collected by a coordinator that has been overtaken, nor by one that cannot read a manifest", async (context) => {
    const platform = await context.freshPlatform();
    const { store, generation } = await withCheckpoints(platform);
    const other = new JobStore(platform, recordOf("RUNNING"));
    await other.claim(stateOf({}));
    await store.collectGarbage(collectionOf(stateOf({ status: "FAILED", generation })));
    equal((await left(platform)).parts.length, 4);
    const unreadable = { kind: "put", key: `${manifestPrefix(jobId)}old/000000000000`, value: encodeCbor({}) } as const;
    await platform.metadata.commit([], [unreadable]);
    await rejects(() => collectEndedJob(platform, recordOf("FAILED")), "manifest_corrupt");
    equal((await left(platform)).parts.length, 4);
  }),
  test("who has been overtaken publishes nothing; who overtook himself only has to ask again", async (context) => {
    const platform = await context.freshPlatform();
    const { store, generation } = await withCheckpoints(platform);
    const fourth = {
      checkpoint: asCheckpointId(4),
      generation,
      branch,
      ended: false,
      stop: undefined,
      tasks: [taskWith()],
    };
    equal((await store.claim(stateOf({ generation }))).kind, "claimed");
    equal(await store.publish(fourth), "superseded");
    equal(await store.isOvertaken(stateOf({ generation })), false);
    await new JobStore(platform, recordOf("RUNNING")).claim(stateOf({}));
    equal(await store.publish(fourth), "fenced");
    equal(await store.isOvertaken(stateOf({ generation })), true);
    equal((await left(platform)).manifests, 3);
  }),
  test("a job whose end is recorded is not brought back by a process that knew it as running", async (context) => {
    for (const status of ["FINISHED", "CANCELED", "FAILED"] as const) {
      const platform = await context.freshPlatform();
      const { store, generation } = await withCheckpoints(platform);
      const late = new JobStore(platform, recordOf("RUNNING"));
      await store.recordStatus(stateOf({ status, generation }));
      equal((await late.claim(stateOf({}))).kind, "fenced", status);
      const { records } = await listJobRecords(platform.metadata);
      equal(
        records.map((record) => record.status),
        [status],
      );
    }
  }),
  test("a status that is recorded while the job is claimed does not keep the claim from succeeding", async (context) => {
    const platform = await context.freshPlatform();
    const { store, generation } = await withCheckpoints(platform);
    let between = 1;
    const metadata: Platform["metadata"] = {
      commit: async (guards, ops) => {
        if (between-- > 0) await store.recordStatus(stateOf({ status: "RESTARTING", generation }));
        return await platform.metadata.commit(guards, ops);
      },
      get: (key) => platform.metadata.get(key),
      getCounter: (key) => platform.metadata.getCounter(key),
      list: (prefix, options) => platform.metadata.list(prefix, options),
    };
    const other = new JobStore({ ...platform, metadata }, recordOf("RUNNING"));
    equal((await other.claim(stateOf({}))).kind, "claimed");
  }),
  test("a job or savepoint whose record cannot be read is listed as broken, and hides no other", async (context) => {
    const platform = await context.freshPlatform();
    await createJob(platform, recordOf("RUNNING"));
    const savepoints = new SavepointStore(platform, 1 << 20);
    const good = await begun(savepoints);
    const put = (key: string, value: Uint8Array) => platform.metadata.commit([], [{ kind: "put", key, value }]);
    await put(jobKey(asJobId("aa")), new Uint8Array([1, 2, 3]));
    await put(jobKey(asJobId("bb")), encodeCbor({ ...recordOf("RUNNING"), format: 9 }));
    await put(jobKey(asJobId("cc")), encodeJobRecord(recordOf("RUNNING")).subarray(0, 20));
    await put(savepointKey("dd"), new Uint8Array([255]));
    const { records, broken } = await listJobRecords(platform.metadata);
    equal(
      records.map((record) => record.jobId),
      [jobId],
    );
    equal(
      broken.map((one) => one.jobId),
      ["aa", "bb", "cc"],
    );
    ok(
      broken.every((one) => one.error.code.endsWith("_corrupt")),
      "each with the reason",
    );
    const listed = await savepoints.list();
    equal([...listed].map((one) => one.savepoint).sort(), [good.savepoint, "dd"].sort());
    equal(listed.find((one) => one.savepoint === "dd")?.status, "FAILED");
    await new SavepointStore(platform, 1 << 20).failInterrupted(() => true);
    equal((await savepoints.get(good.savepoint)).error?.code, "savepoint_interrupted");
  }),
  test("only what a predecessor has begun for a job that nobody else runs is called interrupted", async (context) => {
    const platform = await context.freshPlatform();
    const before = new SavepointStore(platform, 1 << 20);
    const [left, others, kept] = await Promise.all(["left", "others", "left"].map((job) => begun(before, job)));
    const savepoints = new SavepointStore(platform, 1 << 20);
    const own = await begun(savepoints, "left");
    const isLeft = (job: string): boolean => job === "left";
    equal(await savepoints.failInterrupted(isLeft, [], kept?.savepoint), true, "it is still waited for");
    const statuses = [left, others, kept, own].map(async (one) => (await savepoints.get(one?.savepoint ?? "")).status);
    equal(await Promise.all(statuses), ["FAILED", "IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS"]);
    equal(await savepoints.failInterrupted(isLeft, [], left?.savepoint), false, "that one is refused");
  }),
  test("who has been overtaken refuses no savepoint of the job", async (context) => {
    const platform = await context.freshPlatform();
    const { store, generation } = await withCheckpoints(platform);
    const { savepoint } = await begun(new SavepointStore(platform, 1 << 20));
    await new JobStore(platform, recordOf("RUNNING")).claim(stateOf({}));
    const late = new SavepointStore(platform, 1 << 20);
    await late.failInterrupted(() => true, [store.fence(generation)]);
    equal((await late.get(savepoint)).status, "IN_PROGRESS");
    await late.failInterrupted(() => true, [store.fence(asGeneration(generation + 1))]);
    equal((await late.get(savepoint)).status, "FAILED");
  }),
  test("a savepoint is either completed or refused, whichever comes first", async (context) => {
    const platform = await context.freshPlatform();
    const savepoints = new SavepointStore(platform, 1 << 20);
    const manifest = { ...emptyManifest, jobId, branch };
    const { savepoint: first } = await begun(savepoints);
    const complete = await savepoints.write(first, noPlan, manifest);
    await savepoints.complete(first, complete);
    await savepoints.complete(first, complete);
    await savepoints.fail(first, externalError("x", "", "x"));
    equal((await savepoints.get(first)).status, "COMPLETED");
    ok((await savepoints.bytes(first)).byteLength > 0, "the file stays");
    const { savepoint: second } = await begun(savepoints);
    const late = await savepoints.write(second, noPlan, manifest);
    await savepoints.fail(second, externalError("x", "", "refused in time"));
    const error = await rejects(() => savepoints.complete(second, late), "savepoint_decided");
    ok(error.message.includes("refused in time"), error.message);
    await rejects(() => savepoints.write(second, noPlan, manifest), "savepoint_decided");
    equal(await platform.blobs.get(savepointKey(second)), undefined);
  }),
  test("the same checkpoint gives the same savepoint file, whenever and by whomever it is written", async (context) => {
    const platform = await context.freshPlatform();
    const manifest = { ...emptyManifest, jobId, branch };
    const { savepoint } = await begun(new SavepointStore(platform, 1 << 20));
    const once = await new SavepointStore(platform, 1 << 20).write(savepoint, noPlan, manifest);
    const again = await new SavepointStore(later(platform, DAY_MS), 1 << 20).write(savepoint, noPlan, manifest);
    equal(again, once);
  }),
  test("the end of a stopped job and its savepoint are recorded at once, or not at all", async (context) => {
    const platform = await context.freshPlatform();
    const { store, generation } = await withCheckpoints(platform);
    const savepoints = new SavepointStore(platform, 1 << 20);
    const statuses = async (savepoint: string) => [
      (await listJobRecords(platform.metadata)).records[0]?.status,
      (await savepoints.get(savepoint)).status,
    ];
    const written = async (): Promise<readonly [string, GuardedPut]> => {
      const { savepoint } = await begun(savepoints);
      return [savepoint, await savepoints.write(savepoint, noPlan, { ...emptyManifest, jobId, branch })];
    };
    const finished = stateOf({ status: "FINISHED", generation });
    const [refused, late] = await written();
    await savepoints.fail(refused, externalError("x", "", "x"));
    equal(await store.recordStatus(finished, late), false);
    equal(await statuses(refused), ["INITIALIZING", "FAILED"]);
    const [savepoint, complete] = await written();
    equal(await store.recordStatus(stateOf({ status: "FINISHED", generation: asGeneration(9) }), complete), false);
    equal(await statuses(savepoint), ["INITIALIZING", "IN_PROGRESS"], "that generation is not the newest");
    equal(await store.recordStatus(finished, complete), true);
    equal(await statuses(savepoint), ["FINISHED", "COMPLETED"]);
    equal(await store.recordStatus(finished, complete), true, "its answer was lost");
  }),
  test("a savepoint that fails leaves no file behind, and one that is complete cannot fail any more", async (context) => {
    const platform = await context.freshPlatform();
    const savepoints = new SavepointStore(platform, 1 << 20);
    const { savepoint } = await begun(savepoints);
    await platform.blobs.put(savepointKey(savepoint), new Uint8Array([1]));
    await savepoints.fail(savepoint, externalError("x", "", "x"));
    equal(await platform.blobs.get(savepointKey(savepoint)), undefined);
  }),
  test("state that was copied in for a job that never came to be is collected a day later, and the job cannot come then", async (context) => {
    const platform = await context.freshPlatform();
    const imported = await importState(platform, imports);
    await storePart(platform, 0, 0, "copied in");
    await collectOrphanedImports(later(platform, DAY_MS / 2));
    equal((await left(platform)).parts.length, 1, "it may still come");
    await collectOrphanedImports(later(platform, DAY_MS + 1));
    equal((await left(platform)).parts, []);
    equal(await platform.metadata.list(IMPORT_PREFIX), []);
    await rejects(() => createJob(platform, recordOf("CREATED"), imported), "import_given_up");
    equal((await listJobRecords(platform.metadata)).records, []);
  }),
  test("state that was copied in for a job that exists is never collected as nobody's", async (context) => {
    const platform = await context.freshPlatform();
    const imported = await importState(platform, imports);
    await storePart(platform, 0, 0, "copied in");
    await createJob(platform, recordOf("CREATED"), imported);
    equal(await platform.metadata.list(IMPORT_PREFIX), []);
    await collectOrphanedImports(later(platform, 2 * DAY_MS));
    equal((await left(platform)).parts.length, 1);
    const claim = await new JobStore(platform, recordOf("CREATED")).claim(stateOf({}));
    equal(claim.kind === "claimed" ? claim.claimed.manifest?.parent?.checkpoint : undefined, asCheckpointId(3));
  }),
];
