// What TypeScript must refuse about process functions and their streams; compiling this file is the test.

import { defineProcessFunction, job, mapState, memory, valueState } from "../../src/job/mod.ts";

export const watch = defineProcessFunction({
  name: "watch",
  input: { sensor: "utf8", at: "timestamp", degrees: "f64?" },
  output: { sensor: "utf8", count: "i64", note: "utf8?" },
  sideOutputs: { hot: { sensor: "utf8" } },
  states: { seen: valueState<bigint>(), labels: mapState<{ readonly times: number }>() },
  process(row, context) {
    const degrees: number | null = row.degrees;
    const seen: bigint | undefined = context.states.seen.get();
    context.states.labels.put("a", { times: degrees ?? 0 });
    context.emit({ sensor: row.sensor, count: seen ?? 0 });
    context.sideOutput("hot", { sensor: row.sensor });
    // @ts-expect-error the column may be null
    row.degrees.toFixed();
    // @ts-expect-error the column cannot be null
    context.emit({ sensor: row.sensor, count: null });
    // @ts-expect-error a column is missing
    context.emit({ sensor: row.sensor });
    // @ts-expect-error there is no such column
    context.emit({ sensor: row.sensor, count: 1, other: 1 });
    // @ts-expect-error there is no such side output
    context.sideOutput("cold", { sensor: row.sensor });
    // @ts-expect-error a value of another type
    context.states.seen.put("text");
    // @ts-expect-error there is no such state
    context.states.other.get();
    // @ts-expect-error there is no such column
    row.other;
  },
  onLate(_row, context) {
    // @ts-expect-error late rows may be written, and no more
    context.states.seen.get();
  },
  order: "event_time",
});

// @ts-expect-error state is plain data
valueState<Date>();

const source = memory("rows");
const rows = job("types").source("rows", source, { schema: { sensor: "utf8", at: "timestamp", degrees: "f64" } });
const watched = rows.keyBy("sensor").process("watch", watch);
watched.filter("counted", ({ count }) => count.gt(1));
watched.side("hot").filter("one", ({ sensor }) => sensor.eq("a"));
// @ts-expect-error there is no such side output
watched.side("cold");
// @ts-expect-error there is no such column
watched.filter("other", ({ at }) => at);

const lacking = job("types").source("rows", source, { schema: { sensor: "utf8", at: "timestamp" } });
// @ts-expect-error the stream lacks a column that the function reads
lacking.keyBy("sensor").process("watch", watch);
const nullable = job("types").source("rows", source, {
  schema: { sensor: "utf8?", at: "timestamp", degrees: "f64" },
});
// @ts-expect-error a column may be null that the function takes for one that cannot be
nullable.keyBy("sensor").process("watch", watch);
