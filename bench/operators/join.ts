// Speed of an interval join: two streams in order of time with jitter, one match a row on average; joined rows are made,
// columns copied in, lateness decided, dead rows dropped, checkpoints gathered. Contestants: Millrace's join operator,
// and objects in a `Map` as a stream processor in plain TypeScript is commonly written.
//   node bench/operators/join.ts [--rows 4000000] [--keys 100,10000,100000] [--rounds 3]
// Prints rows of both inputs a second on one core, the median of the rounds, and checks that both find the same pairs.

import { readFileSync } from "node:fs";
import { median } from "../median.ts";
import { parseArgs } from "node:util";
import { present } from "../../src/base/assert.ts";
import { asOperatorUid } from "../../src/base/ids.ts";
import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { JoinOperator } from "../../src/operators/join.ts";
import { attachWatermarks, type SplitTime } from "../../src/state/attach_watermarks.ts";
import { JoinPair } from "../../src/state/join_pair.ts";
import { bucketMsOf, type JoinTiming } from "../../src/state/join_plan.ts";
import { JoinSide } from "../../src/state/join_side.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../../src/time/window.ts";
import { startCoreClock } from "./core_seconds.ts";

interface Stream {
  readonly key: BigInt64Array<ArrayBuffer>;
  readonly time: BigInt64Array<ArrayBuffer>;
  readonly value: BigInt64Array<ArrayBuffer>;
}
interface Outcome {
  readonly seconds: number;
  readonly pairs: number;
  readonly mix: number;
  readonly stateRowsMax: number;
}

const JITTER_MS = 100;
const CHECKPOINTS = 10;
const schema: Schema = [field("key", "i64"), field("time", "timestamp"), field("value", "i64")];

function drawStream(seed: number, rows: number, keys: number): Stream {
  const random = seededPrng(seed);
  const [key, time, value] = [new BigInt64Array(rows), new BigInt64Array(rows), new BigInt64Array(rows)];
  for (let row = 0; row < rows; row++) {
    key[row] = BigInt(random.below(keys));
    time[row] = BigInt(1_700_000_000_000 + row - random.below(JITTER_MS));
    value[row] = BigInt(random.below(1000));
  }
  return { key, time, value };
}

function runOperator(kernels: WebAssembly.Module, streams: readonly Stream[], upperMs: number): Outcome {
  const kernel = new KernelInstance(kernels, 1024 * 1024 * 1024);
  const timing: JoinTiming = { kind: "interval", lowerMs: 0, upperMs };
  const inputs = [new BatchRegion(kernel, schema), new BatchRegion(kernel, schema)] as const;
  const side = (): JoinSide =>
    new JoinSide(kernel, schema, BATCH_ROWS_MAX, {
      where: "bench",
      keys: [0],
      time: 1,
      columns: [1, 2],
      bucketMs: bucketMsOf(timing, "bench"),
      maxParallelism: 128,
      keyGroups: { start: 0, end: 128 },
    });
  const pair = new JoinPair(side(), side(), [schema, schema], timing, [
    { name: "key", input: 0, column: 0 },
    { name: "left", input: 0, column: 2 },
    { name: "right", input: 1, column: 2 },
    { name: "time", input: 1, column: 1 },
  ]);
  const output = new BatchRegion(kernel, pair.outputSchema);
  let [pairs, mix, stateRowsMax, epoch] = [0, 0, 0, 1];
  const collect = (): void => {
    const rows = output.rowCount;
    pairs += rows;
    const words = new Uint32Array(kernel.buffer, output.dataAddress(1), rows * 2);
    for (let row = 0; row < rows; row++) mix += words[row * 2] as number;
  };
  const join = new JoinOperator({
    uid: asOperatorUid("bench"),
    timing,
    pair,
    left: { region: inputs[0], late: [] },
    right: { region: inputs[1], late: [] },
    output,
    next: [{ process: collect, onWatermark: () => undefined, onIdle: () => undefined }],
    context: { epoch: () => epoch, countLate: () => undefined },
    nowMs: () => 0,
  });
  const splits: readonly SplitTime[] = [{ maxTimestamp: WATERMARK_MIN }, { maxTimestamp: WATERMARK_MIN }];
  const rows = streams[0]?.key.length ?? 0;
  const checkpointEvery = Math.ceil(rows / CHECKPOINTS / BATCH_ROWS_MAX) * BATCH_ROWS_MAX;
  const seconds = startCoreClock();
  for (let start = 0; start < rows; start += BATCH_ROWS_MAX) {
    const end = Math.min(rows, start + BATCH_ROWS_MAX);
    streams.forEach(({ key, time, value }, input) => {
      const region = inputs[input as 0 | 1];
      region.int64(0).set(key.subarray(start, end));
      region.int64(1).set(time.subarray(start, end));
      region.int64(2).set(value.subarray(start, end));
      region.rowCount = end - start;
      const split = splits[input] as SplitTime;
      attachWatermarks(region, 1, split, BigInt(JITTER_MS));
      join.receivers[input as 0 | 1].process();
      join.receivers[input as 0 | 1].onWatermark(split.maxTimestamp - BigInt(JITTER_MS));
    });
    if (start % checkpointEvery !== 0) continue;
    stateRowsMax = Math.max(stateRowsMax, pair.left.rowCount + pair.right.rowCount);
    for (const table of join.tables) {
      table.gather(epoch - 1);
      table.completed(epoch);
    }
    epoch++;
  }
  for (const receiver of join.receivers) receiver.onWatermark(WATERMARK_MAX);
  return { seconds: seconds(), pairs, mix, stateRowsMax };
}

interface Event {
  readonly key: number;
  readonly time: number;
  readonly value: number;
}

/** Numbers instead of bigints: they are several times faster, and exact for these values. No checkpoints, no late rows. */
function runObjects(streams: readonly Stream[], rows: number, upperMs: number): Outcome {
  const waiting = [new Map<number, Event[]>(), new Map<number, Event[]>()] as const;
  const words = streams.map((one) => [one.key, one.time, one.value].map((column) => new Uint32Array(column.buffer)));
  const output: { key: number; left: number; right: number; time: number }[] = [];
  let [pairs, mix, stateRowsMax] = [0, 0, 0];
  const seconds = startCoreClock();
  for (let row = 0; row < rows; row++) {
    for (const input of [0, 1] as const) {
      const [key, time, value] = words[input] as Uint32Array[];
      const event: Event = {
        key: key?.[row * 2] as number,
        time: (time?.[row * 2 + 1] as number) * 4294967296 + (time?.[row * 2] as number),
        value: value?.[row * 2] as number,
      };
      const others = waiting[input === 0 ? 1 : 0].get(event.key);
      for (const other of others ?? []) {
        const [left, right] = input === 0 ? [event, other] : [other, event];
        const apart = right.time - left.time;
        if (apart < 0 || apart > upperMs) continue;
        output.push({ key: event.key, left: left.value, right: right.value, time: right.time });
      }
      if (output.length >= BATCH_ROWS_MAX) {
        pairs += output.length;
        for (const one of output) mix += one.left;
        output.length = 0;
      }
      const own = waiting[input].get(event.key);
      if (own === undefined) waiting[input].set(event.key, [event]);
      else own.push(event);
    }
    if (row % BATCH_ROWS_MAX !== 0) continue;
    // Both inputs have come so far; what is older than this can be met by nobody.
    const watermark = 1_700_000_000_000 + row - JITTER_MS * 2;
    let kept = 0;
    waiting.forEach((side, input) => {
      const dead = input === 0 ? watermark - upperMs : watermark;
      for (const [key, events] of side) {
        const alive = events.filter((one) => one.time >= dead);
        kept += alive.length;
        if (alive.length === 0) side.delete(key);
        else side.set(key, alive);
      }
    });
    stateRowsMax = Math.max(stateRowsMax, kept);
  }
  pairs += output.length;
  for (const one of output) mix += one.left;
  return { seconds: seconds(), pairs, mix, stateRowsMax };
}

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "2000000" },
    keys: { type: "string", default: "100,10000,100000" },
    rounds: { type: "string", default: "3" },
  },
});
const kernels = new WebAssembly.Module(readFileSync(new URL("../../build/kernels.wasm", import.meta.url)));
const rows = Number(values.rows);
for (const keys of values.keys.split(",").map(Number)) {
  const streams = [drawStream(keys, rows, keys), drawStream(keys + 1, rows, keys)];
  const few = Math.min(rows, 500_000);
  const check = streams.map((one) => ({
    key: one.key.slice(0, few),
    time: one.time.slice(0, few),
    value: one.value.slice(0, few),
  }));
  const ours = runOperator(kernels, check, keys);
  const theirs = runObjects(check, few, keys);
  if (ours.pairs !== theirs.pairs || ours.mix !== theirs.mix) {
    throw new Error(`${keys} keys: ${ours.pairs} pairs (${ours.mix}) and ${theirs.pairs} (${theirs.mix})`);
  }
  const rounds = Array.from({ length: Number(values.rounds) }, () => ({
    operator: runOperator(kernels, streams, keys),
    objects: runObjects(streams, few, keys),
  }));
  const operator = median(rounds.map((one) => (rows * 2) / one.operator.seconds / 1e6));
  const objects = median(rounds.map((one) => (few * 2) / one.objects.seconds / 1e6));
  const { pairs, stateRowsMax } = present(rounds[0], "a round").operator;
  const found = `${(pairs / rows / 2).toFixed(2)} pairs a row, at most ${stateRowsMax} rows of state`;
  console.log(
    `${keys} keys: ${operator.toFixed(1)} M rows/s, objects ${objects.toFixed(1)}, ratio ${(operator / objects).toFixed(1)}; ${found}`,
  );
}
