// Promise 1.8: the engine survives every simulated history, planted bugs do not, and one seed gives one history
// on every runtime.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Proof } from "../../tools/proof.ts";
import { rootPath } from "../../tools/process.ts";
import { huntBug, plantedBugs } from "../simulation/planted.ts";

const runtimes = { node: ["node"], deno: ["deno", "run", "-A", "--no-lock"], bun: ["bun"] } as const;

interface Summary {
  readonly seeds: number;
  readonly violations: number;
  readonly crashes: number;
  readonly zombies: number;
  /** How often which fault struck in which state of the protocol. */
  readonly coverage: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly traceHash: string;
  readonly seconds: number;
}

/** Runs seeds in a process of the named runtime. */
function simulate(runtime: keyof typeof runtimes, count: number): Summary {
  const [name, ...args] = runtimes[runtime];
  const command = join(rootPath, "node_modules", ".bin", name as string);
  const script = join(rootPath, "tests", "simulation", "main.ts");
  const options = { cwd: rootPath, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 } as const;
  const run = spawnSync(command, [...args, script, "--seed", "1", "--count", String(count)], options);
  const last = run.stdout.trim().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) throw new Error(`the simulation on ${runtime} broke: ${run.stderr.slice(-2000)}`);
  return JSON.parse(last) as Summary;
}

export const prove: Proof = async ({ slice, log, progress }) => {
  const seeds = slice ? 20 : 1000;
  const summaries: Record<string, Summary> = {};
  for (const runtime of Object.keys(runtimes) as (keyof typeof runtimes)[]) {
    const known = progress.get<string>(runtime);
    const text = known ?? JSON.stringify(simulate(runtime, seeds));
    progress.set(runtime, text);
    summaries[runtime] = JSON.parse(text) as Summary;
    log(`${runtime}: ${text}`);
  }
  const caught: Record<string, number> = {};
  const bugs = slice ? ["abandoned_output_dropped"] : plantedBugs();
  for (const bug of bugs) {
    const seed = progress.get<number>(bug) ?? (await huntBug(bug, seeds)).seed ?? 0;
    progress.set(bug, seed);
    if (seed > 0) caught[bug] = seed;
    log(`${bug}: ${seed > 0 ? `caught by seed ${seed}` : "NOT CAUGHT"}`);
  }
  const hashes = new Set(Object.values(summaries).map((one) => one.traceHash));
  const violations = Object.values(summaries).reduce((sum, one) => sum + one.violations, 0);
  const { crashes = 0, zombies = 0, coverage = {}, seconds = 1 } = summaries["node"] ?? {};
  const figures = {
    seeds,
    violations,
    crashes,
    zombies,
    coverage,
    sameTraceHash: hashes.size === 1,
    seedsPerSecond: Math.round((seeds / seconds) * 10) / 10,
    plantedBugs: bugs.length,
    caughtBySeed: caught,
  };
  const pass = violations === 0 && hashes.size === 1 && Object.keys(caught).length === bugs.length;
  return { pass: pass && (slice || bugs.length >= 5), figures };
};
