// Savepoints as records that people name, and that the upkeep moves, gives up and deletes: whatever fails in between.

import { asBranchId, asJobId } from "../../src/base/ids.ts";
import { externalError } from "../../src/base/errors.ts";
import { SAVEPOINT_LEFTOVER_PREFIX, savepointKey } from "../../src/checkpoint/paths.ts";
import type { SavepointRecord } from "../../src/engine/savepoint_record.ts";
import { outlived } from "../../src/engine/savepoint_retention.ts";
import { type SavepointOf, SavepointStore } from "../../src/engine/savepoint_store.ts";
import { type SavepointPolicy, SavepointUpkeep } from "../../src/engine/savepoint_upkeep.ts";
import { MemoryBlobStore, MemoryMetadataStore } from "../../src/platform/memory_stores.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { BlobStore, MetadataStore } from "../../src/platform/ports.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { emptyManifest, noPlan } from "../support/empty_job.ts";

const jobId = asJobId("0123456789abcdef0123456789abcdef");
const branch = asBranchId("00000000000000aa");
const ID = "00112233445566778899aabbccddeeff";
const of: SavepointOf = { jobId, jobName: "job", kind: "savepoint" };
const BUDGET = 1 << 20;

/** What there is after a process has started on these stores; it ends where its upkeep would wait. */
const openOn = (platform: Platform, policy: SavepointPolicy = {}) => {
  const savepoints = new SavepointStore(platform, BUDGET, policy.archive);
  const timers = { sleep: async () => void upkeep.close() };
  const upkeep: SavepointUpkeep = new SavepointUpkeep({ ...platform, timers }, savepoints, policy);
  return { savepoints, upkeep };
};

async function completed(
  savepoints: SavepointStore,
  request: Parameters<SavepointStore["begin"]>[1] = {},
): Promise<string> {
  const { savepoint } = (await savepoints.begin(of, request)).record;
  await savepoints.complete(savepoint, await savepoints.write(savepoint, noPlan, { ...emptyManifest, jobId, branch }));
  return savepoint;
}

/** Until it has nothing more to do, or would wait in order to try again. */
async function settled(upkeep: SavepointUpkeep): Promise<void> {
  await upkeep.wake();
  await upkeep.close();
}

const withEmptyStores = (platform: Platform): Platform => ({
  ...platform,
  metadata: new MemoryMetadataStore(),
  blobs: new MemoryBlobStore(),
});

const files = async (blobs: BlobStore): Promise<readonly string[]> => await blobs.list("savepoint/");
const leftovers = async (platform: Platform): Promise<number> =>
  (await platform.metadata.list(SAVEPOINT_LEFTOVER_PREFIX)).length;

const blobsWith = (blobs: BlobStore): BlobStore => ({
  put: (name, bytes) => blobs.put(name, bytes),
  get: (name) => blobs.get(name),
  delete: (names) => blobs.delete(names),
  list: (prefix) => blobs.list(prefix),
});

/** Stores whose n-th change fails, before it has any effect or after all of it. */
function failing(platform: Platform, archive: BlobStore, at: number, lost: boolean) {
  let calls = 0;
  const change = async <T>(work: () => Promise<T>): Promise<T> => {
    if (calls++ !== at) return await work();
    if (lost) await work();
    throw externalError("store_unavailable", "store", "the store fails here");
  };
  const blobsOf = (blobs: BlobStore): BlobStore => ({
    ...blobsWith(blobs),
    put: (name, bytes) => change(() => blobs.put(name, bytes)),
    delete: (names) => change(() => blobs.delete(names)),
  });
  const { metadata: real } = platform;
  const metadata: MetadataStore = {
    commit: (guards, ops) => change(() => real.commit(guards, ops)),
    get: (key) => real.get(key),
    getCounter: (key) => real.getCounter(key),
    list: (prefix, options) => real.list(prefix, options),
  };
  const faulty: Platform = { ...platform, metadata, blobs: blobsOf(platform.blobs) };
  return { faulty, archive: blobsOf(archive), fired: () => calls > at };
}

interface Faulty {
  readonly platform: Platform;
  readonly archive: BlobStore;
  /** The same stores; their change of number `at` fails, `lost`: after its effect. */
  readonly broken: ReturnType<typeof failing>;
  readonly at: number;
  readonly lost: boolean;
}

/** On empty stores for each change that may fail, until a life makes fewer changes than that; answers how many it makes. */
async function atEveryChange(context: TestContext, life: (faulty: Faulty) => Promise<void>): Promise<number> {
  const fresh = await context.freshPlatform();
  for (let at = 0; ; at++) {
    let reached = false;
    for (const lost of [false, true]) {
      const platform = withEmptyStores(fresh);
      const archive = new MemoryBlobStore();
      const broken = failing(platform, archive, at, lost);
      await life({ platform, archive, broken, at, lost });
      reached ||= broken.fired();
    }
    if (!reached) return at;
  }
}

const kept = (savepoint: string, createdAtMs: number, more: Partial<SavepointRecord> = {}): SavepointRecord => ({
  ...{ format: 1, savepoint, ...of, status: "COMPLETED", checkpoint: 1, byteLength: 1, createdAtMs, error: null },
  ...{ name: null, notes: null, archive: false, keptIn: "store" },
  ...more,
});

export const cases: readonly Case[] = [
  test("a request with the id of one before finds its savepoint, and is refused where that is another's", async (context) => {
    const platform = await context.freshPlatform();
    const { savepoints } = openOn(platform);
    const first = await savepoints.begin(of, { id: ID, name: "before the sale" });
    equal([first.record.savepoint, first.isNew, first.record.name], [ID, true, "before the sale"]);
    equal((await savepoints.asked(of, ID))?.savepoint, ID);
    await rejects(() => savepoints.asked({ jobId: "another", kind: "savepoint" }, ID), "savepoint_taken");
    await rejects(() => savepoints.begin({ ...of, kind: "stop" }, { id: ID }), "savepoint_taken");
    equal(await savepoints.asked(of, undefined), undefined);
    equal(await savepoints.asked(of, ID.replace("0", "1")), undefined);
  }),

  test("of those who ask for one savepoint at once, exactly one is told to have it written", async (context) => {
    const platform = await context.freshPlatform();
    const { savepoints } = openOn(platform);
    const all = await Promise.all([1, 2, 3].map(() => savepoints.begin(of, { id: ID })));
    equal(
      all.map((one) => one.isNew),
      [true, false, false],
    );
    equal((await savepoints.list()).length, 1);
  }),

  test("a request whose answer was lost is taken up when it is repeated", async (context) => {
    const platform = await context.freshPlatform();
    const { faulty } = failing(platform, new MemoryBlobStore(), 0, true);
    const { savepoints } = openOn(faulty);
    await rejects(() => savepoints.begin(of, { id: ID }), "store_unavailable");
    equal(await savepoints.asked(of, ID), undefined, "nobody writes it");
    equal((await savepoints.begin(of, { id: ID })).isNew, true);
    equal((await savepoints.begin(of, { id: ID })).isNew, true, "by whoever is told so");
    equal((await savepoints.asked(of, ID))?.status, "IN_PROGRESS");
  }),

  test("naming a savepoint while it is written does not disturb its writer", async (context) => {
    const platform = await context.freshPlatform();
    const { savepoints } = openOn(platform);
    const { savepoint } = (await savepoints.begin(of)).record;
    const complete = await savepoints.write(savepoint, noPlan, { ...emptyManifest, jobId, branch });
    await savepoints.label(savepoint, { name: "golden", notes: "first" });
    await savepoints.complete(savepoint, complete);
    await savepoints.label(savepoint, { notes: "second" });
    const { status, name, notes } = await savepoints.get(savepoint);
    equal([status, name, notes], ["COMPLETED", "golden", "second"]);
    equal((await savepoints.list())[0]?.name, "golden");
    await rejects(() => savepoints.label("ab", { name: "x" }), "savepoint_unknown");
  }),

  test("retention spares the newest of each job, what has a name, and what is not decided or archived yet", () => {
    const all = [
      kept("a1", 1),
      kept("a2", 2),
      kept("a3", 3, { name: "kept" }),
      kept("a4", 4, { status: "FAILED" }),
      kept("a5", 5, { status: "IN_PROGRESS" }),
      kept("a6", 6, { archive: true }),
      kept("a7", 7, { archive: true, keptIn: "archive" }),
      kept("a8", 8),
      kept("b1", 1, { jobId: "b" }),
    ];
    equal(outlived(all, 1), ["a1", "a2", "a7"]);
    equal(outlived(all, 2), ["a1", "a2"]);
    equal(outlived(all, 3), ["a1"]);
    equal(outlived([kept("y", 1), kept("x", 1)], 1), ["x"], "the same order at every look");
  }),

  test("savepoints beyond the count go with their files; those with a name stay", async (context) => {
    const platform = await context.freshPlatform();
    const { savepoints, upkeep } = openOn(platform, { retained: 2 });
    const named = await completed(savepoints, { name: "for ever" });
    const others: string[] = [];
    for (let count = 0; count < 4; count++) {
      await platform.timers.sleep(2); // a time of its own
      others.push(await completed(savepoints));
    }
    await settled(upkeep);
    const left = [named, ...others.slice(-2)].sort();
    equal([...(await savepoints.list())].map((one) => one.savepoint).sort(), left);
    equal(await files(platform.blobs), left.map(savepointKey));
    equal(await leftovers(platform), 0);
  }),

  test("an archived savepoint is in the archive alone, and is read and deleted there", async (context) => {
    const platform = await context.freshPlatform();
    const archive = new MemoryBlobStore();
    const { savepoints, upkeep } = openOn(platform, { archive });
    const savepoint = await completed(savepoints, { archive: true });
    const bytes = await savepoints.bytes(savepoint);
    await settled(upkeep);
    equal((await savepoints.get(savepoint)).keptIn, "archive");
    equal([await files(platform.blobs), await files(archive)], [[], [savepointKey(savepoint)]]);
    equal(await savepoints.bytes(savepoint), bytes);
    const without = openOn(platform);
    await rejects(() => without.savepoints.bytes(savepoint), "archive_unavailable");
    await rejects(() => without.upkeep.delete(savepoint), "archive_unavailable");
    await rejects(() => without.savepoints.begin(of, { archive: true }), "archive_unavailable");
    const next = openOn(platform, { archive });
    await next.upkeep.delete(savepoint);
    equal([await next.savepoints.list(), await files(archive), await leftovers(platform)], [[], [], 0]);
    await rejects(() => next.upkeep.delete(savepoint), "savepoint_unknown");
  }),

  test("a move to the archive that fails anywhere goes on at the next start, and the file is always there", async (context) => {
    const steps = await atEveryChange(context, async ({ platform, archive, broken, at, lost }) => {
      const savepoint = await completed(openOn(platform, { archive }).savepoints, { archive: true });
      const bytes = await openOn(platform).savepoints.bytes(savepoint);
      await settled(openOn(broken.faulty, { archive: broken.archive }).upkeep);
      equal(await openOn(platform, { archive }).savepoints.bytes(savepoint), bytes, `step ${at}, lost ${lost}`);
      await settled(openOn(platform, { archive }).upkeep);
      equal([await files(platform.blobs), await leftovers(platform)], [[], 0], `step ${at}, lost ${lost}`);
      equal(await openOn(platform, { archive }).savepoints.bytes(savepoint), bytes);
    });
    equal(steps, 4, "put, say so, delete, forget the leftover");
  }),

  test("a deletion that fails anywhere leaves the savepoint or nothing of it, once the next start is through", async (context) => {
    const steps = await atEveryChange(context, async ({ platform, archive, broken, at, lost }) => {
      const savepoint = await completed(openOn(platform).savepoints);
      const before = openOn(broken.faulty, { archive: broken.archive });
      await before.upkeep.delete(savepoint).catch(() => undefined); // the first change: nothing may have happened
      await before.upkeep.close();
      const next = openOn(platform, { archive });
      await settled(next.upkeep);
      const listed = await next.savepoints.list();
      equal((await files(platform.blobs)).length, listed.length, `step ${at}, lost ${lost}`);
      equal(listed.length, at === 0 && !lost ? 1 : 0, `step ${at}, lost ${lost}`);
      equal(await leftovers(platform), 0);
      const state = listed.length === 1 ? "NOT_DELETED" : "GONE";
      equal(await next.upkeep.deletion(savepoint), state);
    });
    equal(steps, 4, "forget, delete in both places, forget the leftover");
  }),

  test("what is deleted while it moves to the archive is in neither place afterwards", async (context) => {
    const platform = withEmptyStores(await context.freshPlatform());
    const archive = new MemoryBlobStore();
    const slow: BlobStore = {
      ...blobsWith(archive),
      put: async (name, bytes) => {
        await openOn(platform, { archive }).upkeep.delete(savepoint);
        await archive.put(name, bytes);
      },
    };
    const { savepoints, upkeep } = openOn(platform, { archive: slow });
    const savepoint = await completed(savepoints, { archive: true });
    await settled(upkeep);
    equal([await savepoints.list(), await files(platform.blobs), await files(archive)], [[], [], []]);
    equal(await leftovers(platform), 0);
  }),

  test("a savepoint that is being written cannot be deleted; one that failed can", async (context) => {
    const platform = await context.freshPlatform();
    const { savepoints, upkeep } = openOn(platform);
    const { savepoint } = (await savepoints.begin(of)).record;
    await rejects(() => upkeep.delete(savepoint), "savepoint_in_progress");
    await savepoints.fail(savepoint, externalError("x", "", "x"));
    await upkeep.delete(savepoint);
    ok((await savepoints.list()).length === 0, "it is gone");
  }),
];
