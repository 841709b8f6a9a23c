// Compiles kernels/ to build/kernels.wasm, only when a source is newer than the result.
// The text form beside it is what `tests/tidy` reads to see that no managed object crept in.
// Written under another name and renamed, so that a reader never meets half a module.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { rootPath, succeedsQuietly } from "./process.ts";

const output = join(rootPath, "build", "kernels.wasm");
const sources = readdirSync(join(rootPath, "kernels"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(rootPath, "kernels", name));
const newestMs = Math.max(...sources.map((path) => statSync(path).mtimeMs));
const upToDate = existsSync(output) && statSync(output).mtimeMs > newestMs && !process.argv.includes("--force");

if (!upToDate) {
  mkdirSync(join(rootPath, "build"), { recursive: true });
  const made = join("build", `kernels.${process.pid}`);
  const flags = ["-O3", "--converge", "--noAssert", "--runtime", "stub", "--uncheckedBehavior", "always"];
  const features = ["--enable", "simd", "--importMemory", "--initialMemory", "16", "--use", "abort="];
  const files = ["-o", `${made}.wasm`, "-t", `${made}.wat`];
  const compiler = join("node_modules", "assemblyscript", "bin", "asc.js");
  // Quietly, because the optimiser remarks on its own last round; by Node whoever runs this file, because the compiler is
  // started as a program, and Deno would want permissions for it.
  const built = succeedsQuietly("node", [compiler, "kernels/main.ts", ...flags, ...features, ...files]);
  if (built) {
    renameSync(join(rootPath, `${made}.wat`), join(rootPath, "build", "kernels.wat"));
    renameSync(join(rootPath, `${made}.wasm`), output);
  } else {
    for (const ending of ["wasm", "wat"]) rmSync(join(rootPath, `${made}.${ending}`), { force: true });
    process.exit(1);
  }
}
