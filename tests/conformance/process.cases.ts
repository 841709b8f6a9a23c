// Process functions: calls, order of event time, outputs, and what a function does wrong.

import type { Value } from "../../src/batch/record_batch.ts";
import {
  defineProcessFunction,
  type ProcessFunction,
  ProcessFunctions,
  valueState,
} from "../../src/job/define_process.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { LAST_WATERMARK, NO_WATERMARK } from "../twins/process_fixture.ts";
import {
  columns,
  type Context,
  does,
  fixture,
  inOrder,
  output,
  schema,
  texts,
  timed,
  timeless,
  timers,
  write,
} from "../twins/process_samples.ts";

export const cases: readonly Case[] = [
  test("a two-input function gets both inputs' rows for a key, and the lesser of their watermarks", (context) => {
    const its = fixture(context, inOrder, {
      inputs: [timed, { schema: [schema[2] as never, ...schema.slice(0, 2)], keys: [1], time: 2 }],
    });
    its.rows([["a", 10n, 5n]]);
    its.rows([[7n, "a", 12n]], [], 1);
    its.watermark(100n, 0);
    equal([texts(its), its.takePassedOn()], [[], []], "with the watermark of one input");
    its.watermark(12n, 1);
    equal([texts(its), its.takePassedOn()], [["a 1 first 10 5"], [12n]], "with those of both");
    its.watermark(90n, 1);
    equal(texts(its), ["a 1 second 12 7", "a 1 timer 15"], "further");
    its.watermark(95n, 0);
    equal(its.takePassedOn(), [90n], "passed on");
  }),

  test("an idle input of a two-input function holds back neither its timers nor those who read from it", (context) => {
    const its = fixture(context, inOrder, {
      inputs: [timed, { schema: [schema[2] as never, ...schema.slice(0, 2)], keys: [1], time: 2 }],
    });
    its.rows([["a", 10n, 5n]]);
    its.watermark(100n, 0);
    its.idle(1);
    equal([texts(its).length, its.takePassedOn(), its.idleSaid], [2, [100n], 0], "the row and its timer");
    its.idle(0);
    equal(its.idleSaid, 1);
    its.rows([[7n, "a", 212n]], [], 1);
    its.watermark(300n, 0);
    equal([its.takePassedOn(), its.idleSaid], [[], 1], "the second is awake, and has not said how far it is");
    its.watermark(220n, 1);
    equal(its.takePassedOn(), [220n]);
  }),

  test("in event-time order the result depends on the data alone", (context) => {
    const rows: Value[][] = [];
    for (let n = 0; n < 300; n++) rows.push([`k${n % 5}`, BigInt((n * 37) % 211), BigInt(n % 4)]);
    const run = (batchRows: number, backwards: boolean): string => {
      const its = fixture(context, inOrder, { inputs: [timed, timed], maxParallelism: batchRows === 7 ? 128 : 1 });
      const order = backwards ? [...rows].reverse() : rows;
      for (let start = 0; start < order.length; start += batchRows) {
        const some = order.slice(start, start + batchRows);
        for (const input of [0, 1])
          its.rows(
            some.filter((row) => Number((row[1] as bigint) % 2n) === input),
            [],
            input,
          );
        for (const input of [0, 1]) if (!backwards && batchRows > 1) its.watermark(BigInt(start) / 1000n, input);
      }
      for (const input of [0, 1]) its.watermark(LAST_WATERMARK, input);
      const byKey = new Map<string, string[]>();
      for (const text of texts(its)) {
        const key = String(text).slice(0, 2);
        byKey.set(key, [...(byKey.get(key) ?? []), String(text)]);
      }
      return [...byKey.values()]
        .map((one) => one.join("\n"))
        .sort()
        .join("\n");
    };
    const wanted = run(4096, false);
    equal(wanted.split("\n").length > 400, true, "calls");
    for (const batchRows of [1, 7, 64])
      for (const backwards of [false, true]) equal(run(batchRows, backwards), wanted, `batches of ${batchRows}`);
  }),

  test("in event-time order late rows are counted and go to onLate, which has nothing but outputs", async (context) => {
    const its = fixture(context, inOrder, { inputs: [timed, timed] });
    its.rows(
      [
        ["a", 9n, 0n],
        ["a", 10n, 0n],
        ["b", 11n, 0n],
      ],
      [10n, 10n, NO_WATERMARK],
    );
    equal(its.takeSide("late"), [["a 9 10"]], "late rows");
    equal([its.late, its.entryCount], [1, 2], "counted and waiting");
    const greedy: ProcessFunction = {
      ...inOrder,
      hooks: { ...inOrder.hooks, onLate: (_row, call) => (call as unknown as Context).setEventTimer(1n) },
    };
    const wrong = fixture(context, greedy, { inputs: [timed, timed] });
    await rejects(() => wrong.rows([["a", 9n, 0n]], [10n]), "process_late_row", "a timer");
  }),

  test("an output takes 64-bit integers of either kind and refuses what does not fit, with column and value", async (context) => {
    const wide = (row: unknown): ProcessFunction =>
      defineProcessFunction({
        name: "wide",
        input: columns,
        output: { i: "i64", t: "timestamp?", f: "f64?", b: "bool?", u: "utf8?" },
        process: (_row, call) => call.emit(row as never),
      });
    const good = fixture(context, wide({ i: 7, t: -5n, f: -0, b: false, u: "ü" }));
    good.rows([["a", 1n, 0n]]);
    equal(good.take(), [[7n, -5n, -0, false, "ü"]], "row");
    const bare = fixture(context, wide({ i: 2n ** 63n - 1n, b: undefined }));
    bare.rows([["a", 1n, 0n]]);
    equal(bare.take(), [[2n ** 63n - 1n, null, null, null, null]], "row of nulls");
    const wrong: [unknown, string][] = [
      [{}, 'no "i"'],
      [{ i: null }, 'no "i"'],
      [{ i: 1.5 }, 'column "i" is i64, found the number 1.5'],
      [{ i: 2n ** 63n }, "found the bigint 9223372036854775808"],
      [{ i: 2 ** 53 }, "found the number 9007199254740992"],
      [{ i: 1, f: "1" }, 'column "f" is f64, found the string 1'],
      [{ i: 1, b: 1 }, 'column "b" is bool'],
      [{ i: 1, u: {} }, 'column "u" is utf8, found an object'],
      [{ i: 1, extra: 1 }, 'no column "extra"; it has i, t, f, b, u'],
      [[], 'no "i"'],
      [undefined, "a row is an object"],
    ];
    for (const [row, what] of wrong) {
      const its = fixture(context, wide(row));
      const error = await rejects(() => its.rows([["a", 1n, 0n]]), "process_row_invalid", what);
      ok(error.message.includes(what), error.message);
    }
  }),

  test("rows that a function writes carry how far event time had come for the call", (context) => {
    const its = fixture(
      context,
      does(
        (row, call) => {
          call.setEventTimer(row.n);
          write(call, "row");
        },
        (_timer, call) => write(call, "timer"),
      ),
    );
    its.rows(
      [
        ["a", 30n, 25n],
        ["a", 31n, 40n],
      ],
      [NO_WATERMARK, 20n],
    );
    its.watermark(35n);
    equal(
      its.takeWithWatermarks(),
      [
        ["row", NO_WATERMARK],
        ["row", 20n],
        ["timer", 25n],
      ],
      "rows and watermarks",
    );
  }),

  test("a function that throws fails with operator, function, key and row", async (context) => {
    const its = fixture(
      context,
      does((row) => {
        if (row.n === 2n) throw new TypeError("no such luck");
      }),
    );
    const error = await rejects(
      () =>
        its.rows([
          ["a", 1n, 1n],
          ["b", 5n, 2n],
        ]),
      "process_function_failed",
    );
    equal(error.where, "operator under test, function mine", "where");
    const message =
      'the function threw TypeError: no such luck (in process, key ["b"], row 1 of a batch of the input (event time 5))';
    equal(error.message, message, "message");
    const odd = fixture(
      context,
      does(() => {
        throw "a text";
      }),
    );
    ok(
      (await rejects(() => odd.rows([["a", 1n, 1n]]), "process_function_failed")).message.includes("threw a text"),
      "text",
    );
  }),

  test("a function that is asynchronous, or uses its context after the call, is refused", async (context) => {
    const promised = defineProcessFunction({
      name: "promised",
      input: columns,
      output,
      async process() {},
    });
    await rejects(() => fixture(context, promised).rows([["a", 1n, 1n]]), "process_function_asynchronous");
    const kept: Context[] = [];
    const its = fixture(
      context,
      does((_row, call) => kept.push(call)),
    );
    its.rows([["a", 1n, 1n]]);
    for (const use of [
      (call: Context) => call.emit({ text: "" }),
      (call: Context) => call.setEventTimer(1n),
      (call: Context) => call.deleteProcessingTimer(1n),
    ]) {
      await rejects(() => use(kept[0] as Context), "process_context_closed");
    }
  }),

  test("times, timers and side outputs that cannot be are refused", async (context) => {
    const wrong: [ProcessFunction, string, object?][] = [
      [does((_row, call) => call.setEventTimer(1.5)), "process_timer_invalid"],
      [does((_row, call) => call.setEventTimer(2n ** 63n)), "process_timer_invalid"],
      [does((_row, call) => call.setEventTimer("1" as never)), "process_timer_invalid"],
      [does((_row, call) => call.setEventTimer(1n)), "process_timer_invalid", { inputs: [timeless] }],
      [does((_row, call) => call.sideOutput("x" as never, {} as never)), "process_row_invalid"],
    ];
    for (const [its, code, more] of wrong) await rejects(() => fixture(context, its, more).rows([["a", 1n, 1n]]), code);
    const { onTimer: _, ...hooks } = timers.hooks;
    await rejects(
      () => fixture(context, { ...timers, hooks }).rows([["a", 1n, 1n]]),
      "process_timer_invalid",
      "no onTimer",
    );
    await rejects(
      () => fixture(context, inOrder, { inputs: [timed, timeless] }),
      "process_function_invalid",
      "no event time",
    );
  }),

  test("state beyond the budget is refused with what to do", async (context) => {
    const hoard = defineProcessFunction({
      name: "hoard",
      input: columns,
      output,
      states: { kept: valueState<string>() },
      process: (row, call) => call.states.kept.put("x".repeat(Number(row.n))),
    });
    const its = fixture(context, hoard, { budgetBytes: 5000 });
    its.rows([["a", 1n, 4000n]]);
    its.rows([["a", 1n, 4500n]]);
    const error = await rejects(() => its.rows([["b", 1n, 1000n]]), "state_budget_exceeded");
    ok(error.message.includes("the budget is 5000"), error.message);
  }),

  test("a function sees its key, its parameters and only the columns that it declares", (context) => {
    const its = fixture(
      context,
      defineProcessFunction({
        name: "sees",
        input: { n: "i64", key: "utf8" },
        output,
        process(row, call) {
          const names = Object.keys(row);
          write(call, JSON.stringify([names, call.key.map(String), call.params]), call.timestamp, call.watermark);
        },
      }),
      { inputs: [{ schema, keys: [2, 0], time: 1 }], params: { most: 3 } },
    );
    its.rows([["a", 5n, 7n]], [4n]);
    equal(texts(its), ['[["n","key"],["7","a"],{"most":3}] 5 4'], "seen");
  }),

  test("definitions that cannot work are refused when they are made", async () => {
    const base = { name: "f", input: columns, output, process: () => undefined };
    const wrong: [() => unknown, string][] = [
      [() => defineProcessFunction({ ...base, name: "a b" }), "its name must have letters"],
      [() => defineProcessFunction({ ...base, secondInput: columns }), "belong together"],
      [() => defineProcessFunction({ ...base, processSecond: () => undefined }), "belong together"],
      [() => defineProcessFunction({ ...base, onLate: () => undefined }), "`onLate` is called only"],
      [() => defineProcessFunction({ ...base, states: { s: valueState({ ttl: 0 }) } }), "time to live of 0 ms"],
      [() => defineProcessFunction({ ...base, states: { s: valueState({ ttl: 1.5 }) } }), "positive whole number"],
    ];
    for (const [define, what] of wrong) {
      const error = await rejects(define, "process_function_invalid", what);
      ok(error.message.includes(what), error.message);
    }
  }),

  test("functions are found by name; an unknown name is refused with those that are known", async () => {
    const registry = new ProcessFunctions([timers, { ...timers, name: "b" }, inOrder]);
    equal(registry.get("in_order", "here"), inOrder, "found");
    const error = await rejects(() => registry.get("inorder", "operators[3].function"), "process_function_unknown");
    equal(
      [error.where, error.message],
      ["operators[3].function", 'there is no process function "inorder" in this deployment; it has b, in_order, mine'],
    );
    ok(
      (await rejects(() => new ProcessFunctions().get("x", ""), "process_function_unknown")).message.includes(
        "has none",
      ),
      "none",
    );
    await rejects(() => new ProcessFunctions([timers, { ...timers }]), "process_function_invalid", "two of one name");
  }),
];
