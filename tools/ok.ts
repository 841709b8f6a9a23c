// The one gate before a commit: format, lint, types, kernels, tests (the checks on the code itself among them).
//   node tools/ok.ts [--fast]       --fast leaves out the tests except those checks
// Runs every step even when one fails, so that one run shows everything; the last line says what failed.

import process from "node:process";
import { succeeds } from "./process.ts";

const fast = process.argv.includes("--fast");
const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["format", "biome", "format", "."],
  ["lint", "biome", "lint", "--error-on-warnings", "."],
  ["types of the core", "tsc", "-p", "tsconfig.core.json"],
  ["types of the rest", "tsc", "-p", "tsconfig.json"],
  ["types on Workers", "tsc", "-p", "tsconfig.cloudflare.json"],
  ["kernels", "node", "tools/build_kernels.ts"],
  ["tests", "node", "tools/test.ts", ...(fast ? ["--suite", "tidy"] : [])],
];

const failed: string[] = [];
for (const [name, command, ...args] of steps) {
  const startMs = Date.now();
  console.log(`\n— ${name}`);
  if (!succeeds(command, args)) failed.push(name);
  console.log(`  ${failed.includes(name) ? "FAILED" : "ok"} in ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
}
console.log(failed.length === 0 ? "\nok" : `\nnot ok: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
