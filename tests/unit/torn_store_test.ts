// What a power cut leaves of a local store: every write that was not synced may be there, missing, or there in part.
// Whatever of the log's end is torn, what was acknowledged before is whole, and what comes after is all or nothing.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { type OpenStore, openStore } from "../../adapters/local/open_store.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { SyncTracer } from "../preload/sync_trace.ts";

const root = mkdtempSync(join(tmpdir(), "millrace-torn-"));
after(() => rmSync(root, { recursive: true, force: true }));

const open = async (directory: string): Promise<OpenStore> => {
  mkdirSync(directory, { recursive: true });
  return await openStore(directory, { log: silentLog });
};
const COMMITS = 8;
const blobOf = (n: number): Uint8Array => new Uint8Array(5_000 + n).fill(n);

/** One commit of several records and one blob; even those that say nothing must be there afterwards. */
async function write(store: OpenStore, n: number): Promise<void> {
  const key = `k/${n}`;
  await store.blobs.put(key, blobOf(n));
  const outcome = await store.metadata.commit(
    [{ kind: "absent", key }],
    [
      { kind: "put", key, value: utf8(`value ${n} `.repeat(300)) },
      { kind: "put", key: `empty/${n}`, value: new Uint8Array(0) },
      { kind: "put_counter", key: "last", value: n },
    ],
  );
  assert.equal(outcome.kind, "committed");
}

/** How many commits are there; throws where one is there in part, or a later one without an earlier one. */
async function wholeCommits(store: OpenStore): Promise<number> {
  const last = await store.metadata.getCounter("last");
  for (let n = 1; n <= last; n++) {
    assert.deepEqual(await store.metadata.get(`k/${n}`), utf8(`value ${n} `.repeat(300)), `record ${n} of ${last}`);
    assert.deepEqual(await store.metadata.get(`empty/${n}`), new Uint8Array(0), `empty record ${n} of ${last}`);
    assert.deepEqual(await store.blobs.get(`k/${n}`), blobOf(n), `blob ${n} of ${last}`);
  }
  assert.equal((await store.metadata.list("k/")).length, last);
  return last;
}

test("a store whose log is torn anywhere has all that was acknowledged, and nothing in part", async () => {
  const directory = join(root, "whole");
  const store = await open(directory);
  const wal = join(directory, "store.db-wal");
  const acknowledged: number[] = [];
  for (let n = 1; n <= COMMITS; n++) {
    await write(store, n);
    acknowledged.push(statSync(wal).size);
  }
  // Copied while it is open: closing would move the log into the file.
  const database = join(root, "store.db");
  copyFileSync(join(directory, "store.db"), database);
  const log = readFileSync(wal);
  await store.close();
  const random = seededPrng(5);
  const ends = [0, 32, ...Array.from({ length: 14 }, () => random.below(log.byteLength)), log.byteLength];
  for (const [index, end] of ends.entries()) {
    const torn = join(root, `torn${index}`);
    mkdirSync(torn);
    copyFileSync(database, join(torn, "store.db"));
    // Cut short; or of full length, with zeros or old bytes where the sectors did not arrive.
    const tail = [Buffer.alloc(0), Buffer.alloc(log.byteLength - end), log.subarray(0, log.byteLength - end)][
      index % 3
    ];
    writeFileSync(join(torn, "store.db-wal"), Buffer.concat([log.subarray(0, end), tail as Buffer]));
    const reopened = await open(torn);
    const found = await wholeCommits(reopened);
    const least = acknowledged.filter((size) => size <= end).length;
    assert.ok(found === least, `${found} commits where ${least} were synced before byte ${end} of the log`);
    await write(reopened, found + 1);
    assert.equal(await wholeCommits(reopened), found + 1, "it goes on from there");
    await reopened.close();
  }
});

test("a blob of a directory is acknowledged only when it, its name and the way to it are synced", async () => {
  const tracer = SyncTracer.create();
  assert.ok(tracer !== undefined, "this test needs gcc");
  const directory = join(root, "blobs");
  mkdirSync(directory);
  try {
    const program = fileURLToPath(new URL("../preload/blob_writer.ts", import.meta.url));
    const trace = await tracer.run({ command: process.execPath, args: [program, directory, "12"], root: directory });
    assert.deepEqual([trace.exitCode, trace.acks, trace.firstViolation], [0, 12, ""], trace.output);
    assert.ok(trace.syncs >= 24, `${trace.syncs} syncs`);
  } finally {
    tracer.remove();
  }
});
