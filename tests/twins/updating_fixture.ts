// What tests of operators with an updating output share: one subtask over rows of plain values.

import { asOperatorUid } from "../../src/base/ids.ts";
import { batchOfRows, rowOf, type Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { AggregateOperator } from "../../src/operators/aggregate.ts";
import type { KeyedState } from "../../src/operators/keyed_state.ts";
import type { Receiver } from "../../src/operators/operator.ts";
import { TopNOperator } from "../../src/operators/top_n.ts";
import { RunningTable, type RunningTableConfig } from "../../src/state/running_table.ts";
import { TopTable, type TopTableConfig } from "../../src/state/top_table.ts";

/** A row behind its weight. */
export type Change = readonly [weight: number, ...row: Value[]];

const groups = { maxParallelism: 128, keyGroups: { start: 0, end: 128 } };
export type Short<Config> = Omit<Config, "where" | "maxParallelism" | "keyGroups">;

export class UpdatingFixture {
  readonly kernel: KernelInstance;
  readonly state: KeyedState;
  epoch = 1;
  /** What was emitted since it was last looked at, batch by batch. */
  readonly emitted: Change[][] = [];
  readonly #input: BatchRegion;
  readonly #operator: Receiver;

  constructor(
    kernel: KernelInstance,
    schema: Schema,
    make: (input: BatchRegion, next: (output: () => BatchRegion) => Receiver, epoch: () => number) => MadeOperator,
  ) {
    this.kernel = kernel;
    this.#input = new BatchRegion(kernel, schema);
    const next = (output: () => BatchRegion): Receiver => ({
      process: () => this.emitted.push(changesOf(output())),
      onWatermark: () => undefined,
      onIdle: () => undefined,
    });
    const { operator, state } = make(this.#input, next, () => this.epoch);
    this.#operator = operator;
    this.state = state;
  }

  /** The changes that these changes cause. */
  run(...changes: readonly Change[]): Change[] {
    const rows = changes.map(([, ...row]) => row);
    const weights = Int8Array.from(changes, ([weight]) => weight);
    const batch = batchOfRows(this.#input.schema, rows);
    this.#input.load({ ...batch, weights: weights.some((one) => one !== 1) ? weights : undefined });
    this.emitted.length = 0;
    this.#operator.process();
    return this.emitted.flat();
  }
}

interface MadeOperator {
  readonly operator: Receiver;
  readonly state: KeyedState;
}

function changesOf(region: BatchRegion): Change[] {
  const batch = region.copyOut();
  return Array.from({ length: batch.rowCount }, (_, row) => [batch.weights?.[row] ?? 1, ...rowOf(batch, row)]);
}

export const BUDGET_BYTES: number = 64 * 1024 * 1024;

export function aggregateFixture(
  kernels: WebAssembly.Module,
  schema: Schema,
  config: Short<RunningTableConfig>,
  budgetBytes: number = BUDGET_BYTES,
): UpdatingFixture {
  const kernel = new KernelInstance(kernels, budgetBytes);
  return new UpdatingFixture(kernel, schema, (input, next, epoch) => {
    const table = new RunningTable(asOperatorUid("sums"), kernel, input, { where: "sums", ...groups, ...config });
    const output = new BatchRegion(kernel, table.outputSchema);
    const context = { epoch, countLate: () => undefined };
    return { operator: new AggregateOperator({ table, output, next: [next(() => output)], context }), state: table };
  });
}

export function topFixture(
  kernels: WebAssembly.Module,
  schema: Schema,
  config: Short<TopTableConfig>,
  outputRows = 4096,
): UpdatingFixture {
  const kernel = new KernelInstance(kernels, BUDGET_BYTES);
  return new UpdatingFixture(kernel, schema, (input, next, epoch) => {
    const all = { where: "best", ...groups, ...config };
    const table = new TopTable(asOperatorUid("best"), kernel, input, all, outputRows);
    const context = { epoch, countLate: () => undefined };
    return { operator: new TopNOperator({ table, next: [next(() => table.output)], context }), state: table };
  });
}
