// The input of one simulated job and what must come out of it, computed in one pass over the rows, without the engine.

import type { Prng } from "../../src/base/prng.ts";
import { batchOfRows, type RecordBatch } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";

export const simSchema: Schema = [field("key", "utf8"), field("at", "timestamp"), field("amount", "i64", true)];

export interface SimRow {
  readonly key: string;
  readonly atMs: number;
  readonly amount: number | null;
}

export interface SimInput {
  readonly splits: readonly (readonly SimRow[])[];
  readonly sizeMs: number;
  readonly boundMs: number;
}

const keyNames = [
  "a",
  "bb",
  "a key longer than twelve bytes",
  "ключ",
  "",
  "another key of more than twelve bytes",
  "g",
];

export function drawInput(prng: Prng): SimInput {
  const splitCount = 1 + prng.below(3);
  const boundMs = prng.pick([0, 500, 2_000]);
  const splits = Array.from({ length: splitCount }, () => drawSplit(prng, 100 + prng.below(500)));
  return { splits, sizeMs: prng.pick([1_000, 3_000]), boundMs };
}

function drawSplit(prng: Prng, rows: number): SimRow[] {
  let nowMs = prng.below(5_000) - 2_000;
  return Array.from({ length: rows }, () => {
    nowMs += prng.below(100);
    const atMs = nowMs - (prng.chance(0.2) ? prng.below(4_000) : prng.below(100));
    return { key: prng.pick(keyNames), atMs, amount: prng.chance(0.1) ? null : prng.below(2_000) - 1_000 };
  });
}

export const batchOf = (rows: readonly SimRow[]): RecordBatch =>
  batchOfRows(
    simSchema,
    rows.map((row) => [row.key, BigInt(row.atMs), row.amount === null ? null : BigInt(row.amount)]),
  );

export interface Expected {
  /** One line a row, sorted. */
  readonly windows: readonly string[];
  readonly late: readonly string[];
}

/** A row is late when its window ends at or before the highest event time that its own split had before it, less the bound. */
export function expectedOf(input: SimInput): Expected {
  const late: string[] = [];
  const panes = new Map<string, { count: number; sum: number | null; min: number | null; max: number | null }>();
  for (const split of input.splits) {
    let highest = Number.NEGATIVE_INFINITY;
    for (const row of split) {
      const start = Math.floor(row.atMs / input.sizeMs) * input.sizeMs;
      const isLate = start + input.sizeMs <= highest - input.boundMs;
      highest = Math.max(highest, row.atMs);
      if (isLate) {
        late.push(JSON.stringify([row.key, row.atMs, row.amount]));
        continue;
      }
      const at = JSON.stringify([start, row.key]);
      const pane = panes.get(at) ?? { count: 0, sum: null, min: null, max: null };
      pane.count++;
      if (row.amount !== null) {
        pane.sum = (pane.sum ?? 0) + row.amount;
        pane.min = Math.min(pane.min ?? row.amount, row.amount);
        pane.max = Math.max(pane.max ?? row.amount, row.amount);
      }
      panes.set(at, pane);
    }
  }
  const windows = [...panes].map(([at, pane]) => {
    const [start, key] = JSON.parse(at) as [number, string];
    return JSON.stringify([start, start + input.sizeMs, key, pane.count, pane.sum, pane.min, pane.max]);
  });
  return { windows: windows.sort(), late: late.sort() };
}
