// Promise 2.1: whatever happens to a simulated cluster, its output is that of an undisturbed run.
//
// Seeds run in as many processes as there are cores, in bundles; each bundle that is done is remembered.

import { cpus } from "node:os";
import type { Figure, Proof } from "../../tools/proof.ts";
import { addCoverage, type Coverage, coverageTable } from "../simulation/faults.ts";
import { regressions } from "../simulation/regressions.ts";
import { simulate, type Summary } from "../simulation/simulate.ts";

const SEEDS = 100_000;
/** A process takes as long as dozens of seeds to become fast. */
const SEEDS_A_BUNDLE = 1_000;
const SLICE_SEEDS = 500;

export const prove: Proof = async ({ slice, log, progress }) => {
  const total = slice ? SLICE_SEEDS : SEEDS;
  const size = slice ? SLICE_SEEDS / 2 : SEEDS_A_BUNDLE;
  const due = Array.from({ length: total / size }, (_none, index) => 1 + index * size);
  const coverage: Coverage = {};
  const sums = { seeds: 0, violations: 0, crashes: 0, zombies: 0, rescales: 0, cpuSeconds: 0 };
  const violated: string[] = [];
  let checkpointsMin = Number.POSITIVE_INFINITY;
  const take = (summary: Summary): void => {
    sums.seeds += summary.seeds;
    sums.violations += summary.violations;
    sums.crashes += summary.crashes;
    sums.zombies += summary.zombies;
    sums.rescales += summary.rescales;
    sums.cpuSeconds += summary.seconds;
    checkpointsMin = Math.min(checkpointsMin, summary.checkpointsMin);
    violated.push(...summary.violated);
    addCoverage(coverage, summary.coverage);
  };
  const work = async (): Promise<void> => {
    for (let first = due.shift(); first !== undefined; first = due.shift()) {
      const known = progress.get<string>(String(first));
      const args = ["--seed", String(first), "--count", String(size)];
      const text = known ?? JSON.stringify(await simulate("node", args));
      progress.set(String(first), text);
      const summary = JSON.parse(text) as Summary;
      take(summary);
      for (const line of summary.violated) log(line);
      if (known === undefined) log(`seeds ${first} to ${first + size - 1}: ${summary.violations} violations`);
    }
  };
  const [again] = await Promise.all([
    simulate("node", ["--regressions"]),
    ...Array.from({ length: Math.min(cpus().length, due.length) }, () => work()),
  ]);
  for (const line of again.violated) log(line);
  log(`\n${coverageTable(coverage)}`);
  const figures: Record<string, Figure> = {
    ...sums,
    violatedFirst: violated.slice(0, 20),
    regressionSeeds: regressions.length,
    regressions: again.violations,
    checkpointsMin,
    cpuSeconds: Math.round(sums.cpuSeconds),
    seedsPerSecondAndCore: Math.round((sums.seeds / sums.cpuSeconds) * 10) / 10,
    faults: Object.values(coverage).reduce((sum, states) => sum + Object.values(states).reduce((a, b) => a + b, 0), 0),
  };
  return { pass: sums.violations === 0 && again.violations === 0 && sums.seeds === total, figures };
};
