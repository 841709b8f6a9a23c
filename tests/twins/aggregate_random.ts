// Random running aggregates for lives of updating_random.ts.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import { type DataType, type Field, field } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { AggregateOperator } from "../../src/operators/aggregate.ts";
import { type RunningAggregate, RunningTable, type RunningTableConfig } from "../../src/state/running_table.ts";
import { AggregateTwin } from "./aggregate_twin.ts";
import { randomCell, UpdatingLife, type UpdatingPlan } from "./updating_random.ts";

const BUDGET_BYTES = 64 * 1024 * 1024;
const keyTypes: readonly DataType[] = ["i64", "timestamp", "bool", "utf8"];

function randomPlan(random: Prng, kernel: KernelInstance): UpdatingPlan {
  const schema: Field[] = [];
  const keys = Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, (_, index) => {
    schema.push(field(`key${index}`, random.pick(keyTypes), random.chance(0.4)));
    return index;
  });
  const updating = random.chance(0.6);
  const functions = updating ? (["count", "sum", "avg"] as const) : (["count", "sum", "min", "max", "avg"] as const);
  const aggregates: RunningAggregate[] = [];
  for (const type of ["i64", "f64", "i64"] as const) {
    schema.push(field(`value${schema.length}`, type, random.chance(0.4)));
    for (const name of functions) {
      if (!random.chance(0.5)) continue;
      aggregates.push({ function: name, column: schema.length - 1, name: `${name}${schema.length}` });
    }
  }
  if (random.chance(0.6)) aggregates.push({ function: "count", name: "rows" });
  const maxParallelism = random.pick([1, 3, 16, 128]);
  const keyCount = random.pick([1, 5, 50, 300, 2000]);
  const config: RunningTableConfig = {
    where: "under_test",
    keys,
    aggregates,
    updating,
    maxParallelism,
    keyGroups: { start: 0, end: maxParallelism },
  };
  const outputRows = random.pick([2, 3, 50, 4096]);
  return {
    schema,
    keys,
    updating,
    maxParallelism,
    capacity: random.pick([1, 7, 7, 7, 64, 64, 64, 64, 600, 4096]),
    row: (from) => schema.map((one, column) => randomCell(from, one, keys.includes(column) ? keyCount : 100)),
    twin: new AggregateTwin(schema, config),
    subtask: (uid, input, keyGroups, next, epoch) => {
      const table = new RunningTable(uid, kernel, input, { ...config, keyGroups });
      const output = new BatchRegion(kernel, table.outputSchema, outputRows);
      const context = { epoch, countLate: () => undefined };
      const operator = new AggregateOperator({ table, output, next: [next], context });
      return {
        operator,
        state: table,
        output,
        free: () => {
          table.free();
          output.free();
        },
      };
    },
  };
}

/** What went wrong, if anything. */
export function runAggregateSequence(kernels: WebAssembly.Module, seed: number, steps = 20): string | undefined {
  try {
    const random = seededPrng(seed);
    const kernel = new KernelInstance(kernels, BUDGET_BYTES);
    new UpdatingLife(random, kernel, randomPlan(random, kernel)).run(steps);
    return undefined;
  } catch (error) {
    return `seed ${seed}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
