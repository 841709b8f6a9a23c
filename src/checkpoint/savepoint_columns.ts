// Columns of a batch as they stand in a savepoint file, and the cut of ordered state rows by key group.

import { assert } from "../base/assert.ts";
import type { Column, RecordBatch } from "../batch/record_batch.ts";
import { takeRows } from "../batch/take.ts";

/** What one column looks like in the file. */
export interface StoredColumn {
  readonly values: BigInt64Array | Float64Array | Int32Array | Uint8Array;
  readonly validity: Uint8Array | null;
  readonly bytes: Uint8Array | null;
}

export const columnsOf = (batch: RecordBatch): StoredColumn[] => batch.columns.map(storedColumn);

function storedColumn(column: Column): StoredColumn {
  const validity = column.validity ?? null;
  switch (column.type) {
    case "i64":
    case "timestamp":
    case "f64":
      return { values: column.values, validity, bytes: null };
    case "bool":
      return { values: column.bits, validity, bytes: null };
    case "utf8":
      return { values: column.offsets, validity, bytes: column.bytes };
  }
}

export interface KeyGroupRows {
  readonly keyGroup: number;
  readonly batch: RecordBatch;
}

/** Cuts batches whose first column is the ascending key group; every key group comes out once, when it is asked for. */
export function* splitByKeyGroup(batches: readonly RecordBatch[]): Generator<KeyGroupRows> {
  let keyGroup = -1;
  let pieces: RecordBatch[] = [];
  for (const batch of batches) {
    const column = batch.columns[0];
    assert(column?.type === "i64", "the first column of state rows is the key group");
    for (let start = 0; start < batch.rowCount; ) {
      const found = Number(column.values[start]);
      let end = start + 1;
      while (end < batch.rowCount && Number(column.values[end]) === found) end++;
      assert(found >= keyGroup, "state rows are ordered by key group");
      if (found > keyGroup && pieces.length > 0) {
        yield { keyGroup, batch: joinBatches(pieces) };
        pieces = [];
      }
      keyGroup = found;
      pieces.push(takeRows(batch, rangeOf(start, end)));
      start = end;
    }
  }
  if (pieces.length > 0) yield { keyGroup, batch: joinBatches(pieces) };
}

function rangeOf(start: number, end: number): Int32Array {
  const indices = new Int32Array(end - start);
  for (let row = start; row < end; row++) indices[row - start] = row;
  return indices;
}

/** One batch of the rows of several with the same schema. */
export function joinBatches(pieces: readonly RecordBatch[]): RecordBatch {
  const first = pieces[0];
  assert(first !== undefined, "there is something to join");
  if (pieces.length === 1) return first;
  const rowCount = pieces.reduce((sum, piece) => sum + piece.rowCount, 0);
  const columns = first.columns.map((_column, index) =>
    joinColumns(
      pieces.map((piece) => piece.columns[index] as Column),
      pieces.map((piece) => piece.rowCount),
    ),
  );
  return { schema: first.schema, rowCount, columns, weights: undefined };
}

function joinColumns(columns: readonly Column[], counts: readonly number[]): Column {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const validity = columns.some((one) => one.validity !== undefined)
    ? joinBits(
        columns.map((one) => one.validity),
        counts,
        rows,
      )
    : undefined;
  const first = columns[0] as Column;
  switch (first.type) {
    case "i64":
    case "timestamp": {
      const values = new BigInt64Array(rows);
      fill(columns, counts, (column, at) => values.set((column as typeof first).values, at));
      return { type: first.type, values, validity };
    }
    case "f64": {
      const values = new Float64Array(rows);
      fill(columns, counts, (column, at) => values.set((column as typeof first).values, at));
      return { type: "f64", values, validity };
    }
    case "bool":
      return {
        type: "bool",
        bits: joinBits(
          columns.map((one) => (one as typeof first).bits),
          counts,
          rows,
        ),
        validity,
      };
    case "utf8":
      return { ...joinText(columns as readonly (typeof first)[], counts, rows), validity };
  }
}

function fill(columns: readonly Column[], counts: readonly number[], set: (column: Column, at: number) => void): void {
  let at = 0;
  columns.forEach((column, index) => {
    set(column, at);
    at += counts[index] as number;
  });
}

function joinBits(parts: readonly (Uint8Array | undefined)[], counts: readonly number[], rows: number) {
  const out = new Uint8Array((rows + 7) >>> 3);
  let at = 0;
  parts.forEach((bits, index) => {
    for (let row = 0; row < (counts[index] as number); row++, at++) {
      const set = bits === undefined || (((bits[row >>> 3] as number) >>> (row & 7)) & 1) === 1;
      if (set) out[at >>> 3] = (out[at >>> 3] as number) | (1 << (at & 7));
    }
  });
  return out;
}

function joinText(
  columns: readonly { offsets: Int32Array; bytes: Uint8Array }[],
  counts: readonly number[],
  rows: number,
) {
  const bytes = new Uint8Array(columns.reduce((sum, one) => sum + one.bytes.byteLength, 0));
  const offsets = new Int32Array(rows + 1);
  let row = 0;
  let at = 0;
  columns.forEach((column, index) => {
    bytes.set(column.bytes, at);
    for (let one = 1; one <= (counts[index] as number); one++) offsets[++row] = at + (column.offsets[one] as number);
    at += column.bytes.byteLength;
  });
  return { type: "utf8" as const, offsets, bytes };
}
