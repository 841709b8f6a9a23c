// Both sides of a join together: which rows of one side meet which of the other, and what the watermarks mean for them.
//
// Watermarks, with w and v those of the left and the right input:
// - A right row that is not late has a time of at least v, so a left row with `time + upper < v` is dead; likewise a
//   right row with `time - lower < w`.
// - Joined rows that come after the watermark `min(w + min(lower, 0), v - max(upper, 0))` have no event time before it,
//   neither the left nor the right one. An end of the input is later than any time, so that an ended side holds nothing up.

import { assert } from "../base/assert.ts";
import { userError } from "../base/errors.ts";
import { equalSchemas, type Field, field, type Schema } from "../batch/schema.ts";
import { type BatchRegion, typeCode } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { STATUS_OK } from "../../kernels/abi.ts";
import { type JoinTiming, placeOf } from "./join_plan.ts";
import type { JoinSide } from "./join_side.ts";

/** A column of the joined rows: of the left (0) or the right (1) input, by its position there. */
export interface JoinOutputColumn {
  readonly name: string;
  readonly input: 0 | 1;
  readonly column: number;
}

interface PairKernels {
  mr_join_create(left: number, right: number): number;
  mr_join_add_output(join: number, side: number, column: number, type: number, at: number, nullBit: number): void;
  mr_join_free(join: number): void;
  mr_join_probe(join: number, side: number, batch: number, out: number, capacity: number): number;
}

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

/** The ends of the range stay: "nothing known yet" and "nothing will come". */
function shifted(watermark: bigint, byMs: number): bigint {
  if (watermark === I64_MIN || watermark === I64_MAX) return watermark;
  const moved = watermark + BigInt(byMs);
  return moved < I64_MIN ? I64_MIN : moved > I64_MAX ? I64_MAX : moved;
}

const earlier = (left: bigint, right: bigint): bigint => (left < right ? left : right);

const interval = (timing: JoinTiming): { lowerMs: number; upperMs: number } =>
  timing.kind === "interval" ? timing : { lowerMs: -timing.ttlMs, upperMs: timing.ttlMs };

/** The times before which rows of the left and of the right side are dead, from the inputs' watermarks. */
export function cutoffsOf(timing: JoinTiming, left: bigint, right: bigint): readonly [left: bigint, right: bigint] {
  switch (timing.kind) {
    case "interval":
      return [shifted(right, -timing.upperMs), shifted(left, timing.lowerMs)];
    case "event_time": {
      // Not that of the other side alone: a row may still be taken back until its own side is past it.
      const cutoff = shifted(earlier(left, right), -timing.ttlMs);
      return [cutoff, cutoff];
    }
    case "wall_time":
      return [I64_MIN, I64_MIN];
  }
}

/** What may be said to those who read the joined rows. */
export function joinedWatermark(timing: JoinTiming, left: bigint, right: bigint): bigint {
  if (timing.kind === "wall_time") return earlier(left, right);
  const { lowerMs, upperMs } = interval(timing);
  return earlier(shifted(left, Math.min(lowerMs, 0)), shifted(right, -Math.max(upperMs, 0)));
}

export class JoinPair {
  readonly outputSchema: Schema;
  readonly left: JoinSide;
  readonly right: JoinSide;
  readonly #kernel: KernelInstance;
  readonly #kernels: PairKernels;
  readonly #address: number;

  constructor(
    left: JoinSide,
    right: JoinSide,
    inputs: readonly [left: Schema, right: Schema],
    timing: JoinTiming,
    columns: readonly JoinOutputColumn[],
  ) {
    this.left = left;
    this.right = right;
    this.#kernel = left.kernel;
    this.#kernels = left.kernel.exports as unknown as PairKernels;
    assert(left.kernel === right.kernel, "both sides share one memory");
    checkPair(left, right, timing);
    this.outputSchema = columns.map(({ name, input, column }) => {
      const source = inputs[input][column] as Field;
      return field(name, source.type, source.nullable);
    });
    const { lowerMs, upperMs } = interval(timing);
    left.joinFrom(lowerMs, upperMs);
    right.joinFrom(-upperMs, -lowerMs);
    this.#address = this.#kernels.mr_join_create(left.address, right.address) >>> 0;
    if (this.#address === 0) throw this.#kernel.outOfMemory("a join");
    for (const [index, { input, column }] of columns.entries()) this.#addOutput(index, input, column);
  }

  #addOutput(index: number, input: 0 | 1, column: number): void {
    const side = input === 0 ? this.left : this.right;
    const kept = placeOf(side.plan, side.config.time, column);
    const shown = this.outputSchema[index];
    assert(kept !== undefined && shown !== undefined, "a column that is shown is kept");
    // A key column is nullable in the input, but a row with a null there joins nothing.
    this.#kernels.mr_join_add_output(this.#address, input, column, typeCode[shown.type], kept.at, kept.nullBit);
  }

  /**
   * Fills `output` with the next joined rows of the batch that `side` took in last; 0: there are no more. Their text
   * is valid until the next call. They have weights where the batch has them.
   */
  probe(side: JoinSide, input: BatchRegion, output: BatchRegion): number {
    assert(equalSchemas(output.schema, this.outputSchema), "joined rows go into a region of their schema");
    output.useWeights(input.weighted);
    const rows = this.#kernels.mr_join_probe(
      this.#address,
      side.address,
      input.address,
      output.address,
      output.capacity,
    );
    if (this.#kernel.status !== STATUS_OK) throw side.failure("row");
    return rows;
  }

  free(): void {
    this.#kernels.mr_join_free(this.#address);
    this.left.free();
    this.right.free();
  }
}

function checkPair(left: JoinSide, right: JoinSide, timing: JoinTiming): void {
  const { where } = left.config;
  const leftKeys = left.plan.keyFields;
  const rightKeys = right.plan.keyFields;
  if (leftKeys.length !== rightKeys.length) {
    const message = `${leftKeys.length} key columns on the left and ${rightKeys.length} on the right`;
    throw userError("join_key_invalid", where, message);
  }
  leftKeys.forEach((key, index) => {
    const other = rightKeys[index] as Field;
    if (key.type === other.type) return;
    const message = `${key.name} is ${key.type} and ${other.name} is ${other.type}; rows join on columns of one type`;
    throw userError("join_key_invalid", where, message);
  });
  const timed = left.config.time !== undefined && right.config.time !== undefined;
  assert(timed || timing.kind === "wall_time", "rows that join by event time have it");
}
