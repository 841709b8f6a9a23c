// Reading a log by sequence: whole rows from the store, cut to the records that were asked for.

import { corruptionError, userError } from "../base/errors.ts";
import type { LogChunk, LogPage } from "../connectors/log_store.ts";
import type { SqlDatabase } from "../platform/ports.ts";
import type { LoadedLog } from "./loaded_log.ts";
import { PAGE_ROWS_MAX } from "./log_limits.ts";
import { sliceChunk, unpackRow } from "./log_row.ts";
import { queryRows, querySizes, type RowSize } from "./log_tables.ts";

/** Up to about `bytesMax` of records from `from` on, but at least one where there is one. */
export async function readPage(
  database: SqlDatabase,
  loaded: LoadedLog,
  from: number,
  bytesMax: number,
): Promise<LogPage> {
  const { head, state } = loaded;
  const where = `log ${head.name}`;
  if (!Number.isSafeInteger(from) || from < 0 || from > state.next) {
    throw userError("offset_beyond_end", where, `there is no sequence ${from}: the log ends at ${state.next}`);
  }
  // Taken before the rows are read: a page never claims to reach an end that it did not see.
  const end = state.next;
  const { closed } = state;
  const chunks: LogChunk[] = [];
  let next = from;
  if (from < end) {
    const sizes = await querySizes(database, head.id, from, PAGE_ROWS_MAX);
    const last = lastOfPage(sizes, from, bytesMax);
    if (last === undefined) throw hole(where, from);
    let left = bytesMax;
    for (const row of await queryRows(database, head.id, sizes[0]?.first ?? 0, last)) {
      const whole = unpackRow(row.first, row.records, row.body, where);
      if (next < whole.first || next >= whole.first + row.records) throw hole(where, next);
      const chunk = partOfPage(whole, next, chunks.length === 0 ? bytesMax : undefined, left);
      if (chunk === undefined) break;
      chunks.push(chunk);
      next += chunk.lengths.length;
      left -= chunk.bytes.byteLength;
      if (left <= 0 || next < whole.first + row.records) break;
    }
    if (chunks.length === 0) throw hole(where, from);
  }
  return { from, next, chunks, upToDate: next >= end, closed: closed && next >= end };
}

/**
 * What a page takes of a row. A row is cut only where it alone is far more than a page, so that a reader who follows
 * page by page has most rows read and checked once.
 */
function partOfPage(
  row: LogChunk,
  from: number,
  firstBytesMax: number | undefined,
  left: number,
): LogChunk | undefined {
  if (firstBytesMax === undefined) return row.bytes.byteLength <= left ? row : undefined;
  const rest = sliceChunk(row, from, Number.POSITIVE_INFINITY);
  return rest.bytes.byteLength <= 2 * firstBytesMax ? rest : sliceChunk(row, from, firstBytesMax);
}

/** First sequence of the last row that fits the page whole; the first row, which may lie partly before it, is always in. */
function lastOfPage(sizes: readonly RowSize[], from: number, bytesMax: number): number | undefined {
  let last = sizes[0]?.first;
  let bytes = 0;
  for (const row of sizes) {
    if (row.first >= from) bytes += row.bodyBytes;
    if (bytes > bytesMax) break;
    last = row.first;
  }
  return last;
}

const hole = (where: string, sequence: number): Error =>
  corruptionError("log_corrupt", where, `the log has no row that holds sequence ${sequence}`);
