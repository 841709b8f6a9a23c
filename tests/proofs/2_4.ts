// Promise 2.4: workers and leaders are killed at any instant; the job goes on within seconds, and its output is exact.
//
// Several deployments one after the other, each with its own job: what is known of one that has ended is kept, so that
// an interrupted proof goes on. Each job is stopped with a savepoint, and both its tables are compared.

import { median } from "../../bench/median.ts";
import { seededPrng } from "../../src/base/prng.ts";
import type { Proof, ProofOptions } from "../../tools/proof.ts";
import { RecoveryCluster } from "../support/recovery/cluster.ts";
import type { Compared, RecoveryJob } from "../support/recovery/job.ts";
import { inLives, totalOf } from "../support/recovery/lives.ts";

const LIVES = 10;
const WORKERS_A_LIFE = 20;
const LEADERS_A_LIFE = 10;
const WORKER_P99_MAX_MS = 2_000;
const LEADER_P99_MAX_MS = 4_000;
const STATE_MB_MIN = 100;
/** Between two blows, once all workers are there again: up to three checkpoints, at random. */
const PAUSE_MS_MAX = 1_500;

const shape = { leaseMs: 1_000, silenceMs: 1_500, beatMs: 200, hangMs: 5_000, replaceAfterMs: 1_000 };
const fullJob: Omit<RecoveryJob, "seed"> = {
  preloadRows: 3_400_000,
  customers: 1_600_000,
  liveRowsPerSecond: 300,
  checkpointMs: 500,
  parallelism: 2,
};
const sliceJob = { ...fullJob, preloadRows: 40_000, customers: 20_000, checkpointMs: 200 };

interface Blow {
  readonly what: "worker" | "leader";
  readonly claimedMs: number;
  readonly outputMs: number;
}

interface Life {
  readonly blows: readonly Blow[];
  readonly stateMB: number;
  readonly compared: Compared;
}

async function live(seed: number, { slice, log }: ProofOptions): Promise<Life> {
  const prng = seededPrng(seed);
  const cluster = await RecoveryCluster.start({ ...(slice ? sliceJob : fullJob), seed }, shape);
  try {
    const stateMB = (await cluster.preloaded()) / 1e6;
    const due: Blow["what"][] = [
      ...Array<"worker">(slice ? 1 : WORKERS_A_LIFE).fill("worker"),
      ...Array<"leader">(slice ? 1 : LEADERS_A_LIFE).fill("leader"),
    ];
    const blows: Blow[] = [];
    while (due.length > 0) {
      const [what] = due.splice(prng.below(due.length), 1) as [Blow["what"]];
      await cluster.workersThere();
      await new Promise((resolve) => setTimeout(resolve, prng.below(PAUSE_MS_MAX)));
      const leader = await cluster.leader();
      const name = what === "leader" ? leader : prng.pick(await cluster.busyWorkers());
      const times = await cluster.strike(name, "SIGKILL");
      blows.push({ what, claimedMs: Math.round(times.claimedMs), outputMs: Math.round(times.outputMs) });
      log(`${name}: claimed after ${Math.round(times.claimedMs)} ms, output after ${Math.round(times.outputMs)} ms`);
      if (what === "leader") await cluster.leader(name);
    }
    return { blows, stateMB, compared: await cluster.finish() };
  } finally {
    await cluster.close();
  }
}

const ninetyNinth = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.ceil(values.length * 0.99) - 1] ?? Number.POSITIVE_INFINITY;

export const prove: Proof = async (options) => {
  const lives = await inLives(LIVES, options, (seed) => live(seed, options));
  const of = (what: Blow["what"]): Blow[] => lives.flatMap(({ blows }) => blows.filter((one) => one.what === what));
  const figuresOf = (blows: readonly Blow[]) => ({
    kills: blows.length,
    medianMs: median(blows.map((one) => one.outputMs)),
    p99Ms: ninetyNinth(blows.map((one) => one.outputMs)),
    claimedMedianMs: median(blows.map((one) => one.claimedMs)),
  });
  const workers = figuresOf(of("worker"));
  const leaders = figuresOf(of("leader"));
  const rows = totalOf(lives, (one) => one.compared.rows);
  const lost = totalOf(lives, (one) => one.compared.lost);
  const wrong = totalOf(lives, (one) => one.compared.wrong);
  const stateMB = Math.round(Math.min(...lives.map((one) => one.stateMB)));
  const quick = workers.p99Ms <= WORKER_P99_MAX_MS && leaders.p99Ms <= LEADER_P99_MAX_MS && stateMB >= STATE_MB_MIN;
  return {
    pass: rows > 0 && lost === 0 && wrong === 0 && (options.slice || quick),
    figures: {
      workers,
      leaders,
      stateMB,
      rowsCompared: rows,
      lost,
      wrong,
      examples: lives.flatMap((one) => one.compared.examples).slice(0, 6),
      bars: { workerP99Ms: WORKER_P99_MAX_MS, leaderP99Ms: LEADER_P99_MAX_MS, stateMB: STATE_MB_MIN },
    },
  };
};
