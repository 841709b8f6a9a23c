// Running aggregates: what each batch changes, rows that are taken back, keys that go and give their memory back.

import { type RecordBatch, rowOf } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { runAggregateSequence } from "../twins/aggregate_random.ts";
import { aggregateFixture, type Change } from "../twins/updating_fixture.ts";

const schema: Schema = [
  field("key", "utf8"),
  field("amount", "i64", true),
  field("ratio", "f64"),
  field("number", "i64", true),
];
const count = { function: "count", name: "rows" } as const;
const sum = { function: "sum", column: 1, name: "sum" } as const;
const average = { function: "avg", column: 2, name: "average" } as const;
const largest = { function: "max", column: 1, name: "largest" } as const;
const appending = { keys: [0], updating: false };
const updating = { keys: [0], updating: true };

const RANDOM_SEQUENCES = 40;
const I64_MAX = 2n ** 63n - 1n;

const given = (key: string, amount: bigint | null, ratio = 0): Change => [1, key, amount, ratio, null];
const taken = (key: string, amount: bigint | null, ratio = 0): Change => [-1, key, amount, ratio, null];

export const cases: readonly Case[] = [
  test("a running aggregate gives a new key's result, then takes the old one back with each new one", (context) => {
    const sums = aggregateFixture(context.kernels, schema, { ...appending, aggregates: [count, sum] });
    equal(sums.run(given("a", 1n), given("b", null), given("a", 2n)), [
      [1, "a", 2n, 3n],
      [1, "b", 1n, null],
    ]);
    equal(sums.run(given("a", 4n), given("b", 5n), given("a", 6n)), [
      [-1, "a", 2n, 3n],
      [1, "a", 4n, 13n],
      [-1, "b", 1n, null],
      [1, "b", 2n, 5n],
    ]);
    equal(sums.run(), [], "an empty batch");
  }),

  test("a running aggregate says nothing of a key whose result stays the same", (context) => {
    const sums = aggregateFixture(context.kernels, schema, { ...appending, aggregates: [largest] });
    equal(sums.run(given("a", 5n)), [[1, "a", 5n]]);
    equal(sums.run(given("a", 4n), given("a", null)), []);
    equal(sums.run(given("a", 6n)), [
      [-1, "a", 5n],
      [1, "a", 6n],
    ]);
  }),

  test("rows that are taken back leave counts, sums and averages as if they had never come", (context) => {
    const sums = aggregateFixture(context.kernels, schema, { ...updating, aggregates: [count, sum, average] });
    sums.run(given("a", 7n, 0.5), given("a", null, 0.1), given("a", 3n, 0.25));
    equal(sums.run(taken("a", 7n, 0.5), taken("a", null, 0.1)), [
      [-1, "a", 3n, 10n, 0.85 / 3],
      [1, "a", 1n, 3n, 0.25],
    ]);
    equal(sums.run(taken("a", 3n, 0.25), given("a", 3n, 0.25)), [], "back and forth within a batch");
    equal(sums.run(taken("a", 3n, 0.25)), [[-1, "a", 1n, 3n, 0.25]], "the last row of a key");
    equal(sums.run(given("a", null, 1 / 3)), [[1, "a", 1n, null, 1 / 3]], "a key that comes back begins anew");
  }),

  test("values that are not finite can be taken back out of a sum", (context) => {
    const total = { function: "sum", column: 2, name: "total" } as const;
    const sums = aggregateFixture(context.kernels, schema, { ...updating, aggregates: [total] });
    const latest = (...changes: Change[]): unknown => sums.run(...changes).at(-1)?.[2];
    equal(latest(given("a", null, 1.5), given("a", null, Infinity)), Infinity);
    equal(latest(given("a", null, -Infinity)), Number.NaN);
    equal(latest(taken("a", null, Infinity)), -Infinity);
    equal(latest(given("a", null, Number.NaN)), Number.NaN);
    equal(latest(taken("a", null, Number.NaN), taken("a", null, -Infinity)), 1.5);
  }),

  test("a row that is taken back before it is given is owed, and no result until it comes", (context) => {
    const sums = aggregateFixture(context.kernels, schema, { ...updating, aggregates: [count, sum] });
    equal(sums.run(taken("a", 5n)), []);
    equal(sums.state.entryCount, 1, "what is owed is state");
    equal(sums.run(given("a", 5n), given("a", 6n)), [[1, "a", 1n, 6n]]);
  }),

  test("a weight of more than one counts a row that often", (context) => {
    const sums = aggregateFixture(context.kernels, schema, { ...updating, aggregates: [count, sum] });
    equal(sums.run([3, "a", 5n, 0, null]), [[1, "a", 3n, 15n]]);
    equal(sums.run([-2, "a", 5n, 0, null]).at(-1), [1, "a", 1n, 5n]);
  }),

  test("a sum of integers that leaves 64 bits is an error, upwards and downwards", async (context) => {
    const sums = (): ReturnType<typeof aggregateFixture> =>
      aggregateFixture(context.kernels, schema, { ...updating, aggregates: [sum] });
    const upwards = sums();
    upwards.run(given("a", I64_MAX));
    await rejects(() => upwards.run(given("b", 1n), given("a", 1n)), "sum_overflow");
    await rejects(() => sums().run(taken("a", -I64_MAX - 1n)), "sum_overflow");
    const other = aggregateFixture(context.kernels, schema, { ...appending, aggregates: [sum] });
    await rejects(() => other.run(given("a", I64_MAX), given("a", 1n)), "sum_overflow");
  }),

  test("least and largest values of a stream that takes rows back are refused", async (context) => {
    const config = { ...updating, aggregates: [largest] };
    await rejects(() => aggregateFixture(context.kernels, schema, config), "aggregate_needs_append_only");
    const textSum = { ...appending, aggregates: [{ function: "sum", column: 0, name: "s" } as const] };
    await rejects(() => aggregateFixture(context.kernels, schema, textSum), "aggregate_invalid");
    const floatKey = { keys: [2], updating: false, aggregates: [count] };
    await rejects(() => aggregateFixture(context.kernels, schema, floatKey), "aggregate_key_invalid");
  }),

  test("a running aggregate that uses up its memory says so", async (context) => {
    const small = aggregateFixture(
      context.kernels,
      schema,
      { keys: [1], updating: false, aggregates: [count] },
      1_800_000,
    );
    const fill = (): void => {
      for (let batch = 0n; batch < 100n; batch++) {
        small.run(...Array.from({ length: 2000 }, (_, row) => given("", batch * 1_000_003n + BigInt(row) * 77n)));
      }
    };
    await rejects(fill, "state_budget_exceeded");
  }),

  test("a key that goes leaves a tombstone until a checkpoint holds it, then gives its memory back", (context) => {
    const sums = aggregateFixture(context.kernels, schema, { ...updating, aggregates: [count] });
    sums.run(given("a", 1n), given("b", 1n));
    equal(
      sums.state.gather(0).flatMap((batch) => Array.from(batch.weights ?? [])),
      [1, 1],
    );
    sums.epoch = 2;
    sums.run(taken("a", 1n));
    equal(sums.state.entryCount, 1);
    const [changed] = sums.state.gather(1);
    ok(changed !== undefined, "the key that went is a change");
    equal([rowOf(changed, 0)[1], Array.from(changed.weights ?? [])], ["a", [-1]]);
    equal(
      sums.state.gather(-1).map((batch) => [batch.rowCount, batch.weights]),
      [[1, undefined]],
    );
    sums.state.completed(1);
    equal(sums.state.gather(1).length, 1, "the tombstone is still owed to a checkpoint");
    sums.state.completed(2);
    equal(sums.state.gather(2).length, 0);
    equal(sums.state.entryCount, 1);
  }),

  test("a table gives in pieces what it gives at once, a batch at a time", (context) => {
    const sums = aggregateFixture(context.kernels, schema, { ...updating, aggregates: [count] });
    for (let batch = 0; batch < 5; batch++) {
      sums.run(...Array.from({ length: 2000 }, (_, row) => given(`${row}`, BigInt(batch * 2000 + row))));
    }
    const rowsIn = (batches: Iterable<RecordBatch>): unknown[] =>
      [...batches].flatMap((batch) => Array.from({ length: batch.rowCount }, (_, row) => rowOf(batch, row)));
    const pieces = sums.state.gatherInPieces?.();
    ok(pieces !== undefined, "an aggregate can");
    equal(rowsIn(pieces), rowsIn(sums.state.gather(-1)));
  }),

  test("keys that come and go for ever take no more memory than those that are there", (context) => {
    const sums = aggregateFixture(context.kernels, schema, { ...updating, aggregates: [count] });
    const changes = (round: number, change: (key: string, amount: bigint) => Change): Change[] =>
      Array.from({ length: 4000 }, (_, row) => change(`a key of a certain length ${round} ${row}`, BigInt(row)));
    const used: number[] = [];
    for (let round = 0; round < 12; round++) {
      sums.run(...changes(round, given));
      if (round > 0) sums.run(...changes(round - 1, taken));
      sums.state.completed(sums.epoch++);
      used.push(sums.kernel.heapUsedBytes);
    }
    equal(sums.state.entryCount, 4000);
    ok((used[11] as number) <= Math.max(...used.slice(0, 5)) * 1.1, `heap by round: ${used.join(", ")}`);
  }),

  test("state of another shape, of a wrong key group or without rows is refused", async (context) => {
    const config = { ...appending, aggregates: [count, sum] };
    const sums = aggregateFixture(context.kernels, schema, config);
    sums.run(given("a", 1n));
    const [state] = sums.state.gather(-1);
    ok(state !== undefined, "there is state");
    const altered = (column: number, value: bigint): typeof state => ({
      ...state,
      columns: state.columns.map((one, index) =>
        index === column ? { type: "i64", values: BigInt64Array.of(value), validity: undefined } : one,
      ),
    });
    const restore = (batch: typeof state) => () =>
      aggregateFixture(context.kernels, schema, config).state.restore(batch);
    await rejects(restore({ ...state, schema: state.schema.slice(1) }), "state_schema_mismatch");
    await rejects(restore(altered(0, 1n)), "state_invalid", "key group");
    await rejects(restore(altered(2, 0n)), "state_invalid", "no rows");
    await rejects(restore(altered(3, 9n)), "state_invalid", "more values than rows");
  }),

  test("random lives of running aggregates are those of a Map", (context) => {
    for (let seed = 1; seed <= RANDOM_SEQUENCES; seed++) equal(runAggregateSequence(context.kernels, seed), undefined);
  }),
];
