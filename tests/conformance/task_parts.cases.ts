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
    compactor.durable(snapshot("old", "new"), 0);
    fail(missing);
    await compactor.settled();
    await rejects(async () => compactor.rest(), "part_missing");
  }),
  test("a merge that misses parts which no checkpoint needs any more is given up in silence", async () => {
    const { compactor, fail } = mergingCompactor();
    compactor.durable(snapshot("old", "new"), 0);
    compactor.durable(snapshot("new", "newer"), 0);
    fail(missing);
    await compactor.settled();
    compactor.rest();
  }),
];
