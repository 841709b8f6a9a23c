// Rows on their way into a process function: columns of a region to plain objects.

import { assert } from "../base/assert.ts";
import { corruptionError } from "../base/errors.ts";
import { columnValues } from "../batch/column_values.ts";
import type { Column, Value } from "../batch/record_batch.ts";
import { columnIndex, type Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { ProcessKeys } from "../state/process_keys.ts";
import type { KeyRecord } from "../state/process_records.ts";
import { WATERMARK_MIN } from "../time/window.ts";

export type PlainRow = Record<string, Value>;

export interface ProcessInput {
  readonly region: BatchRegion;
  /** Positions in the region, in the order of `keyBy`. */
  readonly keyColumns: readonly number[];
  /** Position of the event time; undefined: the input has none. */
  readonly timeColumn: number | undefined;
}

/** Reads the batch that is in a region now. Only the columns that are needed are decoded. */
export class RowReader {
  readonly #input: ProcessInput;
  readonly #names: readonly string[];
  readonly #positions: readonly number[];
  #columns: readonly (readonly Value[])[] = [];
  #keys: readonly (readonly Value[])[] = [];
  #times: BigInt64Array | undefined;
  #watermarks: BigInt64Array | undefined;

  /** @param columns those that the function reads. */
  constructor(input: ProcessInput, columns: Schema) {
    this.#input = input;
    this.#names = columns.map(({ name }) => name);
    this.#positions = columns.map(({ name }) => columnIndex(input.region.schema, name));
    assert(!this.#positions.includes(-1), "the input has the columns that the function reads");
  }

  /** The number of rows. What was read before is gone. */
  load(): number {
    const { region, keyColumns, timeColumn } = this.#input;
    const { columns, rowCount } = region.copyOut();
    const decoded = new Map<number, readonly Value[]>();
    const valuesAt = (position: number): readonly Value[] => {
      const known = decoded.get(position) ?? columnValues(columns[position] as Column, rowCount);
      decoded.set(position, known);
      return known;
    };
    this.#columns = this.#positions.map(valuesAt);
    this.#keys = keyColumns.map(valuesAt);
    this.#times = timeColumn === undefined ? undefined : timesOf(columns[timeColumn]);
    const timed = timeColumn !== undefined && region.watermarksAddress !== 0;
    this.#watermarks = timed ? region.watermarks().slice(0, rowCount) : undefined;
    return rowCount;
  }

  time(row: number): bigint | undefined {
    return this.#times?.[row];
  }

  /** The watermark of the row's own split just before the row. */
  watermark(row: number): bigint {
    return this.#watermarks?.[row] ?? WATERMARK_MIN;
  }

  key(row: number, keys: ProcessKeys): KeyRecord {
    const columns = this.#keys;
    if (columns.length === 1) return keys.ofValue((columns[0] as readonly Value[])[row] as Value);
    return keys.ofValues(columns.map((column) => column[row] as Value));
  }

  values(row: number): Value[] {
    return this.#columns.map((column) => column[row] as Value);
  }

  /** An object of the function's own. */
  row(row: number): PlainRow {
    const names = this.#names;
    const columns = this.#columns;
    const object: PlainRow = {};
    for (let index = 0; index < names.length; index++) {
      object[names[index] as string] = (columns[index] as readonly Value[])[row] as Value;
    }
    return object;
  }

  /** A row whose values were kept. */
  rowOf(values: readonly Value[], where: string): PlainRow {
    const names = this.#names;
    if (values.length !== names.length) {
      const message = `a row that waits has ${values.length} columns; the function reads ${names.length} now`;
      throw corruptionError("state_schema_mismatch", where, message);
    }
    const object: PlainRow = {};
    for (let index = 0; index < names.length; index++) object[names[index] as string] = values[index] as Value;
    return object;
  }
}

function timesOf(column: Column | undefined): BigInt64Array {
  assert(column?.type === "timestamp", "event time is a timestamp");
  return column.values;
}
