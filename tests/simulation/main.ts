// `npm run simulate -- --seed N --count M`: runs seeds, prints violations with their seeds, where faults have struck, the
// combined trace hash and seeds per second.
//   --log               every call and decision
//   --until-violation   stops at the first
//   --regressions       runs the seeds that once failed instead
//   --shrink            makes seed N smaller for as long as it fails

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { systemDigest } from "../../adapters/local/machine.ts";
import { addCoverage, type Coverage, coverageTable, faultKinds } from "./faults.ts";
import { KernelPool } from "./kernel_pool.ts";
import { regressions } from "./regressions.ts";
import { runSeed, type SeedResult } from "./run_seed.ts";
import { shrink } from "./shrink.ts";
import { hostTurns } from "./turns.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "100" },
    log: { type: "boolean", default: false },
    "until-violation": { type: "boolean", default: false },
    regressions: { type: "boolean", default: false },
    shrink: { type: "boolean", default: false },
  },
});
const kernels = new WebAssembly.Module(readFileSync(new URL("../../build/kernels.wasm", import.meta.url)));
const first = Number(values.seed);
const count = Number(values.count);
const combined = createHash("sha256");
const coverage: Coverage = {};
const totals = { violations: 0, crashes: 0, zombies: 0, rescales: 0, steps: 0 };
const shapes: Record<string, number> = {};
let checkpointsMin = Number.POSITIVE_INFINITY;
let unhandled: unknown;
process.on("unhandledRejection", (reason) => {
  unhandled ??= reason;
});

function take(result: SeedResult): void {
  combined.update(result.traceHash);
  totals.crashes += result.crashes;
  totals.zombies += result.zombies;
  totals.rescales += result.rescales;
  totals.steps += result.steps;
  shapes[result.shape] = (shapes[result.shape] ?? 0) + 1;
  checkpointsMin = Math.min(checkpointsMin, result.checkpoints);
  addCoverage(coverage, result.coverage);
  if (values.log) for (const line of result.log) console.log(line);
}

const pool = new KernelPool();
pool.install();
const environment = { kernels, digest: systemDigest, turns: await hostTurns(), keepLog: values.log };
if (values.shrink) {
  const { limits, violation } = await shrink(first, environment, () => pool.reclaim());
  console.log(`seed ${first}: ${violation ?? "no violation"}`);
  const { rowsMin, workersMax, coordinatorsMax, without } = limits;
  console.log(`rows ${rowsMin}, workers ${workersMax}, coordinators ${coordinatorsMax}`);
  console.log(`faults: ${faultKinds.filter((kind) => !without.includes(kind)).join(", ")}`);
  process.exit(violation === undefined ? 0 : 1);
}
const chosen = values.regressions
  ? regressions.map((one) => one.seed)
  : Array.from({ length: count }, (_none, index) => first + index);
const started = performance.now();
let seeds = 0;
for (const seed of chosen) {
  const result = await runSeed(seed, environment);
  seeds++;
  pool.reclaim();
  take(result);
  const violation = result.violation ?? (unhandled === undefined ? undefined : `unhandled: ${String(unhandled)}`);
  unhandled = undefined;
  if (violation === undefined) continue;
  totals.violations++;
  console.log(`seed ${seed}: ${violation}`);
  if (values["until-violation"]) break;
}
const seconds = (performance.now() - started) / 1000;
console.log(coverageTable(coverage));
const traceHash = combined.digest("hex");
const seedsPerSecond = Math.round((seeds / seconds) * 10) / 10;
console.log(JSON.stringify({ seeds, ...totals, checkpointsMin, shapes, coverage, traceHash, seconds, seedsPerSecond }));
process.exitCode = totals.violations === 0 ? 0 : 1;
