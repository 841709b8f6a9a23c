// Process functions against their twin: random lives from fixed seeds.

import { KernelInstance } from "../../src/kernel/instance.ts";
import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";
import { runProcessSequence } from "../twins/process_random.ts";

const SEQUENCES_A_CASE = 10;
const STEPS = 40;
const BUDGET_BYTES = 256 * 1024 * 1024;

export const cases: readonly Case[] = [0, 10, 20, 30, 40].map((first) =>
  test(`a process function writes what its twin writes, however often it is restored: sequences from ${first}`, (context) => {
    const kernel = new KernelInstance(context.kernels, BUDGET_BYTES);
    for (let seed = first; seed < first + SEQUENCES_A_CASE; seed++) {
      equal(runProcessSequence(kernel, seed, STEPS), undefined, `sequence ${seed}`);
    }
  }),
);
