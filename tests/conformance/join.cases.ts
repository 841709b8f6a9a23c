// Joins of two inputs: which rows meet, lateness, time to live, retractions, refusals.

import type { Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { cutoffsOf, joinedWatermark } from "../../src/state/join_pair.ts";
import type { JoinTiming } from "../../src/state/join_plan.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { JoinFixture, type Joined, type JoinJob, LAST_WATERMARK, NO_WATERMARK } from "../twins/join_fixture.ts";
import {
  columns,
  fixture,
  I64_MAX,
  interval,
  job,
  order,
  payment,
  wall,
  within,
  BUDGET_BYTES,
} from "../twins/join_samples.ts";
import { runJoinSequence } from "../twins/join_random.ts";
import { textOfRow } from "../twins/window_twin.ts";

const rowsIn = (joined: readonly Joined[]): Value[][] => joined.map((one) => one.row);
const lines = (joined: readonly Joined[]): string[] =>
  joined.map(({ row, weight }) => `${weight} ${textOfRow(row)}`).sort();

const pairing: readonly Case[] = [
  test("rows of an interval join meet at both bounds and not beyond, whichever of them comes first", (context) => {
    for (const first of [0, 1] as const) {
      const joins = fixture(context.kernels, job(interval(-5, 10)));
      const pay = [94n, 95n, 100n, 110n, 111n].map((time) => payment(7n, time, Number(time)));
      if (first === 0) equal(joins.push(0, [order(100n, 7n)]), [], "nothing to meet yet");
      const before = joins.push(1, pay);
      const joined = first === 0 ? before : joins.push(0, [order(100n, 7n)]);
      equal(
        rowsIn(joined)
          .map((row) => row[3])
          .sort(),
        [100, 110, 95],
        "amounts",
      );
      equal(rowsIn(joined)[0]?.slice(0, 2), ["ann", 100n], "the left row's columns");
    }
  }),

  test("rows of other keys and rows with a null key join nothing and are not kept", (context) => {
    const joins = fixture(context.kernels, job(interval(0, 10)));
    joins.push(0, [order(1n, null), order(1n, 8n), order(1n, null)]);
    equal(joins.push(1, [payment(0n, 1n), payment(7n, 1n)]), [], "joined");
    equal(joins.rowCounts, [1, 2], "rows kept");
    equal(joins.lateCount, 0, "a null key is not late");
  }),

  test("equal rows are kept apart: two on each side give four pairs", (context) => {
    const joins = fixture(context.kernels, job(interval(0, 0)));
    joins.push(0, [order(5n, 1n), order(5n, 1n)]);
    equal(rowsIn(joins.push(1, [payment(1n, 5n), payment(1n, 5n)])), new Array(4).fill(["ann", 5n, 5n, 1]), "pairs");
  }),

  test("more pairs than the output holds come in several batches, each pair once", (context) => {
    for (const outputRows of [1, 7, 4096]) {
      const joins = fixture(context.kernels, job(interval(-2000, 2000)), 600, outputRows);
      const times = Array.from({ length: 60 }, (_, index) => BigInt(index * 50));
      joins.push(
        0,
        times.map((time) => order(time, 1n)),
      );
      const found = rowsIn(
        joins.push(
          1,
          times.map((time) => payment(1n, time)),
        ),
      ).map((row) => `${row[1]} ${row[2]}`);
      const wanted = times.flatMap((left) =>
        times.filter((right) => right - left <= 2000n && left - right <= 2000n).map((right) => `${left} ${right}`),
      );
      equal(found.sort(), wanted.sort(), "pairs");
    }
  }),

  test("texts of every length, bools and nulls arrive as they were, from memory that is used again", (context) => {
    const schema: Schema = [
      field("time", "timestamp"),
      field("name", "utf8"),
      field("note", "utf8", true),
      field("flag", "bool", true),
      field("day", "timestamp", true),
    ];
    const shown = schema.flatMap((_, column) => [
      { name: `l${column}`, input: 0 as const, column },
      { name: `r${column}`, input: 1 as const, column },
    ]);
    const its: JoinJob = {
      ...job(interval(0, 0)),
      schemas: [schema, schema],
      keys: [[1], [1]],
      times: [0, 0],
      columns: shown,
    };
    const joins = fixture(context.kernels, its, 100, 9);
    for (let round = 0; round < 20; round++) {
      const time = BigInt(round * 10_000);
      const rows = Array.from({ length: 40 }, (_, index): Value[] => [
        time,
        "k".repeat(index),
        index % 3 === 0 ? null : `${"é".repeat(index)} note of ${index}`,
        index % 3 === 1 ? null : index % 2 === 0,
        index % 4 === 0 ? null : BigInt(index),
      ]);
      joins.push(0, rows);
      const joined = rowsIn(joins.push(1, rows)).map(textOfRow).sort();
      equal(joined, rows.map((row) => textOfRow(row.flatMap((value) => [value, value]))).sort(), "joined rows");
      joins.watermark(0, time + 5000n);
      joins.watermark(1, time + 5000n);
    }
    joins.watermark(0, LAST_WATERMARK);
    joins.watermark(1, LAST_WATERMARK);
    equal(joins.pair.left.stateBytes + joins.pair.right.stateBytes, 0, "state at the end");
  }),

  test("composite keys join where every part is equal", (context) => {
    const schema: Schema = [
      field("a", "utf8", true),
      field("b", "utf8"),
      field("c", "i64"),
      field("time", "timestamp"),
    ];
    const its: JoinJob = {
      ...job(within(5)),
      schemas: [schema, schema],
      keys: [
        [0, 1, 2],
        [0, 1, 2],
      ],
      times: [3, 3],
      columns: [
        { name: "la", input: 0, column: 0 },
        { name: "rb", input: 1, column: 1 },
      ],
    };
    const joins = fixture(context.kernels, its);
    joins.push(0, [
      ["a", "bc", 1n, 1n],
      ["ab", "c", 1n, 1n],
      ["a", "bc", 2n, 1n],
      [null, "bc", 1n, 1n],
    ]);
    equal(
      rowsIn(
        joins.push(1, [
          ["ab", "c", 1n, 2n],
          [null, "bc", 1n, 2n],
          ["a", "bc", 3n, 2n],
        ]),
      ),
      [["ab", "c"]],
      "pairs",
    );
  }),

  test("times before 1970 and far apart join as others do", (context) => {
    const joins = fixture(context.kernels, job(interval(-3, 3)));
    const times = [-1_000_000_007n, -2n, -1n, 0n, 10n ** 15n];
    joins.push(
      0,
      times.map((time) => order(time, 1n)),
    );
    const found = rowsIn(
      joins.push(
        1,
        times.map((time) => payment(1n, time + 1n)),
      ),
    );
    equal(found.length, 1 + 9 + 1, "pairs");
  }),
];

const lateness: readonly Case[] = [
  test("a row is late exactly when it is older than its own watermark, goes to its side output and joins nothing", (context) => {
    const joins = fixture(context.kernels, job(interval(-100, 100)));
    joins.push(0, [order(9n, 1n, "late"), order(10n, 1n, "in time")], { watermarks: [10n, 10n] });
    const joined = joins.push(1, [payment(1n, 20n, 1), payment(1n, 19n, 2)], { watermarks: [20n, 20n] });
    equal(rowsIn(joined), [["in time", 10n, 20n, 1]], "joined");
    equal(joins.late, [[[9n, 1n, "late"]], [[1n, 19n, 2]]], "late rows by side");
    equal(joins.lateCount, 2, "counted");
  }),

  test("a row older than its input's watermark is late whatever its own watermark says", (context) => {
    const joins = fixture(context.kernels, job(interval(-100, 100)));
    joins.watermark(0, 50n);
    equal(joins.push(0, [order(49n, 1n), order(50n, 1n)]).length, 0, "joined");
    equal(joins.late[0].length, 1, "late");
    equal(joins.push(1, [payment(1n, 49n)]).length, 1, "the other input has its own watermark");
  }),

  test("a row that waits goes once the other input is past it, and is found until then", (context) => {
    const joins = fixture(context.kernels, job(interval(-10_000, 20_000)));
    joins.push(0, [order(100_000n, 1n)]);
    joins.watermark(0, 500_000n);
    joins.watermark(1, 120_000n);
    equal(joins.rowCounts, [1, 0], "still to be met");
    equal(joins.push(1, [payment(1n, 120_000n)]).length, 1, "met at the last moment");
    equal(joins.rowCounts, [1, 0], "a right row that nobody can meet any more is not kept");
    joins.watermark(1, 140_000n);
    equal(joins.rowCounts, [0, 0], "gone with its bucket");
    equal(joins.push(1, [payment(1n, 140_000n)]), [], "nothing left to meet");
  }),

  test("the watermark passed on is the least that a joined row can still have, and the end is passed on as such", (context) => {
    const cases: [JoinTiming, bigint, bigint, bigint][] = [
      [interval(0, 10), 100n, 100n, 90n],
      [interval(0, 10), 100n, 200n, 100n],
      [interval(-10, 5), 100n, 200n, 90n],
      [interval(5, 10), 100n, 100n, 90n],
      [interval(-10, -5), 100n, 100n, 90n],
      [within(7), 100n, 50n, 43n],
      [wall(7), 100n, 50n, 50n],
      [interval(0, 10), NO_WATERMARK, 100n, NO_WATERMARK],
      [interval(0, 10), LAST_WATERMARK, 100n, 90n],
      [interval(0, 10), LAST_WATERMARK, LAST_WATERMARK, LAST_WATERMARK],
      [within(9_000), 100n, LAST_WATERMARK, -8_900n],
    ];
    for (const [timing, left, right, wanted] of cases) {
      equal(joinedWatermark(timing, left, right), wanted, `${JSON.stringify(timing)} at ${left} and ${right}`);
    }
    const joins = fixture(context.kernels, job(interval(0, 10)));
    joins.watermark(0, 100n);
    equal(joins.passedOn, NO_WATERMARK, "one input alone says nothing");
    joins.watermark(1, 100n);
    equal(joins.passedOn, 90n, "both");
    joins.watermark(1, 95n);
    equal(joins.passedOn, 90n, "watermarks never fall");
  }),

  test("what is dead follows from the other input, in a regular join from both", () => {
    equal(cutoffsOf(interval(-5, 10), 100n, 200n), [190n, 95n], "interval");
    equal(cutoffsOf(within(10), 100n, 200n), [90n, 90n], "regular");
    equal(cutoffsOf(interval(-5, 10), 100n, NO_WATERMARK), [NO_WATERMARK, 95n], "nothing known");
    equal(cutoffsOf(interval(-5, 10), -(2n ** 63n) + 2n, 0n), [-10n, NO_WATERMARK], "the end of the range");
  }),
];

const regular: readonly Case[] = [
  test("a retraction takes its row out and its pairs back, one for each equal row that waits", (context) => {
    const joins = fixture(context.kernels, job(within(100)));
    joins.push(0, [order(1n, 1n), order(1n, 1n), order(2n, 1n, "bob")]);
    equal(joins.push(1, [payment(1n, 1n)]).length, 3, "pairs");
    const back = joins.push(0, [order(1n, 1n)], { weights: [-1] });
    equal(lines(back), ['-1 "ann" 1n 1n 1'], "taken back");
    equal(joins.rowCounts, [2, 1], "rows left");
    equal(joins.push(1, [payment(1n, 3n, 2)], { weights: [1] }).length, 2, "pairs of what is left");
    equal(lines(joins.push(1, [payment(1n, 1n)], { weights: [-1] })), ['-1 "ann" 1n 1n 1', '-1 "bob" 2n 1n 1'], "both");
  }),

  test("a retraction of a row that is not there has no effect and is counted", (context) => {
    const joins = fixture(context.kernels, job(within(100)));
    joins.push(1, [payment(1n, 1n)]);
    equal(joins.push(0, [order(1n, 1n)], { weights: [-1] }), [], "joined");
    joins.push(0, [order(1n, 1n, "ann")]);
    const others = [order(1n, 1n, "bob"), order(2n, 1n, "ann"), order(1n, 2n, "ann"), order(1n, 1n, null)];
    equal(joins.push(0, others, { weights: [-1, -1, -1, -1] }), [], "rows that differ in one column");
    equal(joins.lateCount, 5, "counted");
    equal(joins.rowCounts, [1, 1], "rows");
  }),

  test("an update within one batch takes the old row's pairs back and emits the new one's", (context) => {
    const joins = fixture(context.kernels, job(within(100)));
    joins.push(1, [payment(1n, 1n)]);
    const rows = [order(1n, 1n, "a"), order(1n, 1n, "a"), order(1n, 1n, "b"), order(1n, 1n, "b"), order(1n, 1n, "c")];
    const joined = joins.push(0, rows, { weights: [1, -1, 1, -1, 1] });
    equal(
      lines(joined),
      ['-1 "a" 1n 1n 1', '-1 "b" 1n 1n 1', '1 "a" 1n 1n 1', '1 "b" 1n 1n 1', '1 "c" 1n 1n 1'],
      "pairs",
    );
    equal(joins.rowCounts, [1, 1], "rows kept");
  }),

  test("memory of rows that come and go is used again, and no checkpoint hears of those within one epoch", (context) => {
    const joins = fixture(context.kernels, job(within(1_000_000)));
    const long = "a customer with a name that is longer than a view";
    const update = (from: number, to: number): void => {
      const rows = [order(5n, 1n, `${long} ${from}`), order(5n, 1n, `${long} ${to}`)];
      joins.push(0, rows, { weights: [-1, 1] });
    };
    joins.push(0, [order(5n, 1n, `${long} 0`)]);
    for (let at = 0; at < 1000; at++) update(at, at + 1);
    equal(
      joins.operator.tables[0].gather(0).map((one) => one.rowCount),
      [1],
      "one change",
    );
    joins.epoch = 2;
    joins.operator.tables[0].completed(1);
    update(1000, 1001);
    const [delta] = joins.operator.tables[0].gather(1);
    equal([delta?.rowCount, delta?.weights], [2, Int8Array.of(-1, 1)], "a row gone, a row come");
    joins.epoch = 3;
    joins.operator.tables[0].completed(2);
    const bytes = joins.pair.left.kernel.heapUsedBytes;
    for (let at = 1001; at < 3000; at++) {
      update(at, at + 1);
      joins.epoch++;
      joins.operator.tables[0].completed(joins.epoch - 1);
    }
    equal(joins.pair.left.kernel.heapUsedBytes, bytes, "heap in use");
  }),

  test("without event time rows join for ttlMs of wall time and go afterwards without rows coming", (context) => {
    const joins = fixture(context.kernels, job(wall(10_000)));
    joins.nowMs = 1_000_000;
    joins.push(0, [order(5n, 1n)]);
    joins.nowMs += 10_000;
    equal(joins.push(1, [payment(1n, 7n)]).length, 1, "at the last moment");
    joins.nowMs -= 500_000;
    equal(joins.push(1, [payment(1n, 8n)]).length, 1, "a clock that goes back ends nothing and revives nothing");
    joins.nowMs += 500_001;
    equal(joins.push(1, [payment(1n, 9n)]), [], "too late");
    const wake = joins.operator.wakeAtMs;
    ok(wake !== undefined && wake > joins.nowMs, "there is something to drop later");
    joins.operator.onTime(joins.nowMs + 20_000);
    equal(joins.rowCounts, [0, 0], "rows");
    equal(joins.operator.wakeAtMs, undefined, "nothing is left to do");
  }),
];

const durability: readonly Case[] = [
  test("state rows are restored once however often they stand in parts, the newest word counts", (context) => {
    const its = job(within(1000));
    const joins = fixture(context.kernels, its);
    joins.push(0, [order(1n, 1n, "gone"), order(1n, 1n, "stays"), order(1n, 2n, "stays")]);
    const first = joins.operator.tables[0].gather(0);
    joins.epoch = 2;
    joins.push(0, [order(1n, 1n, "gone"), order(4n, 2n, "new")], { weights: [-1, 1] });
    const second = joins.operator.tables[0].gather(0);
    const scalars = joins.operator.tables[0].scalars();
    for (const parts of [[...first, ...second], [...first, ...first, ...second, ...second], second]) {
      const copy = fixture(context.kernels, its);
      copy.operator.tables[0].restoreScalars([scalars]);
      for (const part of parts) copy.operator.tables[0].restore(part);
      equal(copy.rowCounts, [3, 0], "rows");
      const joined = copy.push(1, [payment(1n, 1n), payment(2n, 1n)]);
      equal(
        rowsIn(joined)
          .map((row) => row[0])
          .sort(),
        ["new", "stays", "stays"],
        "customers",
      );
      copy.push(0, [order(9n, 2n, "later")]);
      const numbers = copy.operator.tables[0].gather(-1).flatMap((batch) => {
        const column = batch.columns.at(-1);
        const groups = batch.columns[0];
        ok(column?.type === "i64" && groups?.type === "i64", "state rows have a group and a number");
        return Array.from(column.values, (number, row) => `${groups.values[row]} ${number}`);
      });
      equal(new Set(numbers).size, 4, "numbers within their key groups are distinct");
    }
  }),

  test("state that no join can have written is refused with its row", async (context) => {
    const its = job(within(1000));
    const joins = fixture(context.kernels, its);
    joins.push(0, [order(1n, 1n), order(1n, 2n)]);
    const [good] = joins.operator.tables[0].gather(-1);
    ok(good !== undefined, "there is state");
    const bad: [number, bigint][] = [
      [0, 127n],
      [0, -1n],
      [1, I64_MAX],
      [good.columns.length - 1, -1n],
    ];
    for (const [column, value] of bad) {
      const columns_ = good.columns.map((one, index) => {
        if (index !== column || (one.type !== "i64" && one.type !== "timestamp")) return one;
        return { ...one, values: one.values.with(1, value) as BigInt64Array<ArrayBuffer> };
      });
      const copy = fixture(context.kernels, its);
      const restore = (): void => copy.operator.tables[0].restore({ ...good, columns: columns_ });
      const error = await rejects(restore, "state_invalid");
      equal(error.where, "pairs, left input, state row 1", "where");
    }
    const other = fixture(context.kernels, job(within(1000), { columns: columns.slice(1) }));
    await rejects(() => other.operator.tables[0].restore(good), "state_schema_mismatch");
    await rejects(() => other.operator.tables[0].restoreScalars([{}]), "state_corrupt");
    await rejects(
      () => other.operator.tables[0].restoreScalars([{ cutoff: "1e3", inputWatermark: "0" }]),
      "state_corrupt",
    );
  }),

  test("random lives of joins equal the twin: batches, watermarks, checkpoints, crashes, other parallelism", (context) => {
    for (let seed = 1; seed <= 50; seed++) {
      const failure = runJoinSequence(context.kernels, seed, 20);
      ok(failure === undefined, failure ?? "");
    }
  }),
];

const refusals: readonly Case[] = [
  test("impossible keys, times, columns and intervals of joins are refused with a reason", async (context) => {
    const refuse = async (code: string, timing: JoinTiming, more: Partial<JoinJob>): Promise<void> => {
      const error = await rejects(() => fixture(context.kernels, job(timing, more)), code);
      ok(error.message.length > 20, "the message says what is wrong");
    };
    await refuse("join_key_invalid", interval(0, 1), { keys: [[], []] });
    await refuse("join_key_invalid", interval(0, 1), { keys: [[1], [2]] });
    await refuse("join_key_invalid", interval(0, 1), { keys: [[1], [9]] });
    await refuse("join_key_invalid", interval(0, 1), { keys: [[1], [1]] });
    await refuse("join_key_invalid", interval(0, 1), { keys: [[1, 2], [0]] });
    await refuse("join_time_invalid", interval(0, 1), { times: [1, 1] });
    await refuse("join_column_invalid", interval(0, 1), { columns: [{ name: "x", input: 1, column: 7 }] });
    await refuse("join_interval_invalid", interval(1, 0), {});
    await refuse("join_interval_invalid", interval(0.5, 1), {});
    await refuse("join_interval_invalid", within(-1), {});
    await refuse("join_interval_invalid", wall(Number.NaN), {});
  }),

  test("a row at the end of 64-bit time is refused with its number, and the rows before it are kept", async (context) => {
    for (const time of [I64_MAX, -I64_MAX - 1n]) {
      const joins = fixture(context.kernels, job(interval(0, 10)));
      const error = await rejects(() => joins.push(0, [order(1n, 1n), order(time, 1n)]), "timestamp_out_of_range");
      equal(error.where, "pairs, left input, row 1", "where");
      equal(joins.rowCounts, [1, 0], "rows kept");
    }
  }),

  test("a row that belongs to another task is a bug that is noticed, in whatever state its key is", (context) => {
    for (const rows of [1, 600]) {
      const kernel = new KernelInstance(context.kernels, BUDGET_BYTES);
      const joins = new JoinFixture(kernel, job(interval(0, 10)), 4096, 4096, { start: 3, end: 4 });
      let noticed = "";
      try {
        joins.push(
          0,
          Array.from({ length: rows }, (_, index) => order(1n, BigInt(index))),
        );
      } catch (error) {
        noticed = (error as Error).name;
      }
      equal(noticed, "AssertionError", "what is thrown");
    }
  }),

  test("an input that stands still costs the rows that wait for it, not the time that passes", (context) => {
    const joins = fixture(context.kernels, job(interval(0, 0)));
    const before = joins.pair.left.kernel.heapUsedBytes;
    for (let second = 0; second < 4000; second += 500) {
      const rows = Array.from({ length: 500 }, (_, index) => order(BigInt((second + index) * 1000), BigInt(index)));
      joins.push(0, rows);
      joins.watermark(0, BigInt((second + 499) * 1000));
    }
    equal(joins.rowCounts, [4000, 0], "rows that wait");
    const bytes = joins.pair.left.kernel.heapUsedBytes - before;
    ok(bytes < 4000 * 1500, `${bytes} bytes for 4000 rows in as many buckets`);
    equal(joins.push(1, [payment(7n, 7_000n), payment(499n, 3_999_000n)]).length, 2, "rows found among the buckets");
  }),

  test("memory that is used up is an error that names the join, and leaves rows whole", async (context) => {
    const joins = new JoinFixture(new KernelInstance(context.kernels, 2 * 1024 * 1024), job(interval(0, 10)), 512, 64);
    const text = "x".repeat(200);
    const fill = (): void => {
      for (let at = 0; at < 100; at++) {
        const rows = Array.from({ length: 512 }, (_, row) => order(1n, BigInt(at * 512 + row), text));
        joins.push(0, rows);
      }
    };
    await rejects(fill, "state_budget_exceeded");
    joins.watermark(0, LAST_WATERMARK);
    joins.watermark(1, LAST_WATERMARK);
    equal([joins.rowCounts, joins.pair.left.stateBytes], [[0, 0], 0], "everything is given back");
  }),
];

export const cases: readonly Case[] = [...pairing, ...lateness, ...regular, ...durability, ...refusals];
