// Promise 1.5: keyed tumbling aggregation on one core, checkpoints on: at least 3x DuckDB at 100 and 10,000 keys and 2x
// at a million, 10x objects and Map, 2x a typed-array table in TypeScript; results equal, every row through WASM.
//
// The slice has too few rows for speeds to mean much: it passes where all results are equal, every row went through
// WASM and every run took a checkpoint. It shows the ratios all the same; the bars hold for the full run.

import { measureTumbling, type RunMillrace } from "../../bench/operators/tumbling.ts";
import { runAtTask } from "../../bench/operators/tumbling_task.ts";
import type { Distribution } from "../../bench/operators/tumbling_data.ts";

interface Bar {
  readonly keys: number;
  readonly distribution: Distribution;
  /** Absent where the figure is only shown. */
  readonly overDuckdb?: number;
}

const BARS: readonly Bar[] = [
  { keys: 100, distribution: "zipf", overDuckdb: 3 },
  { keys: 10_000, distribution: "uniform", overDuckdb: 3 },
  { keys: 1_000_000, distribution: "uniform", overDuckdb: 2 },
  { keys: 1_000_000, distribution: "zipf" },
];
const OVER_OBJECTS = 10;
const OVER_TYPED = 2;
const CHECKPOINTS = 3;
const CHECKPOINTS_OF_SLICE = 1;

export interface Proof {
  readonly pass: boolean;
  readonly figures: Record<string, number | string>;
}

/** `run` puts the rows through Millrace. */
export async function proveWith(run: RunMillrace, options: { readonly slice: boolean }): Promise<Proof> {
  const rows = options.slice ? 1_000_000 : 20_000_000;
  const measure = options.slice
    ? { rounds: 1, slowRows: 200_000, checkRows: 50_000 }
    : { rounds: 5, slowRows: 4_000_000, checkRows: 1_000_000 };
  const figures: Record<string, number | string> = { rows };
  let pass = true;
  // A slice has too few rows for a window of a million keys to be more than its first insertions.
  for (const bar of options.slice ? BARS.slice(0, 2) : BARS) {
    const one = await measureTumbling(run, { rows, keys: bar.keys, distribution: bar.distribution }, measure);
    for (const name of ["millrace", "duckdb", "duckdbBucket", "typed", "objects", "twin"] as const) {
      figures[`${one.name}: ${name} Mrows/s`] = Number(one[name].toFixed(2));
    }
    figures[`${one.name}: ratio to DuckDB`] = Number(one.overDuckdb.toFixed(2));
    figures[`${one.name}: ratio to DuckDB with time_bucket`] = Number(one.overDuckdbBucket.toFixed(2));
    figures[`${one.name}: ratio to a typed-array table`] = Number(one.overTyped.toFixed(2));
    figures[`${one.name}: ratio to objects and Map`] = Number(one.overObjects.toFixed(2));
    figures[`${one.name}: ratio to the twin`] = Math.round(one.millrace / one.twin);
    figures[`${one.name}: checkpoints a run`] = one.checkpoints;
    if (one.checkpoints < (options.slice ? CHECKPOINTS_OF_SLICE : CHECKPOINTS)) pass = false;
    if (options.slice || bar.overDuckdb === undefined) continue;
    if (one.overDuckdb < bar.overDuckdb || one.overObjects < OVER_OBJECTS || one.overTyped < OVER_TYPED) pass = false;
  }
  figures["bar"] =
    `DuckDB: 3x at 100 and 10,000 keys, 2x at 1,000,000; objects and Map ${OVER_OBJECTS}x; typed-array table ${OVER_TYPED}x; ` +
    `results equal; ${CHECKPOINTS} checkpoints a run`;
  return { pass, figures };
}

export const prove = (options: { readonly slice: boolean }): Promise<Proof> => proveWith(runAtTask(), options);
