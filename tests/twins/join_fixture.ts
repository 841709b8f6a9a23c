// What tests of joins share: one join operator over rows of plain values.

import { asOperatorUid } from "../../src/base/ids.ts";
import { batchOfRows, type RecordBatch, rowOf, type Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import type { KernelInstance } from "../../src/kernel/instance.ts";
import type { KeyGroupRange } from "../../src/keygroup/key_group.ts";
import { JoinOperator } from "../../src/operators/join.ts";
import { JoinPair, type JoinOutputColumn } from "../../src/state/join_pair.ts";
import { bucketMsOf, type JoinTiming } from "../../src/state/join_plan.ts";
import { JoinSide } from "../../src/state/join_side.ts";

/** Of the left and the right input. */
export type Both<T> = readonly [left: T, right: T];

export interface JoinJob {
  readonly schemas: Both<Schema>;
  readonly keys: Both<readonly number[]>;
  /** Positions of the event times; undefined: wall time. */
  readonly times: Both<number> | undefined;
  readonly timing: JoinTiming;
  readonly columns: readonly JoinOutputColumn[];
  readonly maxParallelism: number;
}

export interface Joined {
  readonly row: Value[];
  readonly weight: number;
}

export const NO_WATERMARK: bigint = -(2n ** 63n);
export const LAST_WATERMARK: bigint = 2n ** 63n - 1n;

export function joinSideOf(job: JoinJob, input: 0 | 1, kernel: KernelInstance, rows: number, keyGroups: KeyGroupRange) {
  return new JoinSide(kernel, job.schemas[input], rows, {
    where: `pairs, ${input === 0 ? "left" : "right"} input`,
    keys: job.keys[input],
    time: job.times?.[input],
    columns: job.columns.filter((one) => one.input === input).map((one) => one.column),
    bucketMs: bucketMsOf(job.timing, "pairs"),
    maxParallelism: job.maxParallelism,
    keyGroups,
  });
}

export class JoinFixture {
  readonly operator: JoinOperator;
  readonly pair: JoinPair;
  readonly inputs: Both<BatchRegion>;
  readonly output: BatchRegion;
  /** What was emitted since it was last taken. */
  readonly joined: Joined[] = [];
  readonly late: Both<Value[][]> = [[], []];
  lateCount = 0;
  epoch = 1;
  nowMs = 0;
  /** The last watermark that was passed on. */
  passedOn = NO_WATERMARK;
  /** How often it has said that no rows are to be expected. */
  idleSaid = 0;

  constructor(kernel: KernelInstance, job: JoinJob, capacity = 4096, outputRows = 4096, keyGroups?: KeyGroupRange) {
    const range = keyGroups ?? { start: 0, end: job.maxParallelism };
    this.inputs = [
      new BatchRegion(kernel, job.schemas[0], capacity),
      new BatchRegion(kernel, job.schemas[1], capacity),
    ];
    const left = joinSideOf(job, 0, kernel, capacity, range);
    const right = joinSideOf(job, 1, kernel, capacity, range);
    this.pair = new JoinPair(left, right, job.schemas, job.timing, job.columns);
    this.output = new BatchRegion(kernel, this.pair.outputSchema, outputRows);
    const lateOf = (input: 0 | 1) => ({
      write: (batch: RecordBatch) => {
        for (let row = 0; row < batch.rowCount; row++) this.late[input].push(rowOf(batch, row));
      },
    });
    this.operator = new JoinOperator({
      uid: asOperatorUid("pairs"),
      timing: job.timing,
      pair: this.pair,
      left: { region: this.inputs[0], late: [lateOf(0)] },
      right: { region: this.inputs[1], late: [lateOf(1)] },
      output: this.output,
      next: [
        {
          process: () => this.#collect(),
          onWatermark: (watermark) => {
            this.passedOn = watermark;
          },
          onIdle: () => {
            this.idleSaid++;
          },
        },
      ],
      context: {
        epoch: () => this.epoch,
        countLate: (rows) => {
          this.lateCount += rows;
        },
      },
      nowMs: () => this.nowMs,
    });
  }

  #collect(): void {
    const batch = this.output.copyOut();
    for (let row = 0; row < batch.rowCount; row++) {
      this.joined.push({ row: rowOf(batch, row), weight: batch.weights?.[row] ?? 1 });
    }
  }

  /** What the rows join with. */
  push(
    input: 0 | 1,
    rows: readonly (readonly Value[])[],
    more: { readonly watermarks?: readonly bigint[]; readonly weights?: readonly number[] } = {},
  ): Joined[] {
    const region = this.inputs[input];
    const weights = more.weights === undefined ? undefined : Int8Array.from(more.weights);
    region.load({ ...batchOfRows(region.schema, rows), weights });
    const into = region.watermarks();
    for (let row = 0; row < rows.length; row++) into[row] = more.watermarks?.[row] ?? NO_WATERMARK;
    this.operator.receivers[input].process();
    return this.joined.splice(0);
  }

  watermark(input: 0 | 1, watermark: bigint): void {
    this.operator.receivers[input].onWatermark(watermark);
  }
  idle(input: 0 | 1): void {
    this.operator.receivers[input].onIdle();
  }

  get rowCounts(): Both<number> {
    return [this.pair.left.rowCount, this.pair.right.rowCount];
  }

  free(): void {
    this.pair.free();
    this.inputs[0].free();
    this.inputs[1].free();
    this.output.free();
  }
}
