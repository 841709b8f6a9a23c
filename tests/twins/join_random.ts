// A random life of a join from one seed, run on operators and on the twin alike: batches of both inputs with late
// rows, null keys and retractions, watermarks, checkpoints that complete or abort, crashes that restore at another
// parallelism.
//
// Invariants checked after every step: joined rows, weights and late rows are the twin's; no joined row is behind the
// watermark that was passed on before it; rows that can still join are kept, and dead ones go with their bucket.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import type { PlainData } from "../../src/base/plain.ts";
import type { RecordBatch, Value } from "../../src/batch/record_batch.ts";
import { type DataType, type Field, field } from "../../src/batch/schema.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { inRange, keyGroupOfHash, rangeOfSubtask } from "../../src/keygroup/key_group.ts";
import { bucketMsOf, type JoinTiming } from "../../src/state/join_plan.ts";
import { equal, ok } from "../expect.ts";
import {
  type Both,
  JoinFixture,
  type Joined,
  type JoinJob,
  joinSideOf,
  LAST_WATERMARK,
  NO_WATERMARK,
} from "./join_fixture.ts";
import { JoinTwin } from "./join_twin.ts";
import { hashOfKey } from "./key_hash_twin.ts";
import { textOfRow } from "./window_twin.ts";

const BUDGET_BYTES = 64 * 1024 * 1024;
const keyTypes: readonly DataType[] = ["i64", "i64", "timestamp", "bool", "utf8"];
const otherTypes: readonly DataType[] = ["i64", "f64", "bool", "utf8", "timestamp"];

interface Plan {
  readonly job: JoinJob;
  readonly capacity: number;
  readonly outputRows: number;
  readonly keyCount: number;
  readonly disorder: number;
  readonly retractions: number;
}

interface Snapshot {
  /** By side: the batches of the completed checkpoints, and what each subtask had besides. */
  readonly batches: Both<RecordBatch[]>;
  readonly scalars: Both<PlainData[]>;
  readonly twin: JoinTwin;
  readonly watermarks: [bigint, bigint];
  readonly clock: number;
}

const both = <T>(make: (input: 0 | 1) => T): [T, T] => [make(0), make(1)];

function randomTiming(random: Prng): JoinTiming {
  const spanMs = random.pick([0, 1, 50, 3000]);
  switch (random.below(4)) {
    case 0:
      return { kind: "event_time", ttlMs: spanMs };
    case 1:
      return { kind: "wall_time", ttlMs: random.pick([0, 1, 500, 5000]) };
    default: {
      const lowerMs = random.pick([0, 0, -spanMs, -2000, 40, 3000]);
      return { kind: "interval", lowerMs, upperMs: lowerMs + spanMs };
    }
  }
}

function randomJob(random: Prng): JoinJob {
  const timing = randomTiming(random);
  const types = Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, () => random.pick(keyTypes));
  const schemas = both(() => [
    field("time", "timestamp"),
    ...types.map((type, index) => field(`key${index}`, type, random.chance(0.3))),
    ...Array.from({ length: random.below(4) }, (_, index) =>
      field(`value${index}`, random.pick(otherTypes), random.chance(0.4)),
    ),
  ]);
  const keys = both(() => types.map((_, index) => index + 1));
  const columns = both((input) =>
    (schemas[input] as Field[])
      .map((_, column) => ({ name: `${input === 0 ? "left" : "right"}${column}`, input, column }))
      .filter(() => random.chance(0.6)),
  );
  if (timing.kind !== "wall_time") columns[0].push({ name: "left_time", input: 0, column: 0 });
  if (timing.kind !== "wall_time") columns[1].push({ name: "right_time", input: 1, column: 0 });
  return {
    schemas,
    keys,
    times: timing.kind === "wall_time" ? undefined : [0, 0],
    timing,
    columns: columns.flat(),
    maxParallelism: random.pick([1, 3, 16, 128]),
  };
}

function randomPlan(random: Prng): Plan {
  const job = randomJob(random);
  return {
    job,
    capacity: random.pick([1, 7, 7, 100, 4096]),
    outputRows: random.pick([1, 7, 50, 4096]),
    keyCount: random.pick([2, 6, 40, 1000]),
    disorder: random.pick([1, 30, 400, 4000]),
    retractions: job.timing.kind === "interval" ? 0 : random.pick([0, 0.2, 0.4]),
  };
}

function randomValue(random: Prng, one: Field, distinct: number): Value {
  if (one.nullable && random.chance(0.15)) return null;
  const number = random.below(distinct);
  switch (one.type) {
    case "i64":
    case "timestamp":
      return BigInt(number) * (distinct > 100 ? 1n << 33n : 1n);
    case "f64":
      return random.chance(0.1) ? random.pick([Number.NaN, Infinity, -0, 0]) : (number - 2) / 7;
    case "bool":
      return number % 2 === 0;
    case "utf8":
      return number % 3 === 0 ? `k${number}` : `a text of some length ${number}`.slice(number % 15);
  }
}

const lines = (joined: readonly Joined[]): string[] =>
  joined.map(({ row, weight }) => `${weight} ${textOfRow(row)}`).sort();

class Life {
  readonly #random: Prng;
  readonly #kernel: KernelInstance;
  readonly #plan: Plan;
  readonly #heapBytes: number;
  #subtasks: JoinFixture[] = [];
  #twin: JoinTwin;
  #epoch = 1;
  #completedEpoch = 0;
  #clock = 10_000;
  #watermarks: [bigint, bigint] = [NO_WATERMARK, NO_WATERMARK];
  /** Rows that may be taken back; not all of them are there. */
  #recent: [Value[][], Value[][]] = [[], []];
  #snapshot: Snapshot;

  constructor(random: Prng, kernel: KernelInstance) {
    this.#random = random;
    this.#kernel = kernel;
    this.#plan = randomPlan(random);
    this.#heapBytes = kernel.heapUsedBytes;
    this.#twin = new JoinTwin(this.#plan.job);
    this.#snapshot = {
      batches: [[], []],
      scalars: [[], []],
      twin: this.#twin.clone(),
      watermarks: [...this.#watermarks],
      clock: this.#clock,
    };
    this.#start(this.#snapshot);
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      const choice = this.#random.below(10);
      if (choice < 5) this.#batch();
      else if (choice < 7) this.#advance();
      else if (choice < 9) this.#takeCheckpoint();
      else this.#start(this.#snapshot);
      this.#checkRowCounts();
    }
    for (const input of [0, 1] as const) this.#watermark(input, LAST_WATERMARK);
    for (const one of this.#subtasks) {
      equal(one.passedOn, LAST_WATERMARK, "the end is passed on");
      if (this.#plan.job.times !== undefined) equal(one.rowCounts, [0, 0], "rows after the end");
      one.free();
    }
    equal(this.#kernel.heapUsedBytes, this.#heapBytes, "heap after everything is freed");
  }

  #start(from: Snapshot): void {
    for (const one of this.#subtasks) one.free();
    const { job, capacity, outputRows } = this.#plan;
    const parallelism = Math.min(job.maxParallelism, this.#random.pick([1, 1, 2, 3]));
    this.#subtasks = Array.from({ length: parallelism }, (_, subtask) => {
      const range = rangeOfSubtask(job.maxParallelism, parallelism, subtask);
      const fixture = new JoinFixture(this.#kernel, job, capacity, outputRows, range);
      for (const input of [0, 1] as const) {
        const table = fixture.operator.tables[input];
        if (from.scalars[input].length > 0) table.restoreScalars(from.scalars[input]);
        for (const batch of from.batches[input]) table.restore(batch);
      }
      return fixture;
    });
    this.#twin = from.twin.clone();
    this.#watermarks = [...from.watermarks];
    this.#clock = from.clock;
    this.#epoch = 1;
    this.#completedEpoch = 0;
  }

  #randomRow(input: 0 | 1): Value[] {
    const { job, keyCount, disorder } = this.#plan;
    return job.schemas[input].map((one, column) => {
      if (column === 0) return BigInt(this.#clock - this.#random.below(disorder));
      return randomValue(this.#random, one, job.keys[input].includes(column) ? keyCount : 5);
    });
  }

  #rowsOfBatch(input: 0 | 1): { rows: Value[][]; watermarks: bigint[]; weights: number[] } {
    const { capacity, disorder, retractions } = this.#plan;
    const count = this.#random.below(Math.min(capacity, this.#random.pick([7, 30, 30, 150])) + 1);
    const bound = this.#random.pick([0, disorder / 2, disorder, disorder * 3]);
    const rows: Value[][] = [];
    const watermarks: bigint[] = [];
    const weights: number[] = [];
    const recent = this.#recent[input];
    for (let at = 0; at < count; at++) {
      if (this.#random.chance(0.2)) this.#clock += this.#random.below(20);
      const known = this.#random.chance(retractions) ? recent.length - 1 - this.#random.below(30) : -1;
      const row = known >= 0 ? (recent[known] as Value[]) : this.#randomRow(input);
      weights.push(known >= 0 || (retractions > 0 && this.#random.chance(0.03)) ? -1 : 1);
      if (known >= 0) recent.splice(known, 1);
      else if (weights.at(-1) === 1) recent.push(row);
      rows.push(row);
      watermarks.push(this.#random.chance(0.9) ? BigInt(Math.floor(this.#clock - bound)) : NO_WATERMARK);
    }
    return { rows, watermarks, weights };
  }

  #batch(): void {
    const input = this.#random.pick([0, 1] as const);
    const { rows, watermarks, weights } = this.#rowsOfBatch(input);
    const { job } = this.#plan;
    const weighted = weights.includes(-1) || this.#random.chance(0.1);
    const effective = watermarks.map((one) => (one > this.#watermarks[input] ? one : this.#watermarks[input]));
    const wanted = this.#twin.update(input, rows, weights, effective, this.#clock);
    const groups = rows.map((row) =>
      keyGroupOfHash(hashOfKey(job.keys[input].map((column) => row[column] as Value)), job.maxParallelism),
    );
    const joined: Joined[] = [];
    const late: string[] = [];
    let lateCount = 0;
    this.#subtasks.forEach((fixture, subtask) => {
      const range = rangeOfSubtask(job.maxParallelism, this.#subtasks.length, subtask);
      const own = [...rows.keys()].filter((row) => inRange(range, groups[row] as number));
      fixture.epoch = this.#epoch;
      fixture.nowMs = this.#clock;
      const found = fixture.push(
        input,
        own.map((row) => rows[row] as Value[]),
        {
          watermarks: own.map((row) => watermarks[row] as bigint),
          ...(weighted ? { weights: own.map((row) => weights[row] as number) } : {}),
        },
      );
      this.#checkTimes(found, fixture.passedOn);
      joined.push(...found);
      late.push(...fixture.late[input].splice(0).map(textOfRow));
      lateCount += fixture.lateCount;
      fixture.lateCount = 0;
    });
    equal(lines(joined), lines(wanted.joined), "joined rows");
    equal(late.sort(), wanted.late.map((row) => textOfRow(rows[row] as Value[])).sort(), "late rows");
    equal(lateCount, wanted.late.length, "count of late rows");
  }

  /** Neither time of a joined row is behind the watermark that was passed on before it. */
  #checkTimes(joined: readonly Joined[], passedOn: bigint): void {
    if (this.#plan.job.times === undefined) return;
    const at = ["left_time", "right_time"].map((name) => this.#plan.job.columns.findIndex((one) => one.name === name));
    for (const { row } of joined) {
      for (const column of at) ok((row[column] as bigint) >= passedOn, `a row behind the watermark ${passedOn}`);
    }
  }

  #advance(): void {
    this.#clock += this.#random.pick([0, 10, 1000]);
    const input = this.#random.pick([0, 1] as const);
    this.#watermark(input, BigInt(this.#clock - this.#random.below(this.#plan.disorder * 2)));
  }

  #watermark(input: 0 | 1, watermark: bigint): void {
    for (const one of this.#subtasks) one.watermark(input, watermark);
    if (watermark > this.#watermarks[input]) this.#watermarks[input] = watermark;
  }

  #takeCheckpoint(): void {
    const deltas = both((input) =>
      this.#subtasks.flatMap((one) => one.operator.tables[input].gather(this.#completedEpoch)),
    );
    const scalars = both((input) => this.#subtasks.map((one) => one.operator.tables[input].scalars()));
    const epoch = this.#epoch++;
    if (this.#random.chance(0.3)) return; // aborted: the next one holds these changes too
    const twin = this.#twin.clone();
    const batches = both((input) => this.#batchesOf(input, deltas[input], scalars[input]));
    this.#snapshot = { batches, scalars, twin, watermarks: [...this.#watermarks], clock: this.#clock };
    if (this.#random.chance(0.5)) this.#batch(); // completion is told while the next epoch runs
    for (const one of this.#subtasks) for (const table of one.operator.tables) table.completed(epoch);
    this.#completedEpoch = epoch;
  }

  /** The parts so far and the delta; or everything at once; or the parts merged by a table of their own. */
  #batchesOf(input: 0 | 1, delta: RecordBatch[], scalars: PlainData[]): RecordBatch[] {
    const choice = this.#random.below(5);
    if (choice === 0) return this.#subtasks.flatMap((one) => one.operator.tables[input].gather(-1));
    const parts = [...this.#snapshot.batches[input], ...delta];
    if (choice > 1) return parts;
    const { job } = this.#plan;
    const side = joinSideOf(job, input, this.#kernel, 1, { start: 0, end: job.maxParallelism });
    const cutoffs = scalars.map((one) => BigInt((one as { cutoff: string }).cutoff));
    side.cutoff = cutoffs.reduce((least, one) => (one < least ? one : least));
    for (const part of parts) side.restore(part);
    const merged = side.gather(-1);
    side.free();
    // A delta once more on top of what holds it already changes nothing.
    return this.#random.chance(0.5) ? [...merged, ...delta] : merged;
  }

  /** Rows that can still join are there; those that cannot are gone with their bucket. */
  #checkRowCounts(): void {
    const bucketMs = BigInt(bucketMsOf(this.#plan.job.timing, "pairs"));
    for (const input of [0, 1] as const) {
      const tables = this.#subtasks.map((one) => one.operator.tables[input]);
      const found = tables.reduce((sum, one) => sum + one.entryCount, 0);
      const cutoffs = tables.map((one) => one.watermark);
      const least = cutoffs.reduce((low, one) => (one < low ? one : low));
      const most = cutoffs.reduce((high, one) => (one > high ? one : high));
      ok(found <= this.#twin.countSince(input, least - bucketMs), `${found} rows are too many`);
      if (this.#plan.job.timing.kind === "event_time") {
        ok(found >= this.#twin.countSince(input, most), `${found} rows are too few`);
      }
    }
  }
}

/** What went wrong, or nothing. */
export function runJoinSequence(kernels: WebAssembly.Module, seed: number, steps = 40): string | undefined {
  try {
    new Life(seededPrng(seed), new KernelInstance(kernels, BUDGET_BYTES)).run(steps);
    return undefined;
  } catch (error) {
    return `seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}
