// A running aggregate in plain TypeScript: a Map of keys, one row at a time, every result made anew when asked for.
// It is the oracle of property tests, so it is written for obviousness: no columns, no changes, no key groups.

import type { Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import type { RunningAggregate, RunningTableConfig } from "../../src/state/running_table.ts";
import { NetRows } from "./changes.ts";
import { isLess, textOfRow } from "./window_twin.ts";

interface Accumulator {
  present: bigint;
  integers: bigint;
  sum: number;
  errors: number;
  /** How many NaN, Infinity and -Infinity are in the sum, of a stream that takes rows back. */
  unusual: Map<number, number>;
  min: Value;
  max: Value;
}

interface Entry {
  readonly key: readonly Value[];
  rows: bigint;
  readonly accumulators: Accumulator[];
}

const empty = (): Accumulator => ({
  present: 0n,
  integers: 0n,
  sum: 0,
  errors: 0,
  unusual: new Map(),
  min: null,
  max: null,
});

export class AggregateTwin {
  readonly #schema: Schema;
  readonly #config: RunningTableConfig;
  readonly #entries = new Map<string, Entry>();

  constructor(schema: Schema, config: RunningTableConfig) {
    this.#schema = schema;
    this.#config = config;
  }

  clone(): AggregateTwin {
    const copy = new AggregateTwin(this.#schema, this.#config);
    for (const [name, { key, rows, accumulators }] of this.#entries) {
      const copies = accumulators.map((one) => ({ ...one, unusual: new Map(one.unusual) }));
      copy.#entries.set(name, { key, rows, accumulators: copies });
    }
    return copy;
  }

  get entryCount(): number {
    return this.#entries.size;
  }

  update(rows: readonly (readonly Value[])[], weights: readonly number[]): void {
    rows.forEach((row, index) => {
      const key = this.#config.keys.map((column) => row[column] as Value);
      const name = textOfRow(key);
      const entry = this.#entries.get(name) ?? { key, rows: 0n, accumulators: this.#config.aggregates.map(empty) };
      this.#entries.set(name, entry);
      const weight = weights[index] as number;
      entry.rows += BigInt(weight);
      this.#config.aggregates.forEach(({ column }, at) => {
        const value = column === undefined ? true : (row[column] as Value);
        if (value !== null) add(entry.accumulators[at] as Accumulator, value, weight, this.#config.updating);
      });
    });
    for (const [name, entry] of this.#entries) if (entry.rows === 0n) this.#entries.delete(name);
  }

  /** The results that hold now. */
  view(): NetRows {
    const view = new NetRows();
    for (const { key, rows, accumulators } of this.#entries.values()) {
      if (rows <= 0n) continue;
      const results = this.#config.aggregates.map((one, index) =>
        resultOf(one, this.#schema, accumulators[index] as Accumulator),
      );
      view.add([...key, ...results], 1);
    }
    return view;
  }
}

function add(into: Accumulator, value: Value, weight: number, updating: boolean): void {
  into.present += BigInt(weight);
  if (typeof value === "bigint") into.integers += BigInt(weight) * value;
  if (typeof value === "number" && updating && !Number.isFinite(value)) {
    into.unusual.set(value, (into.unusual.get(value) ?? 0) + weight);
  } else if (typeof value === "number") {
    const term = weight < 0 ? -value : value;
    for (let time = 0; time < Math.abs(weight); time++) {
      const sum = into.sum + term;
      const added = sum - into.sum;
      into.errors += into.sum - (sum - added) + (term - added);
      into.sum = sum;
    }
  }
  if (into.present === 0n) Object.assign(into, { integers: 0n, sum: 0, errors: 0 });
  if (into.min === null || isLess(value, into.min)) into.min = value;
  if (into.max === null || isLess(into.max, value)) into.max = value;
}

function sumOf(from: Accumulator): number {
  const has = (value: number): boolean => (from.unusual.get(value) ?? 0) > 0;
  if (has(Number.NaN) || (has(Infinity) && has(-Infinity))) return Number.NaN;
  if (has(Infinity)) return Infinity;
  if (has(-Infinity)) return -Infinity;
  return Number.isNaN(from.errors) ? from.sum : from.sum + from.errors;
}

function resultOf(aggregate: RunningAggregate, schema: Schema, from: Accumulator): Value {
  if (aggregate.function === "count") return from.present;
  if (from.present <= 0n) return null;
  const isFloat = schema[aggregate.column ?? -1]?.type === "f64";
  switch (aggregate.function) {
    case "sum":
      return isFloat ? sumOf(from) : from.integers;
    case "avg":
      return (isFloat ? sumOf(from) : Number(from.integers)) / Number(from.present);
    case "min":
      return from.min;
    case "max":
      return from.max;
  }
}
