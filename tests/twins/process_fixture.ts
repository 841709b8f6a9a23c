// What tests of process functions share: an operator over rows of plain values, and what it has written.

import { asOperatorUid } from "../../src/base/ids.ts";
import type { PlainData } from "../../src/base/plain.ts";
import { batchOfRows, type RecordBatch, rowOf, type Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import type { ProcessFunction } from "../../src/job/define_process.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import type { KernelInstance } from "../../src/kernel/instance.ts";
import type { KeyGroupRange } from "../../src/keygroup/key_group.ts";
import { ProcessOperator } from "../../src/operators/process.ts";
import { processTables } from "../../src/operators/process_tables.ts";

export const NO_WATERMARK: bigint = -(2n ** 63n);
export const LAST_WATERMARK: bigint = 2n ** 63n - 1n;

export interface FixtureInput {
  readonly schema: Schema;
  readonly keys: readonly number[];
  readonly time?: number;
}

export interface FixtureOptions {
  readonly inputs: readonly FixtureInput[];
  readonly params?: PlainData;
  readonly maxParallelism?: number;
  readonly keyGroups?: KeyGroupRange;
  readonly budgetBytes?: number;
  readonly inputRows?: number;
  readonly outputRows?: number;
  readonly epoch?: () => number;
  readonly nowMs?: () => number;
}

/** Everything that an operator has gathered or said at a barrier. */
export interface FixtureSnapshot {
  /** By table, in the order of `tables`. */
  readonly batches: readonly (readonly RecordBatch[])[];
  readonly scalars: readonly PlainData[];
}

export class ProcessFixture {
  readonly operator: ProcessOperator;
  late = 0;
  /** How often it has said that no rows are to be expected. */
  idleSaid = 0;
  readonly #inputs: readonly { readonly region: BatchRegion; readonly schema: Schema }[];
  #main: Value[][] = [];
  #watermarks: bigint[] = [];
  #passedOn: bigint[] = [];
  readonly #sides = new Map<string, Value[][]>();

  constructor(kernel: KernelInstance, its: ProcessFunction, options: FixtureOptions) {
    const { inputs, params = null, maxParallelism = 128, outputRows = 50 } = options;
    this.#inputs = inputs.map(({ schema }) => ({
      schema,
      region: new BatchRegion(kernel, schema, options.inputRows ?? 4096),
    }));
    const output = new BatchRegion(kernel, its.output, outputRows);
    for (const name of its.sideOutputs.keys()) this.#sides.set(name, []);
    this.operator = new ProcessOperator({
      uid: asOperatorUid("under test"),
      function: its,
      params,
      states: its.states,
      inputs: inputs.map(({ keys, time }, index) => ({
        region: (this.#inputs[index] as { region: BatchRegion }).region,
        keyColumns: keys,
        timeColumn: time,
      })),
      output,
      next: [
        {
          process: () => {
            this.#main.push(...rowsOf(output.copyOut()));
            this.#watermarks.push(...output.watermarks().slice(0, output.rowCount));
          },
          onWatermark: (watermark) => this.#passedOn.push(watermark),
          onIdle: () => {
            this.idleSaid++;
          },
        },
      ],
      sides: new Map(
        [...its.sideOutputs].map(([name, schema]) => {
          const receiver = { write: (batch: RecordBatch) => this.#sides.get(name)?.push(...rowsOf(batch)) };
          return [name, { schema, receivers: [receiver] }];
        }),
      ),
      maxParallelism,
      keyGroups: options.keyGroups ?? { start: 0, end: maxParallelism },
      budgetBytes: options.budgetBytes ?? Number.MAX_SAFE_INTEGER,
      context: {
        epoch: options.epoch ?? (() => 1),
        countLate: (rows) => {
          this.late += rows;
        },
      },
      nowMs: options.nowMs ?? (() => 0),
    });
  }

  /** Without watermarks: before the first one. */
  rows(rows: readonly (readonly Value[])[], watermarks: readonly bigint[] = [], input = 0): void {
    const its = this.#inputs[input];
    if (its === undefined) throw new Error(`there is no input ${input}`);
    its.region.load(batchOfRows(its.schema, rows));
    const into = its.region.watermarks();
    for (let row = 0; row < rows.length; row++) into[row] = watermarks[row] ?? NO_WATERMARK;
    this.operator.inputs[input]?.process();
  }

  watermark(watermark: bigint, input = 0): void {
    this.operator.inputs[input]?.onWatermark(watermark);
  }

  idle(input: number): void {
    this.operator.inputs[input]?.onIdle();
  }

  /** What was written since the last call. */
  take(): Value[][] {
    const rows = this.#main;
    this.#main = [];
    this.#watermarks = [];
    return rows;
  }
  /** The same, each row followed by the watermark that it carries. */
  takeWithWatermarks(): Value[][] {
    const watermarks = this.#watermarks;
    return this.take().map((row, index) => [...row, watermarks[index] as bigint]);
  }
  takeSide(name: string): Value[][] {
    return this.#sides.get(name)?.splice(0) ?? [];
  }
  takePassedOn(): bigint[] {
    return this.#passedOn.splice(0);
  }

  get entryCount(): number {
    return this.operator.tables.reduce((sum, table) => sum + table.entryCount, 0);
  }

  gather(afterEpoch: number): FixtureSnapshot {
    const { tables } = this.operator;
    return {
      batches: tables.map((table) => table.gather(afterEpoch)),
      scalars: tables.map((table) => table.scalars()),
    };
  }
  completed(epoch: number): void {
    for (const table of this.operator.tables) table.completed(epoch);
  }
  /** @param subtasks what each of them said; @param deltas in the order of their checkpoints. */
  restore(subtasks: readonly FixtureSnapshot[], deltas: readonly FixtureSnapshot[]): void {
    restoreTables(this.operator.tables, subtasks, deltas);
  }
}

type Tables = ProcessOperator["tables"];

function restoreTables(tables: Tables, subtasks: readonly FixtureSnapshot[], deltas: readonly FixtureSnapshot[]): void {
  tables.forEach((table, index) => {
    table.restoreScalars(subtasks.map((one) => one.scalars[index] as PlainData));
    for (const { batches } of deltas) for (const batch of batches[index] ?? []) table.restore(batch);
    table.completed(0);
  });
}

/** The deltas as one: what a task does in the background to keep the list of parts short. */
export function mergeDeltas(
  its: ProcessFunction,
  options: FixtureOptions,
  subtasks: readonly FixtureSnapshot[],
  deltas: readonly FixtureSnapshot[],
): FixtureSnapshot {
  const { inputs, maxParallelism = 128 } = options;
  const first = inputs[0] as FixtureInput;
  const { states, timers, waiting } = processTables({
    uid: asOperatorUid("under test"),
    keyTypes: first.keys.map((column) => (first.schema[column] as Schema[number]).type),
    states: its.states,
    inputCount: inputs.length,
    eventTime: inputs.every(({ time }) => time !== undefined),
    maxParallelism,
    keyGroups: { start: 0, end: maxParallelism },
  });
  const tables: Tables = [states, timers, waiting];
  restoreTables(tables, subtasks, deltas);
  return { batches: tables.map((table) => table.gather(-1)), scalars: tables.map((table) => table.scalars()) };
}

export const rowsOf = (batch: RecordBatch): Value[][] =>
  Array.from({ length: batch.rowCount }, (_, row) => rowOf(batch, row));
