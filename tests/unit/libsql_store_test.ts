// The local store against what really happens to files and processes: a second process, a kill, damage, a full disk.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLog } from "../../adapters/local/log_sink.ts";
import type { LibsqlDatabase } from "../../adapters/local/libsql_database.ts";
import { type LocalPlatform, openLocalPlatform } from "../../adapters/local/platform.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { MillraceError } from "../../src/base/errors.ts";

const root = mkdtempSync(join(tmpdir(), "millrace-store-"));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) killGroup(child);
  rmSync(root, { recursive: true, force: true });
});

/** With whatever it started: Deno's package starts Deno through a small program. */
function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
    process.kill(-child.pid, "SIGKILL");
}

let made = 0;
const freshDirectory = (): string => join(root, `d${made++}`);
const open = (directory: string): Promise<LocalPlatform> =>
  openLocalPlatform({ directory, fileRoots: [], log: silentLog, console: { print: () => undefined } });

interface Holder {
  readonly pid: number;
  /** The next line that the process prints. */
  line(): Promise<string>;
  kill(): Promise<void>;
}

const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  node: [process.execPath],
  deno: [fileURLToPath(new URL("../../node_modules/.bin/deno", import.meta.url)), "run", "-A", "--no-lock"],
  bun: [fileURLToPath(new URL("../../node_modules/.bin/bun", import.meta.url))],
};

function hold(directory: string, runtime = "node", key?: string): Holder {
  const program = fileURLToPath(new URL("../support/store_child.ts", import.meta.url));
  const [command = "", ...args] = [
    ...(RUNTIMES[runtime] ?? []),
    program,
    directory,
    ...(key === undefined ? [] : [key]),
  ];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  children.add(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  void ended.then(() => children.delete(child));
  return {
    pid: child.pid ?? -1,
    line: async () => ((await lines.next()) as { value?: string }).value ?? "",
    kill: async () => {
      killGroup(child);
      await ended;
    },
  };
}

const refusal = async (run: Promise<unknown>): Promise<MillraceError> => {
  const error = await run.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MillraceError, String(error));
  return error;
};

for (const runtime of Object.keys(RUNTIMES)) {
  test(`a second process on the store of a ${runtime} process is refused by its pid, and a kill frees the store`, async () => {
    const directory = freshDirectory();
    const holder = hold(directory, runtime);
    assert.equal(await holder.line(), "ready");
    const error = await refusal(open(directory));
    assert.equal(error.code, "store_in_use");
    assert.equal(error.where, join(directory, "store.db"));
    assert.match(error.message, new RegExp(`is in use by the ${runtime} process .*since 20`));
    // Where a package starts its runtime through a program of its own, the holder is a child of that.
    if (runtime === "node") assert.ok(error.message.includes(`process ${holder.pid} `), error.message);
    await holder.kill();
    const platform = await open(directory);
    await platform.close();
  });
}

test("of several processes that start at once, exactly one gets the store", async () => {
  const directory = freshDirectory();
  const holders = Array.from({ length: 4 }, () => hold(directory));
  const lines = await Promise.all(holders.map((one) => one.line()));
  assert.equal(lines.filter((one) => one === "ready").length, 1, lines.join("\n"));
  assert.equal(lines.filter((one) => one.startsWith("refused store_in_use")).length, 3, lines.join("\n"));
  await Promise.all(holders.map((one) => one.kill()));
});

test("what was acknowledged before a kill is there afterwards", async () => {
  const directory = freshDirectory();
  const holder = hold(directory, "node", "k");
  assert.equal(await holder.line(), "ready");
  let acknowledged = 0;
  while (acknowledged < 25) acknowledged = Number(await holder.line());
  await holder.kill();
  const platform = await open(directory);
  for (let n = 1; n <= acknowledged; n++) assert.deepEqual(await platform.metadata.get(`k/${n}`), utf8(String(n)));
  await platform.close();
});

test("what a killed process has left in the log is in the file itself before anybody reads it", async () => {
  const directory = freshDirectory();
  const before = await open(directory);
  await before.blobs.put("kept", utf8("by the log"));
  // As a kill leaves them: the log was never copied into the file.
  const [killed, copied] = [freshDirectory(), freshDirectory()];
  mkdirSync(killed);
  for (const name of ["store.db", "store.db-wal"]) copyFileSync(join(directory, name), join(killed, name));
  await before.close();
  const next = await open(killed);
  mkdirSync(copied);
  copyFileSync(join(killed, "store.db"), join(copied, "store.db"));
  await next.close();
  const file = await open(copied);
  const kept = await file.blobs.get("kept");
  await file.close();
  assert.deepEqual(kept, utf8("by the log"));
});

test("a closed store can be opened again in the same process, and an open one cannot", async () => {
  const directory = freshDirectory();
  const first = await open(directory);
  await first.metadata.commit([], [{ kind: "put", key: "k", value: utf8("v") }]);
  const error = await refusal(open(directory));
  assert.equal(error.code, "store_in_use");
  assert.ok(error.message.includes(`process ${process.pid} `));
  await first.close();
  await first.close();
  const second = await open(directory);
  assert.deepEqual(await second.metadata.get("k"), utf8("v"));
  await second.close();
});

test("calls made before a close are answered, later ones are refused", async () => {
  const platform = await open(freshDirectory());
  const commits = Array.from({ length: 10 }, (_unused, n) =>
    platform.metadata.commit([], [{ kind: "put_counter", key: `c${n}`, value: n }]),
  );
  const closing = platform.close();
  assert.ok((await Promise.all(commits)).every((one) => one.kind === "committed"));
  await closing;
  const error = await refusal(platform.metadata.get("c1"));
  assert.equal(error.code, "store_unavailable");
});

test("when the store's thread dies, every open call and every later one is rejected", async () => {
  const directory = freshDirectory();
  const platform = await open(directory);
  const pending = Array.from({ length: 5 }, (_unused, n) => platform.blobs.put(`b${n}`, new Uint8Array(3_000_000)));
  const outcomes = Promise.allSettled(pending);
  await (platform.database as LibsqlDatabase).abandon();
  for (const one of await outcomes) {
    assert.equal(one.status, "rejected");
    assert.equal((one.reason as MillraceError).code, "store_unavailable");
  }
  const error = await refusal(platform.blobs.get("b0"));
  assert.match(error.message, /thread of the store .*store\.db ended: it was abandoned/);
});

test("a file that is no database, and a damaged one, are named", async () => {
  const foreign = freshDirectory();
  mkdirSync(foreign);
  writeFileSync(join(foreign, "store.db"), "these are somebody's notes\n".repeat(300));
  const notOurs = await refusal(open(foreign));
  assert.deepEqual([notOurs.code, notOurs.retry], ["store_corrupt", "none"]);
  assert.ok(notOurs.message.includes(join(foreign, "store.db")) && notOurs.message.includes("no SQLite database"));
  assert.ok(readFileSync(join(foreign, "store.db"), "utf8").startsWith("these are"), "it was left alone");

  const damaged = freshDirectory();
  const platform = await open(damaged);
  for (let n = 0; n < 50; n++) await platform.blobs.put(`b${n}`, new Uint8Array(20_000).fill(n));
  await platform.close();
  const file = join(damaged, "store.db");
  const bytes = readFileSync(file);
  bytes.fill(0x5a, 4096);
  writeFileSync(file, bytes);
  rmSync(`${file}-wal`, { force: true });
  const broken = await refusal(
    open(damaged).then(async (again) => {
      try {
        for (let n = 0; n < 50; n++) await again.blobs.get(`b${n}`);
      } finally {
        await again.close();
      }
    }),
  );
  assert.deepEqual([broken.code, broken.where], ["store_corrupt", file]);
});

test("a store that cannot be made is named", async () => {
  const file = join(root, "plain-file");
  writeFileSync(file, "x");
  const error = await refusal(open(join(file, "store")));
  assert.deepEqual([error.code, error.fault], ["store_unavailable", "external"]);
  const occupied = freshDirectory();
  mkdirSync(join(occupied, "store.db"), { recursive: true });
  const second = await refusal(open(occupied));
  assert.deepEqual([second.code, second.where], ["store_unavailable", join(occupied, "store.db")]);
});

test("a full disk is named, loses nothing, and space makes the store work again", async () => {
  const directory = freshDirectory();
  const platform = await open(directory);
  await platform.blobs.put("before", new Uint8Array(100_000).fill(1));
  const pages = Number((await platform.tables.query({ sql: "PRAGMA page_count", args: [] }))[0]?.[0]);
  await platform.tables.query({ sql: `PRAGMA max_page_count = ${pages + 10}`, args: [] });
  const error = await refusal(platform.blobs.put("large", new Uint8Array(3_000_000)));
  assert.deepEqual([error.code, error.retry, error.where], ["store_full", "backoff", join(directory, "store.db")]);
  assert.equal(await platform.blobs.get("large"), undefined);
  assert.equal((await platform.blobs.get("before"))?.byteLength, 100_000);
  await platform.tables.query({ sql: "PRAGMA max_page_count = 1000000", args: [] });
  await platform.blobs.put("large", new Uint8Array(3_000_000));
  assert.equal((await platform.blobs.get("large"))?.byteLength, 3_000_000);
  await platform.close();
});

test("the store is in WAL mode and syncs every commit, and its directory belongs to its owner", async () => {
  const directory = freshDirectory();
  const platform = await open(directory);
  assert.deepEqual(await platform.tables.query({ sql: "PRAGMA journal_mode", args: [] }), [["wal"]]);
  assert.deepEqual(await platform.tables.query({ sql: "PRAGMA synchronous", args: [] }), [[2]]);
  await refusal(platform.tables.batch([{ sql: "SELECT nonsense", args: [] }]));
  assert.deepEqual(await platform.tables.query({ sql: "PRAGMA synchronous", args: [] }), [[2]]);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  await platform.close();
});

test("the log beside the file stays short, whatever is put and deleted again", async () => {
  const directory = freshDirectory();
  const platform = await open(directory);
  assert.deepEqual(await platform.tables.query({ sql: "PRAGMA cache_size", args: [] }), [[-32_768]]);
  for (let round = 0; round < 10; round++) {
    await platform.blobs.put(`part ${round}`, new Uint8Array(6_000_000).fill(round));
    await platform.blobs.delete([`part ${round - 2}`]);
  }
  const logBytes = statSync(join(directory, "store.db-wal")).size;
  // What is due is copied into the file after a commit, so that the last one's pages come on top.
  assert.ok(logBytes > 20_000_000 && logBytes < 33_751_072 + 7_000_000, `${logBytes} bytes`);
  assert.equal((await platform.blobs.get("part 9"))?.[5_999_999], 9);
  assert.equal(await platform.blobs.get("part 7"), undefined);
  await platform.close();
});

test("a store of another layout is refused", async () => {
  const directory = freshDirectory();
  const platform = await open(directory);
  await platform.metadata.commit([], [{ kind: "put_counter", key: "millrace/layout", value: 99 }]);
  await platform.close();
  const error = await refusal(open(directory));
  assert.equal(error.code, "store_layout_unknown");
  assert.match(error.message, /layout version 99/);
});

test("a path with spaces and signs is a path like any other", async () => {
  const directory = join(root, "a b#c?d%20e é");
  const platform = await open(directory);
  await platform.metadata.commit([], [{ kind: "put_counter", key: "k", value: 1 }]);
  await platform.close();
  assert.ok(statSync(join(directory, "store.db")).size > 0);
});
