// Random top-N operators for lives of updating_random.ts.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import { type DataType, type Field, field } from "../../src/batch/schema.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { TopNOperator } from "../../src/operators/top_n.ts";
import { TopTable, type TopTableConfig } from "../../src/state/top_table.ts";
import { TopTwin } from "./top_twin.ts";
import { randomCell, UpdatingLife, type UpdatingPlan } from "./updating_random.ts";

const BUDGET_BYTES = 64 * 1024 * 1024;
const keyTypes: readonly DataType[] = ["i64", "timestamp", "bool", "utf8"];

function randomPlan(random: Prng, kernel: KernelInstance): UpdatingPlan {
  const schema: Field[] = [];
  const add = (type: DataType): number => schema.push(field(`column${schema.length}`, type, random.chance(0.4))) - 1;
  const keys: number[] = [];
  const others: number[] = [];
  for (let left = random.pick([1, 1, 2, 3]); left > 0; left--) keys.push(add(random.pick(keyTypes)));
  for (let left = random.pick([1, 2, 4]); left > 0; left--) others.push(add(random.pick([...keyTypes, "f64", "i64"])));
  if (random.chance(0.3)) keys.push(add("i64"));
  const orderBy = others
    .filter((_, index) => index === 0 || random.chance(0.4))
    .map((column) => ({ column, descending: random.chance(0.5) }));
  const updating = random.chance(0.6);
  const maxParallelism = random.pick([1, 3, 16, 128]);
  const keyCount = random.pick([1, 2, 5, 50, 300]);
  const distinct = random.pick([2, 5, 100, 1000]);
  const config: TopTableConfig = {
    where: "under_test",
    keys,
    orderBy: random.chance(0.5) ? orderBy : orderBy.reverse(),
    limit: random.pick([1, 2, 3, 10, 100]),
    ...(random.chance(0.4) ? { rank: "rank" } : {}),
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
    row: (from) => schema.map((one, column) => randomCell(from, one, keys.includes(column) ? keyCount : distinct)),
    twin: new TopTwin(schema, config),
    subtask: (uid, input, keyGroups, next, epoch) => {
      const table = new TopTable(uid, kernel, input, { ...config, keyGroups }, outputRows);
      const operator = new TopNOperator({ table, next: [next], context: { epoch, countLate: () => undefined } });
      return { operator, state: table, output: table.output, free: () => table.free() };
    },
  };
}

/** What went wrong, if anything. */
export function runTopSequence(kernels: WebAssembly.Module, seed: number, steps = 20): string | undefined {
  try {
    const random = seededPrng(seed);
    const kernel = new KernelInstance(kernels, BUDGET_BYTES);
    new UpdatingLife(random, kernel, randomPlan(random, kernel)).run(steps);
    return undefined;
  } catch (error) {
    return `seed ${seed}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
