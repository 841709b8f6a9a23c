// Runs the shared cases in the process that executes this file: Node, Deno or Bun.
//   node|deno run -A|bun tests/runtimes/local_main.ts [part of a case's name]

import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { Case } from "../case.ts";
import { encodeEvent } from "./report.ts";
import { loadCases, noteStrayError, runCase, type Topic } from "./run_case.ts";
import { openLocalContext } from "../support/local_context.ts";

const root = new URL("../../", import.meta.url);
const folder = new URL("tests/conformance/", root);
const suffix = ".cases.ts";

process.on("unhandledRejection", noteStrayError);
process.on("uncaughtException", noteStrayError);

const topics: Topic[] = readdirSync(folder)
  .filter((name) => name.endsWith(suffix))
  .sort()
  .map((name) => ({
    name: name.slice(0, -suffix.length),
    load: async () => (await import(new URL(name, folder).href)) as { cases: readonly Case[] },
  }));

const kernels = new WebAssembly.Module(readFileSync(new URL("build/kernels.wasm", root)));
const runtime = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

for (const one of await loadCases(topics, process.argv[2] ?? "")) {
  console.log(encodeEvent({ kind: "start", name: one.name }));
  const { context, close } = await openLocalContext(kernels, runtime);
  const event = await runCase(one, context);
  await close();
  console.log(encodeEvent(event));
}
console.log(encodeEvent({ kind: "end", runtime }));
process.exit(0);
