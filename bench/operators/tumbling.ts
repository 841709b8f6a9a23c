// Keyed tumbling aggregation (count, sum, min, max by key and minute) on one core: Millrace against DuckDB, objects
// and Map, a typed-array table in TypeScript, and the twin of the tests. Every contestant's result is compared first.
//
//   node bench/operators/tumbling.ts [rows]      prints a table

import { readFileSync } from "node:fs";
import type { Value } from "../../src/batch/record_batch.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../../src/time/window.ts";
import { WindowTwin } from "../../tests/twins/window_twin.ts";
import { startCoreClock } from "./core_seconds.ts";
import {
  addGroup,
  emptyFingerprint,
  generate,
  type Outcome,
  type TumblingCase,
  type TumblingData,
  textOfFingerprint,
} from "./tumbling_data.ts";
import { DuckDbTumbling } from "./tumbling_duckdb.ts";
import { runObjects } from "./tumbling_objects.ts";
import { runTable, tumblingConfig, tumblingSchema } from "./tumbling_table.ts";
import { runTyped } from "./tumbling_typed.ts";

/** Runs the rows through Millrace; `check` asks for the full fingerprint, outside of measuring. */
export type RunMillrace = (data: TumblingData, check: boolean) => Promise<MillraceOutcome>;

export interface MillraceOutcome extends Outcome {
  readonly rowsAggregated: number;
  readonly checkpoints: number;
}

export interface TumblingFigures {
  readonly name: string;
  /** Million rows a second, medians. */
  readonly millrace: number;
  /** With windows by integer division, its fastest way. */
  readonly duckdb: number;
  /** With windows by `time_bucket`. */
  readonly duckdbBucket: number;
  readonly objects: number;
  readonly typed: number;
  readonly twin: number;
  /** Medians of the rounds' ratios. */
  readonly overDuckdb: number;
  readonly overDuckdbBucket: number;
  readonly overObjects: number;
  readonly overTyped: number;
  readonly checkpoints: number;
}

export interface MeasureOptions {
  readonly rounds: number;
  /** Rows of the slow contestants: a prefix, because they are compared by rows a second. */
  readonly slowRows: number;
  /** Rows of the comparison of results. */
  readonly checkRows: number;
}

export async function measureTumbling(
  run: RunMillrace,
  its: TumblingCase,
  options: MeasureOptions,
): Promise<TumblingFigures> {
  await compareResults(run, { ...its, rows: Math.min(its.rows, options.checkRows) });
  const data = generate(its);
  const slowRows = Math.min(its.rows, options.slowRows);
  const duckdb = await DuckDbTumbling.load(data);
  const speeds = {
    millrace: [] as number[],
    duckdb: [] as number[],
    duckdbBucket: [] as number[],
    objects: [] as number[],
    typed: [] as number[],
  };
  let checkpoints = Number.MAX_SAFE_INTEGER;
  for (let round = 0; round < options.rounds; round++) {
    const mine = await run(data, false);
    if (mine.rowsAggregated !== its.rows) {
      throw new Error(`${mine.rowsAggregated} of ${its.rows} rows went through the kernels`);
    }
    checkpoints = Math.min(checkpoints, mine.checkpoints);
    speeds.millrace.push(its.rows / mine.seconds / 1e6);
    speeds.duckdb.push(its.rows / (await duckdb.run("division")).seconds / 1e6);
    speeds.duckdbBucket.push(its.rows / (await duckdb.run("bucket")).seconds / 1e6);
    speeds.typed.push(slowRows / runTyped(data, slowRows, false).seconds / 1e6);
    speeds.objects.push(slowRows / runObjects(data, slowRows, false).seconds / 1e6);
  }
  duckdb.close();
  const ratio = (other: readonly number[]): number =>
    median(speeds.millrace.map((speed, round) => speed / (other[round] as number)));
  return {
    name: `${its.keys} keys ${its.distribution}`,
    millrace: median(speeds.millrace),
    duckdb: median(speeds.duckdb),
    duckdbBucket: median(speeds.duckdbBucket),
    objects: median(speeds.objects),
    typed: median(speeds.typed),
    twin: runTwin(generate({ ...its, rows: 100_000 })),
    overDuckdb: ratio(speeds.duckdb),
    overDuckdbBucket: ratio(speeds.duckdbBucket),
    overObjects: ratio(speeds.objects),
    overTyped: ratio(speeds.typed),
    checkpoints,
  };
}

async function compareResults(run: RunMillrace, its: TumblingCase): Promise<void> {
  const data = generate(its);
  const duckdb = await DuckDbTumbling.load(data);
  const wanted = textOfFingerprint(await duckdb.fingerprint());
  duckdb.close();
  const found = {
    millrace: (await run(data, true)).fingerprint,
    objects: runObjects(data, its.rows, true).fingerprint,
    typed: runTyped(data, its.rows, true).fingerprint,
  };
  for (const [name, one] of Object.entries(found)) {
    const text = textOfFingerprint(one);
    if (text !== wanted) throw new Error(`${name} computed ${text}; DuckDB ${wanted}`);
  }
}

/** Million rows a second of the twin, which is written for obviousness and not for speed. */
function runTwin(data: TumblingData): number {
  const rows = Array.from(data.key, (key, row): Value[] => [key, data.time[row] as bigint, data.value[row] as bigint]);
  const watermarks = new Array<bigint>(rows.length).fill(WATERMARK_MIN);
  const fingerprint = emptyFingerprint();
  const seconds = startCoreClock();
  const twin = new WindowTwin(tumblingSchema, tumblingConfig);
  twin.update(rows, watermarks);
  for (const row of twin.fire(WATERMARK_MAX)) {
    const [start, , key, count, sum, min, max] = row.map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    addGroup(fingerprint, key, start, count, sum, min, max);
  }
  return rows.length / seconds() / 1e6;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return ((sorted[(sorted.length - 1) >> 1] as number) + (sorted[sorted.length >> 1] as number)) / 2;
}

export const loadKernels = (): WebAssembly.Module =>
  new WebAssembly.Module(readFileSync(new URL("../../build/kernels.wasm", import.meta.url)));

/** Millrace's table alone, with three checkpoints a run. */
export const runAtTable =
  (kernels: WebAssembly.Module): RunMillrace =>
  async (data, check) =>
    runTable(kernels, data, 3, check);

if (import.meta.main) {
  const rows = Number(process.argv[2] ?? 20_000_000);
  const run = runAtTable(loadKernels());
  for (const [keys, distribution] of [
    [100, "zipf"],
    [10_000, "uniform"],
    [1_000_000, "uniform"],
    [1_000_000, "zipf"],
  ] as const) {
    const options = { rounds: 5, slowRows: rows / 5, checkRows: 500_000 };
    const one = await measureTumbling(run, { rows, keys, distribution }, options);
    const speed = (value: number): string => value.toFixed(1).padStart(6);
    console.log(
      `${one.name.padEnd(22)} Mrows/s: millrace ${speed(one.millrace)}  duckdb ${speed(one.duckdb)} (time_bucket ${speed(one.duckdbBucket)})  typed ${speed(one.typed)}` +
        `  objects ${speed(one.objects)}  twin ${speed(one.twin)}   ratios ${speed(one.overDuckdb)} (${speed(one.overDuckdbBucket)}) ${speed(one.overTyped)} ${speed(one.overObjects)}`,
    );
  }
}
