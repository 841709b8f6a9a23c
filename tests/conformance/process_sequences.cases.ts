// Process functions against their twin: random lives from fixed seeds.

import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";
import { runProcessSequence } from "../twins/process_random.ts";

const SEQUENCES_A_CASE = 10;

export const cases: readonly Case[] = [0, 10, 20, 30, 40].map((first) =>
  test(`a process function writes what its twin writes, however often it is restored: sequences from ${first}`, (context) => {
    for (let seed = first; seed < first + SEQUENCES_A_CASE; seed++) {
      equal(runProcessSequence(context.kernels, seed), undefined, `sequence ${seed}`);
    }
  }),
);
