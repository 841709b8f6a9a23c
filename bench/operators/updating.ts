// How many rows a second running aggregates and top-N take in, changes written out: medians of several passes over the
// same rows in WASM memory, one operator by itself.
//   node bench/operators/updating.ts [rows a pass, in batches of 4096]

import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { asOperatorUid } from "../../src/base/ids.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { RunningTable } from "../../src/state/running_table.ts";
import { TopTable } from "../../src/state/top_table.ts";
import { rootPath } from "../../tools/process.ts";

const batchCount = Math.ceil(Number(process.argv[2] ?? 1_000_000) / BATCH_ROWS_MAX);
const PASSES = 5;
const schema: Schema = [field("key", "i64"), field("value", "i64")];
const module = new WebAssembly.Module(readFileSync(`${rootPath}/build/kernels.wasm`));
const groups = { maxParallelism: 128, keyGroups: { start: 0, end: 128 } };

interface Measured {
  /** Takes the rows of the input and counts those of the output. */
  readonly update: (epoch: number) => number;
  readonly completed: (epoch: number) => void;
}
type Make = (kernel: KernelInstance, input: BatchRegion) => Measured;

const aggregates =
  (updating: boolean): Make =>
  (kernel, input) => {
    const table = new RunningTable(asOperatorUid("sums"), kernel, input, {
      where: "sums",
      keys: [0],
      aggregates: [
        { function: "count", name: "count" },
        { function: "sum", column: 1, name: "sum" },
      ],
      updating,
      ...groups,
    });
    const output = new BatchRegion(kernel, table.outputSchema);
    return {
      update: (epoch) => {
        let rows = 0;
        table.update(epoch, output, () => {
          rows += output.rowCount;
        });
        return rows;
      },
      completed: (epoch) => table.completed(epoch),
    };
  };

const best =
  (limit: number, updating: boolean): Make =>
  (kernel, input) => {
    const orderBy = [{ column: 1, descending: true }];
    const config = { where: "best", keys: [0], orderBy, limit, updating, ...groups };
    const table = new TopTable(asOperatorUid("best"), kernel, input, config);
    return {
      update: (epoch) => {
        let rows = 0;
        table.update(epoch, () => {
          rows += table.output.rowCount;
        });
        return rows;
      },
      completed: (epoch) => table.completed(epoch),
    };
  };

/** With `back`, every second row takes back one of the rows before it. */
function measure(name: string, keyCount: number, back: boolean, make: Make): void {
  const kernel = new KernelInstance(module, 1 << 30);
  const input = new BatchRegion(kernel, schema);
  const { update, completed } = make(kernel, input);
  const prng = seededPrng(1);
  const given = Array.from({ length: batchCount }, () => ({
    keys: BigInt64Array.from({ length: BATCH_ROWS_MAX }, () => BigInt(prng.below(keyCount)) * 0x9e3779b97f4a7c15n),
    values: BigInt64Array.from({ length: BATCH_ROWS_MAX }, () => BigInt(prng.below(1_000_000))),
  }));
  const weights = Int8Array.from({ length: BATCH_ROWS_MAX }, (_, row) => (row % 2 === 0 ? 1 : -1));
  if (back)
    for (const { keys, values } of given) {
      for (let row = 1; row < BATCH_ROWS_MAX; row += 2) {
        keys[row] = keys[row - 1] as bigint;
        values[row] = values[row - 1] as bigint;
      }
    }
  const seconds: number[] = [];
  let changes = 0;
  for (let pass = 1; pass <= PASSES; pass++) {
    let spentMs = 0;
    changes = 0;
    for (const { keys, values } of given) {
      input.useWeights(back);
      if (back) input.weights().set(weights);
      input.int64(0).set(keys);
      input.int64(1).set(values);
      input.rowCount = BATCH_ROWS_MAX;
      const startMs = performance.now();
      changes += update(pass);
      spentMs += performance.now() - startMs;
    }
    completed(pass);
    seconds.push(spentMs / 1000);
  }
  const rows = batchCount * BATCH_ROWS_MAX;
  const median = seconds.toSorted((left, right) => left - right)[PASSES >> 1] as number;
  const perSecond = (rows / median / 1e6).toFixed(1);
  console.log(`${name.padEnd(44)} ${perSecond.padStart(6)} M rows/s in, ${(changes / rows).toFixed(2)} changes a row`);
}

for (const keyCount of [100, 10_000, 1_000_000]) {
  measure(`aggregate, ${keyCount} keys`, keyCount, false, aggregates(false));
}
measure("aggregate of changes, 10000 keys", 10_000, true, aggregates(true));
for (const keyCount of [100, 10_000]) measure(`top 10, ${keyCount} keys`, keyCount, false, best(10, false));
measure("top 10 of changes, 10000 keys", 10_000, true, best(10, true));
