// The durable log below HTTP: what was acknowledged stays, in one order, once, whoever writes and whatever fails.

import { utf8 } from "../../src/base/bytes.ts";
import type { MillraceError } from "../../src/base/errors.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { RECORD_BYTES_MAX, SNAPSHOT_COMMITS } from "../../src/log/log_limits.ts";
import type { AppendOutcome } from "../../src/log/log_state.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { FlakyDatabase } from "../support/flaky_database.ts";
import { createLog, openLogs, portsOf, readTexts, reopen, texts } from "../support/logs.ts";

const numbered = (count: number, name = ""): string[] =>
  Array.from({ length: count }, (_unused, index) => `${name}${index}`);

const codeOf = (error: unknown): string => (error as MillraceError).code;

export const cases: readonly Case[] = [
  test("log: records come back in order, byte for byte, after reopening too", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    const log = await createLog(openLogs(ports), "orders");
    equal(await log.append(texts("{}", '{"a": 1.0}')), { firstSequence: 0, nextSequence: 2, duplicate: false });
    equal(await log.append(texts("naïve 𝄞")), { firstSequence: 2, nextSequence: 3, duplicate: false });
    const reopened = await reopen(ports, "orders");
    equal(reopened.nextSequence, 3, "end after reopening");
    equal(await readTexts(reopened), ["{}", '{"a": 1.0}', "naïve 𝄞"]);
    equal(await readTexts(reopened, 1), ['{"a": 1.0}', "naïve 𝄞"]);
    equal(await readTexts(reopened, 3), []);
    await rejects(() => reopened.read(4, 100), "offset_beyond_end");
  }),

  test("log: concurrent appends share transactions, keep each caller's order and lose nothing", async (context) => {
    const platform = await context.freshPlatform();
    const database = new FlakyDatabase(platform.tables);
    const ports = { ...portsOf(platform), database };
    const log = await createLog(openLogs(ports), "busy");
    const before = database.batches;
    const firsts = await Promise.all(numbered(300).map(async (text) => (await log.append(texts(text))).firstSequence));
    ok(database.batches - before <= 20, `300 appends took ${database.batches - before} transactions`);
    equal(firsts, Array.from(firsts.keys()), "appends of one caller are stored in the order of the calls");
    equal(await readTexts(await reopen(ports, "busy")), numbered(300));
  }),

  test("log: paged reads of any page size lose and repeat nothing", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    const log = await createLog(openLogs(ports), "pages");
    const random = seededPrng(3);
    const wanted: string[] = [];
    for (let commit = 0; commit < 25; commit++) {
      const group = Array.from({ length: 1 + random.below(40) }, () => "x".repeat(random.below(300)) + wanted.length);
      wanted.push(...group);
      await log.append(texts(...group));
    }
    for (const bytesMax of [1, 100, 4000, 1 << 20]) {
      equal(await readTexts(log, 0, bytesMax), wanted, `pages of ${bytesMax} bytes`);
    }
    const from = wanted.length >> 1;
    equal(await readTexts(log, from, 500), wanted.slice(from), "from the middle of a row");
  }),

  test("log: an append larger than a row spans rows of one transaction; larger ones are refused", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    const log = await createLog(openLogs(ports), "large", "application/octet-stream");
    const records = [1_200_000, 1_200_000, RECORD_BYTES_MAX, 5].map((size, index) => new Uint8Array(size).fill(index));
    await log.append(records);
    const reopened = await reopen(ports, "large");
    equal(reopened.nextSequence, 4);
    for (const [sequence, record] of records.entries()) {
      const page = await reopened.read(sequence, 1);
      equal([page.chunks[0]?.lengths[0], page.chunks[0]?.bytes[0]], [record.byteLength, sequence], "record");
    }
    await rejects(() => log.append([new Uint8Array(RECORD_BYTES_MAX + 1)]), "record_too_large");
    await rejects(() => log.append(records.flatMap((one) => [one, one])), "append_too_large");
    await rejects(() => log.append([]), "append_empty");
    equal(log.nextSequence, 4, "a refused append leaves nothing");
  }),

  test("log: a producer's retry, gap, old epoch and new epoch are told apart, across restarts", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    let log = await createLog(openLogs(ports), "p");
    const send = async (epoch: number, sequence: number): Promise<AppendOutcome["kind"]> =>
      (await log.submit({ records: texts(`${epoch}/${sequence}`), producer: { id: "a", epoch, sequence } })).kind;
    equal(await send(0, 1), "sequence_gap", "an unknown producer begins at 0");
    equal(
      [await send(0, 0), await send(0, 1), await send(0, 1), await send(0, 0)],
      ["accepted", "accepted", "duplicate", "duplicate"],
    );
    log = await reopen(ports, "p");
    equal(await send(0, 1), "duplicate", "after reopening");
    equal(await send(0, 3), "sequence_gap", "after reopening");
    equal(await send(1, 1), "epoch_not_from_zero");
    equal([await send(2, 0), await send(1, 0), await send(2, 1)], ["accepted", "stale_epoch", "accepted"]);
    equal(await readTexts(await reopen(ports, "p")), ["0/0", "0/1", "2/0", "2/1"]);
  }),

  test("log: a duplicate in the same transaction as its original is stored once", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    const log = await createLog(openLogs(ports), "p");
    const request = { records: texts("once"), producer: { id: "a", epoch: 0, sequence: 0 } };
    const kinds = (await Promise.all([log.submit(request), log.submit(request)])).map((one) => one.kind);
    equal(kinds, ["accepted", "duplicate"]);
    equal(await readTexts(log), ["once"]);
  }),

  test("log: producer state survives through snapshots and the commits behind them", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    const log = await createLog(openLogs(ports), "s");
    const commits = SNAPSHOT_COMMITS * 2 + 5;
    for (let sequence = 0; sequence < commits; sequence++) {
      const id = sequence % 3 === 0 ? "every third" : `single ${sequence}`;
      const own = sequence % 3 === 0 ? sequence / 3 : 0;
      await log.append(texts(String(sequence)), { id, epoch: 0, sequence: own });
    }
    const stored = { sql: "SELECT snapshot_sequence FROM millrace_logs WHERE name = ?", args: ["s"] };
    const [row] = await ports.database.query(stored);
    ok(Number(row?.[0]) >= commits - SNAPSHOT_COMMITS - 1, "what opening a log reads is bounded");
    const reopened = await reopen(ports, "s");
    equal(reopened.nextSequence, commits);
    for (let sequence = 0; sequence < commits; sequence++) {
      if (sequence % 3 === 0) continue;
      const id = `single ${sequence}`;
      equal((await reopened.append(texts("again"), { id, epoch: 0, sequence: 0 })).duplicate, true, id);
    }
    const third = Math.floor((commits - 1) / 3);
    equal((await reopened.append(texts("x"), { id: "every third", epoch: 0, sequence: third })).duplicate, true);
    equal((await reopened.append(texts("x"), { id: "every third", epoch: 0, sequence: third + 1 })).duplicate, false);
  }),

  test("log: producers whose store fails before or after writing retry without loss or repetition", async (context) => {
    const platform = await context.freshPlatform();
    const database = new FlakyDatabase(platform.tables);
    const ports = { ...portsOf(platform), database };
    const log = await createLog(openLogs(ports), "flaky");
    const random = seededPrng(11);
    database.failBatch = () => (random.chance(0.4) ? random.pick(["before", "after"] as const) : undefined);
    database.failQuery = () => random.chance(0.2);
    let failures = 0;
    const produce = async (id: string): Promise<void> => {
      for (let sequence = 0; sequence < 25; ) {
        const request = { records: texts(`${id}${sequence}`), producer: { id, epoch: 0, sequence } };
        const outcome = await log.submit(request).catch((error: unknown) => {
          equal(codeOf(error), "log_store_failed", "a failing store says so");
          return undefined;
        });
        if (outcome === undefined) failures++;
        else if (outcome.kind === "accepted" || outcome.kind === "duplicate") sequence++;
        else ok(false, `unexpected outcome ${outcome.kind}`);
      }
    };
    await Promise.all(["a", "b", "c", "d"].map(produce));
    ok(failures > 10, `${failures} failures were met`);
    database.failBatch = () => undefined;
    database.failQuery = () => false;
    const stored = await readTexts(await reopen(ports, "flaky"));
    for (const id of ["a", "b", "c", "d"]) {
      equal(
        stored.filter((one) => one.startsWith(id)),
        numbered(25, id),
        `records of ${id}`,
      );
    }
    equal(stored.length, 100);
  }),

  test("log: an append whose answer from the store was lost is acknowledged once it is found stored", async (context) => {
    const platform = await context.freshPlatform();
    const database = new FlakyDatabase(platform.tables);
    const log = await createLog(openLogs({ ...portsOf(platform), database }), "unknown");
    database.failBatch = () => "after";
    const outcomes = await Promise.all([log.append(texts("a")), log.append(texts("b"))]);
    equal(
      outcomes.map((one) => one.firstSequence),
      [0, 1],
    );
    database.failBatch = () => "before";
    await rejects(() => log.append(texts("never")), "log_store_failed");
    database.failBatch = () => undefined;
    await log.append(texts("c"));
    equal(await readTexts(log), ["a", "b", "c"]);
  }),

  test("log: two processes at one store never share a sequence, and see each other's producers", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    const one = await createLog(openLogs(ports), "shared");
    const other = await reopen(ports, "shared");
    const send = async (log: typeof one, name: string): Promise<void> => {
      for (let index = 0; index < 20; index++) {
        await log.append(texts(`${name}${index}`), { id: name, epoch: 0, sequence: index });
      }
    };
    await Promise.all([send(one, "a"), send(other, "b")]);
    const stored = await readTexts(one);
    equal(stored.length, 40, "records");
    for (const name of ["a", "b"]) {
      equal(
        stored.filter((text) => text.startsWith(name)),
        numbered(20, name),
        `order of ${name}`,
      );
    }
    equal((await other.append(texts("x"), { id: "a", epoch: 0, sequence: 19 })).duplicate, true, "seen by the other");
    equal(await readTexts(other), stored, "both read the same");
  }),

  test("log: a waiting reader is woken by an append, a closure, a deletion and its own timeout", async (context) => {
    const platform = await context.freshPlatform();
    const logs = openLogs(portsOf(platform));
    const log = await createLog(logs, "live");
    const started = platform.clock.monotonicMs();
    let woken = log.waitForMore(0, 20_000);
    await log.append(texts("one"));
    await woken;
    await log.waitForMore(0, 20_000);
    await log.waitForMore(1, 20);
    woken = log.waitForMore(1, 20_000);
    await log.submit({ records: [], close: true });
    await woken;
    await log.waitForMore(1, 20_000);
    const page = await log.read(1, 100);
    equal([page.upToDate, page.closed, page.next], [true, true, 1], "end of a closed log");
    await rejects(() => log.append(texts("late")), "log_closed");
    const doomed = await createLog(logs, "doomed");
    woken = doomed.waitForMore(0, 20_000);
    equal(await logs.delete("doomed"), true);
    await woken;
    await rejects(() => doomed.append(texts("x")), "log_not_found");
    await rejects(() => doomed.read(0, 100), "log_not_found");
    ok(platform.clock.monotonicMs() - started < 15_000, "nobody waited for a timeout that was not due");
  }),

  test("log: a log deleted and created anew shares nothing with the old one", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    const logs = openLogs(ports);
    const old = await createLog(logs, "again");
    await old.append(texts("old"), { id: "a", epoch: 0, sequence: 0 });
    // Another process still has the log open while it is deleted and made anew.
    const stale = await reopen(ports, "again");
    await logs.delete("again");
    equal(await logs.delete("again"), false, "there is nothing to delete");
    const fresh = await createLog(logs, "again");
    await rejects(() => stale.append(texts("ghost")), "log_not_found");
    await rejects(() => stale.read(0, 100), "log_not_found");
    equal((await fresh.append(texts("new"), { id: "a", epoch: 0, sequence: 0 })).duplicate, false);
    equal(await readTexts(fresh), ["new"]);
    ok(fresh.id !== old.id, "ids are never used again");
  }),

  test("log: two processes that create one log at once get the same one", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    const [one, other] = await Promise.all([createLog(openLogs(ports), "race"), createLog(openLogs(ports), "race")]);
    equal(one.id, other.id);
    await one.append(texts("a"));
    equal(await readTexts(other), ["a"]);
  }),

  test("log: a damaged row is refused, never returned", async (context) => {
    const ports = portsOf(await context.freshPlatform());
    const log = await createLog(openLogs(ports), "damaged");
    await log.append(texts("intact"));
    await log.append(texts("to be damaged"));
    const table = `millrace_log_${log.id}`;
    await ports.database.batch([{ sql: `UPDATE ${table} SET body = ? WHERE first = 1`, args: [utf8("x".repeat(40))] }]);
    equal(await readTexts(log, 0, 1).catch(codeOf), "log_corrupt", "a page at a time");
    const first = await log.read(0, 1);
    equal(first.next, 1, "what is intact is readable");
    await ports.database.batch([{ sql: `DELETE FROM ${table} WHERE first = 0`, args: [] }]);
    await rejects(() => log.read(0, 1), "log_corrupt", "a missing row");
  }),

  test("log: a log with a TTL is gone after so long without use, and use prolongs it", async (context) => {
    const platform = await context.freshPlatform();
    let nowMs = 1_000_000;
    const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
    const ports = { ...portsOf(platform), clock };
    const logs = openLogs(ports);
    const request = { contentType: "text/plain", records: texts("x"), closed: false };
    await logs.create("ttl", { ...request, ttlSeconds: 100, expiresAt: undefined });
    await logs.create("date", { ...request, ttlSeconds: undefined, expiresAt: new Date(1_150_000).toISOString() });
    nowMs += 90_000;
    ok((await logs.open("ttl", true)) !== undefined, "before its end");
    nowMs += 90_000;
    ok((await openLogs(ports).open("ttl", false)) !== undefined, "use prolongs it, in the store too");
    equal(await logs.open("date", true), undefined, "an expiry date is not prolonged");
    nowMs += 30_000;
    equal(await logs.open("ttl", true), undefined, "after its end");
    equal(await logs.names(), [], "expired logs are deleted when they are met");
  }),

  test("log: names outside the allowed characters are refused before anything is looked up", async (context) => {
    const logs = openLogs(portsOf(await context.freshPlatform()));
    for (const name of ["", "a b", "a/b", "ü", "x".repeat(129), "..", "a;DROP"]) {
      await rejects(() => logs.open(name, false), "log_name_invalid", JSON.stringify(name));
      await rejects(() => createLog(logs, name), "log_name_invalid", JSON.stringify(name));
    }
    await createLog(logs, `A-z_0.${"x".repeat(122)}`);
  }),
];
