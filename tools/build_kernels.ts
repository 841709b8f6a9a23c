// Compiles kernels/ to build/kernels.wasm, only when a source is newer than the result.
// The text form beside it is what `tests/tidy` reads to see that no managed object crept in.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const output = join(root, "build", "kernels.wasm");
const sources = readdirSync(join(root, "kernels"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(root, "kernels", name));
const newestMs = Math.max(...sources.map((path) => statSync(path).mtimeMs));
const upToDate = existsSync(output) && statSync(output).mtimeMs > newestMs && !process.argv.includes("--force");

if (!upToDate) {
  mkdirSync(join(root, "build"), { recursive: true });
  const flags = ["-O3", "--converge", "--noAssert", "--runtime", "stub", "--uncheckedBehavior", "always"];
  const features = ["--enable", "simd", "--importMemory", "--initialMemory", "16", "--use", "abort="];
  const files = ["-o", "build/kernels.wasm", "-t", "build/kernels.wat"];
  const compiler = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
  const result = spawnSync(process.execPath, [compiler, "kernels/main.ts", ...flags, ...features, ...files], {
    cwd: root,
    stdio: "inherit",
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
}
