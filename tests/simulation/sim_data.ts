// The input of a simulated job: rows of two sources in splits, and what lateness each row has by the data alone.

import type { Prng } from "../../src/base/prng.ts";
import { batchOfRows, type RecordBatch } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";

export const simSchema: Schema = [field("key", "utf8"), field("at", "timestamp"), field("amount", "i64", true)];

export const sourceNames = ["left", "right"] as const;
export type SourceName = (typeof sourceNames)[number];

export interface SimRow {
  readonly key: string;
  readonly atMs: number;
  readonly amount: number | null;
}

export interface SimSplit {
  readonly rows: readonly SimRow[];
  /** Mean time that a read takes: some splits are fast, some are slow. */
  readonly paceMs: number;
}

export interface SimSource {
  readonly splits: readonly SimSplit[];
  readonly boundMs: number;
}

export type SimInput = Readonly<Record<SourceName, SimSource>>;

const keyNames = [
  "a",
  "bb",
  "a key longer than twelve bytes",
  "ключ",
  "",
  "another key of more than twelve bytes",
  "g",
  "h",
  "twelve bytes",
  "k-9",
  "k-10",
  "k-11",
];

/** At least `rowsMin` rows over both sources. */
export function drawInput(prng: Prng, rowsMin: number): SimInput {
  const counts = sourceNames.map(() => 2 + prng.below(2));
  const total = counts.reduce((sum, one) => sum + one, 0);
  const source = (splitCount: number): SimSource => {
    const boundMs = prng.pick([0, 300, 1_000]);
    const splits = Array.from({ length: splitCount }, () => {
      const rows = drawRows(prng, Math.ceil(rowsMin / total) + prng.below(40));
      return { rows, paceMs: prng.pick([0.5, 2, 6]) };
    });
    return { splits, boundMs };
  };
  const [left = 2, right = 2] = counts;
  return { left: source(left), right: source(right) };
}

function drawRows(prng: Prng, rows: number): SimRow[] {
  let nowMs = prng.below(2_000) - 1_000;
  return Array.from({ length: rows }, () => {
    nowMs += prng.below(100);
    const atMs = nowMs - (prng.chance(0.15) ? prng.below(2_500) : prng.below(100));
    return { key: prng.pick(keyNames), atMs, amount: prng.chance(0.1) ? null : prng.below(2_000) - 1_000 };
  });
}

/** By split: what was made of its rows for one choice of columns; every life of a task reads them anew. */
const batches = new WeakMap<SimSplit, Map<string, RecordBatch>>();

/** All rows of a split, with the columns that the job reads, in their order. */
export function batchOf(schema: Schema, split: SimSplit): RecordBatch {
  const ofSplit = batches.get(split) ?? new Map<string, RecordBatch>();
  batches.set(split, ofSplit);
  const columns = schema.map((one) => one.name).join();
  const batch = ofSplit.get(columns) ?? makeBatch(schema, split.rows);
  ofSplit.set(columns, batch);
  return batch;
}

function makeBatch(schema: Schema, rows: readonly SimRow[]): RecordBatch {
  const values = rows.map((row) =>
    schema.map(({ name }) => {
      if (name === "key") return row.key;
      if (name === "at") return BigInt(row.atMs);
      return row.amount === null ? null : BigInt(row.amount);
    }),
  );
  return batchOfRows(schema, values);
}

export interface TimedRow {
  readonly row: SimRow;
  /** Up to where event time had come in its own split before it. */
  readonly watermarkMs: number;
}

/** All rows of a source with their own watermarks: the highest event time before, less the bound. */
export function timedRows({ splits, boundMs }: SimSource): TimedRow[] {
  return splits.flatMap(({ rows }) => {
    let highestMs = Number.NEGATIVE_INFINITY;
    return rows.map((row) => {
      const watermarkMs = highestMs - boundMs;
      highestMs = Math.max(highestMs, row.atMs);
      return { row, watermarkMs };
    });
  });
}

/** As a sink's target writes it. */
export const lineOf = (row: SimRow): string => JSON.stringify([row.key, row.atMs, row.amount]);
