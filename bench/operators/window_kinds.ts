// Kinds of windows on one core, copying in, watermarks and results included: what a hopping window costs as its slides
// grow in number, sessions, and counts of different values, each beside tumbling windows of the same slide.
//
//   node bench/operators/window_kinds.ts [rows] [keys]      prints a table

import { readFileSync } from "node:fs";
import { median } from "../median.ts";
import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { attachWatermarks, type SplitTime } from "../../src/state/attach_watermarks.ts";
import type { WindowAggregate } from "../../src/state/window_table.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../../src/time/window.ts";
import { windowStateOf } from "../../tests/twins/panes_fixture.ts";
import type { WindowKind } from "../../tests/twins/panes_twin.ts";
import { startCoreClock } from "./core_seconds.ts";
import { generate, JITTER_MS, type TumblingData } from "./tumbling_data.ts";
import { tumblingConfig, tumblingSchema } from "./tumbling_table.ts";

const ROUNDS = 3;
const rowsAsked = Number(process.argv[2] ?? 2_000_000);
const keysAsked = Number(process.argv[3] ?? 1000);
const kernels = new WebAssembly.Module(readFileSync(new URL("../../build/kernels.wasm", import.meta.url)));

const different: WindowAggregate = { function: "count_distinct", column: 2, name: "different" };
const hopping = (sizeMs: number, slideMs: number): WindowKind => ({ kind: "hopping", sizeMs, slideMs, offsetMs: 0 });
const tumbling: WindowKind = { kind: "tumbling", sizeMs: 1000, offsetMs: 0 };
const session: WindowKind = { kind: "session", gapMs: 200 };

interface Contestant {
  readonly name: string;
  readonly window: WindowKind;
  readonly aggregates: readonly WindowAggregate[];
}

const { aggregates } = tumblingConfig;
const contestants: readonly Contestant[] = [
  { name: "tumbling 1 s", window: tumbling, aggregates },
  { name: "hopping 6 s by 1 s", window: hopping(6000, 1000), aggregates },
  { name: "hopping 60 s by 1 s", window: hopping(60_000, 1000), aggregates },
  { name: "hopping 300 s by 1 s", window: hopping(300_000, 1000), aggregates },
  { name: "session 200 ms", window: session, aggregates },
  { name: "tumbling 1 s, different", window: tumbling, aggregates: [different] },
  { name: "hopping 60 s by 1 s, different", window: hopping(60_000, 1000), aggregates: [different] },
  { name: "session 200 ms, different", window: session, aggregates: [different] },
];

function run(data: TumblingData, contestant: Contestant): { seconds: number; results: number } {
  const { maxParallelism, keyGroups } = tumblingConfig;
  const kernel = new KernelInstance(kernels, 1024 * 1024 * 1024);
  const input = new BatchRegion(kernel, tumblingSchema);
  const config = { ...contestant, keys: [0], timestamp: 1, maxParallelism, keyGroups };
  const state = windowStateOf(kernel, input, config);
  const output = new BatchRegion(kernel, state.outputSchema);
  const split: SplitTime = { maxTimestamp: WATERMARK_MIN };
  let results = 0;
  const emit = (rows: number): void => {
    results += rows;
  };
  const seconds = startCoreClock();
  for (let start = 0; start < data.rows; start += BATCH_ROWS_MAX) {
    const end = Math.min(start + BATCH_ROWS_MAX, data.rows);
    input.int64(0).set(data.key.subarray(start, end));
    input.int64(1).set(data.time.subarray(start, end));
    input.int64(2).set(data.value.subarray(start, end));
    input.rowCount = end - start;
    attachWatermarks(input, 1, split, BigInt(JITTER_MS));
    state.update(1);
    state.fire(split.maxTimestamp - BigInt(JITTER_MS), output, emit, 1);
  }
  state.fire(WATERMARK_MAX, output, emit, 1);
  return { seconds: seconds(), results };
}

const data = generate({ rows: rowsAsked, keys: keysAsked, distribution: "uniform" });
const times = contestants.map((): number[] => []);
const results = contestants.map(() => 0);
for (let round = 0; round < ROUNDS; round++) {
  contestants.forEach((contestant, index) => {
    const outcome = run(data, contestant);
    times[index]?.push(outcome.seconds);
    results[index] = outcome.results;
  });
}
console.log(`${data.rows} rows, ${data.keys} keys, medians of ${ROUNDS}`);
contestants.forEach(({ name }, index) => {
  const seconds = median(times[index] ?? []);
  const ns = (count: number): string => ((seconds * 1e9) / count).toFixed(1).padStart(8);
  const made = results[index] ?? 0;
  console.log(
    `${name.padEnd(32)} ${ns(data.rows)} ns a row ${String(made).padStart(9)} results ${ns(made)} ns a result`,
  );
});
