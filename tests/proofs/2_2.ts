// Promise 2.2: the simulation sees bugs such as other systems had: every planted one within 5,000 seeds.

import type { Figure, Proof } from "../../tools/proof.ts";
import { huntBug, plantedBugs } from "../simulation/planted.ts";

const BUGS_MIN = 40;
const SEEDS_MAX = 5_000;
/** Caught by the very first seeds. */
const SLICE_BUG = "finished_before_committed";

export const prove: Proof = async ({ slice, log, progress }) => {
  const bugs = slice ? [SLICE_BUG] : plantedBugs();
  const caughtBySeed: Record<string, number> = {};
  const missed: string[] = [];
  for (const bug of bugs) {
    const known = progress.get<number>(bug);
    const seed = known ?? huntBug(bug, slice ? 20 : SEEDS_MAX).seed ?? 0;
    progress.set(bug, seed);
    if (seed > 0) caughtBySeed[bug] = seed;
    else missed.push(bug);
    log(`${bug}: ${seed > 0 ? `caught by seed ${seed}` : "NOT CAUGHT"}`);
  }
  const figures: Record<string, Figure> = { plantedBugs: bugs.length, missed, caughtBySeed };
  return { pass: missed.length === 0 && (slice || bugs.length >= BUGS_MIN), figures };
};
