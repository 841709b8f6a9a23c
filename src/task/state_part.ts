// State rows on their way into a part.

import type { RecordBatch } from "../batch/record_batch.ts";
import { encodePart } from "../checkpoint/part_batches.ts";
import type { KeyedState } from "../operators/keyed_state.ts";

export interface StatePart {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  /** The operator's watermark at which the last of the rows is dead; undefined: never. */
  readonly expiresAt: bigint | undefined;
}

export const statePart = (state: KeyedState, batches: readonly RecordBatch[]): StatePart => ({
  bytes: encodePart(batches),
  rowCount: batches.reduce((sum, batch) => sum + batch.rowCount, 0),
  expiresAt: state.expiryOf(batches),
});
