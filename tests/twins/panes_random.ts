// A random life of a window operator of any kind from one seed, run on tables and on the twin alike: batches with late
// rows, watermarks, checkpoints that complete or abort, crashes that restore at another parallelism.
//
// Invariants checked: late rows and results are the twin's after every step; tables restored from the completed
// checkpoints' deltas, or from one gathering of everything, continue exactly as the twin did; all memory comes back.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import type { RecordBatch, Value } from "../../src/batch/record_batch.ts";
import { type DataType, type Field, field } from "../../src/batch/schema.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { rangeOfSubtask } from "../../src/keygroup/key_group.ts";
import type { WindowAggregate } from "../../src/state/window_table.ts";
import { equal } from "../expect.ts";
import { updateDivided } from "./divided_update.ts";
import { type PanesConfig, PanesFixture } from "./panes_fixture.ts";
import { PanesTwin, type WindowKind } from "./panes_twin.ts";
import { LAST_WATERMARK, NO_WATERMARK } from "./window_fixture.ts";
import { textOfRow } from "./window_twin.ts";

export type Kind = WindowKind["kind"];

interface Plan {
  readonly schema: readonly Field[];
  readonly config: PanesConfig;
  readonly capacity: number;
  readonly outputRows: number;
  readonly keyCount: number;
  readonly distinct: number;
  /** How far the clock moves at once; the distance of rows from it; the bound of their watermarks. */
  readonly stride: number;
  readonly spread: number;
  readonly bound: number;
}

type Parts = ReadonlyMap<string, readonly RecordBatch[]>;
interface Checkpoint {
  readonly parts: Parts;
  readonly twin: PanesTwin;
  readonly fired: bigint;
  readonly clock: number;
}

const keyTypes: readonly DataType[] = ["i64", "timestamp", "bool", "utf8"];
const functions = ["count", "sum", "min", "max", "avg", "count_distinct"] as const;

function randomWindow(random: Prng, kind: Kind): WindowKind {
  const offsetMs = random.pick([0, 0, 3, -5]);
  switch (kind) {
    case "tumbling":
      return { kind, sizeMs: random.pick([1, 7, 60, 1000]), offsetMs };
    case "hopping": {
      const slideMs = random.pick([1, 5, 10, 40]);
      return { kind, slideMs, sizeMs: slideMs * random.pick([1, 2, 3, 5, 12]), offsetMs };
    }
    case "session":
      return { kind, gapMs: random.pick([1, 4, 20, 100, 3000]) };
  }
}

function randomPlan(random: Prng, kind: Kind): Plan {
  const schema: Field[] = [field("time", "timestamp")];
  const keys = Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, (_, index) => {
    schema.push(field(`key${index}`, random.pick(keyTypes), random.chance(0.4)));
    return schema.length - 1;
  });
  const aggregates: WindowAggregate[] = [];
  for (const type of ["i64", "f64", random.pick(["utf8", "bool", "timestamp"] as const)] as const) {
    schema.push(field(`value${schema.length}`, type, random.chance(0.4)));
    const column = schema.length - 1;
    for (const name of functions) {
      if (name !== "count" && name !== "count_distinct" && type !== "i64" && type !== "f64") continue;
      if (random.chance(name === "count_distinct" ? 0.4 : 0.5)) {
        aggregates.push({ function: name, column, name: `${name}${column}` });
      }
    }
  }
  if (random.chance(0.6)) aggregates.push({ function: "count", name: "rows" });
  const maxParallelism = random.pick([1, 3, 16, 128]);
  const window = randomWindow(random, kind);
  const capacity = random.pick([1, 7, 64, 600]);
  return {
    schema,
    config: { window, keys, timestamp: 0, aggregates, maxParallelism, keyGroups: { start: 0, end: maxParallelism } },
    capacity,
    outputRows: random.pick([1, 50, 1000]),
    keyCount: random.pick([1, 5, 40, 3000]),
    distinct: random.pick([2, 10, 500]),
    stride: random.pick(capacity > 100 ? [2, 10, 30] : [2, 10, 200]),
    spread: random.pick([1, 20, 100]),
    bound: random.pick([0, 15, 60, 400]),
  };
}

/** Sums of these f64 are exact in any order. */
function randomValue(random: Prng, one: Field, distinct: number): Value {
  if (one.nullable && random.chance(0.15)) return null;
  const number = random.below(distinct);
  switch (one.type) {
    case "i64":
    case "timestamp":
      return BigInt(number - 20);
    case "f64":
      return random.chance(0.02) ? random.pick([Number.NaN, Infinity, -0, 0]) : (number - 50) / 8;
    case "bool":
      return number % 2 === 0;
    case "utf8":
      return number % 3 === 0 ? `k${number}` : `a text of some length ${number}`.slice(number % 22);
  }
}

class Life {
  readonly #random: Prng;
  readonly #kernel: KernelInstance;
  readonly #plan: Plan;
  readonly #heapBytes: number;
  #tables: PanesFixture[] = [];
  #twin: PanesTwin;
  #epoch = 1;
  #completedEpoch = 0;
  #clock = 0;
  #fired = NO_WATERMARK;
  #checkpoint: Checkpoint;

  constructor(random: Prng, kernel: KernelInstance, kind: Kind) {
    this.#random = random;
    this.#kernel = kernel;
    this.#plan = randomPlan(random, kind);
    this.#heapBytes = kernel.heapUsedBytes;
    this.#twin = new PanesTwin(this.#plan.schema, this.#plan.config);
    this.#checkpoint = { parts: new Map(), twin: this.#twin.clone(), fired: NO_WATERMARK, clock: 0 };
    this.#start(this.#checkpoint);
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      const choice = this.#random.below(12);
      if (choice < 6) this.#batch();
      else if (choice < 9) this.#fire(BigInt(this.#clock - this.#random.below(this.#plan.bound + 30)));
      else if (choice < 11) this.#takeCheckpoint();
      else this.#start(this.#checkpoint);
    }
    this.#fire(LAST_WATERMARK);
    for (const fixture of this.#tables) {
      for (const one of fixture.state.stateTables) equal(one.entryCount, 0, `entries left in ${one.name}`);
    }
    for (const one of this.#tables) one.free();
    equal(this.#kernel.heapUsedBytes, this.#heapBytes, "heap after everything is freed");
  }

  #start(from: Checkpoint): void {
    for (const one of this.#tables) one.free();
    const { maxParallelism } = this.#plan.config;
    const parallelism = Math.min(maxParallelism, this.#random.pick([1, 1, 2, 3]));
    const reversed = this.#random.chance(0.3);
    this.#tables = Array.from({ length: parallelism }, (_, subtask) => {
      const config = { ...this.#plan.config, keyGroups: rangeOfSubtask(maxParallelism, parallelism, subtask) };
      const { schema, capacity, outputRows } = this.#plan;
      const fixture = new PanesFixture(this.#kernel, schema, config, capacity, outputRows);
      fixture.state.firedWatermark = from.fired;
      const tables = reversed ? [...fixture.state.stateTables].reverse() : fixture.state.stateTables;
      for (const one of tables) for (const batch of from.parts.get(one.name) ?? []) one.restore(batch);
      return fixture;
    });
    this.#twin = from.twin.clone();
    this.#fired = from.fired;
    this.#clock = from.clock;
    this.#epoch = 1;
    this.#completedEpoch = 0;
  }

  #rowsOfBatch(): { rows: Value[][]; watermarks: bigint[] } {
    const { schema, config, capacity, keyCount, distinct, stride, spread, bound } = this.#plan;
    const count = this.#random.below(capacity + 1);
    const rows: Value[][] = [];
    const watermarks: bigint[] = [];
    for (let row = 0; row < count; row++) {
      if (this.#random.chance(0.2)) this.#clock += this.#random.below(stride);
      if (this.#random.chance(0.002)) this.#clock += this.#random.pick([500, 5000, 100_000]);
      const far = this.#random.chance(0.1) ? this.#random.below(bound + 150) : 0;
      rows.push(
        schema.map((one, column) => {
          if (column === 0) return BigInt(this.#clock - this.#random.below(spread) - far);
          return randomValue(this.#random, one, config.keys.includes(column) ? keyCount : distinct);
        }),
      );
      watermarks.push(this.#random.chance(0.9) ? BigInt(this.#clock - bound) : NO_WATERMARK);
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
    const found = this.#tables.flatMap((fixture) => fixture.fire(watermark, this.#epoch));
    equal(found.map(textOfRow).sort(), this.#twin.fire(watermark).map(textOfRow).sort(), "results");
    if (watermark > this.#fired) this.#fired = watermark;
    for (const fixture of this.#tables) equal(fixture.state.firedWatermark, this.#fired, "fired watermark");
  }

  #takeCheckpoint(): void {
    const gathered = (afterEpoch: number): Parts => {
      const all = this.#tables.map((fixture) => fixture.gather(afterEpoch));
      const names = this.#tables[0]?.state.stateTables.map((one) => one.name) ?? [];
      return new Map(names.map((name) => [name, all.flatMap((one) => one.get(name) ?? [])]));
    };
    const deltas = gathered(this.#completedEpoch);
    const epoch = this.#epoch++;
    if (this.#random.chance(0.3)) return; // aborted: the next one holds these changes too
    const before = this.#checkpoint.parts;
    const parts = this.#random.chance(0.2)
      ? gathered(-1)
      : new Map([...deltas].map(([name, batches]) => [name, [...(before.get(name) ?? []), ...batches]]));
    this.#checkpoint = { parts, twin: this.#twin.clone(), fired: this.#fired, clock: this.#clock };
    if (this.#random.chance(0.5)) this.#batch(); // completion is told while the next epoch runs
    for (const fixture of this.#tables) fixture.completed(epoch);
    this.#completedEpoch = epoch;
  }
}

/** Runs one life; answers what went wrong, if anything did. */
export async function runSequence(kernels: WebAssembly.Module, kind: Kind, seed: number): Promise<string | undefined> {
  try {
    const random = seededPrng(seed);
    const kernel = new KernelInstance(kernels, 64 * 1024 * 1024);
    new Life(random, kernel, kind).run(random.pick([10, 30, 60]));
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${kind} windows, seed ${seed}: ${text}`;
  }
}
