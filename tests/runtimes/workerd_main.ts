// Runs the shared cases in workerd: each one is an HTTP request to the test Worker, driven from Node.
//   node tests/runtimes/workerd_main.ts [part of a case's name] [folder]
// The folder is tests/conformance, or tests/runtimes/workerd for the cases that only Durable Objects can run.

import { readdirSync } from "node:fs";
import process from "node:process";
import { startWorker } from "../support/workerd_bundle.ts";
import { describeError, encodeEvent, type ReportEvent } from "./report.ts";
import { CASE_LIMIT_MS } from "./run_case.ts";

const only = process.argv[2] ?? "";
const folder = process.argv[3] ?? "tests/conformance";
const suffix = ".cases.ts";
const names = readdirSync(new URL(`../../${folder}/`, import.meta.url))
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
  .sort();
// Only the topics asked for are bundled, so that one broken file does not hide the others while it is worked on.
const wanted = names.filter((name) => only === name || only.startsWith(`${name}:`));
const topics = (wanted.length > 0 ? wanted : names).map(
  (name) => `{ name: ${JSON.stringify(name)}, load: () => import("./${folder}/${name}${suffix}") }`,
);

const worker = await startWorker({
  entry: "tests/runtimes/workerd/worker.ts",
  durableObjects: { TEST: "TestObject" },
  modules: { "millrace:topics": `export const topics = [${topics.join(", ")}];` },
});

async function ask(path: string, name: string): Promise<unknown> {
  // A little longer than a case may take, so that the case's own limit is the one that is reported.
  const signal = AbortSignal.timeout(CASE_LIMIT_MS + 5_000);
  const response = await worker.dispatchFetch(`http://worker${path}?name=${encodeURIComponent(name)}`, { signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`the Worker answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

async function run(name: string): Promise<ReportEvent> {
  const startMs = Date.now();
  try {
    return (await ask("/run", name)) as ReportEvent;
  } catch (error) {
    return { kind: "fail", name, ms: Date.now() - startMs, error: describeError(error) };
  }
}

for (const name of (await ask("/list", only)) as readonly string[]) {
  console.log(encodeEvent({ kind: "start", name }));
  console.log(encodeEvent(await run(name)));
}
await worker.dispose();
console.log(encodeEvent({ kind: "end", runtime: "workerd" }));
process.exit(0);
