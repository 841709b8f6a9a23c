// The best rows of each key in plain TypeScript: all rows ever given, sorted anew whenever they are asked for. It is the
// oracle of property tests, so it is written for obviousness: rows are values, and nothing is left out early.

import type { Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import type { TopTableConfig } from "../../src/state/top_table.ts";
import { NetRows } from "./changes.ts";
import { isLess, textOfRow } from "./window_twin.ts";

interface Kept {
  readonly row: readonly Value[];
  copies: number;
}

const encoder = new TextEncoder();

/** Text by its bytes in UTF-8, false before true, NaN last among numbers; both values are there. */
function compareValues(left: Value, right: Value): number {
  if (typeof left === "string" && typeof right === "string") {
    const a = encoder.encode(left);
    const b = encoder.encode(right);
    for (let at = 0; at < Math.min(a.length, b.length); at++) {
      if (a[at] !== b[at]) return (a[at] as number) - (b[at] as number);
    }
    return a.length - b.length;
  }
  if (isLess(left, right)) return -1;
  return isLess(right, left) ? 1 : 0;
}

export class TopTwin {
  readonly #schema: Schema;
  readonly #config: TopTableConfig;
  readonly #keys = new Map<string, Map<string, Kept>>();

  constructor(schema: Schema, config: TopTableConfig) {
    this.#schema = schema;
    this.#config = config;
  }

  clone(): TopTwin {
    const copy = new TopTwin(this.#schema, this.#config);
    for (const [key, kept] of this.#keys) {
      copy.#keys.set(key, new Map([...kept].map(([name, one]) => [name, { ...one }])));
    }
    return copy;
  }

  update(rows: readonly (readonly Value[])[], weights: readonly number[]): void {
    rows.forEach((row, index) => {
      const key = textOfRow(this.#config.keys.map((column) => row[column] as Value));
      const kept = this.#keys.get(key) ?? new Map<string, Kept>();
      this.#keys.set(key, kept);
      const name = textOfRow(row);
      const one = kept.get(name) ?? { row, copies: 0 };
      kept.set(name, one);
      one.copies += weights[index] as number;
    });
    for (const kept of this.#keys.values()) {
      for (const [name, one] of kept) if (one.copies === 0) kept.delete(name);
    }
  }

  #compare(left: readonly Value[], right: readonly Value[]): number {
    const { orderBy } = this.#config;
    const others = this.#schema.map((_, column) => ({ column, descending: false }));
    for (const { column, descending } of [...orderBy, ...others]) {
      const a = left[column] as Value;
      const b = right[column] as Value;
      if (a === null && b === null) continue;
      if (a === null || b === null) return a === null ? 1 : -1;
      const order = compareValues(a, b);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  }

  /** The best rows of one key, best first, as often as they are there. */
  #best(kept: ReadonlyMap<string, Kept>): (readonly Value[])[] {
    const sorted = [...kept.values()].sort((left, right) => this.#compare(left.row, right.row));
    return sorted.flatMap(({ row, copies }) => Array(Math.max(0, copies)).fill(row)).slice(0, this.#config.limit);
  }

  view(): NetRows {
    const view = new NetRows();
    for (const kept of this.#keys.values()) {
      this.#best(kept).forEach((row, index) => {
        view.add(this.#config.rank === undefined ? row : [...row, BigInt(index + 1)], 1);
      });
    }
    return view;
  }

  /** Different rows that the operator has to keep. */
  get entryCount(): number {
    let count = 0;
    for (const kept of this.#keys.values()) {
      count += this.#config.updating ? kept.size : new Set(this.#best(kept)).size;
    }
    return count;
  }
}
