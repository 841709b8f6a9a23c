// Rows of batches as SQL statements that, run in order, have the effect of the rows in order.
//
// Rows go into statements of many rows each: a statement costs far more than a row. How many is bounded by the
// parameters that the database takes and by the bytes of the values, so that a statement fits a Durable Object.

import { userError } from "../base/errors.ts";
import { bitAt, type Column, type RecordBatch, type TextColumn } from "../batch/record_batch.ts";
import type { SqlStatement, SqlValue } from "../platform/ports.ts";
import { quoted, type TableTarget } from "./table_schema.ts";

/** Text of one statement's values, well below the 2 MB that a Durable Object takes. */
const STATEMENT_VALUE_BYTES = 1_000_000;

/** Statement text allows for 64 columns of rows like `(?,?,…)`; a Durable Object takes 100,000 bytes. */
const STATEMENT_PARAMETERS_MAX = 20_000;

type Reader = (row: number) => SqlValue;

export class RowStatements {
  readonly #target: TableTarget;
  readonly #rowsMax: number;
  readonly #keyPositions: readonly number[];
  readonly #statements: SqlStatement[] = [];
  #kind: "insert" | "delete" = "insert";
  #args: SqlValue[] = [];
  #rows = 0;
  #bytes = 0;

  constructor(target: TableTarget, parametersMax: number) {
    this.#target = target;
    const columns = Math.max(1, target.schema.length);
    this.#rowsMax = Math.max(1, Math.floor(Math.min(parametersMax, STATEMENT_PARAMETERS_MAX) / columns));
    this.#keyPositions = target.primaryKey.map((name) => target.schema.findIndex((field) => field.name === name));
  }

  add(batch: RecordBatch): void {
    const readers = batch.columns.map(readerOf);
    const texts = batch.columns.filter((column): column is TextColumn => column.type === "utf8");
    for (let row = 0; row < batch.rowCount; row++) {
      const weight = batch.weights?.[row] ?? 1;
      let bytes = 0;
      for (const { offsets } of texts) bytes += (offsets[row + 1] as number) - (offsets[row] as number);
      if (weight > 0) {
        // An upsert of a row is the same however often it is done; an append is not.
        const times = this.#target.mode === "append" ? weight : 1;
        for (let time = 0; time < times; time++) this.#add("insert", readers, row, bytes);
      } else if (weight < 0) {
        if (this.#target.mode === "append") throw cannotRetract(this.#target.table);
        this.#add(
          "delete",
          this.#keyPositions.map((position) => readers[position] as Reader),
          row,
          bytes,
        );
      }
    }
  }

  #add(kind: "insert" | "delete", readers: readonly Reader[], row: number, bytes: number): void {
    const full = this.#rows === this.#rowsMax || this.#bytes + bytes > STATEMENT_VALUE_BYTES;
    if (this.#rows > 0 && (full || kind !== this.#kind)) this.#close();
    this.#kind = kind;
    for (const read of readers) this.#args.push(read(row));
    this.#rows++;
    this.#bytes += bytes;
  }

  #close(): void {
    const sql = this.#kind === "insert" ? this.#insertText(this.#rows) : this.#deleteText(this.#rows);
    this.#statements.push({ sql, args: this.#args });
    this.#args = [];
    this.#rows = 0;
    this.#bytes = 0;
  }

  #insertText(rows: number): string {
    const { table, schema, primaryKey } = this.#target;
    const names = schema.map((field) => quoted(field.name)).join(", ");
    const one = `(${schema.map(() => "?").join(",")})`;
    const insert = `INSERT INTO ${quoted(table)} (${names}) VALUES ${Array(rows).fill(one).join(",")}`;
    if (primaryKey.length === 0) return insert;
    const others = schema.filter((field) => !primaryKey.includes(field.name)).map((field) => quoted(field.name));
    const action = others.map((name) => `${name} = excluded.${name}`).join(", ");
    const conflict = `ON CONFLICT (${primaryKey.map(quoted).join(", ")})`;
    return `${insert} ${conflict} DO ${action === "" ? "NOTHING" : `UPDATE SET ${action}`}`;
  }

  #deleteText(rows: number): string {
    const { table, primaryKey } = this.#target;
    const one = `(${primaryKey.map((name) => `${quoted(name)} = ?`).join(" AND ")})`;
    return `DELETE FROM ${quoted(table)} WHERE ${Array(rows).fill(one).join(" OR ")}`;
  }

  /** Everything added so far, in order. */
  finish(): readonly SqlStatement[] {
    if (this.#rows > 0) this.#close();
    return this.#statements;
  }
}

function readerOf(column: Column): Reader {
  const read = presentReader(column);
  const { validity } = column;
  return validity === undefined ? read : (row) => (bitAt(validity, row) ? read(row) : null);
}

function presentReader(column: Column): Reader {
  switch (column.type) {
    case "i64":
    case "timestamp":
      return integerReader(column.values);
    case "f64":
      return (row) => column.values[row] as number;
    case "bool":
      return (row) => (bitAt(column.bits, row) ? 1 : 0);
    case "utf8": {
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      return (row) => decoder.decode(column.bytes.subarray(column.offsets[row], column.offsets[row + 1]));
    }
  }
}

const HIGH = 2 ** 32;

/** A number where that is exact, which is cheaper on its way to the database than a bigint; INTEGER affinity takes both. */
function integerReader(values: BigInt64Array): Reader {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  return (row) => {
    const high = halves[row * 2 + 1] as number;
    const exact = high >= -0x200000 && high < 0x200000;
    return exact ? high * HIGH + ((halves[row * 2] as number) >>> 0) : (values[row] as bigint);
  };
}

const cannotRetract = (table: string): Error =>
  userError(
    "sink_cannot_retract",
    table,
    `the stream takes rows back, and the table ${table} in mode append cannot: use mode upsert with a primary key`,
  );
