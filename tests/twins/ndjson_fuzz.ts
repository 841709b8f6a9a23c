// The differential test of the NDJSON scanner: seeded streams, cut at random, decoded with small and large batches,
// against the twin. A failing seed is printed and reproduces the difference.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import { compare, type Harness, harness } from "./ndjson_compare.ts";
import { randomStream, schemas } from "./ndjson_generator.ts";

export interface FuzzOutcome {
  /** Generated lines. */
  readonly cases: number;
  readonly streams: number;
  /** Seed and difference of each stream that was decoded differently. */
  readonly differences: readonly string[];
}

const LINES_PER_STREAM = 40;

/** Runs streams from `seed` on until `cases` lines have been compared or three streams have differed. */
export function fuzz(kernels: WebAssembly.Module, seed: number, cases: number): FuzzOutcome {
  const made = schemas.map((schema) => harness(kernels, schema));
  const differences: string[] = [];
  let lines = 0;
  let streams = 0;
  for (; lines < cases && differences.length < 3; streams++) {
    const random = seededPrng(seed + streams);
    const one = random.pick(made);
    const count = random.chance(0.1) ? 1 : random.below(2 * LINES_PER_STREAM);
    const difference = compareStream(random, one, count);
    if (difference !== undefined) differences.push(`seed ${seed + streams}: ${difference}`);
    lines += count;
  }
  return { cases: lines, streams, differences };
}

function compareStream(random: Prng, made: Harness, count: number): string | undefined {
  const bytes = randomStream(random, made.region.schema, count);
  const lengths = Array.from({ length: 20 }, () => 1 + random.below(random.pick([2, 30, 300, 3000, 30_000])));
  return compare(made, bytes, lengths, random.pick([1, 7, 4096]));
}
