// Jobs with process functions: what is refused when they are submitted, how a function's failure ends them, how they
// go on from a savepoint and in a deployment that lacks the function, and that timers wake a job that has nothing to read.

import type { Engine } from "../../src/engine/engine.ts";
import { problemText } from "../../src/expression/problem.ts";
import { defineProcessFunction, listState, ProcessFunctions, valueState } from "../../src/job/define_process.ts";
import { validateJobSpec } from "../../src/job/validate_job_spec.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import type { GoldenTarget } from "../golden/connectors.ts";
import { eventually } from "../support/api_fixture.ts";
import { drawRows, type Gated, gatedEngine, hasRead, openGate } from "../support/gated_job.ts";

const SPLITS = 4;
const ROWS = 120;
const HALF = 50;
const events = drawRows(3, SPLITS, ROWS);

/** Has state, event-time timers and rows that wait at any time. */
const digest = defineProcessFunction({
  name: "digest",
  order: "event_time",
  input: { at: "timestamp", key: "utf8", amount: "i64" },
  output: { key: "utf8", at: "timestamp", amounts: "utf8" },
  sideOutputs: { late: { key: "utf8" } },
  states: { amounts: listState<bigint>({ ttl: { seconds: 1 } }), rows: valueState<number>() },
  process(row, context) {
    const { amounts, rows } = context.states;
    amounts.append(row.amount);
    rows.put((rows.get() ?? 0) + 1);
    if (row.amount > 500n) context.setEventTimer(row.at + 400n);
  },
  onTimer(timer, context) {
    const { amounts, rows } = context.states;
    const text = `${rows.get()}: ${amounts.get().join(" ")}`;
    context.emit({ key: String(context.key[0]), at: timer.time, amounts: text });
  },
});

const failing = defineProcessFunction({
  name: "failing",
  input: { key: "utf8" },
  output: { key: "utf8" },
  process() {
    throw new RangeError("always");
  },
});

/** Writes a row 20 ms after the first row of a key. */
const later = defineProcessFunction({
  name: "later",
  input: { key: "utf8" },
  output: { key: "utf8", woken: "bool" },
  states: { known: valueState<boolean>() },
  process(_row, context) {
    if (context.states.known.get()) return;
    context.states.known.put(true);
    context.setProcessingTimer(context.processingTime + 20n);
  },
  onTimer(_timer, context) {
    context.emit({ key: String(context.key[0]), woken: true });
  },
});

const functions = new ProcessFunctions([digest, failing, later]);

const digestFields = {
  function: "digest",
  columns: digest.output,
  states: { amounts: { kind: "list", ttlMs: 1000 }, rows: { kind: "value" } },
  outputs: { late: [{ name: "key", type: "utf8" }] },
};
const plainFields = (its: { readonly name: string; readonly output: unknown }) => ({
  function: its.name,
  columns: its.output,
});

function jobOf(process: Readonly<Record<string, unknown>>, more: { parallelism?: number; source?: object } = {}) {
  const schema = [
    { name: "at", type: "timestamp" },
    { name: "key", type: "utf8" },
    { name: "amount", type: "i64" },
  ];
  const connector = { kind: "memory", name: "events" };
  const eventTime = { column: "at", boundMs: 300 };
  return {
    millrace: 1,
    name: "functions",
    parallelism: more.parallelism ?? 1,
    maxParallelism: 16,
    checkpoint: { intervalMs: 20 },
    restart: { strategy: "fixed_delay", attempts: 3, delayMs: 1 },
    operators: [
      { uid: "events", kind: "source", connector, schema, eventTime, ...more.source },
      { uid: "process", kind: "process", input: "events", keyBy: ["key"], ...process },
      { uid: "out", kind: "sink", input: "process", connector: { kind: "print" } },
    ],
  };
}

const problemsOf = (process: Readonly<Record<string, unknown>>, source?: object): string[] => {
  // Through JSON, which leaves out what a case has taken away.
  const spec: unknown = JSON.parse(JSON.stringify(jobOf(process, source === undefined ? {} : { source })));
  const outcome = validateJobSpec(spec, { embedded: true, functions: functions.signatures });
  return outcome.kind === "valid" ? [] : outcome.problems.map(problemText);
};

const engineOf = (platform: Platform, rows: number, its = functions, target?: GoldenTarget): Gated =>
  gatedEngine(platform, { events }, openGate(rows), target, its);

async function straight(platform: Platform): Promise<string[]> {
  const { engine, target } = engineOf(platform, Number.POSITIVE_INFINITY);
  const { record } = await engine.submit(jobOf(digestFields));
  const view = await engine.ended(record.jobId);
  equal(view.status, "FINISHED", view.error?.message ?? "");
  await engine.close();
  return target.rowsOf("out");
}

export const cases: readonly Case[] = [
  test("a spec that contradicts its function is refused with what the function declares", () => {
    equal(problemsOf(digestFields), [], "as declared");
    const wrong: [Readonly<Record<string, unknown>>, string, object?][] = [
      [
        { function: "digets" },
        'operators[1].function: found "digets", expected a function that the deployment registers',
      ],
      [
        { columns: digest.output.slice(0, 2) },
        "operators[1].columns: found key utf8, at timestamp, expected what function",
      ],
      [{ states: { rows: { kind: "value" } } }, "operators[1].states: found rows value, expected what function"],
      [{ states: { ...digestFields.states, rows: { kind: "map" } } }, "found amounts list, rows map, expected"],
      [{ outputs: {} }, "operators[1].outputs: found none, expected what function"],
      [{ outputs: { late: [{ name: "key", type: "i64" }] } }, "operators[1].outputs.late: found key i64, expected"],
      [{}, "operators[1].input: found no event time", { eventTime: undefined }],
      [
        {},
        'operators[1].input: found no column "amount", expected amount i64, which function "digest" reads',
        {
          schema: [
            { name: "at", type: "timestamp" },
            { name: "key", type: "utf8" },
          ],
        },
      ],
      [
        {},
        "operators[1].input: found key utf8?, expected key utf8",
        {
          schema: [
            { name: "at", type: "timestamp" },
            { name: "key", type: "utf8", nullable: true },
            { name: "amount", type: "i64" },
          ],
        },
      ],
    ];
    for (const [more, what, source] of wrong) {
      const problems = problemsOf({ ...digestFields, ...more }, source);
      ok(
        problems.some((one) => one.includes(what)),
        `${what}: ${problems.join("\n")}`,
      );
    }
  }),

  test("a function that throws ends the job at once, with operator, function, key and row", async (context) => {
    const { engine, target } = engineOf(await context.freshPlatform(), Number.POSITIVE_INFINITY);
    const { record } = await engine.submit(jobOf(plainFields(failing)));
    const view = await engine.ended(record.jobId);
    equal([view.status, view.error?.code, view.restartsTotal], ["FAILED", "process_function_failed", 0], "end");
    equal(view.error?.where, "operator process, function failing", "where");
    ok(
      view.error?.message.startsWith('the function threw RangeError: always (in process, key ["key-'),
      view.error?.message ?? "",
    );
    equal(target.rowsOf("out"), [], "rows");
    await engine.close();
  }),

  test("a job waits for a deployment that has its function", async (context) => {
    const platform = await context.freshPlatform();
    const wanted = await straight(await context.freshPlatform());
    const first = engineOf(platform, HALF);
    const { record } = await first.engine.submit(jobOf(digestFields));
    await hasRead(first, record.jobId, HALF * SPLITS);
    await first.engine.close();
    const lacking = engineOf(platform, Number.POSITIVE_INFINITY, new ProcessFunctions(), first.target);
    await lacking.engine.recover();
    const seen = lacking.engine.job(record.jobId);
    equal([seen.status, seen.error?.code], ["FAILED", "process_function_unknown"], "without the function");
    await lacking.engine.close();
    const second = engineOf(platform, Number.POSITIVE_INFINITY, functions, first.target);
    await second.engine.recover();
    equal((await second.engine.ended(record.jobId)).status, "FINISHED", "with it");
    await second.engine.close();
    equal(second.target.rowsOf("out"), wanted, "rows");
  }),

  ...[
    [1, 3],
    [3, 2],
  ].map(([before, after]) =>
    test(`state, timers and waiting rows go from ${before} tasks to ${after} by savepoint`, async (context) => {
      const platform = await context.freshPlatform();
      const wanted = await straight(await context.freshPlatform());
      ok(wanted.length > 50, "rows");
      const first = engineOf(platform, HALF);
      const { record } = await first.engine.submit(jobOf(digestFields, { parallelism: before as number }));
      await hasRead(first, record.jobId, HALF * SPLITS);
      const { savepoint } = await first.engine.stop(record.jobId, false);
      equal((await first.engine.ended(record.jobId)).status, "FINISHED");
      await first.engine.close();
      const second = engineOf(platform, Number.POSITIVE_INFINITY, functions, first.target);
      const next = await second.engine.submit(jobOf(digestFields, { parallelism: after as number }), { savepoint });
      const view = await second.engine.ended(next.record.jobId);
      equal(view.status, "FINISHED", view.error?.message ?? "");
      await second.engine.close();
      equal(second.target.rowsOf("out"), wanted, "rows");
    }),
  ),

  test("states that a function declares no more are left behind only where that is allowed, new ones begin empty", async (context) => {
    const platform = await context.freshPlatform();
    type Kinds = Readonly<Record<string, "value" | "list">>;
    const engineWith = (kinds: Kinds): [Engine, Readonly<Record<string, unknown>>] => {
      const states = Object.fromEntries(
        Object.entries(kinds).map(([one, kind]) => [one, kind === "value" ? valueState() : listState()]),
      );
      const [input, output] = [{ key: "utf8" }, { key: "utf8" }] as const;
      const its = defineProcessFunction({ name: "keeper", input, output, states, process: () => undefined });
      const declared = Object.fromEntries(Object.entries(kinds).map(([one, kind]) => [one, { kind }]));
      const spec = jobOf({ ...plainFields(its), states: declared });
      return [engineOf(platform, HALF, new ProcessFunctions([its])).engine, spec];
    };
    const reaches = (engine: Engine, jobId: string) =>
      eventually(platform, "the start", async () => {
        const { status } = engine.job(jobId);
        return status === "RUNNING" || status === "FAILED" ? status : undefined;
      });
    const before = { list: "list", value: "value" } as const;
    const [first, spec] = engineWith(before);
    const { record } = await first.submit(spec);
    await reaches(first, record.jobId);
    const { savepoint } = await first.stop(record.jobId, false);
    equal((await first.ended(record.jobId)).status, "FINISHED");
    await first.close();

    const startsWith = async (kinds: Kinds, allowNonRestoredState: boolean): Promise<readonly string[]> => {
      const [engine, next] = engineWith(kinds);
      const from = { savepoint, allowNonRestoredState };
      const named = (await engine.check(next, from)).filter(({ state }) =>
        ["list", "value", "new"].includes(state ?? ""),
      );
      const outcome = await engine.submit(next, from).then(
        (view) => reaches(engine, view.record.jobId),
        (error: { readonly code: string }) => error.code,
      );
      await engine.close();
      return [outcome, ...named.map((one) => `${one.state} ${one.fate}`).sort()];
    };
    equal(await startsWith({ ...before, new: "value" }, false), [
      "RUNNING",
      "list restored",
      "new empty",
      "value restored",
    ]);
    equal(await startsWith({ value: "value" }, false), ["savepoint_mismatch", "list refused", "value restored"]);
    equal(await startsWith({ value: "value" }, true), ["RUNNING", "list dropped", "value restored"]);
    equal(await startsWith({ list: "list", value: "list" }, true), [
      "savepoint_mismatch",
      "list restored",
      "value refused",
    ]);
  }),

  test("a processing-time timer wakes a job that has nothing to read", async (context) => {
    const platform = await context.freshPlatform();
    const gated = engineOf(platform, 1);
    const { record } = await gated.engine.submit(
      jobOf({ ...plainFields(later), states: { known: { kind: "value" } } }),
    );
    const keys = new Set(events.map((split) => String(split[0]?.[1])));
    const rows = await eventually(platform, "the timers' rows", async () => {
      const found = gated.target.rowsOf("out");
      return found.length === keys.size ? found : undefined;
    });
    equal(rows, [...keys].map((key) => JSON.stringify([key, true])).sort(), "rows");
    equal(gated.engine.job(record.jobId).status, "RUNNING", "status");
    await gated.engine.close();
  }),
];
