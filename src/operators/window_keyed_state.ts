// The state tables of windows as checkpoints deal with them.
//
// Invariant: all tables of one operator are brought back from the same barrier, so their scalars agree: the watermark up
// to which windows had fired.

import { assert } from "../base/assert.ts";
import type { OperatorUid } from "../base/ids.ts";
import { corruptionError } from "../base/errors.ts";
import type { PlainData } from "../base/plain.ts";
import { largestOf } from "../batch/packed_column.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { columnIndex, type Schema } from "../batch/schema.ts";
import type { WindowState, WindowStateTable } from "../state/window_state.ts";
import type { KeyedState } from "./keyed_state.ts";

export const windowKeyedStates = (uid: OperatorUid, state: WindowState): readonly KeyedState[] =>
  state.stateTables.map((table) => new WindowKeyedState(uid, state, table));

class WindowKeyedState implements KeyedState {
  readonly uid: OperatorUid;
  readonly name: string;
  readonly #state: WindowState;
  readonly #table: WindowStateTable;

  constructor(uid: OperatorUid, state: WindowState, table: WindowStateTable) {
    this.uid = uid;
    this.name = table.name;
    this.#state = state;
    this.#table = table;
  }

  get schema(): Schema {
    return this.#table.stateSchema;
  }
  get stateBytes(): number {
    return this.#table.stateBytes;
  }
  get entryCount(): number {
    return this.#table.entryCount;
  }
  get watermark(): bigint {
    return this.#state.firedWatermark;
  }

  expiryOf(batches: readonly RecordBatch[]): bigint | undefined {
    const position = columnIndex(this.schema, "window_start");
    let latest: bigint | undefined;
    for (const batch of batches) {
      const column = batch.columns[position];
      assert(column?.type === "timestamp", "state rows name their window");
      const start = largestOf(column);
      if (start !== undefined && (latest === undefined || start > latest)) latest = start;
    }
    return latest === undefined ? undefined : latest + BigInt(this.#table.livesMs);
  }

  gather(afterEpoch: number): readonly RecordBatch[] {
    return this.#table.gather(afterEpoch);
  }
  scalars(): PlainData {
    return { firedWatermark: String(this.#state.firedWatermark) };
  }
  completed(epoch: number): void {
    this.#table.completed(epoch);
  }

  restoreScalars(scalars: readonly PlainData[]): void {
    // Aligned barriers stop all subtasks at the same watermark; the smallest closes no window too early.
    const each = scalars.map((one) => this.#firedOf(one));
    const fired = each.reduce((least, one) => (one < least ? one : least));
    if (fired === this.#state.firedWatermark) return;
    if (this.#state.stateTables.some((one) => one.entryCount > 0)) {
      const message = `the checkpoint's states of one operator name different watermarks (${fired} and ${this.#state.firedWatermark})`;
      throw corruptionError("state_corrupt", `operator ${this.uid}`, message);
    }
    this.#state.firedWatermark = fired;
  }
  #firedOf(scalars: PlainData): bigint {
    const text = (scalars as { firedWatermark?: unknown }).firedWatermark;
    if (typeof text === "string" && /^-?\d{1,19}$/.test(text)) return BigInt(text);
    const message = "the checkpoint holds no watermark of the windows";
    throw corruptionError("state_corrupt", `operator ${this.uid}`, message);
  }

  restore(batch: RecordBatch): void {
    this.#table.restore(batch);
  }
}
