// A random life of an operator with an updating output from one seed, run on tables and on a twin alike: batches that
// give and take back rows, checkpoints that complete or abort, crashes that restore at another parallelism.
//
// Invariants checked: after every batch, what the operator has emitted so far amounts to what the twin says holds now;
// a table restored from the completed checkpoints' deltas, or from one gathering of everything, continues exactly as
// the twin did; in the end every byte of memory is free again.

import { asOperatorUid, type OperatorUid } from "../../src/base/ids.ts";
import type { Prng } from "../../src/base/prng.ts";
import { batchOfRows, type RecordBatch, type Value } from "../../src/batch/record_batch.ts";
import type { Field, Schema } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import type { KernelInstance } from "../../src/kernel/instance.ts";
import { inRange, type KeyGroupRange, keyGroupOfHash, rangeOfSubtask } from "../../src/keygroup/key_group.ts";
import type { KeyedState } from "../../src/operators/keyed_state.ts";
import type { Receiver } from "../../src/operators/operator.ts";
import { equal } from "../expect.ts";
import { NetRows } from "./changes.ts";
import { hashOfKey } from "./key_hash_twin.ts";

export interface UpdatingTwin {
  clone(): UpdatingTwin;
  update(rows: readonly (readonly Value[])[], weights: readonly number[]): void;
  view(): NetRows;
  readonly entryCount: number;
}

/** One subtask of the operator under test. */
export interface UpdatingSubtask {
  readonly operator: Receiver;
  readonly state: KeyedState;
  readonly output: BatchRegion;
  /** All of it, the output too, but not the input. */
  free(): void;
}

export interface UpdatingPlan {
  readonly schema: Schema;
  readonly keys: readonly number[];
  /** Rows are taken back, and taken back before they are given. */
  readonly updating: boolean;
  readonly maxParallelism: number;
  readonly capacity: number;
  readonly row: (random: Prng) => Value[];
  readonly twin: UpdatingTwin;
  /** `next` is told of every batch of output; `epoch` is that of the changes. */
  readonly subtask: (
    uid: OperatorUid,
    input: BatchRegion,
    keyGroups: KeyGroupRange,
    next: Receiver,
    epoch: () => number,
  ) => UpdatingSubtask;
}

interface Checkpoint {
  readonly batches: readonly RecordBatch[];
  readonly twin: UpdatingTwin;
  readonly view: NetRows;
  readonly held: readonly (readonly Value[])[];
}

interface Running extends UpdatingSubtask {
  readonly input: BatchRegion;
  readonly range: KeyGroupRange;
}

export class UpdatingLife {
  readonly #random: Prng;
  readonly #kernel: KernelInstance;
  readonly #plan: UpdatingPlan;
  readonly #heapBytes: number;
  #running: Running[] = [];
  #twin: UpdatingTwin;
  #view = new NetRows();
  /** Rows that were given and not taken back. */
  #held: (readonly Value[])[] = [];
  #epoch = 1;
  #completedEpoch = 0;
  #checkpoint: Checkpoint;

  constructor(random: Prng, kernel: KernelInstance, plan: UpdatingPlan) {
    this.#random = random;
    this.#kernel = kernel;
    this.#plan = plan;
    this.#heapBytes = kernel.heapUsedBytes;
    this.#twin = plan.twin;
    this.#checkpoint = { batches: [], twin: plan.twin.clone(), view: new NetRows(), held: [] };
    this.#start();
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      const choice = this.#random.below(20);
      if (choice < 14) this.#batch();
      else if (choice < 18) this.#takeCheckpoint();
      else this.#start();
      equal(this.#view.difference(this.#twin.view()), undefined, `what holds after step ${step}`);
      const entries = this.#running.reduce((sum, one) => sum + one.state.entryCount, 0);
      equal(entries, this.#twin.entryCount, `entries after step ${step}`);
    }
    this.#free();
    equal(this.#kernel.heapUsedBytes, this.#heapBytes, "heap after everything is freed");
  }

  #free(): void {
    for (const one of this.#running) {
      one.free();
      one.input.free();
    }
    this.#running = [];
  }

  /** Anew from the last checkpoint. */
  #start(): void {
    this.#free();
    const { maxParallelism, capacity, schema } = this.#plan;
    const parallelism = Math.min(maxParallelism, this.#random.pick([1, 1, 2, 3]));
    const { batches, twin, view, held } = this.#checkpoint;
    this.#running = Array.from({ length: parallelism }, (_, subtask) => {
      const range = rangeOfSubtask(maxParallelism, parallelism, subtask);
      const input = new BatchRegion(this.#kernel, schema, capacity);
      const next: Receiver = {
        process: () => this.#view.addBatch((this.#running[subtask] as Running).output.copyOut()),
        onWatermark: () => undefined,
        onIdle: () => undefined,
      };
      const made = this.#plan.subtask(asOperatorUid("under_test"), input, range, next, () => this.#epoch);
      made.state.restoreScalars([made.state.scalars()]);
      for (const batch of batches) made.state.restore(batch);
      return { ...made, input, range };
    });
    this.#twin = twin.clone();
    this.#view = view.clone();
    this.#held = [...held];
    this.#epoch = 1;
    this.#completedEpoch = 0;
  }

  #batch(): void {
    const { capacity } = this.#plan;
    const count = this.#random.below((this.#random.chance(0.1) ? capacity : Math.min(capacity, 150)) + 1);
    const back = this.#plan.updating ? this.#random.pick([0.1, 0.5, 0.9]) : 0;
    const changes: { row: readonly Value[]; weight: number }[] = [];
    for (let index = 0; index < count; index++) {
      if (this.#held.length > 0 && this.#random.chance(back)) {
        const at = this.#random.below(this.#held.length);
        changes.push({ row: this.#held[at] as readonly Value[], weight: -1 });
        this.#held[at] = this.#held[this.#held.length - 1] as readonly Value[];
        this.#held.pop();
      } else {
        const row = this.#plan.row(this.#random);
        changes.push({ row, weight: 1 });
        if (this.#plan.updating) this.#held.push(row);
      }
    }
    this.#shuffle(changes);
    const rows = changes.map((one) => one.row);
    const weights = changes.map((one) => one.weight);
    this.#twin.update(rows, weights);
    this.#process(rows, weights);
  }

  /** Sometimes, so that rows are taken back that are given later in the batch. */
  #shuffle<T>(list: T[]): void {
    if (!this.#random.chance(0.2)) return;
    for (let at = list.length - 1; at > 0; at--) {
      const other = this.#random.below(at + 1);
      [list[at], list[other]] = [list[other] as T, list[at] as T];
    }
  }

  #process(rows: readonly (readonly Value[])[], weights: readonly number[]): void {
    const { keys, maxParallelism, schema, updating } = this.#plan;
    const groups = rows.map((row) =>
      keyGroupOfHash(hashOfKey(keys.map((column) => row[column] as Value)), maxParallelism),
    );
    for (const { range, input, operator } of this.#running) {
      const own = [...rows.keys()].filter((row) => inRange(range, groups[row] as number));
      if (own.length === 0) continue;
      const batch = batchOfRows(
        schema,
        own.map((row) => rows[row] as readonly Value[]),
      );
      const its = Int8Array.from(own, (row) => weights[row] as number);
      input.load({ ...batch, weights: updating ? its : undefined });
      operator.process();
    }
  }

  #takeCheckpoint(): void {
    const deltas = this.#running.flatMap((one) => one.state.gather(this.#completedEpoch));
    const epoch = this.#epoch++;
    if (this.#random.chance(0.3)) return; // abandoned: the next one holds these changes too
    const whole = this.#random.chance(0.2);
    const batches = whole
      ? this.#running.flatMap((one) => one.state.gather(-1))
      : [...this.#checkpoint.batches, ...deltas];
    this.#checkpoint = {
      batches,
      twin: this.#twin.clone(),
      view: this.#view.clone(),
      held: [...this.#held],
    };
    if (this.#random.chance(0.5)) this.#batch(); // completion is told while the next epoch runs
    for (const one of this.#running) one.state.completed(epoch);
    this.#completedEpoch = epoch;
  }
}

/** A value of few different ones, close together and far apart. */
export function randomCell(random: Prng, one: Field, distinct: number): Value {
  if (one.nullable && random.chance(0.15)) return null;
  const number = random.below(distinct);
  switch (one.type) {
    case "i64":
    case "timestamp":
      return random.chance(0.05) ? random.pick([-(2n ** 40n), 2n ** 40n, -1n]) * BigInt(number) : BigInt(number);
    case "f64":
      return random.chance(0.05) ? random.pick([Number.NaN, Infinity, -Infinity, -0, 0]) : (number - 50) / 7;
    case "bool":
      return number % 2 === 0;
    case "utf8":
      return number % 3 === 0 ? `k${number}` : `a text\0of some length ${number}`.slice(number % 15);
  }
}
