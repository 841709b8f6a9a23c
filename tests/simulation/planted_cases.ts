// Runs shared cases until one fails, the topics that planted bugs are likeliest to break first.
//   node tests/simulation/planted_cases.ts [how many topics; all]
// Started by planted_unit.ts in a copy of the code that has a bug in it.

import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { Case } from "../case.ts";
import { encodeEvent } from "../runtimes/report.ts";
import { loadCases, noteStrayError, runCase } from "../runtimes/run_case.ts";
import { openLocalContext } from "../support/local_context.ts";

const root = new URL("../../", import.meta.url);
const folder = new URL("tests/conformance/", root);
const suffix = ".cases.ts";

process.on("unhandledRejection", noteStrayError);
process.on("uncaughtException", noteStrayError);

const first = [
  ...["coordinator", "coordinator_failover", "coordinator_stop", "distribution", "task_parts", "checkpoint"],
  ...["many_tasks", "job_store", "stop_and_restore", "engine_recovery", "window_kinds", "process_jobs"],
];
const all = readdirSync(folder)
  .filter((name) => name.endsWith(suffix))
  .map((name) => name.slice(0, -suffix.length));
const names = [...first, ...all.filter((name) => !first.includes(name)).sort()];
const count = process.argv[2] === undefined ? names.length : Number(process.argv[2]);

const kernels = new WebAssembly.Module(readFileSync(new URL("build/kernels.wasm", root)));
let failed = false;
for (const name of names.slice(0, count)) {
  const load = async () => (await import(new URL(name + suffix, folder).href)) as { cases: readonly Case[] };
  for (const one of await loadCases([{ name, load }], "")) {
    console.log(encodeEvent({ kind: "start", name: one.name }));
    const { context, close } = await openLocalContext(kernels, "node");
    const event = await runCase(one, context);
    await close();
    console.log(encodeEvent(event));
    failed = event.kind === "fail";
    if (failed) break;
  }
  if (failed) break;
}
console.log(encodeEvent({ kind: "end", runtime: "node" }));
process.exit(failed ? 1 : 0);
