// A real libSQL server as the shared store: the shared cases on every runtime, and what happens when the server or the
// way to it fails.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { LibsqlServerDatabase, type LibsqlServerOptions } from "../../adapters/local/libsql_server.ts";
import { systemClock, systemEntropy, systemTimers, systemYield } from "../../adapters/local/machine.ts";
import { openStore, type SharedStore } from "../../adapters/local/open_store.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { MillraceError } from "../../src/base/errors.ts";
import { rootPath } from "../../tools/process.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { createLog, openLogs, readTexts, reopen, texts } from "../support/logs.ts";
import { runtimeCommands } from "../support/server_process.ts";
import { freePort, type Sqld, startSqld } from "../support/sqld.ts";

const root = mkdtempSync(join(tmpdir(), "millrace-sqld-"));
let server: Sqld;
let proxy: FaultProxy;
const opened: { close(): Promise<void> }[] = [];

before(async () => {
  server = await startSqld({ directory: join(root, "main") });
  proxy = await FaultProxy.start(server.port);
});

after(async () => {
  for (const one of opened) await one.close();
  await proxy.close();
  await server.kill();
  rmSync(root, { recursive: true, force: true });
});

async function open(options: Partial<LibsqlServerOptions> = {}): Promise<LibsqlServerDatabase> {
  const database = await LibsqlServerDatabase.open({ url: server.url, log: silentLog, ...options });
  opened.push(database);
  return database;
}

const machinePorts = { clock: systemClock, timers: systemTimers, yield: systemYield, entropy: systemEntropy };

async function refusal(run: Promise<unknown>): Promise<MillraceError> {
  const error = await run.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MillraceError, String(error));
  return error;
}

const one = (sql: string, ...args: (string | number)[]): { sql: string; args: (string | number)[] } => ({ sql, args });
let tables = 0;

/** A table of its own for each test, and a way to look into it that no fault touches. */
async function freshTable(): Promise<{ name: string; count(): Promise<number> }> {
  const direct = await open();
  const name = `t${tables++}`;
  await direct.batch([one(`CREATE TABLE ${name} (a INTEGER PRIMARY KEY)`)]);
  return { name, count: async () => Number((await direct.query(one(`SELECT count(*) FROM ${name}`)))[0]?.[0]) };
}

/** A request on a connection whose end has not been noticed yet would be lost. */
async function seenBroken(breakIt: () => unknown): Promise<void> {
  await breakIt();
  await new Promise((resolve) => setTimeout(resolve, 50));
}

/** What a program of this project prints on a runtime. */
async function output(
  runtime: keyof typeof runtimeCommands,
  [program = "", ...more]: readonly string[],
): Promise<string> {
  const [name = "", ...args] = runtimeCommands[runtime];
  const command = join(rootPath, "node_modules", ".bin", name);
  const options = { cwd: rootPath, timeout: 115_000 };
  return await new Promise((resolve) => {
    execFile(command, [...args, join(rootPath, program), ...more], options, (_error, out, err) =>
      resolve(`${err}\n${out}`),
    );
  });
}

async function sharedCases(runtime: keyof typeof runtimeCommands, topics: string): Promise<void> {
  const text = await output(runtime, ["tests/integration/shared_cases_main.ts", topics]);
  assert.match(text.trim().split("\n").at(-1) ?? "", /^\{"passed":[1-9]\d*,"failures":\[\]\}$/, text.slice(-4000));
}

for (const runtime of ["node", "deno", "bun"] as const) {
  test(`the shared cases of stores and leases hold over a libSQL server on ${runtime}`, () =>
    sharedCases(runtime, "stores,platform_sql,lease"));
}
for (const runtime of ["node", "deno", "bun"] as const) {
  test(`${runtime} tells lost calls from those that were never sent, and sends none twice`, async () => {
    const text = await output(runtime, ["tests/integration/fault_codes_main.ts", join(root, `codes-${runtime}`)]);
    assert.deepEqual(JSON.parse(text.trim().split("\n").at(-1) ?? ""), {
      drop_answers: ["store_outcome_unknown", "store_unreachable", 1],
      cut_requests: ["store_outcome_unknown", "store_unreachable", 0],
      swallow: ["store_outcome_unknown", "store_unreachable", 0],
      refuse: ["store_unreachable", "store_unreachable", 0],
      heals: ["done", "", 0],
      nobody: ["store_unreachable", "", 0],
    });
  });
}
test("the shared cases of logs hold over a libSQL server", () => sharedCases("node", "log_core"));
test("the shared cases of sinks and of recovery hold over a libSQL server", () =>
  sharedCases("node", "sinks,engine_recovery"));

test("a server that nobody listens at is unreachable, after as long as it is tried", async () => {
  const port = await freePort();
  const options = { url: `http://127.0.0.1:${port}`, retryForMs: 200, log: silentLog };
  const startMs = Date.now();
  const error = await refusal(LibsqlServerDatabase.open(options));
  assert.deepEqual([error.code, error.where, error.retry], ["store_unreachable", options.url, "backoff"]);
  assert.ok(Date.now() - startMs < 5_000);
});

test("what is no libSQL server, and what is no address, is said so", async () => {
  const { createServer } = await import("node:http");
  const other = createServer((_request, answer) => answer.writeHead(404).end("who?"));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const error = await refusal(open({ url: `http://127.0.0.1:${port}`, retryForMs: 0 }));
  other.close();
  assert.equal(error.code, "store_address_invalid");
  for (const url of ["ftp://h", "nowhere", "http://u:p@h", "http://h/?authToken=x"]) {
    const refused = await refusal(open({ url }));
    assert.equal(refused.code, "store_address_invalid", url);
    assert.ok(!refused.message.includes("u:p") && !refused.message.includes("=x"), refused.message);
  }
});

test("ws and http name the same server", async () => {
  const database = await open({ url: server.url.replace("http:", "ws:") });
  assert.deepEqual(await database.query(one("SELECT 7")), [[7]]);
  assert.equal(database.url, server.url);
});

test("a server that answers before its commits are on disk is refused", async () => {
  const relaxed = await startSqld({ directory: join(root, "relaxed"), durability: "relaxed" });
  try {
    const error = await refusal(open({ url: relaxed.url }));
    assert.equal(error.code, "store_not_durable");
    assert.match(error.message, /synchronous is 1.*"durability_mode": "strong"/);
    await open({ url: relaxed.url, durability: "relaxed" });
  } finally {
    await relaxed.kill();
  }
});

test("a server with a key takes the right token by reference and refuses a wrong one and none", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const keyFile = join(root, "key.pem");
  writeFileSync(keyFile, publicKey.export({ type: "spki", format: "pem" }));
  const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${base64({ alg: "EdDSA", typ: "JWT" })}.${base64({ a: "rw" })}`;
  const token = `${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`;
  writeFileSync(join(root, "token"), `${token}\n`);
  const locked = await startSqld({ directory: join(root, "locked"), jwtKeyFile: keyFile });
  const shared = (more: Partial<SharedStore>) =>
    openStore(root, { store: { url: locked.url, ...more }, log: silentLog });
  try {
    process.env["MILLRACE_TEST_TOKEN"] = `${token.slice(0, -8)}AAAAAAAA`;
    const store = await shared({ token: `file:${join(root, "token")}` });
    await store.metadata.commit([], [{ kind: "put", key: "k", value: utf8("v") }]);
    assert.deepEqual(await store.metadata.get("k"), utf8("v"));
    await store.close();
    for (const more of [{}, { token: "env:MILLRACE_TEST_TOKEN" }]) {
      const error = await refusal(shared(more));
      assert.deepEqual([error.code, error.retry], ["store_unauthorized", "none"]);
      assert.ok(!error.message.includes(token.slice(0, 20)), "the token is not repeated");
    }
    assert.equal((await refusal(shared({ token: "env:MILLRACE_NO_SUCH" }))).code, "secret_missing");
    const itself = await refusal(shared({ token }));
    assert.equal(itself.code, "secret_reference_invalid");
    assert.ok(!itself.message.includes(token.slice(0, 20)), "a secret given by mistake is not repeated");
  } finally {
    await locked.kill();
  }
});

test("a change whose answer is lost has an unknown outcome and is not sent again", async () => {
  const { name, count } = await freshTable();
  const database = await open({ url: proxy.url, retryForMs: 2_000 });
  await proxy.mode("drop_answers");
  const error = await refusal(database.batch([one(`INSERT INTO ${name} VALUES (1)`)]));
  assert.deepEqual([error.code, error.fault, error.retry], ["store_outcome_unknown", "external", "backoff"]);
  await proxy.mode("pass");
  assert.equal(await count(), 1, "it took effect, once");
  await database.batch([one(`INSERT INTO ${name} VALUES (2)`)]);
  assert.equal(await count(), 2, "the next call finds a connection");
});

test("a change that is cut off on its way takes no effect at all", async () => {
  const { name, count } = await freshTable();
  const database = await open({ url: proxy.url, retryForMs: 0 });
  await proxy.mode("cut_requests");
  const rows = Array.from({ length: 50 }, (_none, index) => one(`INSERT INTO ${name} VALUES (?)`, index));
  const error = await refusal(database.batch(rows));
  assert.equal(error.code, "store_outcome_unknown");
  await proxy.mode("pass");
  assert.equal(await count(), 0);
});

test("a call to a server that hangs ends in time", async () => {
  const { name, count } = await freshTable();
  const database = await open({ url: proxy.url, timeoutMs: 300, retryForMs: 0 });
  await proxy.mode("swallow");
  const change = refusal(database.batch([one(`INSERT INTO ${name} VALUES (1)`)]));
  const question = refusal(database.query(one("SELECT 1")));
  assert.equal((await change).code, "store_outcome_unknown");
  assert.equal((await question).code, "store_unreachable");
  await proxy.mode("pass");
  await seenBroken(() => proxy.cut());
  await database.batch([one(`INSERT INTO ${name} VALUES (2)`)]);
  assert.equal(await count(), 1);
});

test("reads, and changes that were never sent, outlast a server that is away for a while", async () => {
  const { name, count } = await freshTable();
  const database = await open({ url: proxy.url, retryForMs: 10_000 });
  await seenBroken(() => proxy.mode("refuse"));
  const change = database.batch([one(`INSERT INTO ${name} VALUES (1)`)]);
  const question = database.query(one(`SELECT count(*) FROM ${name}`));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await proxy.mode("pass");
  await change;
  assert.deepEqual(await question, [[1]], "calls keep their order");
  assert.equal(await count(), 1);
});

test("two processes append to one log on the server, and no record is lost, doubled or out of its writer's order", async () => {
  const writers = await Promise.all([open(), open()]);
  const directories = writers.map((database) => openLogs({ ...machinePorts, database }));
  await Promise.all(directories.map((directory) => createLog(directory, "shared")));
  const numbers = Array.from({ length: 30 }, (_none, index) => index);
  await Promise.all(
    directories.map(async (directory, writer) => {
      const own = await directory.open("shared", false);
      for (const number of numbers) await own?.append(texts(`${writer}/${number}`));
    }),
  );
  const found = await readTexts(await reopen({ ...machinePorts, database: await open() }, "shared"));
  assert.equal(found.length, 60);
  for (const writer of [0, 1]) {
    const own = found.filter((text) => text.startsWith(`${writer}/`));
    assert.deepEqual(
      own,
      numbers.map((number) => `${writer}/${number}`),
    );
  }
});

test("what a server has answered is there after it was killed", async () => {
  const directory = join(root, "killed");
  let killed = await startSqld({ directory });
  const { port } = killed;
  const database = await open({ url: killed.url, retryForMs: 500 });
  await database.batch([one("CREATE TABLE k (a INTEGER PRIMARY KEY)")]);
  let answered = 0;
  for (let round = 0; round < 3; round++) {
    const dead = new Promise((resolve) => setTimeout(resolve, 40)).then(() => killed.kill());
    for (let alive = true; alive; ) {
      try {
        await database.batch([one("INSERT INTO k VALUES (?)", answered)]);
        answered++;
      } catch (error) {
        assert.match((error as MillraceError).code, /^store_(outcome_unknown|unreachable)$/, String(error));
        alive = false;
      }
      if (killed.process.signalCode !== null) alive = false;
    }
    await dead;
    killed = await startSqld({ directory, port });
    const [[found] = []] = await database.query(one("SELECT count(*) FROM k"));
    assert.ok(Number(found) === answered || Number(found) === answered + 1, `${String(found)} of ${answered}`);
    answered = Number(found);
  }
  await killed.kill();
  assert.ok(answered > 0);
});

test("calls made before a close are answered, later ones are refused", async () => {
  const { name, count } = await freshTable();
  const database = await open();
  const calls = Array.from({ length: 5 }, (_none, index) =>
    database.batch([one(`INSERT INTO ${name} VALUES (?)`, index)]),
  );
  await database.close();
  await Promise.all(calls);
  assert.equal(await count(), 5);
  assert.equal((await refusal(database.query(one("SELECT 1")))).code, "store_unavailable");
});
