// What a stream that takes rows back amounts to: how often each row is there. Rows are compared by their text.

import { type RecordBatch, rowOf, type Value } from "../../src/batch/record_batch.ts";
import { textOfRow } from "./window_twin.ts";

export class NetRows {
  #counts = new Map<string, number>();

  add(row: readonly Value[], weight: number): void {
    const text = textOfRow(row);
    const count = (this.#counts.get(text) ?? 0) + weight;
    if (count === 0) this.#counts.delete(text);
    else this.#counts.set(text, count);
  }

  addBatch(batch: RecordBatch): void {
    for (let row = 0; row < batch.rowCount; row++) this.add(rowOf(batch, row), batch.weights?.[row] ?? 1);
  }

  clone(): NetRows {
    const copy = new NetRows();
    copy.#counts = new Map(this.#counts);
    return copy;
  }

  /** `row x count`, sorted. */
  lines(): string[] {
    return [...this.#counts].map(([text, count]) => `${text} x ${count}`).sort();
  }

  /** How this differs from what is wanted, if it does. */
  difference(wanted: NetRows): string | undefined {
    const differing = [...new Set([...this.#counts.keys(), ...wanted.#counts.keys()])].filter(
      (text) => this.#counts.get(text) !== wanted.#counts.get(text),
    );
    const shown = differing.slice(0, 4).map((text) => {
      return `${text} is there ${this.#counts.get(text) ?? 0} times, wanted ${wanted.#counts.get(text) ?? 0}`;
    });
    return differing.length === 0 ? undefined : `${differing.length} rows differ: ${shown.join("; ")}`;
  }
}
