// Promise 1.3: killing at any instant loses nothing and doubles nothing. Jobs live through kill after kill; when one
// has finished, all that it has committed is compared, row by row, with a computation that knows nothing of the engine.
//
//   Node     `kill -9` at named stages (at their entry, or shortly after) and at random times; tables and files
//   Workers  the workerd process is killed, and single Durable Objects are aborted, at random times while the job runs;
//            tables and the output log over HTTP

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Figure, Proof, ProofOptions } from "../../tools/proof.ts";
import type { CrashJob } from "../support/crash_job.ts";
import { type LifeResult, liveUnderKills, STAGES } from "../support/crash_life.ts";
import { type BlowCounts, liveInWorker, type WorkerLifeResult } from "../support/crash_worker.ts";

const NODE_KILLS = 200;
const KILLS_PER_STAGE = 30;
const WORKER_KILLS = 100;
const WORKER_ABORTS = 100;
/** More lives than this mean that something is wrong with the proof itself. */
const LIVES_MAX = 20;
/** Longer than the alarm of a job's object needs. */
const SILENCE_MS = 20_000;
const CHECKPOINTS_IN_SILENCE_MIN = 3;

const common = { checkpointMs: 40, ratePerSecond: 12_000 } as const;
const nodeJobs: readonly Omit<CrashJob, "seed">[] = [
  { ...common, source: "generator", rows: 60_000, keys: 300 },
  { ...common, source: "ndjson_file", rows: 60_000, keys: 300 },
  // Keys of 13 bytes, nearly every one of them new.
  { ...common, source: "generator", rows: 30_000, keys: 1_000_000_000, ratePerSecond: 6_000 },
  { ...common, source: "ndjson_file", rows: 60_000, keys: 5 },
];

type Run = ProofOptions & { readonly directory: string };

/** The lives so far and more of them, until `enough` says so; each is remembered. */
async function lives<Result>(
  { progress, log }: Run,
  name: string,
  enough: (done: readonly Result[]) => boolean,
  live: (index: number, done: readonly Result[]) => Promise<Result>,
): Promise<readonly Result[]> {
  const done: Result[] = [];
  while (!enough(done) && done.length < LIVES_MAX) {
    const key = `${name} ${done.length}`;
    const text = progress.get<string>(key) ?? JSON.stringify(await live(done.length, done));
    progress.set(key, text);
    log(`${key}: ${text}`);
    done.push(JSON.parse(text) as Result);
  }
  return done;
}

function added<Name extends string>(counts: readonly Readonly<Partial<Record<Name, number>>>[]): Record<Name, number> {
  const sum: Record<string, number> = {};
  for (const one of counts) {
    for (const [name, count] of Object.entries<number | undefined>(one)) sum[name] = (sum[name] ?? 0) + (count ?? 0);
  }
  return sum as Record<Name, number>;
}

const totalOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, one) => sum + one, 0);

function onNode(run: Run): Promise<readonly LifeResult[]> {
  const { slice, directory } = run;
  const struckIn = (done: readonly LifeResult[]): Record<string, number> => added(done.map((one) => one.struckIn));
  const enough = (done: readonly LifeResult[]): boolean => {
    if (slice) return done.length === 1;
    const struck = struckIn(done);
    return totalOf(struck) >= NODE_KILLS && STAGES.every((stage) => (struck[stage] ?? 0) >= KILLS_PER_STAGE);
  };
  return lives(run, "node", enough, async (index, done) => {
    const job = {
      ...(nodeJobs[index % nodeJobs.length] as CrashJob),
      seed: index + 1,
      ...(slice ? { rows: 12_000 } : {}),
    };
    const place = join(directory, `node-${index}`);
    const file = job.source === "ndjson_file";
    const result = await liveUnderKills({
      directory: place,
      job,
      kills: slice ? 3 : 24,
      struckBefore: struckIn(done),
      batchRows: file ? 64 : 4096,
      readMs: file ? 2 : 0,
    });
    rmSync(place, { recursive: true });
    return result;
  });
}

function onWorkers(run: Run): Promise<readonly WorkerLifeResult[]> {
  const { slice, directory } = run;
  const enough = (done: readonly WorkerLifeResult[]): boolean => {
    if (slice) return done.length === 1;
    const { process = 0, cell = 0 } = added(done.map((one) => one.hitRunning));
    return process >= WORKER_KILLS && cell >= WORKER_ABORTS;
  };
  const blows: BlowCounts = slice
    ? { process: 1, cell: 1 }
    : { process: 20, cell: 20, events: 3, output: 3, directory: 1 };
  return lives(run, "worker", enough, async (index) => {
    const storagePath = join(directory, `worker-${index}`);
    const rows = slice ? 1_000 : 20_000;
    const result = await liveInWorker({
      storagePath,
      job: { ...common, source: "log", seed: index + 1, rows, keys: index % 2 === 0 ? 10 : 300 },
      blows,
      silenceMs: index === 0 && !slice ? SILENCE_MS : 0,
    });
    rmSync(storagePath, { recursive: true });
    return result;
  });
}

export const prove: Proof = async (options) => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-1-3-"));
  try {
    const run = { ...options, directory };
    // The full proof does one after the other: a life should be disturbed by kills alone.
    const first = onNode(run);
    if (!run.slice) await first;
    const [node, workers] = await Promise.all([first, onWorkers(run)]);
    return judge(options.slice, node, workers);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

function judge(
  slice: boolean,
  node: readonly LifeResult[],
  workers: readonly WorkerLifeResult[],
): { pass: boolean; figures: { [name: string]: Figure } } {
  const struckIn = added<string>(node.map((one) => one.struckIn));
  const hitRunning = added(workers.map((one) => one.hitRunning));
  const { process = 0, cell = 0, events = 0, output = 0, directory = 0 } = hitRunning;
  const all = [...node, ...workers];
  const sum = (of: (one: (typeof all)[number]) => number): number => all.reduce((total, one) => total + of(one), 0);
  const faults = all.flatMap((one) => one.faults);
  const checkpointsInSilence = Math.max(0, ...workers.map((one) => one.checkpointsInSilence));
  const figures = {
    nodeKills: totalOf(struckIn),
    nodeStruckIn: struckIn,
    nodeLives: node.length,
    workerProcessKills: process,
    workerAborts: { job: cell, eventLog: events, outputLog: output, directory },
    workerLives: workers.length,
    appendRetries: workers.reduce((total, one) => total + one.appendRetries, 0),
    checkpointsInSilence,
    rowsCompared: sum((one) => 2 * one.windowRows + one.lateRows + one.rejectedRows),
    lost: sum((one) => one.lost),
    wrong: sum((one) => one.wrong),
    faults: faults.slice(0, 10),
  };
  const reached =
    slice ||
    (figures.nodeKills >= NODE_KILLS &&
      STAGES.every((stage) => (struckIn[stage] ?? 0) >= KILLS_PER_STAGE) &&
      process >= WORKER_KILLS &&
      cell >= WORKER_ABORTS &&
      checkpointsInSilence >= CHECKPOINTS_IN_SILENCE_MIN);
  return { pass: reached && figures.lost === 0 && figures.wrong === 0 && faults.length === 0, figures };
}
