// Promise 2.8: the output of every golden job is the same at any parallelism and batch size, killed or not, and every
// operator agrees with its brute-force model on random sequences, on every runtime.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { rootPath } from "../../tools/process.ts";
import type { Figure, Proof, ProofOptions } from "../../tools/proof.ts";
import { operatorSequences, type SequencesRun } from "../twins/operator_sequences.ts";
import { startWorker } from "../support/workerd_bundle.ts";

const runtimes = { node: ["node"], deno: ["deno", "run", "-A", "--no-lock"], bun: ["bun"] } as const;
const SEQUENCES = 10_000;

function run(runtime: keyof typeof runtimes, script: string, args: readonly string[]): string[] {
  const [name, ...before] = runtimes[runtime];
  const command = join(rootPath, "node_modules", ".bin", name as string);
  const path = join(rootPath, "tests", "proofs", "2_8", script);
  const done = spawnSync(command, [...before, path, ...args], {
    cwd: rootPath,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (done.status !== 0)
    throw new Error(`${script} ${args.join(" ")} on ${runtime} broke: ${done.stderr.slice(-2000)}`);
  return done.stdout.trim().split("\n");
}

interface GoldenLine {
  readonly job: string;
  readonly rows: number;
  readonly differences: number;
  readonly error: string;
}

interface Golden {
  readonly jobs: number;
  readonly runs: number;
  readonly differences: number;
}

function golden({ slice, log, progress }: ProofOptions): Golden {
  let jobs = 0;
  let runs = 0;
  let differences = 0;
  const parallelisms = slice ? [2] : [1, 2, 7];
  for (const parallelism of parallelisms) {
    for (const batchRows of slice ? [64] : [1, 7, 4096]) {
      for (const killed of slice ? [true] : [false, true]) {
        const how = [parallelism, batchRows, killed].map(String);
        const key = `golden ${how.join(" ")}`;
        const text =
          progress.get<string>(key) ??
          JSON.stringify(run("node", "golden_main.ts", [...how, "1", slice ? "tumbling" : ""]));
        const lines = (JSON.parse(text) as string[])
          .filter((one) => one !== "")
          .map((one) => JSON.parse(one) as GoldenLine);
        const wrong = lines.filter((one) => one.differences > 0 || one.error !== "");
        for (const one of wrong) log(`${key}: ${JSON.stringify(one)}`);
        if (wrong.length === 0) progress.set(key, text);
        jobs = Math.max(jobs, lines.length);
        runs += lines.length;
        differences += wrong.length;
        log(`${key}: ${lines.length} jobs, ${wrong.length} wrong`);
      }
    }
  }
  return { jobs, runs, differences };
}

/** In workerd, through one Worker. */
async function inWorkerd(kinds: readonly string[], count: number): Promise<Map<string, SequencesRun>> {
  const worker = await startWorker({ entry: "tests/runtimes/workerd/sequences_worker.ts", durableObjects: {} });
  try {
    const found = new Map<string, SequencesRun>();
    for (const kind of kinds) {
      const body = JSON.stringify({ kind, first: 1, count });
      const response = await worker.dispatchFetch("http://sequences/", { method: "POST", body });
      found.set(kind, (await response.json()) as SequencesRun);
    }
    return found;
  } finally {
    await worker.dispose();
  }
}

export const prove: Proof = async (options) => {
  const { slice, log, progress } = options;
  const jobs = golden(options);
  const kinds = Object.keys(operatorSequences);
  const figures: Record<string, Figure> = {
    goldenJobs: jobs.jobs,
    goldenRuns: jobs.runs,
    goldenDifferences: jobs.differences,
  };
  let differences = 0;
  let fewest = Number.POSITIVE_INFINITY;
  const note = (where: string, kind: string, result: SequencesRun, wanted: number): void => {
    differences += result.differences.length;
    fewest = Math.min(fewest, result.sequences / wanted);
    for (const one of result.differences) log(`${where}: ${one}`);
    log(`${where}: ${result.sequences} sequences of ${kind}`);
  };
  for (const runtime of Object.keys(runtimes) as (keyof typeof runtimes)[]) {
    const count = slice ? 4 : runtime === "node" ? SEQUENCES : SEQUENCES / 10;
    for (const kind of slice ? ["hopping"] : kinds) {
      const key = `${runtime} ${kind}`;
      const text =
        progress.get<string>(key) ?? run(runtime, "sequences_main.ts", [kind, "1", String(count)]).at(-1) ?? "";
      const result = JSON.parse(text) as SequencesRun;
      if (result.differences.length === 0) progress.set(key, text);
      note(runtime, kind, result, count);
    }
  }
  const count = slice ? 4 : SEQUENCES / 10;
  for (const [kind, result] of await inWorkerd(slice ? ["hopping"] : kinds, count))
    note("workerd", kind, result, count);
  figures["operators"] = kinds;
  figures["sequencesEachOnNode"] = slice ? 4 : SEQUENCES;
  figures["sequencesEachElsewhere"] = count;
  figures["sequenceDifferences"] = differences;
  const enough = slice || jobs.jobs >= 20;
  return { pass: enough && jobs.differences === 0 && differences === 0 && fewest === 1, figures };
};
