// The window table in plain TypeScript: a Map of panes of Maps of keys, one row at a time. It is the oracle of
// property tests, so it is written for obviousness: no columns, no marks, no key groups.

import type { Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import type { WindowAggregate, WindowTableConfig } from "../../src/state/window_table.ts";

const I64_MIN = -(2n ** 63n);

interface Accumulator {
  count: bigint;
  integers: bigint;
  sum: number;
  errors: number;
  min: Value;
  max: Value;
}

interface Entry {
  readonly key: readonly Value[];
  readonly accumulators: Accumulator[];
}

/** One text a distinct row of values; -0 and 0, and null and "null", stay apart. */
export const textOfRow = (row: readonly Value[]): string =>
  row
    .map((one) => {
      if (typeof one === "string") return JSON.stringify(one);
      return typeof one === "bigint" ? `${one}n` : Object.is(one, -0) ? "-0" : String(one);
    })
    .join(" ");

/** -inf < … < -0 < 0 < … < inf < NaN. */
export function isLess(left: Value, right: Value): boolean {
  if (typeof left === "number" && typeof right === "number") {
    if (Number.isNaN(left) || Number.isNaN(right)) return !Number.isNaN(left) && Number.isNaN(right);
    if (left === 0 && right === 0) return Object.is(left, -0) && Object.is(right, 0);
  }
  return (left as bigint) < (right as bigint);
}

export class WindowTwin {
  readonly #schema: Schema;
  readonly #config: WindowTableConfig;
  #panes = new Map<bigint, Map<string, Entry>>();
  #fired = I64_MIN;

  constructor(schema: Schema, config: WindowTableConfig) {
    this.#schema = schema;
    this.#config = config;
  }

  get entryCount(): number {
    let count = 0;
    for (const pane of this.#panes.values()) count += pane.size;
    return count;
  }

  clone(): WindowTwin {
    const copy = new WindowTwin(this.#schema, this.#config);
    copy.#panes = structuredClone(this.#panes);
    copy.#fired = this.#fired;
    return copy;
  }

  windowStart(timestamp: bigint): bigint {
    const size = BigInt(this.#config.sizeMs);
    const into = (((timestamp - BigInt(this.#config.offsetMs)) % size) + size) % size;
    return timestamp - into;
  }

  /** Numbers of the late rows. */
  update(rows: readonly (readonly Value[])[], watermarks: readonly bigint[]): number[] {
    const late: number[] = [];
    rows.forEach((row, index) => {
      const start = this.windowStart(row[this.#config.timestamp] as bigint);
      const end = start + BigInt(this.#config.sizeMs);
      if (end <= (watermarks[index] as bigint) || end <= this.#fired) late.push(index);
      else this.#fold(start, row);
    });
    return late;
  }

  #fold(start: bigint, row: readonly Value[]): void {
    const pane = this.#panes.get(start) ?? new Map<string, Entry>();
    this.#panes.set(start, pane);
    const key = this.#config.keys.map((column) => row[column] as Value);
    const name = textOfRow(key);
    const entry = pane.get(name) ?? { key, accumulators: this.#config.aggregates.map(emptyAccumulator) };
    pane.set(name, entry);
    this.#config.aggregates.forEach((aggregate, index) => {
      const value = aggregate.column === undefined ? true : (row[aggregate.column] as Value);
      if (value !== null) add(entry.accumulators[index] as Accumulator, value);
    });
  }

  /** Result rows of the windows that the watermark closes, oldest window first. */
  fire(watermark: bigint): Value[][] {
    const size = BigInt(this.#config.sizeMs);
    const rows: Value[][] = [];
    const starts = [...this.#panes.keys()].filter((start) => start + size <= watermark);
    for (const start of starts.sort((left, right) => (left < right ? -1 : 1))) {
      for (const entry of (this.#panes.get(start) as Map<string, Entry>).values()) {
        const values = this.#config.aggregates.map((aggregate, index) =>
          resultOf(aggregate, this.#schema, entry.accumulators[index] as Accumulator),
        );
        rows.push([start, start + size, ...entry.key, ...values]);
      }
      this.#panes.delete(start);
    }
    if (watermark > this.#fired) this.#fired = watermark;
    return rows;
  }
}

const emptyAccumulator = (): Accumulator => ({ count: 0n, integers: 0n, sum: 0, errors: 0, min: null, max: null });

function add(into: Accumulator, value: Value): void {
  into.count += 1n;
  if (typeof value === "bigint") into.integers += value;
  if (typeof value === "number") {
    const sum = into.sum + value;
    const added = sum - into.sum;
    into.errors += into.sum - (sum - added) + (value - added);
    into.sum = sum;
  }
  if (into.min === null || isLess(value, into.min)) into.min = value;
  if (into.max === null || isLess(into.max, value)) into.max = value;
}

function resultOf(aggregate: WindowAggregate, schema: Schema, from: Accumulator): Value {
  if (aggregate.function === "count") return from.count;
  if (from.count === 0n) return null;
  const isFloat = schema[aggregate.column ?? -1]?.type === "f64";
  const sum = Number.isNaN(from.errors) ? from.sum : from.sum + from.errors;
  switch (aggregate.function) {
    case "sum":
      return isFloat ? sum : from.integers;
    case "avg":
      return (isFloat ? sum : Number(from.integers)) / Number(from.count);
    case "min":
      return from.min;
    case "max":
      return from.max;
    case "count_distinct":
      throw new Error("this twin keeps no sets; tests/twins/panes_twin.ts does");
  }
}
