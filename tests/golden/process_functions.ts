// The process functions of the golden jobs. docs/reference/process_functions.md shows some of them.

import {
  defineProcessFunction,
  listState,
  mapState,
  type ProcessFunction,
  valueState,
} from "../../src/job/define_process.ts";

const events = { at: "timestamp", key: "utf8?", label: "utf8", amount: "i64" } as const;

/** The first row of a key, and the first one after that has been forgotten. */
export const firstOfKey = defineProcessFunction({
  name: "first_of_key",
  order: "event_time",
  input: events,
  output: { key: "utf8?", at: "timestamp" },
  sideOutputs: { late: { key: "utf8?", at: "timestamp" } },
  states: { seen: valueState<boolean>({ ttl: { milliseconds: 500 } }) },
  process(row, context) {
    if (context.states.seen.get()) return;
    context.states.seen.put(true);
    context.emit({ key: row.key, at: row.at });
  },
  onLate(row, context) {
    context.sideOutput("late", { key: row.key, at: row.at });
  },
});

/** Rows of one key that are less than 100 ms apart belong together. */
export const sessions = defineProcessFunction({
  name: "sessions",
  order: "event_time",
  input: events,
  output: { key: "utf8?", start: "timestamp", end: "timestamp", rows: "i64" },
  states: { open: valueState<{ start: bigint; last: bigint; rows: number }>() },
  process(row, context) {
    const { open } = context.states;
    const session = open.get() ?? { start: row.at, last: row.at, rows: 0 };
    context.deleteEventTimer(session.last + 100n);
    context.setEventTimer(row.at + 100n);
    open.put({ start: session.start, last: row.at, rows: session.rows + 1 });
  },
  onTimer(timer, context) {
    const session = context.states.open.get();
    if (session === undefined) return;
    context.states.open.clear();
    context.emit({ key: context.key[0] as string | null, start: session.start, end: timer.time, rows: session.rows });
  },
});

/** Orders with the city that the customer lived in at that time. */
export const enrich = defineProcessFunction({
  name: "enrich",
  order: "event_time",
  input: { customer: "i64", ordered_at: "timestamp", amount: "i64" },
  secondInput: { id: "i64", moved_at: "timestamp", city: "utf8" },
  output: { customer: "i64", ordered_at: "timestamp", amount: "i64", city: "utf8" },
  sideOutputs: {
    unknown: { customer: "i64", ordered_at: "timestamp" },
    late: { what: "utf8", at: "timestamp" },
  },
  states: { city: valueState<string>() },
  process({ customer, ordered_at, amount }, context) {
    const city = context.states.city.get();
    if (city === undefined) context.sideOutput("unknown", { customer, ordered_at });
    else context.emit({ customer, ordered_at, amount, city });
  },
  processSecond(row, context) {
    context.states.city.put(row.city);
  },
  onLate(row, context) {
    context.sideOutput("late", { what: "city" in row ? "move" : "order", at: context.timestamp });
  },
});

/** More than `most` rows of a key within 200 ms; and every 5 ms of wall time a sign of life, which differs from run to run. */
export const rateAlert = defineProcessFunction({
  name: "rate_alert",
  order: "event_time",
  input: events,
  output: { key: "utf8?", at: "timestamp", rows: "i64" },
  sideOutputs: { alive: { key: "utf8?", wall_time: "timestamp" } },
  states: { recent: listState<bigint>({ ttl: { milliseconds: 200 } }), beating: valueState<boolean>() },
  process(row, context) {
    const { recent, beating } = context.states;
    recent.append(row.at);
    const rows = recent.get().length;
    if (rows > (context.params as { most: number }).most) context.emit({ key: row.key, at: row.at, rows });
    if (beating.get()) return;
    beating.put(true);
    context.setProcessingTimer(context.processingTime + 5n);
  },
  onTimer(timer, context) {
    context.sideOutput("alive", { key: context.key[0] as string | null, wall_time: timer.time });
    if (!context.inputEnded) context.setProcessingTimer(timer.time + 5n);
  },
});

/** How often each label came with a key, told at the end of the input; in whatever order the rows come. */
export const labelCounts = defineProcessFunction({
  name: "label_counts",
  input: { key: "utf8?", label: "utf8" },
  output: { key: "utf8?", label: "utf8", rows: "i64" },
  states: { counts: mapState<number>() },
  process(row, context) {
    const { counts } = context.states;
    counts.put(row.label, (counts.get(row.label) ?? 0) + 1);
    context.setEventTimer(2n ** 63n - 1n);
  },
  onTimer(_timer, context) {
    const key = context.key[0] as string | null;
    for (const [label, rows] of context.states.counts.entries()) context.emit({ key, label, rows });
  },
});

/** Tumbling windows by hand, in order of arrival: a row is late when its window has closed for its own split. */
export const windowsByHand = defineProcessFunction({
  name: "windows_by_hand",
  input: events,
  output: { start: "timestamp", key: "utf8?", sum: "i64" },
  sideOutputs: { late: { key: "utf8?", at: "timestamp", amount: "i64" } },
  states: { sums: mapState<bigint>() },
  process(row, context) {
    const start = row.at - (((row.at % 250n) + 250n) % 250n);
    if (start + 250n <= context.watermark) {
      context.sideOutput("late", { key: row.key, at: row.at, amount: row.amount });
      return;
    }
    const { sums } = context.states;
    sums.put(String(start), (sums.get(String(start)) ?? 0n) + row.amount);
    context.setEventTimer(start + 250n);
  },
  onTimer(timer, context) {
    const { sums } = context.states;
    const start = timer.time - 250n;
    context.emit({ start, key: context.key[0] as string | null, sum: sums.get(String(start)) ?? 0n });
    sums.delete(String(start));
  },
});

export const goldenFunctions: readonly ProcessFunction[] = [
  firstOfKey,
  sessions,
  enrich,
  rateAlert,
  labelCounts,
  windowsByHand,
];
