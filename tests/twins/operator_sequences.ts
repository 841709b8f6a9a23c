// Random sequences of events, watermarks, checkpoints and restores for every kind of operator, each compared with its
// brute-force model: one function a kind, from a seed to what is wrong, or undefined.

import { KernelInstance } from "../../src/kernel/instance.ts";
import { runAggregateSequence } from "./aggregate_random.ts";
import { runJoinSequence } from "./join_random.ts";
import { runSequence } from "./panes_random.ts";
import { runProcessSequence } from "./process_random.ts";
import { runTopSequence } from "./top_random.ts";
import { runRandomLife } from "./window_random.ts";

type Sequence = (kernels: WebAssembly.Module, seed: number) => string | undefined | Promise<string | undefined>;

const BUDGET_BYTES = 64 * 1024 * 1024;
const TUMBLING_STEPS = 15;

function tumbling(kernels: WebAssembly.Module, seed: number): string | undefined {
  try {
    runRandomLife(new KernelInstance(kernels, BUDGET_BYTES), seed, TUMBLING_STEPS);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export const operatorSequences: Readonly<Record<string, Sequence>> = {
  tumbling,
  hopping: (kernels, seed) => runSequence(kernels, "hopping", seed),
  session: (kernels, seed) => runSequence(kernels, "session", seed),
  count_distinct: (kernels, seed) => runSequence(kernels, "tumbling", seed),
  join: (kernels, seed) => runJoinSequence(kernels, seed),
  aggregate: (kernels, seed) => runAggregateSequence(kernels, seed),
  top_n: (kernels, seed) => runTopSequence(kernels, seed),
  process: (kernels, seed) => runProcessSequence(kernels, seed),
};

export interface SequencesRun {
  readonly sequences: number;
  readonly differences: readonly string[];
}

/** Seeds `[first, first + count)` of one kind; stops at the third that differs. */
export async function runSequences(
  kernels: WebAssembly.Module,
  kind: string,
  first: number,
  count: number,
): Promise<SequencesRun> {
  const run = operatorSequences[kind];
  if (run === undefined) throw new Error(`there are no sequences of ${kind}`);
  const differences: string[] = [];
  let sequences = 0;
  for (let seed = first; seed < first + count && differences.length < 3; seed++, sequences++) {
    const wrong = await run(kernels, seed);
    if (wrong !== undefined) differences.push(`${kind} ${wrong}`.slice(0, 500));
  }
  return { sequences, differences };
}
