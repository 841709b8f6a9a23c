// Tumbling, hopping and session windows by brute force: every accepted row is kept until its window closes, and results
// are computed from the rows. The oracle of property tests, so it knows no panes, no merging and no state.

import type { Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import type { WindowAggregate } from "../../src/state/window_table.ts";
import { isLess, textOfRow } from "./window_twin.ts";

export type WindowKind =
  | { readonly kind: "tumbling"; readonly sizeMs: number; readonly offsetMs: number }
  | { readonly kind: "hopping"; readonly sizeMs: number; readonly slideMs: number; readonly offsetMs: number }
  | { readonly kind: "session"; readonly gapMs: number };

export interface PanesTwinConfig {
  readonly window: WindowKind;
  readonly keys: readonly number[];
  readonly timestamp: number;
  readonly aggregates: readonly WindowAggregate[];
}

type Row = readonly Value[];
const I64_MIN = -(2n ** 63n);

export class PanesTwin {
  readonly #schema: Schema;
  readonly #config: PanesTwinConfig;
  /** Of tumbling and hopping windows, by start. */
  #windows = new Map<bigint, Row[]>();
  /** Of session windows, in order of arrival. */
  #rows: Row[] = [];
  #fired = I64_MIN;

  constructor(schema: Schema, config: PanesTwinConfig) {
    this.#schema = schema;
    this.#config = config;
  }

  clone(): PanesTwin {
    const copy = new PanesTwin(this.#schema, this.#config);
    copy.#windows = new Map([...this.#windows].map(([start, rows]) => [start, [...rows]]));
    copy.#rows = [...this.#rows];
    copy.#fired = this.#fired;
    return copy;
  }

  /** Numbers of the late rows. */
  update(rows: readonly Row[], watermarks: readonly bigint[]): number[] {
    const late: number[] = [];
    rows.forEach((row, index) => {
      const own = watermarks[index] as bigint;
      const watermark = own > this.#fired ? own : this.#fired;
      const taken = this.#config.window.kind === "session" ? this.#keep(row, watermark) : this.#share(row, watermark);
      if (!taken) late.push(index);
    });
    return late;
  }

  #time(row: Row): bigint {
    return row[this.#config.timestamp] as bigint;
  }

  #keep(row: Row, watermark: bigint): boolean {
    if (this.#time(row) < watermark) return false;
    this.#rows.push(row);
    return true;
  }

  #share(row: Row, watermark: bigint): boolean {
    const { window } = this.#config;
    if (window.kind === "session") return false;
    const size = BigInt(window.sizeMs);
    const slide = BigInt(window.kind === "hopping" ? window.slideMs : window.sizeMs);
    const time = this.#time(row);
    const into = (((time - BigInt(window.offsetMs)) % slide) + slide) % slide;
    let taken = false;
    for (let start = time - into; start + size > time; start -= slide) {
      if (start + size <= watermark) continue;
      const rows = this.#windows.get(start) ?? [];
      this.#windows.set(start, rows);
      rows.push(row);
      taken = true;
    }
    return taken;
  }

  /** Result rows of what the watermark closes. */
  fire(watermark: bigint): Value[][] {
    if (watermark > this.#fired) this.#fired = watermark;
    const { window } = this.#config;
    if (window.kind === "session") return this.#endSessions(BigInt(window.gapMs), watermark);
    const results: Value[][] = [];
    const size = BigInt(window.sizeMs);
    for (const [start, rows] of [...this.#windows]) {
      if (start + size > watermark) continue;
      this.#windows.delete(start);
      for (const group of this.#byKey(rows)) results.push(this.#result(start, start + size, group));
    }
    return results;
  }

  #byKey(rows: readonly Row[]): Row[][] {
    const groups = new Map<string, Row[]>();
    for (const row of rows) {
      const name = textOfRow(this.#config.keys.map((column) => row[column] as Value));
      const group = groups.get(name) ?? [];
      groups.set(name, group);
      group.push(row);
    }
    return [...groups.values()];
  }

  #endSessions(gap: bigint, watermark: bigint): Value[][] {
    const results: Value[][] = [];
    const ended = new Set<Row>();
    for (const group of this.#byKey(this.#rows)) {
      const inOrder = [...group].sort((left, right) => Number(this.#time(left) - this.#time(right)));
      let session: Row[] = [];
      inOrder.forEach((row, index) => {
        session.push(row);
        const next = inOrder[index + 1];
        if (next !== undefined && this.#time(next) - this.#time(row) < gap) return;
        const end = this.#time(row) + gap;
        if (end <= watermark) {
          results.push(this.#result(this.#time(session[0] as Row), end, session));
          for (const one of session) ended.add(one);
        }
        session = [];
      });
    }
    this.#rows = this.#rows.filter((row) => !ended.has(row));
    return results;
  }

  #result(start: bigint, end: bigint, rows: readonly Row[]): Value[] {
    const key = this.#config.keys.map((column) => rows[0]?.[column] as Value);
    return [start, end, ...key, ...this.#config.aggregates.map((one) => this.#aggregate(one, rows))];
  }

  #aggregate({ function: name, column }: WindowAggregate, rows: readonly Row[]): Value {
    if (column === undefined) return BigInt(rows.length);
    const values = rows.map((row) => row[column] as Value).filter((one) => one !== null);
    if (name === "count") return BigInt(values.length);
    // 0 and -0 are one value, all NaN are one value.
    if (name === "count_distinct") return BigInt(new Set(values.map((one) => (one === 0 ? 0 : one))).size);
    if (values.length === 0) return null;
    if (name === "min") return values.reduce((least, one) => (isLess(one, least) ? one : least));
    if (name === "max") return values.reduce((most, one) => (isLess(most, one) ? one : most));
    const isFloat = this.#schema[column]?.type === "f64";
    const sum = isFloat
      ? (values as number[]).reduce((left, right) => left + right, 0)
      : (values as bigint[]).reduce((left, right) => left + right, 0n);
    return name === "sum" ? sum : Number(sum) / values.length;
  }
}
