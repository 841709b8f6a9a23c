// What shared SQL may rely on, wherever the database lives.

import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import type { SqlDatabase, SqlValue } from "../../src/platform/ports.ts";

const run = (database: SqlDatabase, sql: string, ...args: SqlValue[]): Promise<void> => database.batch([{ sql, args }]);
const ask = (database: SqlDatabase, sql: string, ...args: SqlValue[]): Promise<readonly (readonly SqlValue[])[]> =>
  database.query({ sql, args });

const sqlCase = (name: string, body: (database: SqlDatabase) => Promise<void>): Case =>
  test(`sql: ${name}`, async (context) => {
    const { tables } = await context.freshPlatform();
    await run(tables, "CREATE TABLE one (id INTEGER PRIMARY KEY, n INTEGER, r REAL, t TEXT, b BLOB, CHECK (n <> 13))");
    await body(tables);
  });

export const cases: readonly Case[] = [
  sqlCase("values of every type come back as they were bound", async (database) => {
    const bytes = Uint8Array.of(0, 255, 7);
    await run(
      database,
      "INSERT INTO one VALUES (?, ?, ?, ?, ?)",
      1,
      -5,
      0.1,
      "Zürich \ud83d\ude00'; DROP TABLE one",
      bytes,
    );
    await run(database, "INSERT INTO one VALUES (?, ?, ?, ?, ?)", 2, null, 1e-320, "", new Uint8Array(0));
    const rows = await ask(database, "SELECT * FROM one ORDER BY id");
    equal(rows[0], [1, -5, 0.1, "Zürich \ud83d\ude00'; DROP TABLE one", bytes]);
    equal(rows[1], [2, null, 1e-320, "", new Uint8Array(0)]);
    equal(bytes.byteLength, 3, "the caller keeps its bytes");
  }),

  sqlCase("64-bit integers keep every digit where the affinity is INTEGER", async (database) => {
    const wanted = [9007199254740993n, -9223372036854775808n, 9223372036854775807n, 5n];
    for (const [index, value] of wanted.entries()) {
      await run(database, "INSERT INTO one (id, n) VALUES (?, ?)", index, value);
      const found = await ask(database, "SELECT count(*) FROM one WHERE n = CAST(? AS INTEGER)", value);
      equal(found, [[1]], "found again");
    }
    const rows = await ask(database, "SELECT CAST(n AS TEXT), typeof(n) FROM one ORDER BY id");
    equal(
      rows,
      wanted.map((value) => [String(value), "integer"]),
    );
  }),

  sqlCase("doubles keep every bit but those of -0 and NaN", async (database) => {
    const values = [1 / 3, Math.PI * 1e300, 5e-324, -1e-9, 0.1 + 0.2, 1234567.8912345, Infinity, -Infinity];
    for (const [index, value] of values.entries()) {
      await run(database, "INSERT INTO one (id, r) VALUES (?, ?)", index, value);
    }
    equal(
      (await ask(database, "SELECT r FROM one ORDER BY id")).map((row) => row[0]),
      values,
    );
    await run(database, "INSERT INTO one (id, r) VALUES (?, ?), (?, ?)", 100, Number.NaN, 101, -0);
    equal(await ask(database, "SELECT r FROM one WHERE id >= ? ORDER BY id", 100), [[null], [0]]);
  }),

  sqlCase("a batch is all or nothing", async (database) => {
    const insert = (id: number, n: number) => ({ sql: "INSERT INTO one (id, n) VALUES (?, ?)", args: [id, n] });
    await rejects(() => database.batch([insert(1, 1), insert(2, 13)]), "sql_constraint");
    await rejects(() => database.batch([insert(1, 1), insert(1, 2)]), "sql_constraint");
    await rejects(
      () => database.batch([insert(1, 1), { sql: "INSERT INTO nowhere VALUES (1)", args: [] }]),
      "sql_invalid",
    );
    equal(await ask(database, "SELECT count(*) FROM one"), [[0]]);
    await database.batch([insert(1, 1), insert(2, 2)]);
    equal(await ask(database, "SELECT count(*) FROM one"), [[2]], "the database works on after failures");
    await database.batch([]);
  }),

  sqlCase("a statement that is not SQL, or lacks a value, is refused with its reason", async (database) => {
    const error = await rejects(() => ask(database, "SELEC 1"), "sql_invalid");
    ok(error.message.includes("SELEC"), error.message);
    await rejects(() => run(database, "INSERT INTO one (id, nope) VALUES (1, 2)"), "sql_invalid");
  }),

  sqlCase("a hundred parameters, a value of 1.9 MB and a thousand rows pass", async (database) => {
    const row = Array.from({ length: 50 }, (_unused, index) => [index, index * 2]).flat();
    await run(database, `INSERT INTO one (id, n) VALUES ${Array(50).fill("(?, ?)").join(", ")}`, ...row);
    equal(await ask(database, "SELECT count(*), sum(n) FROM one"), [[50, 2450]]);
    const large = new Uint8Array(1_900_000).fill(3);
    await run(database, "INSERT INTO one (id, b) VALUES (?, ?)", 1000, large);
    const back = (await ask(database, "SELECT b FROM one WHERE id = ?", 1000))[0]?.[0];
    ok(
      back instanceof Uint8Array && back.byteLength === large.byteLength && back[1_899_999] === 3,
      "the value is back",
    );
    const numbers = JSON.stringify(Array.from({ length: 1000 }, (_unused, index) => index + 5000));
    await run(database, "INSERT INTO one (id, n) SELECT value, value FROM json_each(?)", numbers);
    equal(await ask(database, "SELECT count(*) FROM one WHERE n >= ?", 5000), [[1000]]);
  }),

  sqlCase("calls are answered in the order in which they were made", async (database) => {
    const calls: Promise<unknown>[] = [];
    for (let id = 0; id < 20; id++) {
      calls.push(run(database, "INSERT INTO one (id, n) VALUES (?, ?)", id, -id));
      calls.push(ask(database, "SELECT count(*) FROM one"));
    }
    const counts = (await Promise.all(calls)).filter((one) => one !== undefined);
    equal(
      counts,
      Array.from({ length: 20 }, (_unused, index) => [[index + 1]]),
    );
  }),
];
