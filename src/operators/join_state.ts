// One side of a join as checkpoints see it.
//
// State rows are dead once their time is before the cutoff of the side, so watermark and expiry are in those terms,
// which hold for event time and wall time alike.

import { assert } from "../base/assert.ts";
import { corruptionError } from "../base/errors.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import type { JoinSide } from "../state/join_side.ts";
import type { KeyedState } from "./keyed_state.ts";

const I64_MIN = -(2n ** 63n);
const TIME_COLUMN = 1;

export class JoinState implements KeyedState {
  readonly uid: OperatorUid;
  readonly name: "left" | "right";
  readonly side: JoinSide;
  /** Of this side's input; while that is idle, of the other's. */
  inputWatermark = I64_MIN;
  isIdle = false;

  constructor(uid: OperatorUid, name: "left" | "right", side: JoinSide) {
    this.uid = uid;
    this.name = name;
    this.side = side;
  }

  get schema(): Schema {
    return this.side.stateSchema;
  }
  gather(afterEpoch: number): readonly RecordBatch[] {
    return this.side.gather(afterEpoch);
  }
  completed(epoch: number): void {
    this.side.completed(epoch);
  }
  restore(batch: RecordBatch): void {
    this.side.restore(batch);
  }

  scalars(): PlainData {
    return { cutoff: String(this.side.cutoff), inputWatermark: String(this.inputWatermark) };
  }

  /** The least of what the subtasks had: a row that is dead to some of them may be alive to another. */
  restoreScalars(scalars: readonly PlainData[]): void {
    assert(scalars.length > 0, "some subtask wrote the checkpoint");
    this.side.cutoff = this.#least(scalars, "cutoff");
    this.inputWatermark = this.#least(scalars, "inputWatermark");
  }

  #least(scalars: readonly PlainData[], name: "cutoff" | "inputWatermark"): bigint {
    const values = scalars.map((one) => {
      const text = (one as Record<string, unknown> | null)?.[name];
      if (typeof text === "string" && /^-?\d{1,19}$/.test(text)) return BigInt(text);
      const message = `the checkpoint holds no ${name} of the ${this.name} side of the join`;
      throw corruptionError("state_corrupt", `operator ${this.uid}`, message);
    });
    return values.reduce((least, one) => (one < least ? one : least));
  }

  expiryOf(batches: readonly RecordBatch[]): bigint | undefined {
    let latest: bigint | undefined;
    for (const batch of batches) {
      const column = batch.columns[TIME_COLUMN];
      assert(column?.type === "timestamp", "state rows have a time");
      const time = latestOf(column.values);
      if (time !== undefined && (latest === undefined || time > latest)) latest = time;
    }
    return latest === undefined ? undefined : latest + 1n;
  }
  get watermark(): bigint {
    return this.side.cutoff;
  }
  get stateBytes(): number {
    return this.side.stateBytes;
  }
  get entryCount(): number {
    return this.side.rowCount;
  }
}

/** By words, high and low, without making a bigint of every row. */
function latestOf(values: BigInt64Array): bigint | undefined {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  let at = 0;
  for (let row = 2; row < words.length; row += 2) {
    const high = (words[row + 1] as number) - (words[at + 1] as number);
    if (high > 0 || (high === 0 && (words[row] as number) >>> 0 > (words[at] as number) >>> 0)) at = row;
  }
  return values[at / 2];
}
