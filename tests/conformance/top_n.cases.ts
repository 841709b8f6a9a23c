// Top-N per key: what enters and leaves the best rows, ties, ranks, rows that are taken back.

import { rowOf } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { runTopSequence } from "../twins/top_random.ts";
import { type Change, topFixture, type UpdatingFixture } from "../twins/updating_fixture.ts";

const schema: Schema = [field("name", "utf8"), field("key", "i64"), field("score", "i64", true)];
const best = { keys: [1], orderBy: [{ column: 2, descending: true }], limit: 2, updating: false };
const RANDOM_SEQUENCES = 40;

const given = (name: string, key: bigint, score: bigint | null): Change => [1, name, key, score];
const taken = (name: string, key: bigint, score: bigint | null): Change => [-1, name, key, score];

const namesOf = (fixture: UpdatingFixture): unknown[] =>
  fixture.state.gather(-1).flatMap((batch) => Array.from({ length: batch.rowCount }, (_, row) => rowOf(batch, row)[3]));

export const cases: readonly Case[] = [
  test("top-N gives the best rows of each key and takes back those that others push out", (context) => {
    const top = topFixture(context.kernels, schema, best);
    equal(top.run(given("a", 1n, 5n), given("b", 1n, 7n), given("c", 1n, 6n), given("d", 2n, 1n)), [
      [1, "b", 1n, 7n],
      [1, "c", 1n, 6n],
      [1, "d", 2n, 1n],
    ]);
    equal(top.run(given("e", 1n, 9n), given("f", 1n, 4n)), [
      [1, "e", 1n, 9n],
      [-1, "c", 1n, 6n],
    ]);
    equal(top.run(given("g", 1n, 7n)), [], "worse by the columns that break ties");
    equal(namesOf(top).sort(), ["b", "d", "e"], "no more is kept than can come out");
  }),

  test("ties are broken by all other columns in their order, and a row can be there more than once", (context) => {
    const top = topFixture(context.kernels, schema, best);
    top.run(given("b", 1n, 5n), given("c", 1n, 5n));
    equal(top.run(given("a", 1n, 5n)), [
      [1, "a", 1n, 5n],
      [-1, "c", 1n, 5n],
    ]);
    equal(top.run(given("a", 1n, 5n)), [
      [1, "a", 1n, 5n],
      [-1, "b", 1n, 5n],
    ]);
    equal(top.run(given("a", 1n, 5n)), [], "both places are taken by equal rows");
  }),

  test("null comes last in either order", (context) => {
    for (const descending of [true, false]) {
      const top = topFixture(context.kernels, schema, { ...best, orderBy: [{ column: 2, descending }] });
      top.run(given("null", 1n, null), given("a", 1n, 1n));
      equal(top.run(given("b", 1n, 2n)).at(-1), [-1, "null", 1n, null]);
    }
  }),

  test("doubles are ordered to the last bit, and text by its bytes", (context) => {
    const numbers: Schema = [field("key", "i64"), field("value", "f64")];
    const order = { keys: [0], orderBy: [{ column: 1, descending: false }], limit: 100, updating: false };
    const values = [Number.NaN, 1e300, -0, 5e-324, -Infinity, 0, -1.5, Infinity];
    const top = topFixture(context.kernels, numbers, order);
    equal(
      top.run(...values.map((one): Change => [1, 1n, one])).map((one) => one[2]),
      [-Infinity, -1.5, -0, 0, 5e-324, 1e300, Infinity, Number.NaN],
    );
    const texts: Schema = [field("key", "i64"), field("value", "utf8")];
    const words = ["b", "", "a\0b", "a", "\u{1f600}", "\uffff", "a longer text, a\0b", "ab", "a\0"];
    const sorted = ["", "a", "a\0", "a\0b", "a longer text, a\0b", "ab", "b", "\uffff", "\u{1f600}"];
    for (const descending of [false, true]) {
      const its = topFixture(context.kernels, texts, { ...order, orderBy: [{ column: 1, descending }] });
      const found = its.run(...words.map((one): Change => [1, 1n, one])).map((one) => one[2]);
      equal(found, descending ? [...sorted].reverse() : sorted);
    }
  }),

  test("with ranks every row that only moves is a change too", (context) => {
    const top = topFixture(context.kernels, schema, { ...best, rank: "place" });
    top.run(given("a", 1n, 5n), given("b", 1n, 3n));
    equal(top.run(given("c", 1n, 7n)), [
      [-1, "a", 1n, 5n, 1n],
      [1, "c", 1n, 7n, 1n],
      [-1, "b", 1n, 3n, 2n],
      [1, "a", 1n, 5n, 2n],
    ]);
  }),

  test("a row that is taken back makes room for the next one", (context) => {
    const top = topFixture(context.kernels, schema, { ...best, updating: true });
    top.run(given("a", 1n, 5n), given("b", 1n, 7n), given("c", 1n, 6n));
    equal(top.run(taken("b", 1n, 7n)), [
      [-1, "b", 1n, 7n],
      [1, "a", 1n, 5n],
    ]);
    equal(top.run(taken("c", 1n, 6n), taken("a", 1n, 5n)).length, 2);
    equal(top.state.entryCount, 0);
  }),

  test("a row that is taken back before it is given never comes out", (context) => {
    const top = topFixture(context.kernels, schema, { ...best, updating: true });
    equal(top.run(taken("a", 1n, 5n)), []);
    equal(top.run(given("a", 1n, 5n)), []);
    equal(top.state.entryCount, 0);
  }),

  test("more results than the output holds come in several batches", (context) => {
    const top = topFixture(context.kernels, schema, { ...best, limit: 50, rank: "place" }, 7);
    const rows = Array.from({ length: 50 }, (_, index) => given(`row ${index}`, 1n, BigInt(index)));
    equal(
      top.run(...rows).map((one) => one[4]),
      Array.from({ length: 50 }, (_, index) => BigInt(index + 1)),
    );
    const changes = top.run(given("new", 1n, 1000n));
    equal(changes.length, 100);
    ok(
      top.emitted.every((batch) => batch.length <= 7),
      "a batch holds at most its capacity",
    );
  }),

  test("a large limit and many keys in one batch are taken in parts", (context) => {
    const top = topFixture(context.kernels, schema, { ...best, limit: 10_000, updating: true });
    const rows = Array.from({ length: 4096 }, (_, index) => given("r", BigInt(index % 600), BigInt(index)));
    equal(top.run(...rows).length, 4096);
    equal(top.run(...rows.map(([, ...row]): Change => [-1, ...row])).length, 4096);
  }),

  test("rows that come and go between two checkpoints leave no trace, others a tombstone", (context) => {
    const top = topFixture(context.kernels, schema, { ...best, limit: 1 });
    top.run(given("a", 1n, 1n), given("b", 1n, 2n));
    equal(
      top.state.gather(0).flatMap((batch) => Array.from(batch.weights ?? [])),
      [1],
      "only the best",
    );
    top.epoch = 2;
    top.run(given("c", 1n, 3n), given("d", 1n, 4n));
    const [changed] = top.state.gather(1);
    ok(changed !== undefined, "there are changes");
    const seen = Array.from({ length: changed.rowCount }, (_, row) => [changed.weights?.[row], rowOf(changed, row)[3]]);
    equal(seen.sort(), [
      [-1, "b"],
      [1, "d"],
    ]);
    top.state.completed(2);
    equal(top.state.gather(2).length, 0);
  }),

  test("rows that are pushed out give their memory back", (context) => {
    const top = topFixture(context.kernels, schema, best);
    const used: number[] = [];
    for (let round = 0; round < 12; round++) {
      const rows = Array.from({ length: 4000 }, (_, row) =>
        given(`a name of some length ${round} ${row}`, BigInt(row % 500), BigInt(round * 4000 + row)),
      );
      top.run(...rows);
      top.state.completed(top.epoch++);
      used.push(top.kernel.heapUsedBytes);
    }
    equal(top.state.entryCount, 1000);
    ok((used[11] as number) <= (used[3] as number) * 1.05, `heap by round: ${used.join(", ")}`);
  }),

  test("what a top-N cannot do is refused", async (context) => {
    const make = (more: Partial<Parameters<typeof topFixture>[2]>) => () =>
      topFixture(context.kernels, schema, { ...best, ...more });
    await rejects(make({ limit: 0 }), "top_limit_invalid");
    await rejects(make({ limit: 10_001 }), "top_limit_invalid");
    await rejects(make({ orderBy: [] }), "top_order_invalid");
    await rejects(
      make({ orderBy: [best.orderBy[0], best.orderBy[0]].flatMap((one) => one ?? []) }),
      "top_order_invalid",
    );
    await rejects(make({ rank: "name" }), "top_rank_invalid");
    await rejects(make({ keys: [] }), "top_key_invalid");
  }),

  test("state of another shape, of a wrong key group or without copies is refused", async (context) => {
    const top = topFixture(context.kernels, schema, best);
    top.run(given("a", 1n, 1n));
    const [state] = top.state.gather(-1);
    ok(state !== undefined, "there is state");
    const altered = (column: number, value: bigint): typeof state => ({
      ...state,
      columns: state.columns.map((one, index) =>
        index === column ? { type: "i64", values: BigInt64Array.of(value), validity: undefined } : one,
      ),
    });
    const restore = (batch: typeof state) => () => topFixture(context.kernels, schema, best).state.restore(batch);
    await rejects(restore({ ...state, schema: state.schema.slice(1) }), "state_schema_mismatch");
    await rejects(restore(altered(0, 1n)), "state_invalid", "key group");
    for (const copies of [0n, -1n, 2n ** 40n]) await rejects(restore(altered(4, copies)), "state_invalid", "copies");
  }),

  test("random lives of top-N operators are those of sorted lists", (context) => {
    for (let seed = 1; seed <= RANDOM_SEQUENCES; seed++) equal(runTopSequence(context.kernels, seed), undefined);
  }),
];
