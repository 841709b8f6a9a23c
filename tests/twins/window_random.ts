// A random life of a window operator from one seed, run on tables and on the twin alike: batches with late rows,
// watermarks, checkpoints that complete or abort, crashes that restore at another parallelism.
//
// Invariants checked: late rows, results and entry counts are the twin's after every step; a table restored from
// the completed checkpoints' deltas, or from one gathering of everything, continues exactly as the twin did.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import type { RecordBatch, Value } from "../../src/batch/record_batch.ts";
import { type DataType, type Field, field } from "../../src/batch/schema.ts";
import type { KernelInstance } from "../../src/kernel/instance.ts";
import { rangeOfSubtask } from "../../src/keygroup/key_group.ts";
import type { WindowAggregate, WindowTableConfig } from "../../src/state/window_table.ts";
import { equal } from "../expect.ts";
import { updateDivided } from "./divided_update.ts";
import { LAST_WATERMARK, NO_WATERMARK, WindowFixture } from "./window_fixture.ts";
import { textOfRow, WindowTwin } from "./window_twin.ts";

interface Plan {
  readonly schema: Field[];
  readonly config: WindowTableConfig;
  readonly capacity: number;
  readonly keyCount: number;
  readonly integerKeys: IntegerKeys;
}

/** Integer keys are base + stride * n modulo 2^64, a few of them strays: close together, far apart, across the extremes. */
interface IntegerKeys {
  readonly base: bigint;
  readonly stride: bigint;
  readonly strays: number;
  /** Whether the keys rise with time. */
  readonly rising: boolean;
}

interface Checkpoint {
  readonly batches: RecordBatch[];
  readonly twin: WindowTwin;
  readonly fired: bigint;
  readonly clock: number;
}

const keyTypes: readonly DataType[] = ["i64", "timestamp", "bool", "utf8"];

function randomPlan(random: Prng): Plan {
  const schema: Field[] = [field("time", "timestamp")];
  const keys = Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, (_, index) => {
    schema.push(field(`key${index}`, random.pick(keyTypes), random.chance(0.4)));
    return schema.length - 1;
  });
  const aggregates: WindowAggregate[] = [];
  for (const type of ["i64", "f64", "i64"] as const) {
    schema.push(field(`value${schema.length}`, type, random.chance(0.4)));
    for (const name of ["count", "sum", "min", "max", "avg"] as const) {
      if (random.chance(0.5))
        aggregates.push({ function: name, column: schema.length - 1, name: `${name}${schema.length}` });
    }
  }
  if (random.chance(0.6)) aggregates.push({ function: "count", name: "rows" });
  const maxParallelism = random.pick([1, 3, 16, 128]);
  return {
    schema,
    config: {
      keys,
      timestamp: 0,
      sizeMs: random.pick([1, 7, 60, 1000]),
      offsetMs: random.pick([0, 0, 3, -5]),
      aggregates,
      maxParallelism,
      keyGroups: { start: 0, end: maxParallelism },
    },
    capacity: random.pick([1, 64, 700, 1600]),
    keyCount: random.pick([1, 5, 300, 3000, 100_000]),
    integerKeys: {
      base: random.pick([-20n, -20n, 1n << 40n, -(2n ** 63n), 2n ** 63n - 200n]),
      stride: random.pick([1n, 1n, 1n, 3n, 1n << 33n]),
      strays: random.pick([0, 0, 0.01, 0.05]),
      rising: random.chance(0.3),
    },
  };
}

function randomValue(random: Prng, one: Field, distinct: number): Value {
  if (one.nullable && random.chance(0.15)) return null;
  const number = random.below(distinct);
  switch (one.type) {
    case "i64":
    case "timestamp":
      return BigInt(number);
    case "f64":
      return random.chance(0.02) ? random.pick([Number.NaN, Infinity, -0, 0]) : (number - 50) / 7;
    case "bool":
      return number % 2 === 0;
    case "utf8":
      return number % 3 === 0 ? `k${number}` : `a key of some length ${number}`.slice(number % 15);
  }
}

class Life {
  readonly #random: Prng;
  readonly #kernel: KernelInstance;
  readonly #plan: Plan;
  readonly #heapBytes: number;
  #tables: WindowFixture[] = [];
  #twin: WindowTwin;
  #epoch = 1;
  #completedEpoch = 0;
  #clock = 0;
  #fired = NO_WATERMARK;
  #checkpoint: Checkpoint;

  constructor(random: Prng, kernel: KernelInstance) {
    this.#random = random;
    this.#kernel = kernel;
    this.#plan = randomPlan(random);
    this.#heapBytes = kernel.heapUsedBytes;
    this.#twin = new WindowTwin(this.#plan.schema, this.#plan.config);
    this.#checkpoint = { batches: [], twin: this.#twin.clone(), fired: NO_WATERMARK, clock: 0 };
    this.#start(this.#checkpoint);
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      const choice = this.#random.below(10);
      if (choice < 6) this.#batch();
      else if (choice < 7) this.#fire(BigInt(this.#clock - this.#random.below(200)));
      else if (choice < 9) this.#takeCheckpoint();
      else this.#crash();
      this.#checkEntries();
    }
    this.#fire(LAST_WATERMARK);
    this.#checkEntries();
    for (const one of this.#tables) one.free();
    equal(this.#kernel.heapUsedBytes, this.#heapBytes, "heap after everything is freed");
  }

  #start(from: Checkpoint): void {
    for (const one of this.#tables) one.free();
    const { maxParallelism } = this.#plan.config;
    const parallelism = Math.min(maxParallelism, this.#random.pick([1, 1, 2, 3]));
    this.#tables = Array.from({ length: parallelism }, (_, subtask) => {
      const config = { ...this.#plan.config, keyGroups: rangeOfSubtask(maxParallelism, parallelism, subtask) };
      const fixture = new WindowFixture(this.#kernel, this.#plan.schema, config, this.#plan.capacity, 50);
      fixture.table.firedWatermark = from.fired;
      for (const batch of from.batches) fixture.table.restore(batch);
      return fixture;
    });
    this.#twin = from.twin.clone();
    this.#fired = from.fired;
    this.#clock = from.clock;
    this.#epoch = 1;
    this.#completedEpoch = 0;
  }

  #key(one: Field): Value {
    const { integerKeys, keyCount } = this.#plan;
    const value = randomValue(this.#random, one, keyCount);
    if (typeof value !== "bigint") return value;
    if (this.#random.chance(integerKeys.strays)) return BigInt.asIntN(64, value * 0x9e3779b97f4a7c15n);
    const number = value + (integerKeys.rising ? BigInt(this.#clock * 3) : 0n);
    return BigInt.asIntN(64, integerKeys.base + integerKeys.stride * number);
  }

  #rowsOfBatch(): { rows: Value[][]; watermarks: bigint[] } {
    const count = this.#random.below(this.#plan.capacity + 1);
    const spread = this.#random.pick([1, 50, 500]);
    const bound = this.#random.pick([0, 30, 1000]);
    const rows: Value[][] = [];
    const watermarks: bigint[] = [];
    for (let row = 0; row < count; row++) {
      if (this.#random.chance(0.1)) this.#clock += this.#random.below(10);
      rows.push(
        this.#plan.schema.map((one, column) => {
          if (column === 0) return BigInt(this.#clock - this.#random.below(spread) - 300);
          return this.#plan.config.keys.includes(column) ? this.#key(one) : randomValue(this.#random, one, 100);
        }),
      );
      watermarks.push(this.#random.chance(0.9) ? BigInt(this.#clock - 300 - bound) : NO_WATERMARK);
    }
    return { rows, watermarks };
  }

  #batch(): void {
    const { rows, watermarks } = this.#rowsOfBatch();
    const late = new Set(this.#twin.update(rows, watermarks));
    const { maxParallelism, keys } = this.#plan.config;
    updateDivided(this.#tables, this.#epoch, { rows, watermarks, late, keys, maxParallelism });
  }

  #fire(watermark: bigint): void {
    const found = this.#tables.map((fixture) => fixture.fire(watermark));
    for (const rows of found) {
      for (let row = 1; row < rows.length; row++) {
        const inOrder = ((rows[row - 1] as Value[])[0] as bigint) <= ((rows[row] as Value[])[0] as bigint);
        equal(inOrder, true, "windows fire in ascending order");
      }
    }
    equal(found.flat().map(textOfRow).sort(), this.#twin.fire(watermark).map(textOfRow).sort(), "results");
    if (watermark > this.#fired) this.#fired = watermark;
    for (const fixture of this.#tables) equal(fixture.table.firedWatermark, this.#fired, "fired watermark");
  }

  #takeCheckpoint(): void {
    const deltas = this.#tables.flatMap((fixture) => fixture.table.gather(this.#completedEpoch));
    const epoch = this.#epoch++;
    if (this.#random.chance(0.3)) return; // aborted: the next one holds these changes too
    const whole = this.#random.chance(0.2);
    const batches = whole
      ? this.#tables.flatMap((fixture) => fixture.table.gather(-1))
      : [...this.#checkpoint.batches, ...deltas];
    this.#checkpoint = { batches, twin: this.#twin.clone(), fired: this.#fired, clock: this.#clock };
    if (this.#random.chance(0.5)) this.#batch(); // completion is told while the next epoch runs
    for (const fixture of this.#tables) fixture.table.completed(epoch);
    this.#completedEpoch = epoch;
  }

  #crash(): void {
    this.#start(this.#checkpoint);
  }

  #checkEntries(): void {
    const entries = this.#tables.reduce((sum, fixture) => sum + fixture.table.entryCount, 0);
    equal(entries, this.#twin.entryCount, "entries");
  }
}

export function runRandomLife(kernel: KernelInstance, seed: number, steps: number): void {
  try {
    new Life(seededPrng(seed), kernel).run(steps);
  } catch (error) {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
