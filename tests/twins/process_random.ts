// A random life of a process function from one seed, run by operators and by the twin alike: rows of several splits,
// late ones among them, watermarks, wall time, checkpoints that complete or are abandoned, crashes that restore at
// another parallelism.
//
// Invariants checked: per key, what is written is what the twin writes, in its order and with its watermarks; the
// numbers of entries and of late rows agree after every step.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import type { ProcessFunction } from "../../src/job/define_process.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { inRange, keyGroupOfHash, rangeOfSubtask } from "../../src/keygroup/key_group.ts";
import { equal } from "../expect.ts";
import {
  type FixtureInput,
  type FixtureSnapshot,
  LAST_WATERMARK,
  mergeDeltas,
  NO_WATERMARK,
  ProcessFixture,
} from "./process_fixture.ts";
import { randomFunction, textOf } from "./process_random_function.ts";
import { ProcessTwin } from "./process_twin.ts";
import { hashOfKey } from "./key_hash_twin.ts";

const schema: Schema = [
  field("label", "utf8"),
  field("key", "utf8", true),
  field("unread", "f64"),
  field("number", "i64"),
  field("action", "i64"),
  field("at", "timestamp"),
  field("amount", "i64"),
];

interface Plan {
  readonly function: ProcessFunction;
  readonly inputs: readonly FixtureInput[];
  readonly maxParallelism: number;
  readonly keyCount: number;
  readonly batchRows: number;
  readonly bound: bigint;
  readonly spread: number;
}

function randomPlan(random: Prng): Plan {
  const eventTime = random.chance(0.8);
  const order = eventTime && random.chance(0.4) ? "event_time" : "arrival";
  const keys = random.pick([[1], [3], [1, 3], [3, 1]]);
  const input: FixtureInput = eventTime ? { schema, keys, time: 5 } : { schema, keys };
  return {
    function: randomFunction(order, random.pick([undefined, 1, 30, 200]), eventTime),
    inputs: [input, input],
    maxParallelism: random.pick([1, 5, 128]),
    keyCount: random.pick([1, 3, 10, 40]),
    batchRows: random.pick([1, 7, 60]),
    bound: BigInt(random.pick([0, 10, 60])),
    spread: random.pick([1, 20, 100]),
  };
}

interface Split {
  readonly input: number;
  readonly newest: bigint;
}

interface Checkpoint {
  readonly subtasks: readonly FixtureSnapshot[];
  readonly deltas: readonly FixtureSnapshot[];
  readonly twin: ProcessTwin;
  readonly splits: readonly Split[];
}

class Life {
  readonly #random: Prng;
  readonly #kernel: KernelInstance;
  readonly #plan: Plan;
  #operators: ProcessFixture[] = [];
  #twin: ProcessTwin;
  #splits: Split[];
  #epoch = 1;
  #completedEpoch = 0;
  #clock = 1000;
  #nowMs = 50_000;
  #checkpoint: Checkpoint | undefined;

  constructor(random: Prng, kernel: KernelInstance) {
    this.#random = random;
    this.#kernel = kernel;
    this.#plan = randomPlan(random);
    this.#twin = this.#freshTwin();
    this.#splits = this.#freshSplits();
    this.#start();
  }

  #freshTwin(): ProcessTwin {
    return new ProcessTwin(this.#plan.function, this.#plan.inputs, this.#plan.maxParallelism, () => this.#nowMs);
  }

  #freshSplits(): Split[] {
    const count = this.#random.pick([2, 2, 3, 5]);
    return Array.from({ length: count }, (_, index) => ({ input: index % 2, newest: NO_WATERMARK }));
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      const choice = this.#random.below(20);
      if (choice < 10) this.#batch();
      else if (choice < 14) this.#announce();
      else if (choice < 16) this.#passTime();
      else if (choice < 19) this.#takeCheckpoint();
      else this.#crash();
      this.#compare();
    }
    for (const input of [0, 1]) {
      this.#twin.watermark(input, LAST_WATERMARK);
      for (const one of this.#operators) one.watermark(LAST_WATERMARK, input);
    }
    this.#compare();
  }

  #options() {
    const { inputs, maxParallelism } = this.#plan;
    return { inputs, maxParallelism, epoch: () => this.#epoch, nowMs: () => this.#nowMs };
  }

  #start(): void {
    const { maxParallelism } = this.#plan;
    const parallelism = Math.min(maxParallelism, this.#random.pick([1, 1, 2, 3]));
    this.#epoch = 1;
    this.#completedEpoch = 0;
    this.#operators = Array.from({ length: parallelism }, (_, subtask) => {
      const keyGroups = rangeOfSubtask(maxParallelism, parallelism, subtask);
      const outputRows = this.#random.pick([1, 50]);
      return new ProcessFixture(this.#kernel, this.#plan.function, {
        ...this.#options(),
        keyGroups,
        outputRows,
        inputRows: 64,
      });
    });
  }

  #crash(): void {
    this.#start();
    const from = this.#checkpoint;
    this.#twin = from?.twin.clone() ?? this.#freshTwin();
    this.#splits = from === undefined ? this.#freshSplits() : [...from.splits];
    if (from !== undefined) for (const one of this.#operators) one.restore(from.subtasks, from.deltas);
    const [first] = this.#operators;
    if (first !== undefined) first.late = this.#twin.late;
  }

  #rowsOfBatch(split: Split): { rows: Value[][]; watermarks: bigint[]; newest: bigint } {
    const random = this.#random;
    const rows: Value[][] = [];
    const watermarks: bigint[] = [];
    let { newest } = split;
    for (let count = random.below(this.#plan.batchRows) + 1; count > 0; count--) {
      if (random.chance(0.3)) this.#clock += random.below(10);
      const at = BigInt(this.#clock - random.below(this.#plan.spread));
      const number = BigInt(random.below(this.#plan.keyCount));
      const label = random.pick(["a", "b", "ü", "\ue000", "\u{1f600}", "a longer label than fits a view"]);
      const key = number === 0n ? null : `k${number % 3n}`;
      rows.push([label, key, 0.5, number, BigInt(random.below(14)), at, BigInt(random.below(10))]);
      watermarks.push(newest === NO_WATERMARK ? NO_WATERMARK : newest - this.#plan.bound);
      if (at > newest) newest = at;
    }
    return { rows, watermarks, newest };
  }

  #batch(): void {
    const which = this.#random.below(this.#splits.length);
    const split = this.#splits[which] as Split;
    const { rows, watermarks, newest } = this.#rowsOfBatch(split);
    this.#splits[which] = { ...split, newest };
    this.#twin.rows(split.input, rows, watermarks);
    const { inputs, maxParallelism } = this.#plan;
    const { keys } = inputs[0] as FixtureInput;
    const groups = rows.map((row) =>
      keyGroupOfHash(hashOfKey(keys.map((column) => row[column] as Value)), maxParallelism),
    );
    this.#operators.forEach((operator, subtask) => {
      const range = rangeOfSubtask(maxParallelism, this.#operators.length, subtask);
      const own = [...rows.keys()].filter((row) => inRange(range, groups[row] as number));
      const pick = <Item>(from: readonly Item[]): Item[] => own.map((row) => from[row] as Item);
      operator.rows(pick(rows), pick(watermarks), split.input);
    });
  }

  /** The inputs say how far they are: as far as the splits that are furthest behind. */
  #announce(): void {
    for (const input of [0, 1]) {
      const newest = this.#splits.filter((one) => one.input === input).map((one) => one.newest);
      const least = newest.reduce((left, right) => (left < right ? left : right));
      if (least === NO_WATERMARK || this.#plan.inputs[input]?.time === undefined) continue;
      this.#twin.watermark(input, least - this.#plan.bound);
      for (const one of this.#operators) one.watermark(least - this.#plan.bound, input);
    }
  }

  #passTime(): void {
    this.#nowMs += this.#random.below(12);
    this.#twin.onTime(this.#nowMs);
    for (const one of this.#operators) {
      one.operator.onTime(this.#nowMs);
      const { wakeAtMs } = one.operator;
      if (wakeAtMs !== undefined) equal(wakeAtMs > this.#nowMs, true, "no timer of the past is left");
    }
  }

  #takeCheckpoint(): void {
    const snapshots = this.#operators.map((one) => one.gather(this.#completedEpoch));
    const epoch = this.#epoch++;
    const { twin, splits } = { twin: this.#twin.clone(), splits: [...this.#splits] };
    if (this.#random.chance(0.3)) return; // abandoned: the next one holds these changes too
    let deltas = [...(this.#checkpoint?.deltas ?? []), ...snapshots];
    if (this.#random.chance(0.3)) deltas = [mergeDeltas(this.#plan.function, this.#options(), snapshots, deltas)];
    else if (this.#random.chance(0.2)) deltas = this.#operators.map((one) => one.gather(-1));
    this.#checkpoint = { subtasks: snapshots, deltas, twin, splits };
    if (this.#random.chance(0.5)) this.#batch(); // completion is told while the next epoch runs
    for (const one of this.#operators) one.completed(epoch);
    this.#completedEpoch = epoch;
  }

  #compare(): void {
    const { output, sideOutputs } = this.#plan.function;
    const main = this.#operators.flatMap((one) => one.takeWithWatermarks());
    equalByKey(main, this.#twin.takeMain(output), "rows of the output");
    for (const [name, columns] of sideOutputs) {
      const side = this.#operators.flatMap((one) => one.takeSide(name));
      equalByKey(side, this.#twin.takeSide(name, columns), `rows of side output ${name}`);
    }
    const sum = (of: (one: ProcessFixture) => number): number => this.#operators.reduce((all, one) => all + of(one), 0);
    equal(
      sum((one) => one.late),
      this.#twin.late,
      "late rows",
    );
    equal(
      sum((one) => one.entryCount),
      this.#twin.entryCount,
      "entries, timers and waiting rows",
    );
  }
}

/** Both have the same rows for each key, which stands in the first column, in the same order. */
function equalByKey(found: readonly (readonly Value[])[], wanted: readonly (readonly Value[])[], what: string): void {
  const foundOf = byKey(found);
  const wantedOf = byKey(wanted);
  for (const key of new Set([...foundOf.keys(), ...wantedOf.keys()])) {
    const left = foundOf.get(key) ?? [];
    const right = wantedOf.get(key) ?? [];
    left.forEach((text, index) => {
      equal(text, right[index], `${what} of key ${key}, row ${index}`);
    });
    equal(left.length, right.length, `${what} of key ${key}`);
  }
}

function byKey(rows: readonly (readonly Value[])[]): Map<string, string[]> {
  const texts = new Map<string, string[]>();
  for (const row of rows) {
    const key = String(row[0]);
    texts.set(key, [...(texts.get(key) ?? []), textOf(row)]);
  }
  return texts;
}

const BUDGET_BYTES = 64 * 1024 * 1024;

/** What is wrong, or undefined. */
export function runProcessSequence(kernels: WebAssembly.Module, seed: number, steps = 40): string | undefined {
  try {
    new Life(seededPrng(seed), new KernelInstance(kernels, BUDGET_BYTES)).run(steps);
    return undefined;
  } catch (error) {
    return `seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}
