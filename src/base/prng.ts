// A seeded generator of pseudo-random numbers, the same on every runtime.
// Algorithm: sfc32 (Chris Doty-Humphrey, PractRand), seeded through splitmix32.

export interface Prng {
  /** Uniform in [0, 2^32). */
  nextU32(): number;
  /** Uniform in [0, bound). */
  below(bound: number): number;
  /** True with probability `rate` in [0, 1]. */
  chance(rate: number): boolean;
  /** One element of a non-empty list. */
  pick<T>(from: readonly T[]): T;
}

export function seededPrng(seed: number): Prng {
  let mix = seed >>> 0;
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let counter = 1;
  const nextU32 = (): number => {
    const sum = (((a + b) >>> 0) + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = (b ^ (b >>> 9)) >>> 0;
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum;
  };
  for (let warmUp = 0; warmUp < 12; warmUp++) nextU32();
  const below = (bound: number): number => Math.floor((nextU32() / 4294967296) * bound);
  return {
    nextU32,
    below,
    chance: (rate) => nextU32() / 4294967296 < rate,
    pick: (from) => from[below(from.length)] as (typeof from)[number],
  };
}
