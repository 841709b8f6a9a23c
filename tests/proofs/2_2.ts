// Promise 2.2: the simulation sees bugs such as other systems had: every planted one within 5,000 seeds.
//
// Bugs are hunted in as many processes as there are cores; each that is caught is remembered, and how far each hunt has
// come. That unit tests do not see them is checked by tests/simulation/planted_unit.ts.

import { cpus } from "node:os";
import type { Figure, Proof } from "../../tools/proof.ts";
import { huntBug, plantedBugs } from "../simulation/planted.ts";

const BUGS_MIN = 40;
const SEEDS_MAX = 5_000;
/** Caught by the very first seeds. */
const SLICE_BUGS = ["acknowledged_before_durable", "abandoned_output_dropped"];

interface Hunt {
  /** 0: not caught. */
  readonly seed: number;
  readonly violation: string;
}

export const prove: Proof = async ({ slice, log, progress }) => {
  const bugs = slice ? SLICE_BUGS : plantedBugs();
  const due = [...bugs];
  const hunts = new Map<string, Hunt>();
  const hunt = async (bug: string): Promise<Hunt> => {
    const passed = progress.get<number>(`${bug} passes up to`) ?? 0;
    const remember = (seed: number): void => progress.set(`${bug} passes up to`, seed);
    const { seed, violation } = await huntBug(bug, slice ? 20 : SEEDS_MAX, passed + 1, remember);
    return { seed: seed ?? 0, violation };
  };
  const work = async (): Promise<void> => {
    for (let bug = due.shift(); bug !== undefined; bug = due.shift()) {
      const known = progress.get<string>(bug);
      const text = known ?? JSON.stringify(await hunt(bug));
      progress.set(bug, text);
      const { seed, violation } = JSON.parse(text) as Hunt;
      hunts.set(bug, { seed, violation });
      const found = seed > 0 ? `caught by seed ${seed}: ${violation.slice(0, 120)}` : "NOT CAUGHT";
      log(`${hunts.size} of ${bugs.length}: ${bug}: ${found}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(cpus().length, due.length) }, () => work()));
  const caught = bugs.filter((bug) => (hunts.get(bug)?.seed ?? 0) > 0);
  const seeds = caught.map((bug) => [bug, hunts.get(bug)?.seed ?? 0] as const);
  // What is not the output alone: the job failed for good, or came to no end.
  const ends = caught.filter((bug) => /^(the job|no end)/.test(hunts.get(bug)?.violation ?? ""));
  const figures: Record<string, Figure> = {
    plantedBugs: bugs.length,
    caught: caught.length,
    missed: bugs.filter((bug) => !caught.includes(bug)),
    seedMax: Math.max(0, ...seeds.map(([, seed]) => seed)),
    shownByWrongOutput: caught.length - ends.length,
    shownByJobThatFailsOrHangs: ends.length,
    caughtBySeed: Object.fromEntries(seeds),
  };
  return { pass: caught.length === bugs.length && (slice || bugs.length >= BUGS_MIN), figures };
};
