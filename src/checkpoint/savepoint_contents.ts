// What is in a savepoint, in a form that people and programs look at.

import type { PlainData } from "../base/plain.ts";
import type { Column, RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import type { Savepoint, SavepointHeader, SavepointState } from "./savepoint.ts";

export interface SavepointContents extends SavepointHeader {
  readonly sources: readonly SourceContents[];
  readonly states: readonly StateContents[];
}

export interface SourceContents {
  readonly uid: string;
  readonly splits: readonly {
    readonly id: string;
    readonly position: PlainData;
    readonly finished: boolean;
    readonly timestampMax: string | null;
  }[];
}

export interface StateContents {
  readonly uid: string;
  readonly state: string;
  readonly columns: Schema;
  readonly rows: number;
  /** Of the values, without framing. */
  readonly byteLength: number;
  readonly keyGroups: number;
  /** Of the key group that has the most: far above `rows / keyGroups` says that keys are skewed. */
  readonly rowsMax: number;
  /** Subtasks that ran the operator. */
  readonly parallelism: number;
}

export function contentsOf({ header, sources, states }: Savepoint): SavepointContents {
  return {
    ...header,
    sources: sources.map(({ uid, splits }) => ({
      uid,
      splits: splits.map(({ id, position, finished, timestampMax }) => ({ id, position, finished, timestampMax })),
    })),
    states: states.map(stateContents),
  };
}

/** Each batch of a savepoint that was read is a key group. */
const stateContents = ({ uid, state, schema, scalars, batches }: SavepointState): StateContents => ({
  ...{ uid, state, columns: schema, parallelism: scalars.length, keyGroups: batches.length },
  rows: batches.reduce((sum, batch) => sum + batch.rowCount, 0),
  rowsMax: batches.reduce((most, batch) => Math.max(most, batch.rowCount), 0),
  byteLength: batches.reduce((sum, batch) => sum + bytesOf(batch), 0),
});

const bytesOf = (batch: RecordBatch): number => batch.columns.reduce((sum, column) => sum + columnBytes(column), 0);

function columnBytes(column: Column): number {
  const validity = column.validity?.byteLength ?? 0;
  switch (column.type) {
    case "bool":
      return validity + column.bits.byteLength;
    case "utf8":
      return validity + column.offsets.byteLength + column.bytes.byteLength;
    default:
      return validity + column.values.byteLength;
  }
}
