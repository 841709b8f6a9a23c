// Planted bugs are worth something only where nothing else sees them: each must pass the shared cases on Node and the
// unit tests.
//   node tests/simulation/planted_unit.ts [--together N] [--first N] [bug ...]
//     --together N   so many bugs in one copy of the code, and each alone only where a test has failed
//     --first N      only the N topics that are likeliest to see them
// The tests of the simulation itself are left out: they are what is to see the bugs.

import { spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { environment, killTree, rootPath } from "../../tools/process.ts";
import { decodeEvent } from "../runtimes/report.ts";
import { plantedBugs, withPlanted } from "./planted.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { together: { type: "string", default: "1" }, first: { type: "string" } },
});

const ofSimulation = /^(simulation|planted)_test\.ts$/;
const units = readdirSync(join(rootPath, "tests", "unit"))
  .filter((name) => name.endsWith("_test.ts") && !ofSimulation.test(name))
  .sort();
const runs: readonly (readonly string[])[] = [
  ["tests/simulation/planted_cases.ts", ...(values.first === undefined ? [] : [values.first])],
  ...(values.first === undefined ? units : []).map((name) => ["tests/runtimes/node_test_main.ts", "tests/unit", name]),
];

/** The first test that fails, or undefined. */
function firstFailure(copy: string, args: readonly string[]): Promise<string | undefined> {
  const node = join(rootPath, "node_modules", ".bin", "node");
  const child = spawn(node, args, { cwd: copy, env: environment, stdio: ["ignore", "pipe", "ignore"], detached: true });
  return new Promise((resolve, reject) => {
    let running = args.join(" ");
    let ended = false;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = decodeEvent(line);
      if (event?.kind === "start") running = event.name;
      if (event?.kind === "end") ended = true;
      if (event?.kind !== "fail") return;
      resolve(event.name);
      killTree(child);
    });
    child.on("error", reject);
    child.on("close", () => {
      killTree(child);
      resolve(ended ? undefined : `${running} (its process ended)`);
    });
  });
}

async function seenBy(bugs: readonly string[]): Promise<string | undefined> {
  const listed = spawnSync("git", ["ls-files"], { cwd: rootPath, encoding: "utf8" }).stdout.split("\n");
  const paths = listed.filter((path) => path !== "");
  return await withPlanted(bugs, paths, async (copy) => {
    for (const args of runs) {
      const failed = await firstFailure(copy, args);
      if (failed !== undefined) return failed;
    }
    return undefined;
  });
}

const due = positionals.length > 0 ? positionals : plantedBugs();
const seen: string[] = [];

async function check(bugs: readonly string[]): Promise<void> {
  const failed = await seenBy(bugs);
  if (failed !== undefined && bugs.length > 1) {
    console.log(`one of ${bugs.join(", ")} is seen by: ${failed}`);
    for (const bug of bugs) await check([bug]);
    return;
  }
  if (failed !== undefined) seen.push(...bugs);
  for (const bug of bugs) console.log(`${bug}: ${failed === undefined ? "passes" : `SEEN BY ${failed}`}`);
}

const together = Number(values.together);
for (let at = 0; at < due.length; at += together) await check(due.slice(at, at + together));
console.log(`${due.length - seen.length} of ${due.length} pass`);
process.exit(seen.length === 0 ? 0 : 1);
