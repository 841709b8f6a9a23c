// What a power cut or a kill leaves of a libSQL server: whether it syncs before it answers, and what it finds after its
// logs were torn. Its replication log is not synced by every version, its header before its frames at worst; nothing
// that was answered may hang on it.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { type OpenStore, openStore } from "../../adapters/local/open_store.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { SyncTracer } from "../preload/sync_trace.ts";
import { type Sqld, startSqld } from "../support/sqld.ts";

const root = mkdtempSync(join(tmpdir(), "millrace-torn-server-"));
const servers: Sqld[] = [];
after(async () => {
  for (const server of servers) await server.kill();
  rmSync(root, { recursive: true, force: true });
});

async function start(directory: string, durability: "strong" | "relaxed" = "strong"): Promise<Sqld> {
  const server = await startSqld({ directory, durability });
  servers.push(server);
  return server;
}
const connect = (server: Sqld, durability: "strong" | "relaxed" = "strong"): Promise<OpenStore> =>
  openStore(root, { store: { url: server.url, durability, retryForMs: 0 }, log: silentLog });

const large = (n: number): Uint8Array => new Uint8Array(300_000).fill(n);

async function write(store: OpenStore, n: number): Promise<void> {
  await store.metadata.commit(
    [{ kind: "absent", key: `k/${n}` }],
    [
      { kind: "put", key: `k/${n}`, value: large(n) },
      { kind: "put", key: `empty/${n}`, value: new Uint8Array(0) },
      { kind: "put_counter", key: "last", value: n },
    ],
  );
}

async function wholeCommits(store: OpenStore): Promise<number> {
  const last = await store.metadata.getCounter("last");
  for (let n = 1; n <= last; n++) {
    assert.deepEqual(await store.metadata.get(`k/${n}`), large(n), `record ${n} of ${last}`);
    assert.deepEqual(await store.metadata.get(`empty/${n}`), utf8(""), `empty record ${n} of ${last}`);
  }
  assert.equal((await store.metadata.list("k/")).length, last);
  return last;
}

test("a durable server syncs for every commit, and the one that is refused does not", async () => {
  const tracer = SyncTracer.create();
  assert.ok(tracer !== undefined, "this test needs gcc");
  const COMMITS = 40;
  const syncs = async (durability: "strong" | "relaxed"): Promise<number> => {
    const directory = join(root, `synced-${durability}`);
    mkdirSync(directory);
    const watched = tracer.watch(directory);
    const server = await startSqld({ directory, durability, env: watched.env });
    servers.push(server);
    const store = await connect(server, durability);
    for (let n = 1; n <= COMMITS; n++) {
      await store.metadata.commit([], [{ kind: "put_counter", key: "k", value: n }]);
    }
    await store.close();
    // It reports at its end, so it has to come to one by itself.
    const ended = new Promise((resolve) => server.process.once("exit", resolve));
    server.process.kill("SIGTERM");
    await ended;
    return watched.report().syncs;
  };
  try {
    const [strong, relaxed] = [await syncs("strong"), await syncs("relaxed")];
    assert.ok(strong >= COMMITS, `${strong} syncs for ${COMMITS} commits`);
    assert.ok(relaxed < COMMITS, `${relaxed} syncs for ${COMMITS} commits`);
  } finally {
    tracer.remove();
  }
});

test("a server whose logs are torn has all that it answered, and nothing in part", async () => {
  const whole = join(root, "whole");
  const server = await start(whole);
  const store = await connect(server);
  const database = join("dbs", "default");
  const sizes: number[] = [];
  for (let n = 1; n <= 6; n++) {
    await write(store, n);
    sizes.push(statSync(join(whole, database, "data-wal")).size);
  }
  await server.kill();
  await store.close();
  const wal = readFileSync(join(whole, database, "data-wal"));
  const replication = readFileSync(join(whole, database, "wallog"));
  const zeroed = (bytes: Buffer, from: number): Buffer =>
    Buffer.concat([bytes.subarray(0, from), Buffer.alloc(bytes.byteLength - from)]);
  const middle = Math.floor(((sizes[3] ?? 0) + (sizes[4] ?? 0)) / 2);
  const variants: readonly [what: string, wal: Buffer, replication: Buffer, least: number][] = [
    ["replication log cut", wal, replication.subarray(0, replication.byteLength / 2), 6],
    ["replication log's frames lost behind its header", wal, zeroed(replication, 4096), 6],
    ["replication log empty", wal, Buffer.alloc(0), 6],
    ["log cut within a commit", wal.subarray(0, middle), replication, 4],
    ["log's last commit lost, replication log whole", zeroed(wal, sizes[4] ?? 0), replication, 5],
  ];
  for (const [what, tornWal, tornReplication, least] of variants) {
    const torn = join(root, "torn");
    rmSync(torn, { recursive: true, force: true });
    cpSync(whole, torn, { recursive: true });
    writeFileSync(join(torn, database, "data-wal"), tornWal);
    writeFileSync(join(torn, database, "wallog"), tornReplication);
    truncateSync(join(torn, database, "data-shm"), 0);
    // Some versions do not start with a replication log that was cut short, which nothing but replicas needs.
    const again = await start(torn).catch(() => {
      rmSync(join(torn, database, "wallog"));
      return start(torn);
    });
    const reopened = await connect(again);
    assert.equal(await wholeCommits(reopened), least, what);
    await write(reopened, least + 1);
    assert.equal(await wholeCommits(reopened), least + 1, `${what}: it goes on from there`);
    await reopened.close();
    await again.kill();
  }
});

test("a server that is killed while it commits large records has each of them whole or not at all", async () => {
  const directory = join(root, "killed");
  let answered = 0;
  for (let round = 0; round < 3; round++) {
    const server = await start(directory);
    const store = await connect(server);
    const found = await wholeCommits(store);
    assert.ok(found === answered || found === answered + 1, `${found} commits of ${answered} answered`);
    answered = found;
    const dead = new Promise((resolve) => setTimeout(resolve, 60 + round * 35)).then(() => server.kill());
    while (server.process.signalCode === null) {
      const done = await write(store, answered + 1).then(
        () => true,
        () => false,
      );
      if (!done) break;
      answered++;
    }
    await dead;
    await store.close();
  }
  assert.ok(answered > 0);
});
