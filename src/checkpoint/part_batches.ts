// A state part: encoded batches, one after the other. Each says its own length, so the sequence needs no frame.

import type { Bytes } from "../base/bytes.ts";
import { corruptionError } from "../base/errors.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { encodeBatches } from "../batch/wire.ts";
import { decodeBatch } from "../batch/wire_decode.ts";

export const encodePart = (batches: readonly RecordBatch[]): Bytes => encodeBatches(batches);

const LENGTH_AT = 8;

/** The batches are views of `bytes`, which must not change afterwards. */
export function decodePart(bytes: Uint8Array, where: string): RecordBatch[] {
  const batches: RecordBatch[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < bytes.byteLength) {
    const length = at + LENGTH_AT + 4 <= bytes.byteLength ? view.getUint32(at + LENGTH_AT, true) : 0;
    if (length === 0 || length > bytes.byteLength - at) {
      throw corruptionError("part_corrupt", where, `the batch at byte ${at} of a state part is truncated`);
    }
    batches.push(decodeBatch(bytes.subarray(at, at + length), where));
    at += length;
  }
  return batches;
}
