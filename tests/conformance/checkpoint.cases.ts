// Manifests, garbage and savepoint files.

import { type Bytes, bytesOfHex, concatBytes, hexOf } from "../../src/base/bytes.ts";
import { cborItemLength, decodeCbor, encodeCbor } from "../../src/base/cbor.ts";
import { asBranchId, asCheckpointId, asGeneration, asJobId, asOperatorUid, asSplitId } from "../../src/base/ids.ts";
import { batchOfRows, rowOf } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { decideGarbage } from "../../src/checkpoint/garbage.ts";
import { decodeManifest, encodeManifest, type Manifest, MANIFEST_FORMAT } from "../../src/checkpoint/manifest.ts";
import { manifestKey, partName } from "../../src/checkpoint/paths.ts";
import { splitByKeyGroup } from "../../src/checkpoint/savepoint_columns.ts";
import { readSavepoint, writeSavepoint } from "../../src/checkpoint/savepoint_file.ts";
import type { Savepoint, SavepointState } from "../../src/checkpoint/savepoint.ts";
import { decodePart, encodePart } from "../../src/checkpoint/part_batches.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { METADATA_VALUE_BYTES_MAX } from "../../src/platform/store_rules.ts";
import type { Digest } from "../../src/platform/ports.ts";
import { type PartRef, type SourceSnapshot, type TaskSnapshot, zeroCounters } from "../../src/protocol/snapshot.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { golden } from "../support/data/format_2.ts";
import { readSavepointFile } from "../twins/savepoint_reader.ts";

const jobId = asJobId("0123456789abcdef0123456789abcdef");
const branch = asBranchId("00000000000000aa");
const uid = asOperatorUid("w");

function part(generation: number, checkpoint: number, digit: string): PartRef {
  const sha256 = digit.repeat(64);
  const name = partName(jobId, branch, asGeneration(generation), asCheckpointId(checkpoint), sha256);
  return { name, byteLength: 1, sha256, rowCount: 1, expiresAt: null };
}

function manifest(generation: number, checkpoint: number, parts: readonly PartRef[]): Manifest {
  const states = [{ uid, state: "windows", parts, scalars: null }];
  const task = { chain: 0, subtask: 0, states, sources: [], pending: [], inputEnded: false, counters: zeroCounters };
  const ids = { jobId, branch, checkpoint: asCheckpointId(checkpoint), generation: asGeneration(generation) };
  return { format: MANIFEST_FORMAT, ...ids, takenAtMs: 0, parent: null, ended: false, tasks: [task] };
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
    states: [
      { uid: "w", state: "left", schema: stateSchema, scalars: [{ watermark: "7" }, null], batches: [first, second] },
      { uid: "w", state: "right", schema: stateSchema, scalars: [null, [1, 2]], batches: [] },
    ],
  };
}

function goldenManifest(): Manifest {
  const [first] = manifest(3, 7, [part(3, 7, "a"), { ...part(2, 6, "b"), expiresAt: "-5" }]).tasks;
  const split = {
    id: asSplitId("f:0"),
    detail: { path: "f" },
    position: { offset: 5 },
    finished: false,
    timestampMax: "9",
  };
  const pending = [
    { sink: asOperatorUid("out"), checkpoint: asCheckpointId(7), index: 1_000_000, part: part(3, 7, "c") },
  ];
  const counters = { rowsIn: 2 ** 40, rowsRejected: 1, rowsLate: 2, rowsOut: 3 };
  const second = { chain: 1, subtask: 1, states: [], sources: [], pending, inputEnded: true, counters };
  const sources = [{ uid: asOperatorUid("source"), splits: [split] }];
  const parent = { branch: asBranchId("00000000000000bb"), checkpoint: asCheckpointId(4) };
  const tasks = [{ ...(first as TaskSnapshot), sources }, second];
  return { ...manifest(3, 7, []), takenAtMs: 1_700_000_000_000, parent, ended: true, tasks };
}

/** The same file, but its header announces another format; every digest is right. */
function withFormat(file: Bytes, digest: Digest, format: number): Bytes {
  const items: Bytes[] = [];
  const digests: Bytes[] = [];
  const add = (payload: unknown): void => {
    const bytes = encodeCbor(payload);
    const found = digest.sha256();
    found.update(bytes);
    const sum = found.finish();
    items.push(encodeCbor([bytes, sum]));
    digests.push(sum);
  };
  for (let at = 0; at < file.byteLength; ) {
    const length = cborItemLength(file, at, "file");
    const [payload] = decodeCbor(file.subarray(at, at + length), "file") as [Uint8Array];
    const value = decodeCbor(payload, "file") as Record<string, unknown>;
    if (value.kind === "end") {
      const whole = digest.sha256();
      whole.update(concatBytes(digests));
      add({ ...value, digest: whole.finish() });
    } else add(value.kind === "header" ? { ...value, format } : value);
    at += length;
  }
  return concatBytes(items);
}

export const cases: readonly Case[] = [
  test("a manifest reads back as it was written", () => {
    const one = manifest(1, 2, [part(1, 2, "a")]);
    equal(decodeManifest(encodeManifest(one), "test"), one);
  }),
  test("a manifest of another format or of garbage is refused with its place", async () => {
    for (const format of [1, 3]) {
      const other = encodeManifest({ ...manifest(1, 1, []), format: format as 2 });
      const error = await rejects(() => decodeManifest(other, "m"), "manifest_format_unknown");
      ok(error.message.includes(`format ${format}`), "the format is named");
    }
    await rejects(() => decodeManifest(encodeCbor({ snapshot: {} }), "m"), "manifest_corrupt");
    await rejects(() => decodeManifest(encodeCbor(null), "m"), "manifest_corrupt");
    const record = decodeCbor(encodeManifest(manifest(1, 1, [part(1, 1, "a")])), "m") as {
      tasks: [{ states: [object] }];
    };
    const [task] = record.tasks;
    for (const bad of [null, {}, [], [1, 1, new Uint8Array(31), 1, 1, null], [1, 1, new Uint8Array(32), 1, 1, 5]]) {
      const tasks = [{ ...task, states: [{ ...task.states[0], parts: [bad] }] }];
      await rejects(() => decodeManifest(encodeCbor({ ...record, tasks }), "m"), "manifest_corrupt");
    }
    await rejects(() => decodeManifest(encodeManifest({ ...manifest(1, 1, []), tasks: [] }), "m"), "manifest_corrupt");
    const bytes = encodeManifest(manifest(1, 1, []));
    const error = await rejects(() => decodeManifest(bytes.subarray(0, 20), "the place"), "cbor_corrupt");
    equal(error.where, "the place");
  }),
  test("a manifest of 64 tasks with two tables of 64 parts each is one record of the metadata store", () => {
    const parts = Array.from({ length: 64 }, (_none, index) => part(900 + index, 123_456, "a"));
    const [first] = manifest(1, 1, parts).tasks as [TaskSnapshot];
    const states = ["left", "right"].map((state) => ({ uid, state, parts, scalars: { watermark: "1700000000000" } }));
    const tasks = Array.from({ length: 64 }, (_none, subtask) => ({ ...first, subtask, states }));
    const bytes = encodeManifest({ ...manifest(1, 1, []), tasks });
    ok(bytes.byteLength < METADATA_VALUE_BYTES_MAX * 0.7, `${bytes.byteLength} bytes`);
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
      oldest: 2,
      latest: { key: keyOf(newest), checkpoint: newest.checkpoint },
      pinned: [],
      retained: 2,
      keepParts: true,
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
      oldest: 1,
      latest: { key: keyOf(newest), checkpoint: newest.checkpoint },
      pinned: [keyOf(old)],
      retained: 1,
      keepParts: true,
    });
    equal(decision, { manifestKeys: [], partNames: [] });
  }),
  test("a part in the making is not garbage, although a restart elsewhere has raised the generation", () => {
    const [elder, middle, own] = [part(2, 5, "a"), part(3, 5, "b"), part(4, 5, "c")];
    const [dead, decided, unknown] = [part(1, 5, "d"), part(2, 4, "e"), part(5, 5, "f")];
    const newest = manifest(4, 4, []);
    const decision = decideGarbage({
      manifests: listed([newest]),
      partNames: [elder, middle, own, dead, decided, unknown].map((one) => one.name),
      generation: asGeneration(4),
      oldest: 2,
      latest: { key: keyOf(newest), checkpoint: newest.checkpoint },
      pinned: [],
      retained: 1,
      keepParts: true,
    });
    equal(decision.partNames, [dead.name, decided.name]);
  }),
  test("of a job that has finished the last manifest stays, and parts only as long as something reads them", () => {
    const [old, last] = [manifest(1, 1, [part(1, 1, "a")]), manifest(1, 2, [part(1, 2, "b")])];
    const facts = {
      manifests: listed([old, last]),
      partNames: [part(1, 1, "a").name, part(1, 2, "b").name],
      generation: asGeneration(1),
      oldest: 2,
      latest: { key: keyOf(last), checkpoint: last.checkpoint },
      retained: 1,
      keepParts: false,
    };
    const exporting = decideGarbage({ ...facts, pinned: [keyOf(last)] });
    equal(exporting, { manifestKeys: [keyOf(old)], partNames: [part(1, 1, "a").name] });
    equal(decideGarbage({ ...facts, pinned: [] }).partNames, facts.partNames);
  }),
  test("nothing is garbage as long as the newest manifest has not been read", () => {
    const old = manifest(1, 1, [part(1, 1, "a")]);
    const newest = manifest(1, 2, [part(1, 2, "b")]);
    const decision = decideGarbage({
      manifests: listed([old]),
      partNames: [part(1, 1, "a").name, part(1, 2, "b").name],
      generation: asGeneration(1),
      oldest: 1,
      latest: { key: keyOf(newest), checkpoint: newest.checkpoint },
      pinned: [],
      retained: 1,
      keepParts: true,
    });
    equal(decision, { manifestKeys: [], partNames: [] });
  }),
  test("state rows are cut by key group across batches", () => {
    const groups = [...splitByKeyGroup(savepoint().states[0]?.batches ?? [])];
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
      back.states.map(({ uid, state, scalars }) => [uid, state, scalars]),
      savepoint().states.map(({ uid, state, scalars }) => [uid, state, scalars]),
    );
    equal(back.states[1]?.batches, []);
    equal(
      back.states[0]?.batches.flatMap((batch) =>
        Array.from({ length: batch.rowCount }, (_none, row) => rowOf(batch, row)).map((row) => row[1]),
      ),
      ["a", null, "a text longer than twelve bytes", "ключ", ""],
    );
  }),
  test("a savepoint whose tables, sources or splits come twice, or of different subtasks, is refused", async (context) => {
    const { digest } = await context.freshPlatform();
    const whole = savepoint();
    const [left, right] = whole.states as [SavepointState, SavepointState];
    const [source] = whole.sources as [SourceSnapshot];
    const twice = { ...source, splits: [...source.splits, ...source.splits] };
    const wrong: [string, Partial<Savepoint>][] = [
      ["a table twice", { states: [left, left] }],
      ["scalars of 2 and 1 subtasks", { states: [left, { ...right, scalars: [null] }] }],
      ["no scalars", { states: [{ ...right, scalars: [] }] }],
      ["more subtasks than key groups", { states: [{ ...right, scalars: new Array(129).fill(null) }] }],
      ["scalars that are no data", { states: [{ ...right, scalars: [new Uint8Array(3) as never] }] }],
      ["a source twice", { sources: [source, source] }],
      ["a split twice", { sources: [twice] }],
    ];
    for (const [what, change] of wrong) {
      const bytes = writeSavepoint({ ...whole, ...change }, digest);
      await refused(() => readSavepoint(bytes, digest, "file"), what);
    }
  }),
  test("a savepoint file of another format is refused with both formats", async (context) => {
    const { digest } = await context.freshPlatform();
    const bytes = writeSavepoint(savepoint(), digest);
    const other = withFormat(bytes, digest, 1);
    const error = await rejects(() => readSavepoint(other, digest, "file"), "savepoint_corrupt");
    ok(error.message.includes("format 1 is not readable; this version reads 2"), error.message);
  }),
  test("manifests, parts and savepoint files are the very bytes that format 2 says", async (context) => {
    const { digest } = await context.freshPlatform();
    const written = {
      manifest: encodeManifest(goldenManifest()),
      part: encodePart(savepoint().states[0]?.batches ?? []),
      savepoint: writeSavepoint(savepoint(), digest),
    };
    for (const name of ["manifest", "part", "savepoint"] as const) {
      // Whoever changes a format on purpose gives it a new number, and keeps the old bytes readable or refused.
      equal(hexOf(written[name]), golden[name], name);
    }
    equal(decodeManifest(bytesOfHex(golden.manifest), "golden"), goldenManifest());
    equal(readSavepoint(bytesOfHex(golden.savepoint), digest, "golden").header, savepoint().header);
    equal(decodePart(bytesOfHex(golden.part), "golden").length, 2);
  }),
  test("a reader written from the page of the format alone reads every value of a file", async (context) => {
    const { digest } = await context.freshPlatform();
    const sha256 = (bytes: Uint8Array): Uint8Array => {
      const stream = digest.sha256();
      stream.update(bytes);
      return stream.finish();
    };
    const wanted = savepoint();
    for (const bytes of [bytesOfHex(golden.savepoint), writeSavepoint(wanted, digest)]) {
      const found = readSavepointFile(bytes, sha256);
      const { kind, magic, format, ...header } = found.header;
      equal([kind, magic, format, header], ["header", "millrace-savepoint", 2, wanted.header]);
      equal(found.sources, [{ kind: "source", ...wanted.sources[0] }]);
      equal(
        found.tables,
        wanted.states.map(({ uid, state, schema, scalars, batches }) => ({
          ...{ uid, state, scalars, columns: schema.map((one) => one.name) },
          rows: batches.flatMap((batch) => Array.from({ length: batch.rowCount }, (_none, row) => rowOf(batch, row))),
        })),
      );
    }
    const damaged = bytesOfHex(golden.savepoint);
    damaged[700] = (damaged[700] as number) ^ 1;
    let noticed = false;
    try {
      readSavepointFile(damaged, sha256);
    } catch {
      noticed = true;
    }
    ok(noticed, "it checks the digests");
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
