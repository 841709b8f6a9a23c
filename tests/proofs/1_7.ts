// Promise 1.7: a checkpoint costs what has changed. One million keys, one per cent of them touched a second.

import { KEYS, type KeyedRun, type KeyedWork, runKeyedJob } from "../../bench/checkpoint/keyed_job.ts";
import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";
import type { Proof } from "../../tools/proof.ts";

const PAIRS = 15;
const DELTA_SHARE_MAX = 0.02;
const GATHER_MS_MAX = 5;
const CPU_SHARE_MAX = 0.03;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** How many rows a second the job gets through here and now, in whole batches. */
async function calibrate(): Promise<number> {
  const probe: KeyedWork = { seconds: 1, rowsPerSecond: 4096 * BATCH_ROWS_MAX };
  const { wallSeconds } = await runKeyedJob(probe, undefined);
  const rows = probe.rowsPerSecond / wallSeconds;
  return Math.max(1, Math.round(rows / BATCH_ROWS_MAX)) * BATCH_ROWS_MAX;
}

interface Saved {
  readonly share: number;
  readonly gatherMs: readonly number[];
  /** Of checkpoints that hold one second's touched keys. */
  readonly deltaShares: readonly number[];
}

function judge(off: KeyedRun, on: KeyedRun): Saved {
  const costs = on.checkpoints.flatMap((one) => (one.costs === undefined ? [] : [one.costs]));
  // A checkpoint whose interval straddles two seconds of work holds the touched keys of both.
  const seconds = (rows: number): number => Math.max(1, Math.round(rows / (KEYS / 100)));
  return {
    share: (on.cpuSeconds - off.cpuSeconds) / off.cpuSeconds,
    gatherMs: costs.map((one) => one.gatherMs / seconds(one.deltaRows)),
    deltaShares: costs.map((one) => one.deltaBytes / on.stateBytes / seconds(one.deltaRows)),
  };
}

export const prove: Proof = async ({ slice, log, progress }) => {
  const rowsPerSecond = progress.get<number>("rowsPerSecond") ?? (await calibrate());
  progress.set("rowsPerSecond", rowsPerSecond);
  const work: KeyedWork = { seconds: slice ? 2 : 5, rowsPerSecond };
  const saved: Saved[] = [];
  for (let pair = 0; pair < (slice ? 1 : PAIRS); pair++) {
    const known = progress.get<string>(`pair${pair}`);
    if (known !== undefined) {
      saved.push(JSON.parse(known) as Saved);
      continue;
    }
    // Alternated, and every other pair the other way round, so that a drift of the machine favours neither.
    const first = await runKeyedJob(work, pair % 2 === 0 ? undefined : 1000);
    const second = await runKeyedJob(work, pair % 2 === 0 ? 1000 : undefined);
    const one = pair % 2 === 0 ? judge(first, second) : judge(second, first);
    progress.set(`pair${pair}`, JSON.stringify(one));
    saved.push(one);
    log(`pair ${pair + 1}: ${(one.share * 100).toFixed(1)} % more CPU, ${one.gatherMs.length} checkpoints`);
  }
  const gatherMs = saved.flatMap((one) => one.gatherMs);
  const deltaShare = Math.max(...saved.flatMap((one) => one.deltaShares));
  const cpuShare = median(saved.map((one) => one.share));
  const figures = {
    keys: KEYS,
    pairs: saved.length,
    checkpoints: gatherMs.length,
    deltaPercentOfStateMax: rounded(deltaShare * 100, 2),
    gatherMsMedian: rounded(median(gatherMs), 2),
    gatherMsMax: rounded(Math.max(...gatherMs), 2),
    cpuPercentMedian: rounded(cpuShare * 100, 2),
    rowsPerSecond,
  };
  const small = deltaShare <= DELTA_SHARE_MAX && gatherMs.length > 0;
  // One pair on a busy machine says nothing of time: the slice judges bytes, the full run times as well.
  const quick = median(gatherMs) <= GATHER_MS_MAX && cpuShare <= CPU_SHARE_MAX;
  return { pass: small && (slice || quick), figures };
};
