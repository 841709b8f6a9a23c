// A proof in several lives, each a deployment of its own; what one has shown is kept, so that an interrupted proof goes
// on with the next.

import type { ProofOptions } from "../../../tools/proof.ts";

export async function inLives<Life>(
  count: number,
  { slice, log, progress }: ProofOptions,
  live: (seed: number) => Promise<Life>,
): Promise<readonly Life[]> {
  const lives: Life[] = [];
  for (let index = 0; index < (slice ? 1 : count); index++) {
    const key = `life ${index}`;
    const text = progress.get<string>(key) ?? JSON.stringify(await live(index + 1));
    progress.set(key, text);
    log(`${key}: ${text}`);
    lives.push(JSON.parse(text) as Life);
  }
  return lives;
}

export const totalOf = <Life>(lives: readonly Life[], count: (one: Life) => number): number =>
  lives.reduce((sum, one) => sum + count(one), 0);
