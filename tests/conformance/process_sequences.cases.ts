// Process functions against their twin: random lives from fixed seeds.

import { KernelInstance } from "../../src/kernel/instance.ts";
import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";
import { runProcessSequence } from "../twins/process_random.ts";

const SEQUENCES = 50;
const SEQUENCES_A_KERNEL = 5;
const BUDGET_BYTES = 256 * 1024 * 1024;

export const cases: readonly Case[] = [
  test("a process function writes what its twin writes, whatever comes and however often it is restored", (context) => {
    for (let first = 0; first < SEQUENCES; first += SEQUENCES_A_KERNEL) {
      const kernel = new KernelInstance(context.kernels, BUDGET_BYTES);
      for (let seed = first; seed < first + SEQUENCES_A_KERNEL; seed++) {
        equal(runProcessSequence(kernel, seed, 40), undefined, `sequence ${seed}`);
      }
    }
  }),
];
