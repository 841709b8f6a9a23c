// Runs seeds in a process of a named runtime, or in workerd, and gives back what came of them.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { rootPath } from "../../tools/process.ts";
import { startWorker } from "../support/workerd_bundle.ts";
import type { Coverage } from "./faults.ts";

export const localRuntimes = { node: ["node"], deno: ["deno", "run", "-A", "--no-lock"], bun: ["bun"] } as const;
export type LocalRuntime = keyof typeof localRuntimes;

/** The last line of tests/simulation/main.ts. */
export interface Summary {
  readonly seeds: number;
  readonly violations: number;
  readonly crashes: number;
  readonly zombies: number;
  readonly rescales: number;
  readonly checkpointsMin: number;
  readonly coverage: Coverage;
  readonly traceHash: string;
  readonly seconds: number;
  /** One line a violation. */
  readonly violated: readonly string[];
}

/** @param root of the code that is simulated: this checkout, or a copy of it. */
export function simulate(runtime: LocalRuntime, args: readonly string[], root = rootPath): Promise<Summary> {
  const [name, ...before] = localRuntimes[runtime];
  const command = join(rootPath, "node_modules", ".bin", name);
  const script = join(root, "tests", "simulation", "main.ts");
  const child = spawn(command, [...before, script, ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => {
      const lines = out.trim().split("\n");
      const last = lines.at(-1) ?? "";
      if (!last.startsWith("{")) return reject(new Error(`the simulation on ${runtime} broke: ${errors.slice(-2000)}`));
      const violated = lines.filter((line) => /^seed \d+: /.test(line));
      resolve({ ...(JSON.parse(last) as Omit<Summary, "violated">), violated });
    });
  });
}

/** So many seeds a request: each has to be answered in a reasonable time. */
const SEEDS_A_REQUEST = 10;

/** The combined trace hash of seeds in workerd, formed as main.ts forms it. */
export async function traceHashInWorkerd(first: number, count: number): Promise<string> {
  const worker = await startWorker({ entry: "tests/runtimes/workerd/simulation_worker.ts", durableObjects: {} });
  try {
    const combined = createHash("sha256");
    for (let seed = first; seed < first + count; seed += SEEDS_A_REQUEST) {
      const due = Math.min(SEEDS_A_REQUEST, first + count - seed);
      const response = await worker.dispatchFetch(`http://simulation/?seed=${seed}&count=${due}`);
      const text = await response.text();
      if (!response.ok) throw new Error(`seed ${seed} in workerd: ${text.slice(0, 500)}`);
      for (const hash of JSON.parse(text) as readonly string[]) combined.update(hash);
    }
    return combined.digest("hex");
  } finally {
    await worker.dispose();
  }
}
