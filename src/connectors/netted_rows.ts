// What the changes of one checkpoint amount to, row by row: a row that came and went is left out, whatever came between.
// Rows are the same where all their columns are: NaN is NaN, and 0 is not -0.
//
// Invariant: a row of weight 0 takes no memory for longer than twice the room of those that are left.

import { type Column, type RecordBatch, bitAt } from "../batch/record_batch.ts";
import { takeRows } from "../batch/take.ts";

/** A row with the weight that is left of it. */
export interface NettedRow {
  readonly batch: RecordBatch;
  readonly row: number;
  readonly weight: number;
  /** Of two rows given, the later one has the larger number. */
  readonly given: number;
}

/** Rows that may lie waste, whatever is left. */
const WASTE_ROWS = 8192;

export class NettedRows {
  #rows = new Map<string, NettedRow>();
  #heldRows = 0;
  #heldBytes = 0;
  #given = 0;

  /** About what the rows take. */
  get bytes(): number {
    return this.#heldBytes;
  }

  add(batch: RecordBatch): void {
    const identify = rowIdentity(batch.columns);
    for (let row = 0; row < batch.rowCount; row++) {
      const change = batch.weights?.[row] ?? 1;
      if (change === 0) continue;
      const key = identify(row);
      const before = this.#rows.get(key);
      const weight = (before?.weight ?? 0) + change;
      const given = change > 0 ? ++this.#given : (before?.given ?? 0);
      if (weight === 0) this.#rows.delete(key);
      else if (before === undefined) this.#rows.set(key, { batch, row, weight, given });
      else this.#rows.set(key, { ...before, weight, given });
    }
    this.#heldRows += batch.rowCount;
    this.#heldBytes += bytesOf(batch);
    if (this.#heldRows > this.#rows.size * 2 + WASTE_ROWS) this.#compact();
  }

  /** Copies what is left out of the batches that were given. */
  #compact(): void {
    const keys = [...this.#rows.keys()];
    const rows = [...this.#rows.values()];
    this.#heldRows = 0;
    this.#heldBytes = 0;
    let at = 0;
    for (const batch of gathered(rows.map((one) => ({ ...one, weight: 1 })))) {
      this.#heldRows += batch.rowCount;
      this.#heldBytes += bytesOf(batch);
      for (let row = 0; row < batch.rowCount; row++, at++) {
        const { weight, given } = rows[at] as NettedRow;
        this.#rows.set(keys[at] as string, { batch, row, weight, given });
      }
    }
  }

  /** What is left, in the order in which it first came; starts anew. */
  take(): readonly NettedRow[] {
    const rows = [...this.#rows.values()];
    this.#rows = new Map();
    this.#heldRows = 0;
    this.#heldBytes = 0;
    return rows;
  }
}

/** The rows as batches, in order; each as often as its weight says, with weights of +1 or -1. */
export function gathered(rows: readonly NettedRow[]): RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let start = 0; start < rows.length; ) {
    const { batch } = rows[start] as NettedRow;
    const indices: number[] = [];
    const weights: number[] = [];
    let end = start;
    for (; end < rows.length && rows[end]?.batch === batch; end++) {
      const { row, weight } = rows[end] as NettedRow;
      for (let time = Math.abs(weight); time > 0; time--) {
        indices.push(row);
        weights.push(Math.sign(weight));
      }
    }
    batches.push({ ...takeRows(batch, indices), weights: Int8Array.from(weights) });
    start = end;
  }
  return batches;
}

/** What a table with one row a key has to do: a key that is given has its newest row, one that is only taken back goes. */
export function nettedByKey(rows: readonly NettedRow[], keyColumns: readonly number[]): readonly NettedRow[] {
  const byKey = new Map<string, NettedRow>();
  const identities = new Map<RecordBatch, (row: number) => string>();
  for (const one of rows) {
    const { batch, row, weight, given } = one;
    const known = identities.get(batch);
    const identify = known ?? rowIdentity(keyColumns.map((column) => batch.columns[column] as Column));
    if (known === undefined) identities.set(batch, identify);
    const key = identify(row);
    const before = byKey.get(key);
    const isNewer = weight > 0 && (before === undefined || before.weight < 0 || before.given < given);
    if (before === undefined || isNewer) byKey.set(key, { ...one, weight: Math.sign(weight) });
  }
  return [...byKey.values()];
}

/** The units of one NaN, for all of them. */
const ANY_NAN = String.fromCharCode(0, 0, 0, 0x7ff8);

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A text for each row, the same for two rows exactly where these columns are the same. */
function rowIdentity(columns: readonly Column[]): (row: number) => string {
  const parts = columns.map((column) => {
    const identify = valueIdentity(column);
    const { validity } = column;
    if (validity === undefined) return (row: number) => `=${identify(row)}`;
    return (row: number) => (bitAt(validity, row) ? `=${identify(row)}` : "!");
  });
  return (row) => {
    let text = "";
    for (const part of parts) text += part(row);
    return text;
  };
}

/** Numbers and booleans in a fixed number of characters, text behind its length. */
function valueIdentity(column: Column): (row: number) => string {
  switch (column.type) {
    case "bool":
      return (row) => (bitAt(column.bits, row) ? "1" : "0");
    case "utf8":
      return (row) => {
        const text = decoder.decode(column.bytes.subarray(column.offsets[row], column.offsets[row + 1]));
        return `${text.length}:${text}`;
      };
    case "f64": {
      const units = unitsOf(column.values);
      return (row) => (Number.isNaN(column.values[row]) ? ANY_NAN : fourUnits(units, row));
    }
    default: {
      const units = unitsOf(column.values);
      return (row) => fourUnits(units, row);
    }
  }
}

const unitsOf = (values: BigInt64Array | Float64Array): Uint16Array =>
  new Uint16Array(values.buffer, values.byteOffset, values.length * 4);

const fourUnits = (units: Uint16Array, row: number): string =>
  String.fromCharCode(
    units[row * 4] as number,
    units[row * 4 + 1] as number,
    units[row * 4 + 2] as number,
    units[row * 4 + 3] as number,
  );

function bytesOf(batch: RecordBatch): number {
  let bytes = batch.rowCount;
  for (const column of batch.columns) {
    if (column.type === "utf8") bytes += column.offsets.byteLength + column.bytes.byteLength;
    else bytes += column.type === "bool" ? column.bits.byteLength : column.values.byteLength;
  }
  return bytes;
}
