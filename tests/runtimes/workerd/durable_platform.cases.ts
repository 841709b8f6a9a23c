// What only the platform of Durable Objects does: production's limits, and integers through an API of doubles.

import type { SqlDatabase, SqlValue } from "../../../src/platform/ports.ts";
import { type Case, test } from "../../case.ts";
import { equal, ok, rejects } from "../../expect.ts";

const run = (database: SqlDatabase, sql: string, ...args: readonly SqlValue[]): Promise<void> =>
  database.batch([{ sql, args }]);

const MEGABYTE = 1_000_000;

export const cases: readonly Case[] = [
  test("a row of more than 2 MB is refused, and nothing of its batch is kept", async ({ freshPlatform }) => {
    const { tables } = await freshPlatform();
    await run(tables, "CREATE TABLE t (a BLOB, b TEXT)");
    const insert = (a: Uint8Array, b: string) => ({ sql: "INSERT INTO t VALUES (?, ?)", args: [a, b] });
    const small = insert(new Uint8Array(10), "x");
    const error = await rejects(
      () => tables.batch([small, insert(new Uint8Array(MEGABYTE), "é".repeat(MEGABYTE / 2 + 1))]),
      "platform_limit",
    );
    ok(error.message.includes("2000000"), error.message);
    equal(await tables.query({ sql: "SELECT count(*) FROM t", args: [] }), [[0]]);
    await tables.batch([small, insert(new Uint8Array(MEGABYTE), "é".repeat(MEGABYTE / 2))]);
    equal(await tables.query({ sql: "SELECT count(*) FROM t", args: [] }), [[2]]);
  }),

  test("a batch of more than 32 MiB is refused whole", async ({ freshPlatform }) => {
    const { tables } = await freshPlatform();
    await run(tables, "CREATE TABLE t (a BLOB)");
    const row = { sql: "INSERT INTO t VALUES (?)", args: [new Uint8Array(MEGABYTE)] };
    await rejects(() => tables.batch(Array.from({ length: 34 }, () => row)), "platform_limit");
    equal(await tables.query({ sql: "SELECT count(*) FROM t", args: [] }), [[0]]);
  }),

  test("a statement of more than 100 KB or 100 parameters is refused", async ({ freshPlatform }) => {
    const { tables } = await freshPlatform();
    await rejects(() => tables.query({ sql: `SELECT '${"x".repeat(100_000)}'`, args: [] }), "platform_limit");
    const marks = (count: number) => ({
      sql: `SELECT ${Array(count).fill("?").join("+")}`,
      args: Array(count).fill(1),
    });
    await rejects(() => tables.query(marks(101)), "platform_limit");
    equal(await tables.query(marks(100)), [[100]]);
  }),

  test("a bigint is an integer to SQL, whatever stands around its mark", async ({ freshPlatform }) => {
    const { tables } = await freshPlatform();
    const sql = `SELECT ?, typeof(?), '?''?' AS "a?", /* ? */ ?2 + 1, typeof(?) -- ?`;
    const rows = await tables.query({ sql, args: [2n ** 62n, -(2n ** 63n), 7n] });
    equal(rows, [[2n ** 62n, "integer", "?'?", -(2n ** 63n) + 1n, "integer"]]);
    await run(tables, "CREATE TABLE t (a)");
    await run(tables, "INSERT INTO t VALUES (?)", 5n);
    equal(await tables.query({ sql: "SELECT a, typeof(a) FROM t", args: [] }), [[5, "integer"]]);
  }),

  test("large integers, large doubles, bytes and text stand side by side", async ({ freshPlatform }) => {
    const { tables } = await freshPlatform();
    const values: readonly SqlValue[] = [2n ** 53n + 1n, 2 ** 60, new Uint8Array([1, 2]), "9007199254740993", null, -1];
    await run(tables, "CREATE TABLE t (a INTEGER, b REAL, c BLOB, d TEXT, e, f INTEGER)");
    await run(tables, "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", ...values);
    equal(await tables.query({ sql: "SELECT * FROM t", args: [] }), [values]);
    equal(await tables.query({ sql: "SELECT a, b FROM t WHERE a = ? ORDER BY a", args: [2n ** 53n] }), []);
  }),

  test("blobs of many chunks come back, are listed in order, and go whole", async ({ freshPlatform }) => {
    const { blobs } = await freshPlatform();
    const bytes = Uint8Array.from({ length: 5 * 1024 * 1024 + 3 }, (_none, index) => index % 251);
    await blobs.put("b/large", bytes);
    await blobs.put("b/empty", new Uint8Array(0));
    equal((await blobs.get("b/large"))?.length, bytes.length);
    ok(
      (await blobs.get("b/large"))?.every((byte, index) => byte === index % 251),
      "the bytes are the same",
    );
    equal(await blobs.list("b/"), ["b/empty", "b/large"]);
    await rejects(() => blobs.put("b/large", new Uint8Array(1)), "blob_exists");
    await blobs.delete(["b/large", "b/none"]);
    equal(await blobs.get("b/large"), undefined);
    equal(await blobs.list("b/"), ["b/empty"]);
  }),

  test("two platforms of one case have stores of their own", async ({ freshPlatform }) => {
    const [one, other] = [await freshPlatform(), await freshPlatform()];
    await one.blobs.put("x", new Uint8Array([1]));
    await other.blobs.put("x", new Uint8Array([2]));
    equal(await one.blobs.get("x"), new Uint8Array([1]));
    equal(await other.blobs.get("x"), new Uint8Array([2]));
    const error = await rejects(() => other.tables.query({ sql: "SELECT nothing", args: [] }), "sql_invalid");
    ok(error.message.includes("nothing"), error.message);
  }),
];
