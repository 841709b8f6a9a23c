// A job with a million keys of state, of which one per cent is touched in each second of work: what checkpoints
// cost it is measured between two moments of its source, so that start and end of the job do not count.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";
import type { RecordBatch } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { asSplitId } from "../../src/base/ids.ts";
import type { CheckpointEntry } from "../../src/coordinator/checkpoint_history.ts";
import type { ReadOutcome, SourceConnector } from "../../src/connectors/source.ts";

export const KEYS = 1_000_000;
export const TOUCHED = KEYS / 100;
const schema: Schema = [field("key", "i64"), field("at", "timestamp"), field("value", "i64")];

export interface KeyedRun {
  /** User and system time of all threads while the touched rows were processed. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** Checkpoints that were completed meanwhile. */
  readonly checkpoints: readonly CheckpointEntry[];
  readonly stateBytes: number;
}

export interface KeyedWork {
  /** One after the other; each touches its own hundredth of the keys. */
  readonly seconds: number;
  /** Rows in each of them: what the job gets through in a second, so that a second of work is one of time. */
  readonly rowsPerSecond: number;
}

function batchOf(keys: BigInt64Array<ArrayBuffer>): RecordBatch {
  const at = new BigInt64Array(keys.length).fill(1000n);
  const columns = [
    { type: "i64", values: keys, validity: undefined },
    { type: "timestamp", values: at, validity: undefined },
    { type: "i64", values: keys, validity: undefined },
  ] as const;
  return { schema, rowCount: keys.length, columns, weights: undefined };
}

/** All keys once, in a random order. */
function loading(): RecordBatch[] {
  const prng = seededPrng(1);
  const keys = BigInt64Array.from({ length: KEYS }, (_none, index) => BigInt(index));
  for (let at = KEYS - 1; at > 0; at--) {
    const other = prng.below(at + 1);
    [keys[at], keys[other]] = [keys[other] as bigint, keys[at] as bigint];
  }
  return cut(keys);
}

/** Batches that between them touch one hundredth of the keys, chosen at random. */
function touching(second: number): RecordBatch[] {
  const prng = seededPrng(100 + second);
  const chosen = Array.from({ length: TOUCHED }, () => BigInt(prng.below(KEYS)));
  const rows = 8 * BATCH_ROWS_MAX;
  return cut(
    BigInt64Array.from({ length: rows }, (_none, row) => (row < TOUCHED ? chosen[row] : prng.pick(chosen)) as bigint),
  );
}

function cut(keys: BigInt64Array<ArrayBuffer>): RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let at = 0; at < keys.length; at += BATCH_ROWS_MAX) batches.push(batchOf(keys.slice(at, at + BATCH_ROWS_MAX)));
  return batches;
}

/** Loads every key, waits for `go`, then hands out the touching rows as fast as they are taken. */
class KeyedSource {
  readonly #load = loading();
  readonly #touch: readonly RecordBatch[][];
  readonly #work: KeyedWork;
  #loaded = 0;
  #handedOut = 0;
  go = false;
  onBegin: () => void = () => undefined;
  onEnd: () => void = () => undefined;

  constructor(work: KeyedWork) {
    this.#work = work;
    this.#touch = Array.from({ length: work.seconds }, (_none, second) => touching(second));
  }

  get loaded(): boolean {
    return this.#loaded === this.#load.length;
  }

  connector(): SourceConnector {
    return {
      schema,
      bounded: true,
      enumerate: () => Promise.resolve([{ id: asSplitId("s"), detail: null }]),
      open: (_split, _position, { region }) =>
        Promise.resolve({
          read: () => Promise.resolve(this.#read((batch) => region.load(batch))),
          position: () => null,
          progress: () => undefined,
          close: () => Promise.resolve(),
        }),
    };
  }

  #read(load: (batch: RecordBatch) => void): ReadOutcome {
    if (!this.loaded) {
      load(this.#load[this.#loaded++] as RecordBatch);
      return { kind: "rows", rejected: [] };
    }
    if (!this.go) return { kind: "idle", retryAfterMs: 5 };
    if (this.#handedOut === 0) this.onBegin();
    const second = Math.floor(this.#handedOut / this.#work.rowsPerSecond);
    const batches = this.#touch[second];
    if (batches === undefined) {
      // Not an end: the job would emit a million windows that nobody wants to measure.
      this.onEnd();
      return { kind: "idle", retryAfterMs: 1000 };
    }
    const batch = batches[(this.#handedOut / BATCH_ROWS_MAX) % batches.length] as RecordBatch;
    load(batch);
    this.#handedOut += batch.rowCount;
    return { kind: "rows", rejected: [] };
  }
}

const spec = (checkpointIntervalMs: number) => ({
  millrace: 1,
  name: "keyed",
  checkpoint: { intervalMs: checkpointIntervalMs },
  operators: [
    {
      uid: "rows",
      kind: "source",
      connector: { kind: "memory", name: "rows" },
      schema,
      eventTime: { column: "at", boundMs: 0 },
    },
    {
      uid: "state",
      kind: "window",
      input: "rows",
      keyBy: ["key"],
      window: { kind: "tumbling", sizeMs: 60_000 },
      aggregates: {
        rows: { function: "count" },
        sum: { function: "sum", column: "value" },
        min: { function: "min", column: "value" },
        max: { function: "max", column: "value" },
      },
    },
    { uid: "none", kind: "sink", input: "state", connector: { kind: "print" } },
  ],
});

/** @param intervalMs of checkpoints while the touching rows are processed; undefined: none. */
export async function runKeyedJob(work: KeyedWork, intervalMs: number | undefined): Promise<KeyedRun> {
  const source = new KeyedSource(work);
  const directory = mkdtempSync(join(tmpdir(), "millrace-keyed-"));
  const memory = new Map([["rows", []]]);
  const deployment = await openDeployment({
    directory,
    fileRoots: [directory],
    memory,
    connectors: (built) => ({ ...built, source: () => source.connector() }),
  });
  try {
    const { engine } = deployment;
    // Checkpoints of the load are asked for by a savepoint, so that both kinds of run start from the same durable state.
    const view = await engine.submit(spec(intervalMs ?? 3_600_000));
    const { jobId } = view.record;
    while (!source.loaded) await pause();
    const { savepoint } = await engine.triggerSavepoint(jobId);
    while ((await engine.savepoints.get(savepoint)).status === "IN_PROGRESS") await pause();
    const stateBytes = engine.job(jobId).progress?.stateBytes ?? 0;
    const measured = new Promise<{ cpuSeconds: number; wallSeconds: number }>((resolve) => {
      let cpu = process.cpuUsage();
      let startMs = 0;
      source.onBegin = () => {
        cpu = process.cpuUsage();
        startMs = performance.now();
      };
      source.onEnd = () => {
        const used = process.cpuUsage(cpu);
        resolve({ cpuSeconds: (used.user + used.system) / 1e6, wallSeconds: (performance.now() - startMs) / 1000 });
      };
    });
    const before = engine.job(jobId).checkpoints?.completedCount ?? 0;
    source.go = true;
    const costs = await measured;
    const checkpoints = engine.job(jobId).checkpoints?.entries.slice(before) ?? [];
    return { ...costs, checkpoints, stateBytes };
  } finally {
    await deployment.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
