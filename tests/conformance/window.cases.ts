// Tumbling windows over keyed state: results, lateness, nulls, extremes, refusals.

import type { Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import type { WindowAggregate, WindowTableConfig } from "../../src/state/window_table.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { LAST_WATERMARK, NO_WATERMARK, WindowFixture } from "../twins/window_fixture.ts";
import { textOfRow } from "../twins/window_twin.ts";

const BUDGET_BYTES = 16 * 1024 * 1024;
const I64_MAX = 2n ** 63n - 1n;

const schema: Schema = [
  field("key", "i64"),
  field("time", "timestamp"),
  field("amount", "i64", true),
  field("ratio", "f64", true),
  field("name", "utf8", true),
];

const config = (aggregates: readonly WindowAggregate[], more: Partial<WindowTableConfig> = {}): WindowTableConfig => ({
  keys: [0],
  timestamp: 1,
  sizeMs: 10,
  offsetMs: 0,
  aggregates,
  maxParallelism: 128,
  keyGroups: { start: 0, end: 128 },
  ...more,
});

const row = (key: bigint, time: bigint, amount: Value = null, ratio: Value = null, name: Value = null): Value[] => [
  key,
  time,
  amount,
  ratio,
  name,
];

const sorted = (rows: readonly Value[][]): string[] => rows.map(textOfRow).sort();
const count: WindowAggregate = { function: "count", name: "rows" };

function fixture(kernels: WebAssembly.Module, its: WindowTableConfig, its_schema = schema): WindowFixture {
  return new WindowFixture(new KernelInstance(kernels, BUDGET_BYTES), its_schema, its);
}

export const cases: readonly Case[] = [
  test("windows are half-open and floor towards the past for negative times", (context) => {
    const windows = fixture(context.kernels, config([count], { offsetMs: 3 }));
    windows.update(
      1,
      [-18n, -17n, -8n, -7n, 2n, 3n, 12n, 13n].map((time) => row(7n, time)),
    );
    equal(
      windows.fire(LAST_WATERMARK),
      [
        [-27n, -17n, 7n, 1n],
        [-17n, -7n, 7n, 2n],
        [-7n, 3n, 7n, 2n],
        [3n, 13n, 7n, 2n],
        [13n, 23n, 7n, 1n],
      ],
      "rows",
    );
    equal(windows.table.entryCount, 0, "entries after firing");
  }),

  test("a negative offset equals the same offset modulo the size", (context) => {
    const windows = fixture(context.kernels, config([count], { offsetMs: -17 }));
    windows.update(1, [row(7n, 2n), row(7n, 3n)]);
    equal(
      windows.fire(LAST_WATERMARK).map((one) => one[0]),
      [-7n, 3n],
      "window starts",
    );
  }),

  test("a watermark fires exactly the windows that end at or before it, oldest first", (context) => {
    const windows = fixture(context.kernels, config([count]));
    windows.update(
      1,
      [25n, 5n, 15n, 35n].map((time) => row(1n, time)),
    );
    equal(windows.fire(9n), [], "before the first end");
    equal(
      windows.fire(29n).map((one) => one[1]),
      [10n, 20n],
      "window ends",
    );
    equal(windows.fire(29n), [], "the same watermark again");
    equal(
      windows.fire(30n).map((one) => one[1]),
      [30n],
      "at an end",
    );
    equal(windows.table.firedWatermark, 30n, "fired watermark");
    equal(windows.table.entryCount, 1, "entries left");
  }),

  test("nulls are ignored by aggregates over a column, and a group of nulls only gives null", (context) => {
    const over = (column: number, type: string): WindowAggregate[] =>
      (["count", "sum", "min", "max", "avg"] as const).map((name) => ({
        function: name,
        column,
        name: `${name}_${type}`,
      }));
    const windows = fixture(context.kernels, config([count, ...over(2, "i64"), ...over(3, "f64")]));
    windows.update(1, [
      row(1n, 1n, 5n, 0.5),
      row(1n, 2n),
      row(2n, 3n),
      row(1n, 4n, -2n, 1.5),
      row(3n, 5n, null, -0),
      row(3n, 6n, 4n, 0),
    ]);
    equal(
      sorted(windows.fire(LAST_WATERMARK)),
      sorted([
        [0n, 10n, 1n, 3n, 2n, 3n, -2n, 5n, 1.5, 2n, 2, 0.5, 1.5, 1],
        [0n, 10n, 2n, 1n, 0n, null, null, null, null, 0n, null, null, null, null],
        [0n, 10n, 3n, 2n, 1n, 4n, 4n, 4n, 4, 2n, 0, -0, 0, 0],
      ]),
      "rows",
    );
  }),

  test("f64 orders -inf below -0 below 0 below inf below NaN", (context) => {
    const aggregates: WindowAggregate[] = [
      { function: "min", column: 3, name: "low" },
      { function: "max", column: 3, name: "high" },
    ];
    const extremes = (values: readonly number[]): (Value | undefined)[] => {
      const windows = fixture(context.kernels, config(aggregates));
      windows.update(
        1,
        values.map((value) => row(1n, 1n, null, value)),
      );
      return (windows.fire(LAST_WATERMARK)[0] as Value[]).slice(3);
    };
    equal(extremes([0, -0]), [-0, 0], "zeros");
    equal(extremes([-0, 0]), [-0, 0], "zeros the other way");
    equal(extremes([Number.NaN, 1]), [1, Number.NaN], "NaN and 1");
    equal(extremes([Infinity, Number.NaN, -Infinity]), [-Infinity, Number.NaN], "infinities");
    equal(extremes([-Number.MAX_VALUE, -Number.MIN_VALUE]), [-Number.MAX_VALUE, -Number.MIN_VALUE], "negatives");
    equal(extremes([Number.NaN]), [Number.NaN, Number.NaN], "NaN alone");
  }),

  test("an f64 sum keeps what plain addition loses, and is infinite or NaN where it must be", (context) => {
    const sumOf = (values: readonly number[]): Value => {
      const windows = fixture(context.kernels, config([{ function: "sum", column: 3, name: "sum" }]));
      windows.update(
        1,
        values.map((value) => row(1n, 1n, null, value)),
      );
      return windows.fire(LAST_WATERMARK)[0]?.[3] ?? null;
    };
    equal(sumOf([1e16, 1, -1e16]), 1, "a small number among large ones");
    equal(sumOf([...new Array(10).fill(0.1), -1]), 5.551115123125783e-17, "ten times 0.1 minus 1");
    equal(sumOf([Infinity, 1]), Infinity, "infinity and 1");
    equal(sumOf([Infinity, -Infinity]), Number.NaN, "both infinities");
    equal(sumOf([1, Number.NaN]), Number.NaN, "NaN");
  }),

  test("an i64 sum that leaves 64 bits is refused with operator and row", async (context) => {
    for (const position of [0, 600]) {
      const windows = fixture(
        context.kernels,
        config([{ function: "sum", column: 2, name: "sum" }], { where: "totals" }),
      );
      const rows = new Array<Value[]>(position).fill(row(2n, 1n, 1n));
      rows.push(row(1n, 1n, I64_MAX), row(1n, 1n), row(1n, 1n, 1n));
      const error = await rejects(() => windows.update(1, rows), "sum_overflow");
      equal(error.where, `totals, row ${position + 2}`, "where");
      windows.free();
    }
  }),

  test("sums, minima and maxima reach both ends of i64", (context) => {
    const over: WindowAggregate[] = (["sum", "min", "max"] as const).map((name) => ({
      function: name,
      column: 2,
      name,
    }));
    const windows = fixture(context.kernels, config(over));
    windows.update(1, [
      row(1n, 1n, I64_MAX),
      row(1n, 1n, -I64_MAX - 1n),
      row(2n, 1n, I64_MAX),
      row(3n, 1n, -I64_MAX - 1n),
    ]);
    equal(
      sorted(windows.fire(LAST_WATERMARK)),
      sorted([
        [0n, 10n, 1n, -1n, -I64_MAX - 1n, I64_MAX],
        [0n, 10n, 2n, I64_MAX, I64_MAX, I64_MAX],
        [0n, 10n, 3n, -I64_MAX - 1n, -I64_MAX - 1n, -I64_MAX - 1n],
      ]),
      "rows",
    );
  }),

  test("a row is late exactly when its window ends at or before its own watermark", (context) => {
    const windows = fixture(context.kernels, config([count]));
    const late = windows.update(
      1,
      [row(1n, 9n), row(1n, 9n), row(1n, 10n), row(1n, 9n), row(1n, 30n)],
      [9n, 10n, 19n, NO_WATERMARK, 39n],
    );
    equal(late, [1], "late rows");
    equal(windows.rowsAggregated, 4n, "rows aggregated");
    equal(windows.fire(10n), [[0n, 10n, 1n, 2n]], "rows of the first window");
  }),

  test("one late row among a full pass of one window is found, wherever it stands", (context) => {
    for (const position of [0, 1, 511, 512, 1022, 1023, 1024]) {
      const windows = fixture(context.kernels, config([count]));
      windows.update(1, [row(1n, 5n)]);
      const rows = new Array<Value[]>(1025).fill(row(1n, 5n));
      const watermarks = new Array<bigint>(1025).fill(9n);
      watermarks[position] = 10n;
      equal(windows.update(1, rows, watermarks), [position], "late rows");
      equal(windows.rowsAggregated, 1025n, "rows aggregated");
    }
  }),

  test("one row of another window among a full pass is found, wherever it stands", (context) => {
    for (const position of [0, 1, 511, 512, 1023, 1024]) {
      for (const time of [-1n, 10n, I64_MAX - 20n, -I64_MAX + 20n]) {
        const windows = fixture(context.kernels, config([count]));
        const rows = new Array<Value[]>(1025).fill(row(1n, 5n));
        rows[position] = row(1n, time);
        windows.update(1, [row(1n, 5n)]);
        windows.update(1, rows);
        equal(
          windows
            .fire(LAST_WATERMARK)
            .map((one) => one[3])
            .sort(),
          [1n, 1025n],
          "counts",
        );
      }
    }
  }),

  test("a row of a window that has fired already is late, whatever its own watermark", (context) => {
    const windows = fixture(context.kernels, config([count]));
    windows.update(1, [row(1n, 5n)]);
    windows.fire(10n);
    equal(windows.update(1, [row(1n, 9n), row(1n, 10n)]), [0], "late rows");
    equal(windows.fire(LAST_WATERMARK), [[10n, 20n, 1n, 1n]], "rows");
  }),

  test("a window that would leave the range of i64 is refused with its row, and the rows before it are folded", async (context) => {
    for (const time of [I64_MAX, -I64_MAX - 1n]) {
      const windows = fixture(context.kernels, config([count], { where: "per hour" }));
      const rows = [row(1n, 1n), row(2n, 1n), row(3n, time), row(4n, 1n)];
      const error = await rejects(() => windows.update(1, rows), "timestamp_out_of_range");
      equal(error.where, "per hour, row 2", "where");
      equal(
        windows
          .fire(LAST_WATERMARK)
          .map((one) => one[2])
          .sort(),
        [1n, 2n],
        "keys folded",
      );
    }
  }),

  test("text keys of every length, empty and null are groups of their own", (context) => {
    const windows = fixture(context.kernels, config([count], { keys: [4] }));
    const names: Value[] = [null, "", "\u0000", "null"];
    for (let length = 1; length <= 40; length++) {
      names.push("x".repeat(length), `${"x".repeat(length - 1)}y`, `y${"x".repeat(length - 1)}`);
    }
    const distinct = [...new Set(names)];
    for (let round = 0; round < 3; round++)
      windows.update(
        1,
        distinct.map((name) => row(1n, 1n, null, null, name)),
      );
    equal(sorted(windows.fire(LAST_WATERMARK)), sorted(distinct.map((name) => [0n, 10n, name, 3n])), "rows");
    equal(windows.table.stateBytes, 0, "state after firing");
  }),

  test("composite keys keep their parts apart and give them back", (context) => {
    const its: Schema = [
      field("left", "utf8", true),
      field("time", "timestamp"),
      field("right", "utf8", true),
      field("flag", "bool", true),
      field("number", "i64"),
    ];
    const windows = fixture(context.kernels, config([count], { keys: [0, 2, 3, 4] }), its);
    const texts: Value[] = [null, "", "a", "ab", "b", "a longer text than fits a view"];
    const keys: Value[][] = [];
    for (const left of texts) {
      for (const right of texts) {
        for (const flag of [null, true, false]) keys.push([left, right, flag, 0n], [left, right, flag, -1n]);
      }
    }
    const rows = keys.map(([left, right, flag, number]) => [left, 5n, right, flag, number] as Value[]);
    windows.update(1, rows);
    windows.update(1, rows);
    equal(sorted(windows.fire(LAST_WATERMARK)), sorted(keys.map((key) => [0n, 10n, ...key, 2n])), "rows");
  }),

  test("composite keys larger than the staging buffer are folded in parts", (context) => {
    const its: Schema = [field("a", "utf8"), field("time", "timestamp"), field("b", "utf8")];
    const windows = fixture(context.kernels, config([count], { keys: [0, 2] }), its);
    const rows = Array.from({ length: 40 }, (_, index) => [
      "a".repeat(1000 * (index % 20)),
      1n,
      "b".repeat(7000 * (index % 20)),
    ]);
    windows.update(1, rows);
    equal(
      windows.fire(LAST_WATERMARK).map((one) => one[4]),
      new Array(20).fill(2n),
      "counts",
    );
  }),

  test("bool and nullable bool keys are grouped", (context) => {
    for (const nullable of [false, true]) {
      const its: Schema = [field("flag", "bool", nullable), field("time", "timestamp")];
      const windows = fixture(context.kernels, config([count], { keys: [0] }), its);
      const flags: Value[] = nullable ? [true, null, false, null, true, true] : [true, false, false, true, true, true];
      windows.update(
        1,
        flags.map((flag) => [flag, 1n]),
      );
      const wanted = [null, true, false]
        .map((flag) => [0n, 10n, flag, BigInt(flags.filter((one) => one === flag).length)] as Value[])
        .filter((one) => one[3] !== 0n);
      equal(sorted(windows.fire(LAST_WATERMARK)), sorted(wanted), "rows");
    }
  }),

  test("an empty batch and an empty watermark change nothing", (context) => {
    const windows = fixture(context.kernels, config([count]));
    equal(windows.update(1, []), [], "late rows");
    equal(windows.fire(NO_WATERMARK), [], "rows");
    equal(windows.table.gather(0), [], "changes");
  }),

  test("impossible windows, keys and aggregates are refused with the operator's name", async (context) => {
    const refuse = async (code: string, more: Partial<WindowTableConfig>, aggregates = [count]): Promise<void> => {
      const error = await rejects(() => fixture(context.kernels, config(aggregates, { where: "w", ...more })), code);
      equal(error.where, "w", "where");
      ok(error.message.length > 20, "the message says what is wrong");
    };
    await refuse("window_size_invalid", { sizeMs: 0 });
    await refuse("window_size_invalid", { sizeMs: 1.5 });
    await refuse("window_size_invalid", { offsetMs: Number.NaN });
    await refuse("window_key_invalid", { keys: [] });
    await refuse("window_key_invalid", { keys: [3] });
    await refuse("window_key_invalid", { keys: [9] });
    await refuse("window_time_invalid", { timestamp: 2 });
    await refuse("window_aggregate_invalid", {}, [{ function: "sum", name: "s" }]);
    await refuse("window_aggregate_invalid", {}, [{ function: "sum", column: 1, name: "s" }]);
    await refuse("window_aggregate_invalid", {}, [{ function: "min", column: 4, name: "s" }]);
    await refuse("window_aggregate_invalid", {}, [{ function: "count", column: 5, name: "s" }]);
  }),
];
