// A frame of a channel as bytes: a small CBOR head, then the rows in the wire format of batches.
//
//   u32 bytes of the head | head | zeros up to a multiple of 8 | rows, where the head says so
//
// Only the columns' types travel with the rows, as names c0, c1 …: both ends have the edge's schema from the plan.
// The rows' own watermarks, 8 bytes each, stand behind the batch.

import { align8, type Bytes, concatBytes } from "../base/bytes.ts";
import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { corruptionError } from "../base/errors.ts";
import type { CheckpointId } from "../base/ids.ts";
import { field, type Schema } from "../batch/schema.ts";
import { encodeBatch } from "../batch/wire.ts";
import { decodeBatch } from "../batch/wire_decode.ts";
import type { Frame, RowsFrame } from "../protocol/frames.ts";
import type { BarrierMode } from "../protocol/messages.ts";

/** What a frame is, without its rows. */
export type FrameHead =
  | { readonly kind: "rows"; readonly watermarkBytes: number }
  | { readonly kind: "watermark"; readonly value: string }
  | { readonly kind: "idle" }
  | { readonly kind: "barrier"; readonly checkpoint: number; readonly mode: BarrierMode }
  | { readonly kind: "end" };

const HEAD_BYTES_MAX = 64 * 1024;

/** A head with what follows it. */
export function packed(head: unknown, body: Uint8Array | undefined): Bytes {
  const encoded = encodeCbor(head);
  const start = align8(4 + encoded.byteLength);
  const out = new Uint8Array(start + (body?.byteLength ?? 0));
  new DataView(out.buffer).setUint32(0, encoded.byteLength, true);
  out.set(encoded, 4);
  if (body !== undefined) out.set(body, start);
  return out;
}

export function unpacked(bytes: Bytes, where: string): { readonly head: unknown; readonly body: Bytes } {
  const size = bytes.byteLength < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (bytes.byteLength < 4 || size > HEAD_BYTES_MAX || align8(4 + size) > bytes.byteLength) {
    const message = `a message of ${bytes.byteLength} bytes says that its head has ${size}`;
    throw corruptionError("message_corrupt", where, message);
  }
  return { head: decodeCbor(bytes.subarray(4, 4 + size), where), body: bytes.subarray(align8(4 + size)) };
}

export const headOf = (frame: Frame): FrameHead => {
  switch (frame.kind) {
    case "rows":
      return { kind: "rows", watermarkBytes: frame.watermarks?.byteLength ?? 0 };
    case "watermark":
      return { kind: "watermark", value: `${frame.value}` };
    default:
      return frame;
  }
};

/** Undefined where there are no rows. */
export function bodyOf(frame: Frame): Bytes | undefined {
  if (frame.kind !== "rows") return undefined;
  const { rowCount, columns, weights, watermarks } = frame;
  const schema: Schema = columns.map(({ type, validity }, index) => field(`c${index}`, type, validity !== undefined));
  const batch = encodeBatch({ schema, rowCount, columns, weights });
  if (watermarks === undefined) return batch;
  return concatBytes([batch, new Uint8Array(watermarks.buffer, watermarks.byteOffset, watermarks.byteLength)]);
}

export function frameOf(head: FrameHead, body: Bytes, where: string): Frame {
  switch (head.kind) {
    case "rows":
      return rowsOf(head.watermarkBytes, body, where);
    case "watermark":
      return { kind: "watermark", value: BigInt(head.value) };
    case "barrier":
      return { kind: "barrier", checkpoint: head.checkpoint as CheckpointId, mode: head.mode };
    default:
      return head;
  }
}

function rowsOf(watermarkBytes: number, body: Bytes, where: string): RowsFrame {
  const batchBytes = body.byteLength - watermarkBytes;
  const { rowCount, columns, weights } = decodeBatch(body.subarray(0, Math.max(0, batchBytes)), where);
  if (watermarkBytes === 0) return { kind: "rows", rowCount, columns, weights, watermarks: undefined };
  if (watermarkBytes !== rowCount * 8) {
    const message = `${watermarkBytes} bytes of watermarks came with ${rowCount} rows`;
    throw corruptionError("message_corrupt", where, message);
  }
  // Of their own: the batch's length need not be a multiple of 8 in the buffer.
  const watermarks = new BigInt64Array(body.slice(batchBytes).buffer);
  return { kind: "rows", rowCount, columns, weights, watermarks };
}
