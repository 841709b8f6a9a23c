// Runs shared cases over shared stores in the process that executes this file: Node, Deno or Bun.
//   node|deno run -A|bun tests/integration/shared_cases_main.ts TOPIC,TOPIC... store|directory|s3 [part of a case's name]
// The last line is a JSON object with the count of passed cases and the failures.

import process from "node:process";
import type { Case } from "../case.ts";
import { loadCases, noteStrayError, runCase } from "../runtimes/run_case.ts";
import { startS3 } from "../support/s3_server.ts";
import { type BlobsKind, openSharedContext } from "../support/shared_context.ts";

process.on("unhandledRejection", noteStrayError);
process.on("uncaughtException", noteStrayError);

const blobsIn = (process.argv[3] ?? "store") as BlobsKind;
const s3 = blobsIn === "s3" ? await startS3() : undefined;

const topics = (process.argv[2] ?? "").split(",").map((name) => ({
  name,
  load: async () => (await import(`../conformance/${name}.cases.ts`)) as { cases: readonly Case[] },
}));

let passed = 0;
const failures: string[] = [];
for (const one of await loadCases(topics, process.argv[4] ?? "")) {
  const { context, close } = openSharedContext(blobsIn, s3);
  const event = await runCase(one, context);
  await close();
  if (event.kind === "pass") passed++;
  else if (event.kind === "fail") failures.push(`${one.name}: ${event.error}`);
}
await s3?.kill();
console.log(JSON.stringify({ passed, failures }));
process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
