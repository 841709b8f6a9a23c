// Planted bugs: each patch in `planted/` is applied to a copy of `src/`, and the simulation of that copy must see it.

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = join(root, "tests", "simulation", "planted");

export const plantedBugs = (): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".patch"))
    .map((name) => name.slice(0, -".patch".length))
    .sort();

export interface Catch {
  readonly bug: string;
  /** The first seed that shows it; undefined: none of them did. */
  readonly seed: number | undefined;
  readonly violation: string;
}

/** Runs seeds 1 .. `seedsMax` against a copy of the source with one bug in it, until one is violated. */
export function huntBug(bug: string, seedsMax: number): Catch {
  const copy = mkdtempSync(join(tmpdir(), "millrace-planted-"));
  try {
    for (const part of ["src", "kernels", "adapters", "tests/simulation", "build", "package.json"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    const patch = spawnSync("git", ["apply", join(folder, `${bug}.patch`)], { cwd: copy, encoding: "utf8" });
    if (patch.status !== 0) throw new Error(`${bug}.patch does not apply: ${patch.stderr}`);
    const args = ["tests/simulation/main.ts", "--seed", "1", "--count", String(seedsMax), "--until-violation"];
    const run = spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
    const found = /^seed (\d+): (.*)$/m.exec(run.stdout);
    if (found === null && run.status !== 0) throw new Error(`${bug}: the simulation broke: ${run.stderr.slice(-2000)}`);
    return { bug, seed: found === null ? undefined : Number(found[1]), violation: found?.[2] ?? "" };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
