// Promise 2.3: one seed is one history, to the last call, on every runtime.

import type { Figure, Proof } from "../../tools/proof.ts";
import { type LocalRuntime, localRuntimes, simulate, traceHashInWorkerd } from "../simulation/simulate.ts";

const SEEDS = 1_000;
const SEEDS_A_BUNDLE = 100;
const SLICE_SEEDS = 5;

const runtimes = [...(Object.keys(localRuntimes) as LocalRuntime[]), "workerd"] as const;

async function hashOf(runtime: (typeof runtimes)[number], first: number, count: number): Promise<string> {
  if (runtime === "workerd") return await traceHashInWorkerd(first, count);
  return (await simulate(runtime, ["--seed", String(first), "--count", String(count)])).traceHash;
}

export const prove: Proof = async ({ slice, log, progress }) => {
  const total = slice ? SLICE_SEEDS : SEEDS;
  const size = slice ? SLICE_SEEDS : SEEDS_A_BUNDLE;
  const differing: string[] = [];
  const hashes: Record<string, string> = {};
  for (let first = 1; first <= total; first += size) {
    for (const runtime of runtimes) {
      const key = `${runtime} ${first}`;
      const hash = progress.get<string>(key) ?? (await hashOf(runtime, first, size));
      progress.set(key, hash);
      hashes[key] = hash;
      log(`${runtime}, seeds ${first} to ${first + size - 1}: ${hash.slice(0, 16)}`);
      if (hash !== hashes[`node ${first}`]) differing.push(key);
    }
  }
  const figures: Record<string, Figure> = { seeds: total, runtimes: [...runtimes], differing };
  return { pass: differing.length === 0, figures };
};
