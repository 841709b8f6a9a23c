// State of process functions: how values are written down, what lives how long, what a damaged part is answered with.

import { asOperatorUid } from "../../src/base/ids.ts";
import { batchOfRows, type Value } from "../../src/batch/record_batch.ts";
import { defineProcessFunction, listState, mapState, valueState } from "../../src/job/define_process.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { keyGroupOfValues } from "../../src/keygroup/key_values.ts";
import { textOfKey } from "../../src/state/process_keys.ts";
import { processTables } from "../../src/operators/process_tables.ts";
import { decodeStateValue, encodeStateValue, STATE_VALUE_CHARACTERS_MAX } from "../../src/state/state_text.ts";
import { type Case, test } from "../case.ts";
import { equal, rejects } from "../expect.ts";
import { ProcessFixture } from "../twins/process_fixture.ts";

const BUDGET_BYTES = 16 * 1024 * 1024;

const columns = { key: "utf8", at: "timestamp", does: "utf8" } as const;
const input = {
  schema: [
    { name: "key", type: "utf8", nullable: false },
    { name: "at", type: "timestamp", nullable: false },
    { name: "does", type: "utf8", nullable: false },
  ],
  keys: [0],
} as const;
const timed = { ...input, time: 1 };

/** Puts its states where a row says "put", and always writes what it finds. */
const ttlFunction = defineProcessFunction({
  name: "ttl",
  input: columns,
  output: { found: "utf8" },
  states: {
    value: valueState<string>({ ttl: 10 }),
    list: listState<string>({ ttl: 10 }),
    map: mapState<string>({ ttl: 10 }),
    lasting: valueState<string>(),
  },
  process(row, context) {
    const { value, list, map, lasting } = context.states;
    if (row.does !== "look") {
      value.put(row.does);
      list.append(row.does);
      map.put(row.does, row.does);
      lasting.put(row.does);
    }
    context.emit({ found: [value.get() ?? "-", list.get().join("+"), map.keys().join("+"), lasting.get()].join(" ") });
  },
});

const texts = (rows: readonly (readonly Value[])[]): Value[] => rows.map((row) => row[0] as Value);

function tables(states = ttlFunction.states) {
  const keyGroups = { start: 0, end: 64 };
  const more = { inputCount: 1, eventTime: true, maxParallelism: 128, keyGroups };
  return processTables({ uid: asOperatorUid("op"), keyTypes: ["utf8"], states, ...more });
}

/** A row of the table `states` for a key, its key group among the first 64 unless another one is given. */
function stateRow(more: { key?: string; group?: bigint; state?: string; subkey?: string; value?: string } = {}) {
  const key = more.key ?? ownKey();
  const group = more.group ?? BigInt(keyGroupOfValues([key], 128));
  const { schema } = tables().states;
  const cells = [group, textOfKey([key]), more.state ?? "value", more.subkey ?? "", more.value ?? '"x"', null];
  return batchOfRows(schema, [cells]);
}

const ownKey = (): string => ["a", "b", "c", "d", "e", "f"].find((key) => keyGroupOfValues([key], 128) < 64) as string;

export const cases: readonly Case[] = [
  test("a state value is read back as it was put, whatever plain data it is", () => {
    const values: unknown[] = [
      null,
      true,
      0,
      -0,
      1.5,
      1e21,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.MAX_SAFE_INTEGER,
      0n,
      -(2n ** 70n),
      "",
      "\ud800 half a pair, \u0000, \u2028 and 😀",
      [],
      {},
      [1n, [null, { a: -0 }]],
      { $bigint: "7", $$twice: { $number: "NaN" }, $: 1, plain: 2n },
      { "": 0, toJSON: 1, constructor: 2, length: 3 },
      Object.defineProperty({}, "__proto__", { value: [1n], enumerable: true, writable: true, configurable: true }),
    ];
    for (const value of values) {
      const text = encodeStateValue(value, "state");
      const back = decodeStateValue(text, "state");
      equal(back, value, text);
      equal(Object.keys(Object(back)), Object.keys(Object(value)), `names in ${text}`);
      equal(encodeStateValue(back, "state"), text, "the same text again");
    }
    equal(
      encodeStateValue({ a: [1n, -0, "$"], $b: 1 }, ""),
      '{"a":[{"$bigint":"1"},{"$number":"-0"},"$"],"$$b":1}',
      "text",
    );
  }),

  test("what is no plain data is refused by name, and nothing of it is kept", async () => {
    class Mine {}
    const deep: unknown[] = [];
    let inner = deep;
    for (let level = 0; level < 70; level++) {
      const next: unknown[] = [];
      inner.push(next);
      inner = next;
    }
    const around: Record<string, unknown> = {};
    around["self"] = around;
    const wrong: [unknown, string][] = [
      [undefined, "found undefined"],
      [{ a: undefined }, "found undefined"],
      [new Array(2), "found undefined"],
      [() => 1, "found a function"],
      [Symbol("x"), "found a symbol"],
      [new Date(0), "found an instance of Date"],
      [new Map(), "found an instance of Map"],
      [{ a: [new Mine()] }, "found an instance of Mine"],
      [new Uint8Array(2), "found an instance of Uint8Array"],
      [deep, "nested deeper than 64"],
      [around, "nested deeper than 64"],
    ];
    for (const [value, what] of wrong) {
      const error = await rejects(() => encodeStateValue(value, 'state "s"'), "state_value_invalid", what);
      equal(error.message.includes(what) && error.message.startsWith('state "s"'), true, error.message);
    }
    const long = "x".repeat(STATE_VALUE_CHARACTERS_MAX);
    await rejects(() => encodeStateValue(long, 'state "s"'), "state_value_too_long");
  }),

  test("stored text that no function can have put is refused", async () => {
    const deep = `${'{"$$":['.repeat(80)}${"]}".repeat(80)}`;
    const wrong = [
      "",
      "{",
      '{"$bigint":"1.5"}',
      '{"$bigint":1}',
      '{"$bigint":"1","b":2}',
      '{"$number":"1"}',
      '{"$x":1}',
      deep,
    ];
    for (const text of wrong) await rejects(() => decodeStateValue(text, "state"), "state_invalid", text.slice(0, 40));
  }),

  test("an entry is there until its time to live is over in event time, to the millisecond", (context) => {
    const fixture = new ProcessFixture(new KernelInstance(context.kernels, BUDGET_BYTES), ttlFunction, {
      inputs: [timed],
    });
    const look = (...times: bigint[]): Value[] => {
      fixture.rows(times.map((at) => ["k", at, "look"]));
      return texts(fixture.take());
    };
    fixture.rows([["k", 100n, "x"]]);
    fixture.take();
    equal(look(109n, 110n, 109n, 50n), ["x x x x", "-   x", "x x x x", "x x x x"], "by each row's own time");
    fixture.rows([["k", 105n, "y"]]);
    equal(texts(fixture.take()), ["y x+y x+y y"], "each element by itself");
    equal(look(110n, 114n, 115n), ["y y y y", "y y y y", "-   y"], "the older ones go first");
    equal(fixture.entryCount, 6, "entries before a watermark");
    fixture.watermark(109n);
    equal(fixture.entryCount, 6, "entries while a row may see them");
    fixture.watermark(110n);
    equal(fixture.entryCount, 4, "entries when no row can see the older ones any more");
    fixture.watermark(115n);
    equal(fixture.entryCount, 1, "entries at the end");
  }),

  test("a late row finds what it would find had all been dropped that its own split has left behind", (context) => {
    for (const told of [false, true]) {
      const fixture = new ProcessFixture(new KernelInstance(context.kernels, BUDGET_BYTES), ttlFunction, {
        inputs: [timed],
      });
      fixture.rows([["k", 100n, "x"]]);
      if (told) fixture.watermark(112n);
      fixture.take();
      fixture.rows([["k", 101n, "look"]], [112n]);
      equal(texts(fixture.take()), ["-   x"], `whether or not the operator has been told the watermark: ${told}`);
      fixture.rows([["k", 101n, "y"]], [112n]);
      fixture.rows([["k", 121n, "look"]], [112n]);
      equal(texts(fixture.take()), ["y y y y", "y y y y"], "what it puts lives from the watermark on");
    }
  }),

  test("without event time, time to live is counted by the clock, and what is dropped leaves a tombstone", (context) => {
    let nowMs = 1000;
    const options = { inputs: [input], nowMs: () => nowMs };
    const fixture = new ProcessFixture(new KernelInstance(context.kernels, BUDGET_BYTES), ttlFunction, options);
    fixture.rows([["k", 0n, "x"]]);
    const first = fixture.gather(0);
    nowMs = 1009;
    fixture.rows([["k", 0n, "look"]]);
    nowMs = 1010;
    fixture.rows([["k", 0n, "look"]]);
    equal(texts(fixture.take()), ["x x x x", "x x x x", "-   x"], "found");
    equal(fixture.entryCount, 1, "entries");
    const second = fixture.gather(0).batches[0] ?? [];
    equal(
      second.map(({ rowCount, weights }) => [rowCount, weights]),
      [[1, undefined]],
      "what was born and dropped within an epoch leaves nothing",
    );
    const restored = new ProcessFixture(new KernelInstance(context.kernels, BUDGET_BYTES), ttlFunction, options);
    restored.restore([first], [first]);
    equal(restored.entryCount, 4, "entries that a checkpoint brought back");
    restored.rows([["k", 0n, "look"]]);
    equal(texts(restored.take()), ["-   x"], "found after a restore");
    equal(
      restored.gather(0).batches[0]?.map((batch) => [...(batch.weights ?? [])]),
      [[-1, -1, -1]],
      "tombstones",
    );
  }),

  test("state goes to the task that owns its key group, and rows of others' key groups are left out", () => {
    const { states, keys } = tables();
    const foreign = ["g", "h", "i", "j", "k", "l"].find((key) => keyGroupOfValues([key], 128) >= 64) as string;
    states.restoreScalars([{ watermark: "0", states: {} }]);
    states.restore(stateRow());
    states.restore(stateRow({ key: foreign }));
    equal([states.entryCount, keys.count], [1, 1], "entries and keys");
  }),

  test("a state row that contradicts its table is refused", async () => {
    const { states } = tables();
    states.restoreScalars([{ watermark: "5", states: { value: "value" } }]);
    const wrong = {
      "a key group that is not the key's": stateRow({ group: BigInt(keyGroupOfValues([ownKey()], 128)) ^ 1n }),
      "a value that is no JSON": stateRow({ value: "{" }),
      "a subkey in a value state": stateRow({ subkey: "x" }),
      "a position that is none": stateRow({ state: "list", subkey: "7" }),
    };
    for (const [what, batch] of Object.entries(wrong))
      await rejects(() => states.restore(batch), "state_invalid", what);
    const { timers } = tables();
    await rejects(() => timers.restore(stateRow()), "state_schema_mismatch", "rows of another table");
    const odd = batchOfRows(timers.schema, [
      [BigInt(keyGroupOfValues([ownKey()], 128)), textOfKey([ownKey()]), "daily", 1n],
    ]);
    await rejects(() => timers.restore(odd), "state_invalid", "an unknown kind of timer");
    for (const key of ['"a"', "[1]", '["a","b"]', '[ "a"]', "", '["\\u0061"]']) {
      const batch = batchOfRows(states.schema, [[0n, key, "value", "", "1", null]]);
      await rejects(() => states.restore(batch), "state_invalid", `the key ${key}`);
    }
  }),

  test("a state that changes its kind is refused, one that is gone or new is not", async () => {
    const { states } = tables();
    const scalars = states.scalars();
    const changed = tables([{ name: "value", kind: "map", ttlMs: undefined }]).states;
    const error = await rejects(() => changed.restoreScalars([scalars]), "state_schema_mismatch");
    equal(error.message.includes('holds "value" as value state'), true, error.message);
    const other = tables([{ name: "another", kind: "map", ttlMs: undefined }]).states;
    other.restoreScalars([scalars]);
    other.restore(stateRow());
    equal(other.entryCount, 0, "entries of a state that is gone");
    await rejects(() => states.restoreScalars([null]), "state_corrupt", "no watermark");
  }),
];
