// What the cases of process functions share: functions made of what they do, and an operator that runs them.

import type { Value } from "../../src/batch/record_batch.ts";
import { type DataType, field } from "../../src/batch/schema.ts";
import { defineProcessFunction, type ProcessFunction, valueState } from "../../src/job/define_process.ts";
import type { ProcessContext, Timer } from "../../src/job/process_types.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import type { TestContext } from "../case.ts";
import { type FixtureOptions, ProcessFixture } from "./process_fixture.ts";

const BUDGET_BYTES = 16 * 1024 * 1024;

export const columns = { key: "utf8", at: "timestamp", n: "i64" } as const;
export const output = { text: "utf8" } as const;
export const schema = Object.entries(columns).map(([name, type]) => field(name, type as DataType));
export const timed = { schema, keys: [0], time: 1 };
export const timeless = { schema, keys: [0] };

export type Context = ProcessContext<typeof output, Readonly<Record<string, never>>, Readonly<Record<string, never>>>;
type Row = { readonly key: string; readonly at: bigint; readonly n: bigint };

/** A function of one input from what it does. */
export const does = (
  process: (row: Row, context: Context) => unknown,
  onTimer: (timer: Timer, context: Context) => void = () => undefined,
): ProcessFunction =>
  defineProcessFunction({
    name: "mine",
    input: columns,
    output,
    process: (row, context) => void process(row, context),
    onTimer,
  });

export const write = (context: Pick<Context, "emit">, ...parts: unknown[]): void =>
  context.emit({ text: parts.map(String).join(" ") });

export function fixture(
  context: TestContext,
  its: ProcessFunction,
  more: Partial<FixtureOptions> = {},
): ProcessFixture {
  return new ProcessFixture(new KernelInstance(context.kernels, BUDGET_BYTES), its, { inputs: [timed], ...more });
}

export const texts = (of: ProcessFixture): Value[] => of.take().map((row) => row[0] as Value);

/** Sets a timer where a row says when. */
export const timers = does(
  (row, context) => context.setEventTimer(row.n),
  (timer, context) => write(context, timer.kind, timer.time, context.key[0], context.timestamp, context.watermark),
);

/** Writes rows and timers in the order in which it is called. */
export const inOrder = defineProcessFunction({
  name: "in_order",
  order: "event_time",
  input: columns,
  secondInput: columns,
  output,
  sideOutputs: { late: { text: "utf8" } },
  states: { calls: valueState<number>() },
  process(row, context) {
    const calls = (context.states.calls.get() ?? 0) + 1;
    context.states.calls.put(calls);
    if (row.n > 0n) context.setEventTimer(row.at + row.n);
    write(context, row.key, calls, "first", row.at, row.n);
  },
  processSecond(row, context) {
    write(context, row.key, context.states.calls.get(), "second", row.at, row.n);
  },
  onTimer(timer, context) {
    write(context, context.key[0], context.states.calls.get(), "timer", timer.time);
  },
  onLate(row, context) {
    context.sideOutput("late", { text: `${row.key} ${row.at} ${context.watermark}` });
  },
});
