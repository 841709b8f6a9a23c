// The 3,000,000 flights of `flights-3m.parquet` as columns in memory, and the order in which they arrived.
// A flight is known when it has arrived: `date` (its scheduled time) plus `delay` minutes, which puts the dates out of
// order. Everything is whole minutes and none of it is missing; both are checked, the order and the format rely on it.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parquetMetadata, parquetRead } from "hyparquet/src/index.js";
import { compressors } from "hyparquet-compressors";

const MINUTE_US = 60_000_000n;

export interface FlightsTable {
  readonly rowCount: number;
  /** Minutes since 1970, UTC. */
  readonly date: Int32Array;
  /** Minutes; negative where the flight was early. */
  readonly delay: Int32Array;
  readonly distance: Int32Array;
  /** Positions in `airports`. */
  readonly origin: Uint16Array;
  readonly destination: Uint16Array;
  /** The codes of all airports, in order of appearance. */
  readonly airports: readonly string[];
}

/** The package is data: it is found where `npm ci` puts it, not through its entry point. */
export const flightsParquetPath = (): string =>
  fileURLToPath(new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url));

/** Reads row group by row group, and calls `progress` with the share that has been read. */
export async function readFlights(path: string, progress: (share: number) => void): Promise<FlightsTable> {
  const bytes = readFileSync(path);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const file = { byteLength: buffer.byteLength, slice: (start: number, end?: number) => buffer.slice(start, end) };
  const metadata = parquetMetadata(buffer);
  const rowCount = Number(metadata.num_rows);
  const numbers = {
    date: new Int32Array(rowCount),
    delay: new Int32Array(rowCount),
    distance: new Int32Array(rowCount),
    origin: new Uint16Array(rowCount),
    destination: new Uint16Array(rowCount),
  };
  const codes = new Map<string, number>();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  // Called once for each entry of a dictionary, so that the rows of a column are small integers at once.
  const parsers = {
    timestampFromMicroseconds: (us: bigint): number => wholeMinutes(us),
    stringFromBytes: (text: Uint8Array): number => {
      const code = decoder.decode(text);
      const known = codes.get(code) ?? codes.size;
      codes.set(code, known);
      return known;
    },
  };
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const columns = Object.keys(numbers);
    const onChunk = (chunk: { columnName: string; columnData: ArrayLike<unknown>; rowStart: number }): void => {
      copyColumn(numbers[chunk.columnName as keyof typeof numbers], chunk);
    };
    await parquetRead({ file, metadata, compressors, parsers, columns, rowStart, rowEnd, onChunk });
    rowStart = rowEnd;
    progress(rowStart / rowCount);
  }
  return { rowCount, ...numbers, airports: [...codes.keys()] };
}

function wholeMinutes(us: bigint): number {
  if (us % MINUTE_US !== 0n) throw new Error(`a flight's date is no whole minute: ${us} µs`);
  return Number(us / MINUTE_US);
}

function copyColumn(
  into: Int32Array | Uint16Array,
  from: { readonly columnName: string; readonly columnData: ArrayLike<unknown>; readonly rowStart: number },
): void {
  for (let row = 0; row < from.columnData.length; row++) {
    const value = from.columnData[row];
    if (value === undefined || value === null) {
      throw new Error(`flight ${from.rowStart + row} has no ${from.columnName}, which the example does not expect`);
    }
    into[from.rowStart + row] = Number(value);
  }
}

/** The rows in order of arrival; those of one minute stay in the order of the table. */
export function arrivalOrder({ rowCount, date, delay }: FlightsTable): Uint32Array {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < rowCount; row++) {
    const minute = (date[row] as number) + (delay[row] as number);
    if (minute < first) first = minute;
    if (minute > last) last = minute;
  }
  // A counting sort: `next[m]` is where the next flight that arrived in minute m goes.
  const next = new Uint32Array(rowCount === 0 ? 1 : last - first + 2);
  const minuteOf = (row: number): number => (date[row] as number) + (delay[row] as number) - first;
  for (let row = 0; row < rowCount; row++) next[minuteOf(row) + 1] = (next[minuteOf(row) + 1] as number) + 1;
  for (let minute = 1; minute < next.length; minute++) {
    next[minute] = (next[minute] as number) + (next[minute - 1] as number);
  }
  const order = new Uint32Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    const minute = minuteOf(row);
    const at = next[minute] as number;
    order[at] = row;
    next[minute] = at + 1;
  }
  return order;
}
