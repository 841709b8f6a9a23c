// The rows of a region as a frame: one copy out of WASM memory, into the channel's own memory where it lends some.

import { align8 } from "../../base/bytes.ts";
import type { Column } from "../../batch/record_batch.ts";
import type { BatchRegion } from "../../kernel/batch_region.ts";
import { columnOut } from "../../kernel/column_out.ts";
import type { RowsFrame } from "../../protocol/frames.ts";
import { BATCH_WEIGHTS, COLUMN_VALIDITY } from "../../../kernels/abi.ts";
import type { CreditedSender } from "./credited_sender.ts";

const isFixed = (type: Column["type"]): boolean => type === "i64" || type === "timestamp" || type === "f64";

/** @param watermarks the rows' own watermarks go along. */
export function frameOf(region: BatchRegion, watermarks: boolean, sender: CreditedSender): RowsFrame {
  const { kernel, schema, rowCount } = region;
  const fixed = schema.filter(({ type }) => isFixed(type)).length + (watermarks ? 1 : 0);
  const bytes = align8(rowCount * 8);
  const memory = sender.lend(fixed * bytes) ?? new Uint8Array(fixed * bytes);
  let at = memory.byteOffset;
  const words = (address: number): number => {
    const place = at;
    memory.set(kernel.bytes().subarray(address, address + rowCount * 8), place - memory.byteOffset);
    at += bytes;
    return place;
  };
  const columns = schema.map(({ type }, index): Column => {
    const data = region.dataAddress(index);
    const validity = kernel.readU32(region.columnAddress(index) + COLUMN_VALIDITY);
    const rows = { start: 0, end: rowCount, indices: undefined };
    if (!isFixed(type)) return columnOut(kernel, type, data, validity, rows);
    const place = words(data);
    const present = validity === 0 ? undefined : kernel.bytes().slice(validity, validity + ((rowCount + 7) >>> 3));
    if (type === "f64") return { type, values: new Float64Array(memory.buffer, place, rowCount), validity: present };
    const values = new BigInt64Array(memory.buffer, place, rowCount);
    return { type: type === "timestamp" ? "timestamp" : "i64", values, validity: present };
  });
  const weights = kernel.readU32(region.address + BATCH_WEIGHTS);
  return {
    kind: "rows",
    rowCount,
    columns,
    weights: weights === 0 ? undefined : new Int8Array(kernel.buffer.slice(weights, weights + rowCount)),
    watermarks: watermarks ? new BigInt64Array(memory.buffer, words(region.watermarksAddress), rowCount) : undefined,
  };
}
