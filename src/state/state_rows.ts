// Rows of tables that are kept in JavaScript, on their way into parts and back.

import { corruptionError } from "../base/errors.ts";
import type { PlainData } from "../base/plain.ts";
import { columnValues } from "../batch/column_values.ts";
import { columnOfValues, type RecordBatch, type Value } from "../batch/record_batch.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";
import { WATERMARK_MIN } from "../time/window.ts";

const STATE_BATCH_ROWS = 4096;

/** @param cellsOf the values of a row in the order of the schema, whose first column is the key group. */
export function batchesOfRows<Row extends { readonly live: boolean }>(
  schema: Schema,
  rows: readonly Row[],
  cellsOf: (row: Row) => readonly Value[],
): RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let start = 0; start < rows.length; start += STATE_BATCH_ROWS) {
    const some = rows.slice(start, start + STATE_BATCH_ROWS);
    const cells = some.map(cellsOf);
    const columns = schema.map(({ type }, index) =>
      columnOfValues(
        type,
        cells.map((one) => one[index] as Value),
      ),
    );
    const dead = some.some((row) => !row.live);
    const weights = dead ? Int8Array.from(some, (row) => (row.live ? 1 : -1)) : undefined;
    batches.push({ schema, rowCount: some.length, columns, weights });
  }
  return batches;
}

/** A stored row: its values by column, and whether it is a tombstone. */
export interface StoredRow {
  readonly cells: readonly Value[];
  readonly live: boolean;
}

/** The rows of a batch that was read back; refuses one of another table. */
export function* rowsOfBatch(batch: RecordBatch, schema: Schema, where: string): Generator<StoredRow> {
  if (!equalSchemas(batch.schema, schema)) {
    const names = (one: Schema): string => one.map(({ name, type }) => `${name} ${type}`).join(", ");
    const message = `state has columns (${names(batch.schema)}); this operator keeps (${names(schema)})`;
    throw corruptionError("state_schema_mismatch", where, message);
  }
  const columns = batch.columns.map((column, index) => {
    const values = columnValues(column, batch.rowCount);
    if (schema[index]?.nullable === true || !values.includes(null)) return values;
    throw corruptionError("state_invalid", where, `a state row has no ${schema[index]?.name}`);
  });
  for (let row = 0; row < batch.rowCount; row++) {
    yield { cells: columns.map((column) => column[row] as Value), live: batch.weights?.[row] !== -1 };
  }
}

/**
 * Where event time had come to, by what the subtasks that wrote a checkpoint say: the least of them, because each row
 * of the checkpoint is judged by it.
 */
export function watermarkOf(scalars: readonly PlainData[], where: string): bigint {
  let least: bigint | undefined;
  for (const one of scalars) {
    const text = (one as { readonly watermark?: unknown } | null)?.watermark;
    if (typeof text !== "string" || !/^-?\d{1,19}$/.test(text)) {
      throw corruptionError("state_corrupt", where, "the checkpoint does not say where event time had come to");
    }
    const watermark = BigInt(text);
    if (least === undefined || watermark < least) least = watermark;
  }
  return least ?? WATERMARK_MIN;
}
