// Planted bugs: each patch in `planted/` is applied to a copy of the code, and the simulation of that copy must see it.
//
// Invariant: a seed counts as a catch only if the code without the bug passes it.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { rootPath } from "../../tools/process.ts";
import { simulate } from "./simulate.ts";

const folder = join(rootPath, "tests", "simulation", "planted");

/** What the simulation of a copy needs. */
const simulated = ["src", "kernels", "adapters", "tests/simulation", "package.json"];

export const plantedBugs = (): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".patch"))
    .map((name) => name.slice(0, -".patch".length))
    .sort();

/** Hands a copy of these paths, with the bugs in it, to `use`; the copy is gone afterwards. */
export async function withPlanted<T>(
  bugs: readonly string[],
  paths: readonly string[],
  use: (copy: string) => Promise<T>,
): Promise<T> {
  const copy = mkdtempSync(join(tmpdir(), "millrace-planted-"));
  try {
    for (const path of [...paths, "build"]) {
      mkdirSync(dirname(join(copy, path)), { recursive: true });
      cpSync(join(rootPath, path), join(copy, path), { recursive: true });
    }
    symlinkSync(join(rootPath, "node_modules"), join(copy, "node_modules"));
    for (const bug of bugs) {
      const patch = spawnSync("git", ["apply", join(folder, `${bug}.patch`)], { cwd: copy, encoding: "utf8" });
      if (patch.status !== 0) throw new Error(`${bug}.patch does not apply: ${patch.stderr}`);
    }
    return await use(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

export interface Catch {
  readonly bug: string;
  /** The first seed that shows it; undefined: none of them did. */
  readonly seed: number | undefined;
  readonly violation: string;
}

const SEEDS_A_BUNDLE = 200;

/** Runs seeds `first` .. `last` against a copy of the source with one bug in it, until one is violated. */
export async function huntBug(
  bug: string,
  last: number,
  first = 1,
  passed: (seed: number) => void = () => undefined,
): Promise<Catch> {
  return await withPlanted([bug], simulated, async (copy) => {
    for (let next = first; next <= last; ) {
      const count = Math.min(SEEDS_A_BUNDLE, last - next + 1);
      const args = ["--seed", String(next), "--count", String(count), "--until-violation"];
      const found = /^seed (\d+): (.*)$/.exec((await simulate("node", args, copy)).violated[0] ?? "");
      next = found === null ? next + count : Number(found[1]) + 1;
      if (found !== null && (await passes(found[1] as string)))
        return { bug, seed: Number(found[1]), violation: found[2] ?? "" };
      passed(next - 1);
    }
    return { bug, seed: undefined, violation: "" };
  });
}

/** Whether the code as it is stands this seed. */
const passes = async (seed: string): Promise<boolean> =>
  (await simulate("node", ["--seed", seed, "--count", "1"])).violations === 0;
