// Hopping and session windows and counts of different values: the rules one by one, and random lives against the twin.

import type { RecordBatch, Value } from "../../src/batch/record_batch.ts";
import { batchOfRows } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import type { WindowAggregate } from "../../src/state/window_table.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { type PanesConfig, PanesFixture } from "../twins/panes_fixture.ts";
import { type Kind, runSequence } from "../twins/panes_random.ts";
import type { WindowKind } from "../twins/panes_twin.ts";
import { LAST_WATERMARK, NO_WATERMARK, rowsOf } from "../twins/window_fixture.ts";
import { textOfRow } from "../twins/window_twin.ts";

const schema: Schema = [
  field("time", "timestamp"),
  field("key", "i64"),
  field("amount", "i64", true),
  field("ratio", "f64", true),
  field("name", "utf8", true),
  field("flag", "bool", true),
];

const count: WindowAggregate = { function: "count", name: "rows" };
const sum: WindowAggregate = { function: "sum", column: 2, name: "sum" };
const distinct = (column: number): WindowAggregate => ({
  function: "count_distinct",
  column,
  name: `different${column}`,
});

const hopping = (sizeMs: number, slideMs: number, offsetMs = 0): WindowKind => ({
  kind: "hopping",
  sizeMs,
  slideMs,
  offsetMs,
});
const session = (gapMs: number): WindowKind => ({ kind: "session", gapMs });

function fixture(
  kernels: WebAssembly.Module,
  window: WindowKind,
  aggregates: readonly WindowAggregate[] = [count],
  more: Partial<PanesConfig> = {},
): PanesFixture {
  const groups = { maxParallelism: 128, keyGroups: { start: 0, end: 128 } };
  const kernel = new KernelInstance(kernels, 64 * 1024 * 1024);
  return new PanesFixture(kernel, schema, { window, keys: [1], timestamp: 0, aggregates, ...groups, ...more });
}

const row = (time: bigint, key = 1n, amount: Value = null, ratio: Value = null, name: Value = null): Value[] => [
  time,
  key,
  amount,
  ratio,
  name,
  null,
];
const sorted = (rows: readonly Value[][]): string[] => rows.map(textOfRow).sort();

/** A fixture with the state of another one, as a checkpoint would bring it back. */
function restored(kernels: WebAssembly.Module, from: PanesFixture, window: WindowKind, aggregates: WindowAggregate[]) {
  const parts: ReadonlyMap<string, readonly RecordBatch[]> = from.gather(-1);
  const copy = fixture(kernels, window, aggregates);
  copy.state.firedWatermark = from.state.firedWatermark;
  for (const one of copy.state.stateTables) for (const batch of parts.get(one.name) ?? []) one.restore(batch);
  return copy;
}

/** Seeds of a quick run; the proofs run many more. */
const SEEDS = 16;

const randomLives = (kind: Kind): Case =>
  test(`${SEEDS} random lives of ${kind} windows equal the twin's`, async ({ kernels }) => {
    for (let seed = 1; seed <= SEEDS; seed++) equal(await runSequence(kernels, kind, seed), undefined, "difference");
  });

export const cases: readonly Case[] = [
  randomLives("tumbling"),
  randomLives("hopping"),
  randomLives("session"),

  test("a row belongs to size / slide hopping windows", ({ kernels }) => {
    const windows = fixture(kernels, hopping(30, 10, 3), [count, sum]);
    windows.update(1, [row(12n, 1n, 5n), row(13n, 1n, 7n), row(-18n, 2n)]);
    equal(
      sorted(windows.fire(LAST_WATERMARK)),
      sorted([
        [-47n, -17n, 2n, 1n, null],
        [-37n, -7n, 2n, 1n, null],
        [-27n, 3n, 2n, 1n, null],
        [-17n, 13n, 1n, 1n, 5n],
        [-7n, 23n, 1n, 2n, 12n],
        [3n, 33n, 1n, 2n, 12n],
        [13n, 43n, 1n, 1n, 7n],
      ]),
      "rows",
    );
    for (const one of windows.state.stateTables) equal(one.entryCount, 0, `entries left in ${one.name}`);
    windows.free();
  }),

  test("hopping windows fire in ascending order, each when the watermark reaches its end", ({ kernels }) => {
    const windows = fixture(kernels, hopping(30, 10));
    windows.update(1, [row(5n), row(25n), row(95n)]);
    const ends = (watermark: bigint): Value[] => windows.fire(watermark).map((one) => one[1] as Value);
    equal(ends(9n), [], "before the first end");
    equal(ends(10n), [10n], "at the first end");
    equal(ends(49n), [20n, 30n, 40n], "the next ends");
    equal(ends(49n), [], "the same watermark again");
    equal(ends(100n), [50n, 100n], "over windows without rows");
    equal(ends(LAST_WATERMARK), [110n, 120n], "the rest");
  }),

  test("a row counts in the hopping windows that are open for its own watermark, and is late when none is", ({
    kernels,
  }) => {
    const windows = fixture(kernels, hopping(30, 10), [count, distinct(2)]);
    const late = windows.update(
      1,
      [row(5n, 1n, 1n), row(5n, 1n, 2n), row(5n, 1n, 2n), row(5n, 1n, 3n), row(5n, 1n, 4n)],
      [NO_WATERMARK, 9n, 10n, 29n, 30n],
    );
    equal(late, [4], "late rows");
    equal(
      windows.fire(LAST_WATERMARK).map((one) => one.slice(1)),
      [
        [10n, 1n, 2n, 2n],
        [20n, 1n, 3n, 2n],
        [30n, 1n, 4n, 3n],
      ],
      "window end, key, rows, different amounts",
    );
  }),

  test("a row reaches only hopping windows that have not fired, whatever its own watermark", ({ kernels }) => {
    const windows = fixture(kernels, hopping(30, 10), [count, distinct(2)]);
    windows.update(1, [row(5n, 1n, 1n)]);
    windows.fire(10n);
    equal(windows.update(1, [row(5n, 1n, 1n), row(7n, 2n, 1n)]), [], "late rows");
    equal(
      sorted(windows.fire(29n).map((one) => one.slice(1))),
      sorted([
        [20n, 1n, 2n, 1n],
        [20n, 2n, 1n, 1n],
      ]),
      "the second window",
    );
    equal(windows.update(1, [row(5n), row(-1n)]), [1], "late rows");
  }),

  test("hopping windows go on after a restore wherever they stand in their blocks", ({ kernels }) => {
    const aggregates = [count, sum, distinct(4), { function: "max", column: 3, name: "max" } as const];
    const rows = Array.from({ length: 40 }, (_, index) =>
      row(BigInt(index * 5), BigInt(index % 3), BigInt(index), index / 4, `a text that is long ${index % 7}`),
    );
    for (let watermark = 0n; watermark < 220n; watermark += 10n) {
      const straight = fixture(kernels, hopping(40, 10), aggregates);
      straight.update(1, rows);
      straight.fire(watermark);
      const copy = restored(kernels, straight, hopping(40, 10), aggregates);
      for (const one of [straight, copy]) one.update(1, [row(watermark - 5n, 9n, 1n)]);
      equal(sorted(copy.fire(LAST_WATERMARK)), sorted(straight.fire(LAST_WATERMARK)), `rows after ${watermark}`);
      copy.free();
      straight.free();
    }
  }),

  test("a window of a thousand slides adds up as one of a single pane would", ({ kernels }) => {
    const windows = fixture(kernels, hopping(1000, 1), [count, sum]);
    windows.update(
      1,
      Array.from({ length: 3000 }, (_, index) => row(BigInt(index), BigInt(index % 2), 1n)),
    );
    const rows = windows.fire(2500n).filter((one) => one[1] === 2345n);
    equal(
      sorted(rows),
      sorted([
        [1345n, 2345n, 0n, 500n, 500n],
        [1345n, 2345n, 1n, 500n, 500n],
      ]),
      "the window that ends at 2345",
    );
    windows.free();
  }),

  test("rows of a key that are closer than the gap share a session, in whatever order they come", ({ kernels }) => {
    const times = [100n, 109n, 118n, 128n, 200n, 205n, 190n];
    for (const shift of [0, 1, 2, 3, 4, 5, 6]) {
      const sessions = fixture(kernels, session(10), [count, sum]);
      const inOrder = [...times.slice(shift), ...times.slice(0, shift)];
      sessions.update(
        1,
        inOrder.map((time) => row(time, 1n, time)),
      );
      equal(
        sessions.fire(LAST_WATERMARK),
        [
          [100n, 128n, 1n, 3n, 327n],
          [128n, 138n, 1n, 1n, 128n],
          [190n, 200n, 1n, 1n, 190n],
          [200n, 215n, 1n, 2n, 405n],
        ],
        "sessions",
      );
      sessions.free();
    }
  }),

  test("a session ends exactly when the watermark reaches its last row plus the gap", ({ kernels }) => {
    const sessions = fixture(kernels, session(10));
    sessions.update(1, [row(8n), row(15n), row(14n, 2n)]);
    equal(sessions.fire(23n), [], "before");
    equal(sessions.fire(24n), [[14n, 24n, 2n, 1n]], "the first end");
    equal(sessions.fire(25n), [[8n, 25n, 1n, 2n]], "the second end");
    equal(sessions.fire(LAST_WATERMARK), [], "nothing is left");
  }),

  test("a row joins sessions on both sides of it while they are open", ({ kernels }) => {
    const sessions = fixture(kernels, session(10));
    sessions.update(1, [row(20n), row(35n)]);
    sessions.fire(28n);
    sessions.update(1, [row(28n)]);
    equal(sessions.fire(LAST_WATERMARK), [[20n, 45n, 1n, 3n]], "one session");
  }),

  test("a row is late for sessions exactly when it is older than its own watermark or than what has fired", ({
    kernels,
  }) => {
    const sessions = fixture(kernels, session(10));
    equal(sessions.update(1, [row(20n), row(20n), row(20n)], [20n, 21n, NO_WATERMARK]), [1], "late rows");
    sessions.fire(22n);
    equal(sessions.update(1, [row(21n), row(22n)]), [0], "rows behind what has fired");
    equal(sessions.fire(LAST_WATERMARK), [[20n, 32n, 1n, 3n]], "sessions");
  }),

  test("a session of a thousand gaps keeps one entry a pane that is open, and all it gathered", ({ kernels }) => {
    const sessions = fixture(kernels, session(10), [count, sum, distinct(2)]);
    for (let index = 0n; index < 1000n; index++) {
      sessions.update(1, [row(index * 9n, 1n, index % 50n)]);
      sessions.fire(index * 9n);
      const entries = sessions.table("sessions").entryCount;
      ok(entries <= 3, `${entries} entries`);
    }
    equal(sessions.fire(LAST_WATERMARK), [[0n, 9001n, 1n, 1000n, 24_500n, 50n]], "the session");
    sessions.free();
  }),

  test("what sessions gathered in passed panes is part of the changes of its epoch", ({ kernels }) => {
    const sessions = fixture(kernels, session(10), [count, distinct(2)]);
    sessions.update(1, [row(5n, 1n, 7n), row(12n, 1n, 8n)]);
    const first = sessions.gather(0);
    sessions.completed(1);
    sessions.fire(20n, 2);
    const second = sessions.gather(1);
    const copy = fixture(kernels, session(10), [count, distinct(2)]);
    copy.state.firedWatermark = 20n;
    for (const parts of [first, second]) {
      for (const one of copy.state.stateTables) for (const batch of parts.get(one.name) ?? []) one.restore(batch);
    }
    equal(copy.fire(LAST_WATERMARK), [[5n, 22n, 1n, 2n, 2n]], "the session");
  }),

  test("different values are counted without nulls; 0 and -0 are one value, and so are all NaN", ({ kernels }) => {
    const windows = fixture(
      kernels,
      { kind: "tumbling", sizeMs: 10, offsetMs: 0 },
      [3, 4, 5, 2, 0].map((column) => distinct(column)),
    );
    const long = "a text that is longer than what a view holds";
    const texts: Value[] = ["", "abcd", "abcde", null, long, `${long}!`, long, "abcd", "\u0000", ""];
    const ratios: Value[] = [0, -0, Number.NaN, -Number.NaN, null, 1, Infinity, -Infinity, 1, 0];
    windows.update(
      1,
      texts.map((text, index) => [
        BigInt(index % 4),
        1n,
        index % 3 === 0 ? null : BigInt(index % 2),
        ratios[index] as Value,
        text,
        index === 0 ? null : index % 2 === 0,
      ]),
    );
    windows.update(1, [row(1n, 2n)]);
    equal(
      sorted(windows.fire(LAST_WATERMARK)),
      sorted([
        [0n, 10n, 1n, 5n, 6n, 2n, 2n, 4n],
        [0n, 10n, 2n, 0n, 0n, 0n, 0n, 1n],
      ]),
      "rows",
    );
    windows.free();
  }),

  test("a value that came before is not among the changes of a later epoch", ({ kernels }) => {
    const windows = fixture(kernels, { kind: "tumbling", sizeMs: 10, offsetMs: 0 }, [distinct(4)]);
    windows.update(1, [row(1n, 1n, null, null, "a"), row(1n, 1n, null, null, "b")]);
    equal(windows.table("distinct:name").gather(0).flatMap(rowsOf).length, 2, "changes of epoch 1");
    windows.completed(1);
    windows.update(2, [row(1n, 1n, null, null, "a"), row(1n, 1n, null, null, "c")]);
    equal(
      windows
        .table("distinct:name")
        .gather(1)
        .flatMap(rowsOf)
        .map((one) => one.slice(1)),
      [[0n, 1n, "c"]],
      "changes of epoch 2",
    );
    equal(windows.fire(LAST_WATERMARK), [[0n, 10n, 1n, 3n]], "rows");
  }),

  test("a sum that leaves 64 bits only when panes are added up is refused", async ({ kernels }) => {
    const most = 2n ** 63n - 1n;
    const hops = fixture(kernels, hopping(20, 10), [sum], { where: "totals" });
    hops.update(1, [row(5n, 1n, most), row(15n, 1n, 1n)]);
    equal((await rejects(() => hops.fire(LAST_WATERMARK), "sum_overflow")).where, "totals, watermark 0", "where");
    const sessions = fixture(kernels, session(10), [sum], { where: "totals" });
    sessions.update(1, [row(8n, 1n, most), row(12n, 1n, 1n)]);
    await rejects(() => sessions.fire(LAST_WATERMARK), "sum_overflow");
  }),

  test("a row whose windows leave the range of i64 is refused with its number", async ({ kernels }) => {
    for (const window of [hopping(20, 10), session(10)]) {
      for (const time of [2n ** 63n - 5n, -(2n ** 63n) + 5n]) {
        const windows = fixture(kernels, window, [count], { where: "per hop" });
        const error = await rejects(() => windows.update(1, [row(1n), row(time)]), "timestamp_out_of_range");
        equal(error.where, "per hop, row 1", "where");
      }
    }
  }),

  test("impossible slides, gaps and sets are refused with the operator's name", async ({ kernels }) => {
    const refuse = async (code: string, window: WindowKind, aggregates = [count]): Promise<void> => {
      const error = await rejects(() => fixture(kernels, window, aggregates, { where: "w" }), code);
      equal(error.where, "w", "where");
      ok(error.message.length > 20, "the message says what is wrong");
    };
    await refuse("window_size_invalid", hopping(25, 10));
    await refuse("window_size_invalid", hopping(10, 20));
    await refuse("window_size_invalid", hopping(10, 0));
    await refuse("window_size_invalid", hopping(1_000_000, 1));
    await refuse("window_size_invalid", session(0));
    await refuse("window_aggregate_invalid", session(10), [{ function: "count_distinct", name: "d" }]);
    await refuse("window_aggregate_invalid", session(10), [distinct(17)]);
  }),

  test("restored sessions whose rows lie outside of their pane are refused", async ({ kernels }) => {
    for (const [first, last] of [
      [15n, 20n],
      [15n, 9n],
      [16n, 15n],
    ] as const) {
      const sessions = fixture(kernels, session(10), [count], { where: "visits" });
      sessions.update(1, [row(15n)]);
      const table = sessions.table("sessions");
      const [found] = table.gather(-1);
      const [values] = rowsOf(found as RecordBatch);
      const copy = fixture(kernels, session(10), [count], { where: "visits" });
      const wrong = (values as Value[]).map((value, column) => {
        const { name } = table.stateSchema[column] as { name: string };
        return name === "min:time" ? first : name === "max:time" ? last : value;
      });
      const restore = (): void => copy.table("sessions").restore(batchOfRows(table.stateSchema, [wrong]));
      equal((await rejects(restore, "state_invalid")).where, "visits, state row 0", "where");
    }
  }),
];
