// Rows made from a seed, as many as the spec says, for load and for examples that need no data.
//
// Invariants:
// - Split s of n holds the rows s, s + n, s + 2n, …, so the event times of all splits go forward together.
// - A position is `{row}`, the count of rows of the split that were handed out; what follows depends on nothing else.
// - With `ratePerSecond` each split is handed out at its share of the rate; what was not asked for is made up
//   for, but never more than a second's worth at once.

import { assert } from "../base/assert.ts";
import { userError } from "../base/errors.ts";
import { asSplitId } from "../base/ids.ts";
import type { SourceNode } from "../graph/plan.ts";
import type { GeneratorSpec } from "../job/job_spec.ts";
import type { Clock } from "../platform/ports.ts";
import { GeneratedColumns } from "./generated_columns.ts";
import type { PlainData, ReadOutcome, ReadTarget, SourceConnector, SourceSplit, SplitReader } from "./source.ts";
import { countField, plainObject } from "./split_data.ts";

const END: ReadOutcome = { kind: "end" };
const ROWS: ReadOutcome = { kind: "rows", rejected: [] };

export function generatorSource(clock: Clock, node: SourceNode): SourceConnector {
  const spec = node.connector;
  assert(spec.kind === "generator", "the node's connector is a generator");
  if (!Number.isSafeInteger(spec.startMs + spec.rows * spec.stepMs)) {
    throw userError(
      "spec_invalid",
      `operator ${node.uid}`,
      `${spec.rows} rows of ${spec.stepMs} ms each go beyond any time; use fewer rows or a smaller stepMs`,
    );
  }
  return {
    schema: node.output,
    bounded: true,
    enumerate: async () =>
      Array.from({ length: spec.splits }, (_unused, split) => ({
        id: asSplitId(`generator:${split}`),
        detail: { split },
      })),
    open: async (split, position, target) => new GeneratorSplitReader(clock, spec, node, split, position, target),
  };
}

class GeneratorSplitReader implements SplitReader {
  readonly #clock: Clock;
  readonly #columns: GeneratedColumns;
  readonly #first: number;
  readonly #step: number;
  readonly #count: number;
  readonly #ratePerMs: number;
  #row: number;
  /** At `#anchorMs` the row `#anchorRow` was due. */
  #anchorMs: number;
  #anchorRow: number;

  constructor(
    clock: Clock,
    spec: GeneratorSpec,
    node: SourceNode,
    split: SourceSplit,
    position: PlainData | undefined,
    target: ReadTarget,
  ) {
    const where = `split ${split.id}`;
    this.#clock = clock;
    this.#first = countField(plainObject(split.detail, where), "split", where, 0, spec.splits - 1);
    this.#step = spec.splits;
    this.#count = Math.max(0, Math.ceil((spec.rows - this.#first) / spec.splits));
    this.#ratePerMs = (spec.ratePerSecond ?? Number.POSITIVE_INFINITY) / spec.splits / 1000;
    this.#row = position === undefined ? 0 : countField(plainObject(position, where), "row", where, 0, this.#count);
    this.#anchorMs = clock.monotonicMs();
    this.#anchorRow = this.#row;
    this.#columns = new GeneratedColumns(spec, node.declared, target.region);
  }

  read(rowsMax: number): ReadOutcome {
    if (this.#row === this.#count) return END;
    const due = this.#due();
    if (due < 1) return { kind: "idle", retryAfterMs: Math.ceil((1 - due) / this.#ratePerMs) };
    const count = Math.min(rowsMax, this.#count - this.#row, Math.floor(due));
    this.#columns.fill({ first: this.#first + this.#row * this.#step, step: this.#step, count });
    this.#row += count;
    return ROWS;
  }

  /** Rows that may be handed out now, with a fraction. */
  #due(): number {
    if (this.#ratePerMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    const due = (nowMs - this.#anchorMs) * this.#ratePerMs - (this.#row - this.#anchorRow);
    const most = Math.max(1, this.#ratePerMs * 1000);
    if (due <= most) return due;
    this.#anchorMs = nowMs;
    this.#anchorRow = this.#row + most;
    return most;
  }

  position(): PlainData {
    return { row: this.#row };
  }

  progress(): number {
    return this.#count === 0 ? 1 : this.#row / this.#count;
  }

  async close(): Promise<void> {
    this.#columns.free();
  }
}
