// Manifests, garbage and savepoint files.

import { asBranchId, asCheckpointId, asGeneration, asJobId, asOperatorUid } from "../../src/base/ids.ts";
import { batchOfRows, rowOf } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { decideGarbage } from "../../src/checkpoint/garbage.ts";
import { decodeManifest, encodeManifest, type Manifest, MANIFEST_FORMAT } from "../../src/checkpoint/manifest.ts";
import { manifestKey, partName } from "../../src/checkpoint/paths.ts";
import { splitByKeyGroup } from "../../src/checkpoint/savepoint_columns.ts";
import { readSavepoint, writeSavepoint } from "../../src/checkpoint/savepoint_file.ts";
import type { Savepoint } from "../../src/checkpoint/savepoint.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { type PartRef, zeroCounters } from "../../src/protocol/snapshot.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";

const jobId = asJobId("0123456789abcdef0123456789abcdef");
const branch = asBranchId("00000000000000aa");
const uid = asOperatorUid("w");

function part(generation: number, checkpoint: number, digit: string): PartRef {
  const sha256 = digit.repeat(64);
  const name = partName(jobId, branch, asGeneration(generation), asCheckpointId(checkpoint), sha256);
  return { name, byteLength: 1, sha256, rowCount: 1, expiresAt: null };
}

function manifest(generation: number, checkpoint: number, parts: readonly PartRef[]): Manifest {
  const operators = [{ uid, parts, scalars: null }];
  const snapshot = { operators, sources: [], pending: [], inputEnded: false, counters: zeroCounters };
  const ids = { jobId, branch, checkpoint: asCheckpointId(checkpoint), generation: asGeneration(generation) };
  return { format: MANIFEST_FORMAT, ...ids, takenAtMs: 0, parent: null, snapshot };
}

const keyOf = (one: Manifest): string => manifestKey(one.jobId, one.branch, one.checkpoint);
const listed = (manifests: readonly Manifest[]) => manifests.map((one) => ({ key: keyOf(one), manifest: one }));

const stateSchema: Schema = [
  field("key_group", "i64"),
  field("key", "utf8", true),
  field("sum", "f64", true),
  field("on", "bool"),
];

function savepoint(): Savepoint {
  const first = batchOfRows(stateSchema, [
    [0n, "a", 1.5, true],
    [0n, null, null, false],
    [3n, "a text longer than twelve bytes", -0, true],
  ]);
  const second = batchOfRows(stateSchema, [
    [3n, "ключ", 2, true],
    [127n, "", 3, false],
  ]);
  const split = {
    id: "s" as never,
    detail: { path: "p" },
    position: { offset: 5 },
    finished: false,
    timestampMax: "-9223372036854775808",
  };
  const names = { savepoint: "s1", jobId, jobName: "n", branch, checkpoint: 4, createdAtMs: 5, maxParallelism: 128 };
  return {
    header: { ...names, inputEnded: false, counters: { ...zeroCounters, rowsIn: 9 } },
    sources: [{ uid: asOperatorUid("source"), splits: [split] }],
    operators: [{ uid: "w", schema: stateSchema, scalars: { firedWatermark: "7" }, batches: [first, second] }],
  };
}

export const cases: readonly Case[] = [
  test("a manifest reads back as it was written", () => {
    const one = manifest(1, 2, [part(1, 2, "a")]);
    equal(decodeManifest(encodeManifest(one), "test"), one);
  }),
  test("a manifest of another format or of garbage is refused with its place", async () => {
    await rejects(
      () => decodeManifest(encodeManifest({ ...manifest(1, 1, []), format: 9 as 1 }), "m"),
      "manifest_format_unknown",
    );
    const bytes = encodeManifest(manifest(1, 1, []));
    const error = await rejects(() => decodeManifest(bytes.subarray(0, 20), "the place"), "cbor_corrupt");
    equal(error.where, "the place");
  }),
  test("garbage is what no retained manifest names and nothing in the making can come to name", () => {
    const [a, b, c] = [part(1, 1, "a"), part(1, 2, "b"), part(2, 3, "c")];
    const abandoned = part(2, 3, "d");
    const uploading = part(2, 5, "e");
    const zombie = part(1, 9, "f");
    const newest = manifest(2, 4, [c, b]);
    const manifests = [newest, manifest(1, 1, [a]), manifest(2, 3, [b, c])];
    const decision = decideGarbage({
      manifests: listed(manifests),
      partNames: [a, b, c, abandoned, uploading, zombie].map((one) => one.name),
      generation: asGeneration(2),
      latest: { key: keyOf(newest), checkpoint: newest.checkpoint },
      pinned: [],
      retained: 2,
    });
    equal(decision.manifestKeys, [keyOf(manifest(1, 1, []))]);
    equal(decision.partNames, [a.name, abandoned.name, zombie.name]);
  }),
  test("a pinned manifest and its parts stay, and a name that is not understood is never deleted", () => {
    const old = manifest(1, 1, [part(1, 1, "a")]);
    const newest = manifest(1, 3, [part(1, 3, "b")]);
    const decision = decideGarbage({
      manifests: listed([old, newest]),
      partNames: [part(1, 1, "a").name, `${part(1, 1, "a").name}.tmp`, "job/x/part/something else"],
      generation: asGeneration(1),
      latest: { key: keyOf(newest), checkpoint: newest.checkpoint },
      pinned: [keyOf(old)],
      retained: 1,
    });
    equal(decision, { manifestKeys: [], partNames: [] });
  }),
  test("nothing is garbage as long as the newest manifest has not been read", () => {
    const old = manifest(1, 1, [part(1, 1, "a")]);
    const newest = manifest(1, 2, [part(1, 2, "b")]);
    const decision = decideGarbage({
      manifests: listed([old]),
      partNames: [part(1, 1, "a").name, part(1, 2, "b").name],
      generation: asGeneration(1),
      latest: { key: keyOf(newest), checkpoint: newest.checkpoint },
      pinned: [],
      retained: 1,
    });
    equal(decision, { manifestKeys: [], partNames: [] });
  }),
  test("state rows are cut by key group across batches", () => {
    const groups = splitByKeyGroup(savepoint().operators[0]?.batches ?? []);
    equal(
      groups.map((one) => [one.keyGroup, one.batch.rowCount]),
      [
        [0, 2],
        [3, 2],
        [127, 1],
      ],
    );
    equal(rowOf(groups[1]?.batch as never, 1), [3n, "ключ", 2, true]);
  }),
  test("a savepoint file reads back as it was written", async (context) => {
    const { digest } = await context.freshPlatform();
    const back = readSavepoint(writeSavepoint(savepoint(), digest), digest, "file");
    equal(back.header, savepoint().header);
    equal(back.sources, savepoint().sources);
    equal(
      back.operators[0]?.batches.flatMap((batch) =>
        Array.from({ length: batch.rowCount }, (_none, row) => rowOf(batch, row)).map((row) => row[1]),
      ),
      ["a", null, "a text longer than twelve bytes", "ключ", ""],
    );
  }),
  test("a savepoint file that is cut short anywhere is refused", async (context) => {
    const { digest } = await context.freshPlatform();
    const bytes = writeSavepoint(savepoint(), digest);
    for (let length = 0; length < bytes.byteLength; length += 7) {
      await refused(() => readSavepoint(bytes.slice(0, length), digest, "file"), `cut at ${length}`);
    }
    await refused(() => readSavepoint(new Uint8Array([...bytes, 0]), digest, "file"), "a byte too many");
  }),
  test("no flipped bit of a savepoint file goes unnoticed", async (context) => {
    const { digest } = await context.freshPlatform();
    const bytes = writeSavepoint(savepoint(), digest);
    const prng = seededPrng(1);
    for (let round = 0; round < 500; round++) {
      const changed = bytes.slice();
      const bit = prng.below(bytes.byteLength * 8);
      changed[bit >>> 3] = (changed[bit >>> 3] as number) ^ (1 << (bit & 7));
      await refused(() => readSavepoint(changed, digest, "file"), `bit ${bit}`);
    }
  }),
];

async function refused(read: () => unknown, what: string): Promise<void> {
  try {
    read();
  } catch (error) {
    const { code } = error as { code?: string };
    ok(code === "savepoint_corrupt" || code === "cbor_corrupt", `${what}: refused as ${String(error)}`);
    return;
  }
  ok(false, `${what}: accepted`);
}
