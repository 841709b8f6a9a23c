// Promise 2.5: processes that were stopped for three leases and go on as if nothing had happened change nothing.
//
// A zombie is held until its work has been taken over and has brought new output, and no less than three leases. Once it
// goes on, its own log must say what stopped it: its lease had run out, it had heard nothing for too long, or a store
// refused what it tried. Checkpoints follow each other so closely that most zombies are stopped in the middle of one.

import process from "node:process";
import { seededPrng } from "../../src/base/prng.ts";
import type { Proof, ProofOptions } from "../../tools/proof.ts";
import { type LogLine, RecoveryCluster } from "../support/recovery/cluster.ts";
import type { Compared, RecoveryJob } from "../support/recovery/job.ts";
import { inLives, totalOf } from "../support/recovery/lives.ts";

const LIVES = 5;
const ZOMBIES_A_LIFE = 20;
const LEASE_MS = 1_000;
const LEASES = 3;
const PAUSE_MS_MAX = 500;

const shape = { leaseMs: LEASE_MS, silenceMs: 1_500, beatMs: 200, hangMs: 60_000, replaceAfterMs: 1_000 };
const job: Omit<RecoveryJob, "seed"> = {
  preloadRows: 40_000,
  customers: 20_000,
  liveRowsPerSecond: 300,
  checkpointMs: 100,
  parallelism: 2,
};

type End = "lease expired" | "nothing heard of the leader" | "refused by the store";

/** What a line of the log says of the end of a zombie; undefined: it is about something else. */
function endOf({ message, reason, why, code }: LogLine): End | undefined {
  if (message === "leads no more" && reason === "expired") return "lease expired";
  if (message === "the leader is lost" && why !== undefined) return "nothing heard of the leader";
  const isRefused = message.startsWith("a change was refused") || message.endsWith("-> SUSPENDED") || code === "fenced";
  return isRefused ? "refused by the store" : undefined;
}

interface Life {
  readonly zombies: { readonly leader: number; readonly worker: number };
  readonly ends: Readonly<Partial<Record<End, number>>>;
  readonly silent: number;
  readonly wentBack: number;
  readonly compared: Compared;
}

/** How long a process may take to find out, once it goes on. */
const FINDS_OUT_MS = 10_000;
/** A leader may have lost its lease just before the signal came. */
const JUST_BEFORE_MS = 250;

/** Resolves with everything that stopped it. */
async function beZombie(cluster: RecoveryCluster, name: string, isLeader: boolean): Promise<ReadonlySet<End>> {
  const pid = cluster.pid(name);
  const stoppedMs = Date.now();
  await cluster.strike(name, "SIGSTOP");
  if (isLeader) await cluster.leader(name);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, stoppedMs + LEASES * LEASE_MS - Date.now())));
  process.kill(pid, "SIGCONT");
  const since = new Date(stoppedMs - JUST_BEFORE_MS).toISOString();
  const limitMs = Date.now() + FINDS_OUT_MS;
  for (;;) {
    const lines = cluster.lines(name).filter((line) => line["@timestamp"] >= since);
    const ends = new Set(lines.flatMap((line) => endOf(line) ?? []));
    if (ends.size > 0 || Date.now() > limitMs) return ends;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function live(seed: number, { slice, log }: ProofOptions): Promise<Life> {
  const prng = seededPrng(seed);
  const cluster = await RecoveryCluster.start({ ...job, seed }, shape);
  try {
    await cluster.preloaded();
    const ends: Partial<Record<End, number>> = {};
    const zombies = { leader: 0, worker: 0 };
    let silent = 0;
    for (let index = 0; index < (slice ? 2 : ZOMBIES_A_LIFE); index++) {
      await cluster.workersThere();
      await new Promise((resolve) => setTimeout(resolve, prng.below(PAUSE_MS_MAX)));
      const isLeader = index % 2 === 0;
      const name = isLeader ? await cluster.leader() : prng.pick(await cluster.busyWorkers());
      const found = await beZombie(cluster, name, isLeader);
      zombies[isLeader ? "leader" : "worker"]++;
      if (found.size === 0) silent++;
      for (const end of found) ends[end] = (ends[end] ?? 0) + 1;
      log(`${name}: ${[...found].join(", ") || "has said nothing"}`);
    }
    const compared = await cluster.finish();
    return { zombies, ends, silent, wentBack: cluster.watch.wentBack, compared };
  } finally {
    await cluster.close();
  }
}

export const prove: Proof = async (options) => {
  const lives = await inLives(LIVES, options, (seed) => live(seed, options));
  const total = (count: (one: Life) => number): number => totalOf(lives, count);
  const ends: Record<string, number> = {};
  for (const one of lives) {
    for (const [end, count] of Object.entries(one.ends)) ends[end] = (ends[end] ?? 0) + count;
  }
  const leaders = total((one) => one.zombies.leader);
  const workers = total((one) => one.zombies.worker);
  const silent = total((one) => one.silent);
  const wentBack = total((one) => one.wentBack);
  const rowsCompared = total((one) => one.compared.rows);
  const lost = total((one) => one.compared.lost);
  const wrong = total((one) => one.compared.wrong);
  const enough = options.slice ? leaders > 0 && workers > 0 : leaders >= 50 && workers >= 50;
  return {
    pass: enough && rowsCompared > 0 && lost === 0 && wrong === 0 && silent === 0 && wentBack === 0,
    figures: {
      ...{ leaders, workers, stoppedBy: ends, silent, recordsWentBack: wentBack, rowsCompared, lost, wrong },
      examples: lives.flatMap((one) => one.compared.examples).slice(0, 6),
    },
  };
};
