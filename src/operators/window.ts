// Tumbling windows per key: folds rows into panes, emits a pane once the watermark has passed its end.
// Late rows, decided per row by the watermark of the row's own split, go to the side output and are counted.

import { assert } from "../base/assert.ts";
import { asOperatorUid, type OperatorUid } from "../base/ids.ts";
import { corruptionError } from "../base/errors.ts";
import type { PlainData } from "../base/plain.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { columnIndex, type Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { WindowTable } from "../state/window_table.ts";
import type { KeyedState } from "./keyed_state.ts";
import type { BatchReceiver, OperatorContext, Receiver } from "./operator.ts";

export interface WindowWiring {
  readonly uid: OperatorUid;
  readonly table: WindowTable;
  readonly sizeMs: number;
  readonly input: BatchRegion;
  readonly output: BatchRegion;
  readonly next: readonly Receiver[];
  /** Where late rows go; empty: they are only counted. */
  readonly late: readonly BatchReceiver[];
  readonly context: OperatorContext;
}

export class WindowOperator implements Receiver, KeyedState {
  readonly name = "windows";
  readonly #wiring: WindowWiring;

  constructor(wiring: WindowWiring) {
    this.#wiring = wiring;
  }

  get uid(): OperatorUid {
    return asOperatorUid(this.#wiring.uid);
  }
  get schema(): Schema {
    return this.#wiring.table.stateSchema;
  }
  get stateBytes(): number {
    return this.#wiring.table.stateBytes;
  }
  get entryCount(): number {
    return this.#wiring.table.entryCount;
  }

  get watermark(): bigint {
    return this.#wiring.table.firedWatermark;
  }

  expiryOf(batches: readonly RecordBatch[]): bigint | undefined {
    const { stateSchema } = this.#wiring.table;
    const position = columnIndex(stateSchema, "window_start");
    let latest: bigint | undefined;
    for (const batch of batches) {
      const column = batch.columns[position];
      assert(column?.type === "timestamp", "state rows name their window");
      const start = latestOf(column.values);
      if (start !== undefined && (latest === undefined || start > latest)) latest = start;
    }
    return latest === undefined ? undefined : latest + BigInt(this.#wiring.sizeMs);
  }

  process(): void {
    const { table, context, late, input } = this.#wiring;
    const updated = table.update(context.epoch());
    if (updated.lateCount === 0) return;
    context.countLate(updated.lateCount);
    if (late.length === 0) return;
    const rows = input.copyRows(updated.lateRows());
    for (const receiver of late) receiver.write(rows);
  }

  onWatermark(watermark: bigint): void {
    const { table, output, next } = this.#wiring;
    if (watermark <= table.firedWatermark) return;
    table.fire(watermark, output, (rows) => {
      output.rowCount = rows;
      for (const one of next) one.process();
    });
    for (const one of next) one.onWatermark(watermark);
  }

  gather(afterEpoch: number): readonly RecordBatch[] {
    return this.#wiring.table.gather(afterEpoch);
  }
  scalars(): PlainData {
    return { firedWatermark: String(this.#wiring.table.firedWatermark) };
  }
  completed(epoch: number): void {
    this.#wiring.table.completed(epoch);
  }
  restoreScalars(scalars: readonly PlainData[]): void {
    // Aligned barriers stop all subtasks at the same watermark; the smallest closes no window too early.
    const fired = scalars.map((one) => this.#firedOf(one));
    this.#wiring.table.firedWatermark = fired.reduce((least, one) => (one < least ? one : least));
  }
  #firedOf(scalars: PlainData): bigint {
    const text = (scalars as { firedWatermark?: unknown }).firedWatermark;
    if (typeof text === "string" && /^-?\d{1,19}$/.test(text)) return BigInt(text);
    const message = "the checkpoint holds no watermark of the windows";
    throw corruptionError("state_corrupt", `operator ${this.uid}`, message);
  }
  restore(batch: RecordBatch): void {
    this.#wiring.table.restore(batch);
  }
}

/** State rows have few different windows: a value that repeats is recognised by its words, without making a bigint of it. */
function latestOf(values: BigInt64Array): bigint | undefined {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  let latest = values[0];
  if (latest === undefined) return undefined;
  let at = 0;
  for (let row = 1; row < values.length; row++) {
    if (words[row * 2] === words[at * 2] && words[row * 2 + 1] === words[at * 2 + 1]) continue;
    at = row;
    const value = values[row] as bigint;
    if (value > latest) latest = value;
  }
  return latest;
}
