// One commit of a log as stored: the body of its row, in bytes.
//
//   OFFSET   SIZE  DESCRIPTION
//   0        4     CRC-32 of everything behind it, little-endian
//   4        1     layout version, 1
//   5        1     flags: 1 = a record holds a line break of its own
//   6        2     zero
//   8        4     n, the count of records
//   12       4 n   length of each record, its separator not counted
//   12+4n    -     the records, each followed by one LF
//
// A row is never changed after it was written. What does not match its own CRC is refused, never guessed at.

import { assert } from "../base/assert.ts";
import type { Bytes } from "../base/bytes.ts";
import { corruptionError } from "../base/errors.ts";
import type { LogChunk } from "../connectors/log_store.ts";
import { crc32 } from "./crc32.ts";
import { ROW_BODY_BYTES_MAX } from "./log_limits.ts";

const HEADER_BYTES = 12;
const LAYOUT_VERSION = 1;
const FLAG_MULTILINE = 1;

export interface PackedRow {
  readonly first: number;
  readonly records: number;
  readonly body: Bytes;
}

/** Packs records into as few rows as hold them, in order; one row without records where there are none. */
export function packRows(first: number, records: readonly Uint8Array[]): PackedRow[] {
  const rows: PackedRow[] = [];
  let start = 0;
  do {
    let end = start;
    let bytes = HEADER_BYTES;
    while (end < records.length) {
      const more = 4 + (records[end] as Uint8Array).byteLength + 1;
      if (bytes + more > ROW_BODY_BYTES_MAX) break;
      bytes += more;
      end++;
    }
    assert(end > start || records.length === 0, "every record fits a row of its own");
    rows.push({ first: first + start, records: end - start, body: packBody(records.slice(start, end), bytes) });
    start = end;
  } while (start < records.length);
  return rows;
}

function packBody(records: readonly Uint8Array[], byteCount: number): Bytes {
  const body = new Uint8Array(byteCount);
  const view = new DataView(body.buffer);
  let offset = HEADER_BYTES + 4 * records.length;
  let flags = 0;
  records.forEach((record, index) => {
    view.setUint32(HEADER_BYTES + 4 * index, record.byteLength, true);
    body.set(record, offset);
    offset += record.byteLength;
    body[offset++] = 0x0a;
    if (record.includes(0x0a) || record.includes(0x0d)) flags |= FLAG_MULTILINE;
  });
  assert(offset === byteCount, "a packed row fills its bytes exactly");
  body[4] = LAYOUT_VERSION;
  body[5] = flags;
  view.setUint32(8, records.length, true);
  view.setUint32(0, crc32(body.subarray(4)), true);
  return body;
}

/** Checks and unpacks a row's body; `where` names the log. */
export function unpackRow(first: number, records: number, body: Uint8Array, where: string): LogChunk {
  const refuse = (what: string): never => {
    throw corruptionError("log_corrupt", `${where}, row ${first}`, `a stored row of the log is damaged: ${what}`);
  };
  if (body.byteLength < HEADER_BYTES)
    refuse(`it has ${body.byteLength} bytes and needs ${HEADER_BYTES} for its header`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const found = crc32(body.subarray(4));
  const wanted = view.getUint32(0, true);
  if (found !== wanted) refuse(`CRC-32 is ${found}, the row says ${wanted}`);
  if (body[4] !== LAYOUT_VERSION)
    refuse(`layout version ${body[4]} is not known, this program reads ${LAYOUT_VERSION}`);
  const count = view.getUint32(8, true);
  if (count !== records) refuse(`it holds ${count} records, its key column says ${records}`);
  const start = HEADER_BYTES + 4 * count;
  if (start > body.byteLength) refuse(`${count} record lengths do not fit ${body.byteLength} bytes`);
  const lengths = new Uint32Array(body.slice(HEADER_BYTES, start).buffer);
  let total = 0;
  for (const length of lengths) total += length + 1;
  if (start + total !== body.byteLength) refuse(`its records take ${total} bytes, it has ${body.byteLength - start}`);
  return { first, lengths, bytes: body.slice(start), multiline: ((body[5] as number) & FLAG_MULTILINE) !== 0 };
}

/** The part of a chunk from record `from` on, as many records as `bytesMax` allows but at least one. */
export function sliceChunk(chunk: LogChunk, from: number, bytesMax: number): LogChunk {
  const skipped = Math.max(0, from - chunk.first);
  let begin = 0;
  for (let index = 0; index < skipped; index++) begin += (chunk.lengths[index] as number) + 1;
  let end = begin;
  let index = skipped;
  while (index < chunk.lengths.length) {
    const more = (chunk.lengths[index] as number) + 1;
    if (index > skipped && end + more - begin > bytesMax) break;
    end += more;
    index++;
  }
  if (skipped === 0 && index === chunk.lengths.length) return chunk;
  return {
    first: chunk.first + skipped,
    lengths: chunk.lengths.slice(skipped, index),
    // A copy, because a view would take its whole buffer along wherever the page is sent.
    bytes: chunk.bytes.slice(begin, end),
    multiline: chunk.multiline,
  };
}
