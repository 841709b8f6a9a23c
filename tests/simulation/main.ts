// `node tests/simulation/main.ts --seed N --count M [--log] [--until-violation]`: runs seeds, prints violations and the combined trace hash.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { systemDigest } from "../../adapters/local/machine.ts";
import { runSeed } from "./run_seed.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "100" },
    log: { type: "boolean", default: false },
    "until-violation": { type: "boolean", default: false },
  },
});
const kernels = new WebAssembly.Module(readFileSync(new URL("../../build/kernels.wasm", import.meta.url)));
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const first = Number(values.seed);
const count = Number(values.count);
const combined = createHash("sha256");
const totals: Record<string, number> = {};
let violations = 0;
let crashes = 0;
let zombies = 0;
const started = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const result = await runSeed(seed, { kernels, digest: systemDigest, settle, keepLog: values.log });
  combined.update(result.traceHash);
  crashes += result.crashes;
  zombies += result.zombies;
  for (const [stage, times] of Object.entries(result.crashedIn)) totals[stage] = (totals[stage] ?? 0) + times;
  if (values.log) for (const line of result.log) console.log(line);
  if (result.violation !== undefined) {
    violations++;
    console.log(`seed ${seed}: ${result.violation}`);
    if (values["until-violation"]) break;
  }
}
const seconds = (performance.now() - started) / 1000;
console.log(
  JSON.stringify({
    seeds: count,
    violations,
    crashes,
    zombies,
    crashedIn: totals,
    traceHash: combined.digest("hex"),
    seconds,
  }),
);
process.exitCode = violations === 0 ? 0 : 1;
