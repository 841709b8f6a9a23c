// Rows on their way out of a process function: plain objects to columns, and those to whoever comes after it.

import { assert } from "../base/assert.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { columnOfValues, type RecordBatch, type Value } from "../batch/record_batch.ts";
import { columnIndex, type DataType, type Field, type Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { BatchReceiver, Receiver } from "./operator.ts";

/** A side output of the function and those who read it; `schema` has the columns of it that they read. */
export interface ProcessSide {
  readonly schema: Schema;
  readonly receivers: readonly BatchReceiver[];
}

/** Rows that a function has written and that nobody has taken yet. */
export class RowCollector {
  readonly #declared: Schema;
  readonly #names: ReadonlySet<string>;
  /** Positions in `declared` of the columns that somebody reads. */
  readonly #kept: readonly number[];
  readonly #what: string;
  #columns: Value[][];
  #watermarks: bigint[] = [];

  /**
   * @param declared what the function may write; @param kept the columns of it that somebody reads.
   * @param what the output, for errors.
   */
  constructor(declared: Schema, kept: Schema, what: string) {
    this.#declared = declared;
    this.#names = new Set(declared.map(({ name }) => name));
    this.#kept = kept.map(({ name }) => columnIndex(declared, name));
    assert(!this.#kept.includes(-1), "what is read of an output is part of it");
    this.#what = what;
    this.#columns = kept.map(() => []);
  }

  get rowCount(): number {
    return this.#watermarks.length;
  }

  add(row: unknown, watermark: bigint): void {
    if (typeof row !== "object" || row === null) throw this.#refuse(`a row is an object, found ${shown(row)}`);
    const given = row as Readonly<Record<string, unknown>>;
    for (const name in given) if (!this.#names.has(name)) throw this.#unknown(name);
    const cells = this.#declared.map((column) => this.#cell(column, given[column.name]));
    this.#kept.forEach((position, index) => {
      this.#columns[index]?.push(cells[position] as Value);
    });
    this.#watermarks.push(watermark);
  }

  #cell({ name, type, nullable }: Field, value: unknown): Value {
    if (value === null || value === undefined) {
      if (nullable) return null;
      throw this.#refuse(`the row has no "${name}", and the column cannot be null`);
    }
    const cell = cellOf(type, value);
    if (cell !== undefined) return cell;
    throw this.#refuse(`column "${name}" is ${type}, found ${shown(value)}`);
  }

  #unknown(name: string): MillraceError {
    return this.#refuse(`there is no column "${name}"; it has ${this.#declared.map((one) => one.name).join(", ")}`);
  }

  #refuse(message: string): MillraceError {
    return userError("process_row_invalid", "", `${this.#what}: ${message}`);
  }

  take(schema: Schema): { readonly batch: RecordBatch; readonly watermarks: readonly bigint[] } {
    const watermarks = this.#watermarks;
    const columns = schema.map(({ type }, index) => columnOfValues(type, this.#columns[index] as Value[]));
    this.#columns = this.#kept.map(() => []);
    this.#watermarks = [];
    return { batch: { schema, rowCount: watermarks.length, columns, weights: undefined }, watermarks };
  }
}

/** The value as the column keeps it; undefined where it does not fit. */
function cellOf(type: DataType, value: unknown): Value | undefined {
  switch (type) {
    case "i64":
    case "timestamp": {
      const whole = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
      return typeof whole === "bigint" && BigInt.asIntN(64, whole) === whole ? whole : undefined;
    }
    case "f64":
      return typeof value === "number" ? value : undefined;
    case "bool":
      return typeof value === "boolean" ? value : undefined;
    case "utf8":
      return typeof value === "string" ? value : undefined;
  }
}

function shown(value: unknown): string {
  if (typeof value === "bigint") return `the bigint ${value}`;
  if (typeof value === "object") return value === null ? "null" : "an object";
  return `the ${typeof value} ${String(value)}`.slice(0, 100);
}

export interface OutputsWiring {
  /** The columns that the function declares. */
  readonly main: Schema;
  readonly sides: ReadonlyMap<string, Schema>;
  /** Has the columns of the main output that somebody reads. */
  readonly region: BatchRegion;
  readonly next: readonly Receiver[];
  /** By name; a side output that is not among them has no reader. */
  readonly readers: ReadonlyMap<string, ProcessSide>;
}

export class ProcessOutputs {
  readonly main: RowCollector;
  readonly sides: ReadonlyMap<string, RowCollector>;
  readonly #wiring: OutputsWiring;

  constructor(wiring: OutputsWiring) {
    this.#wiring = wiring;
    this.main = new RowCollector(wiring.main, wiring.region.schema, "the output");
    this.sides = new Map(
      [...wiring.sides].map(([name, declared]) => {
        const kept = wiring.readers.get(name)?.schema ?? [];
        return [name, new RowCollector(declared, kept, `side output "${name}"`)];
      }),
    );
  }

  /** Between two calls, so that what waits never grows far beyond a batch. */
  flushFull(): void {
    if (this.main.rowCount >= this.#wiring.region.capacity) this.flush();
  }

  flush(): void {
    if (this.main.rowCount > 0) this.#flushMain();
    for (const [name, collector] of this.sides) {
      if (collector.rowCount === 0) continue;
      const reader = this.#wiring.readers.get(name);
      const { batch } = collector.take(reader?.schema ?? []);
      for (const receiver of reader?.receivers ?? []) receiver.write(batch);
    }
  }

  #flushMain(): void {
    const { region, next } = this.#wiring;
    const { batch, watermarks } = this.main.take(region.schema);
    for (let start = 0; start < batch.rowCount; start += region.capacity) {
      const end = Math.min(start + region.capacity, batch.rowCount);
      region.load(batch, start, end);
      const into = region.watermarks();
      for (let row = start; row < end; row++) into[row - start] = watermarks[row] as bigint;
      for (const one of next) one.process();
    }
  }
}
