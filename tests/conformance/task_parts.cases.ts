// Parts of the task that a whole job rarely puts to the test: opening splits, giving them back, merging of parts.

import { corruptionError, externalError } from "../../src/base/errors.ts";
import { asOperatorUid, asSplitId } from "../../src/base/ids.ts";
import type { SourceConnector, SplitReader } from "../../src/connectors/source.ts";
import type { SourceNode } from "../../src/graph/plan.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import type { PartRef, StateSnapshot } from "../../src/protocol/snapshot.ts";
import { Compactor } from "../../src/task/compactor.ts";
import { SourceDriver } from "../../src/task/source_driver.ts";
import type { StatePart } from "../../src/task/state_part.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, rejects } from "../expect.ts";

const schema: Schema = [field("amount", "i64")];

/** Three splits; notes which of them were closed. */
function threeSplits(closed: string[], failAt: { open?: string; close?: string }): SourceConnector {
  const reader = (id: string): SplitReader => ({
    read: async () => ({ kind: "idle", retryAfterMs: 1 }),
    position: () => null,
    progress: () => undefined,
    close: async () => {
      if (failAt.close === id) throw externalError("close_failed", id, "it does not close");
      closed.push(id);
    },
  });
  return {
    schema,
    bounded: true,
    enumerate: async () => ["a", "b", "c"].map((id) => ({ id: asSplitId(id), detail: null })),
    open: async ({ id }) => {
      if (failAt.open === id) throw externalError("open_failed", id, "it does not open");
      return reader(id);
    },
  };
}

async function openDriver({ kernels }: TestContext, connector: SourceConnector): Promise<SourceDriver> {
  const kernel = new KernelInstance(kernels, 4 * 1024 * 1024);
  const node = { uid: asOperatorUid("source"), output: schema } as unknown as SourceNode;
  const unread = { position: null, finished: false, timestampMax: null };
  const splits = (await connector.enumerate()).map((one) => ({ ...one, ...unread }));
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  return SourceDriver.open(node, connector, kernel, new BatchRegion(kernel, schema, 1), splits, clock);
}

const uid = asOperatorUid("window");
const part = (name: string): PartRef => ({ name, byteLength: 100, sha256: "", rowCount: 1, expiresAt: null });
const snapshot = (...names: string[]): StateSnapshot => ({
  uid,
  state: "windows",
  parts: names.map(part),
  scalars: null,
});

/** A compactor that merges whenever there are two parts, and the means to make what it is at fail. */
function mergingCompactor(): { compactor: Compactor; fail: (error: unknown) => void } {
  let fail: (error: unknown) => void = () => undefined;
  const compose = (): Promise<StatePart> =>
    new Promise((_resolve, reject) => {
      fail = reject;
    });
  const compactor = new Compactor(compose, { amplificationMax: 1, spareBytes: 0, partsMax: 1 });
  return { compactor, fail: (error) => fail(error) };
}

const nothing = { stateBytes: 0, entryCount: 0 };

/** Whether parts of so many rows, each of so many bytes, are merged; the live table has 10 entries of 100 bytes. */
async function merges(rows: readonly number[], byteLength: number): Promise<boolean> {
  let merged = false;
  const compose = async (): Promise<StatePart> => {
    merged = true;
    throw missing;
  };
  const compactor = new Compactor(compose, { amplificationMax: 2, spareBytes: 100, partsMax: 4 });
  const parts = rows.map((rowCount, index) => ({ ...part(`part-${index}`), rowCount, byteLength }));
  compactor.durable({ ...snapshot(), parts }, { stateBytes: 1000, entryCount: 10 });
  await compactor.settled();
  return merged;
}

const missing = corruptionError("part_missing", "old", "a part is gone");

export const cases: readonly Case[] = [
  test("a source of which one split cannot be opened gives back the others", async (context) => {
    const closed: string[] = [];
    await rejects(() => openDriver(context, threeSplits(closed, { open: "c" })), "open_failed");
    equal(closed, ["a", "b"]);
  }),
  test("a split that cannot be closed keeps no other from being closed", async (context) => {
    const closed: string[] = [];
    const driver = await openDriver(context, threeSplits(closed, { close: "a" }));
    await rejects(() => driver.close(), "close_failed");
    equal(closed, ["b", "c"]);
  }),
  test("a merge that misses parts which are still needed fails the next checkpoint", async () => {
    const { compactor, fail } = mergingCompactor();
    compactor.durable(snapshot("old", "new"), nothing);
    fail(missing);
    await compactor.settled();
    await rejects(async () => compactor.rest(), "part_missing");
  }),
  test("a merge that misses parts which no checkpoint needs any more is given up in silence", async () => {
    const { compactor, fail } = mergingCompactor();
    compactor.durable(snapshot("old", "new"), nothing);
    compactor.durable(snapshot("new", "newer"), nothing);
    fail(missing);
    await compactor.settled();
    compactor.rest();
  }),
  test("parts are merged that are too many, that weigh too much, or whose rows would make a restore slow", async () => {
    equal(await merges([10, 5, 5], 60), false, "twice the entries, and no more");
    equal(await merges([10, 5, 6], 60), true, "more rows than twice the entries");
    equal(await merges([10, 50], 50), false, "what is small is not merged");
    equal(await merges([30, 30], 60), false, "entries of many rows: twice the oldest part, and no more");
    equal(await merges([30, 31], 60), true, "more than twice the oldest part");
    equal(await merges([1, 1, 1], 701), true, "bytes");
    equal(await merges([1, 1, 1, 1, 1], 1), true, "their number");
    equal(await merges([100], 5000), false, "one alone");
  }),
  test("what was brought back is not merged before a checkpoint has followed", async () => {
    const { compactor, fail } = mergingCompactor();
    compactor.restored(snapshot("old", "new"));
    fail(missing);
    await compactor.settled();
    compactor.rest();
    compactor.durable(snapshot("old", "new", "newer"), nothing);
    fail(missing);
    await compactor.settled();
    await rejects(async () => compactor.rest(), "part_missing");
  }),
];
