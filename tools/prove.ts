// Runs proofs of what Millrace promises (tools/promises.ts).
//   npm run prove -- 1.3            the full proof; an interrupted one goes on where it was
//   npm run prove -- 1.3 --slice    its small, fixed part
//   npm run prove -- --all --slice  every proof's
//   --fresh forgets earlier progress; --record also records a slice
// Prints each result as one line of JSON, appends it to bench/results/proofs.ndjson, rewrites docs/PROMISES.md,
// and exits with 1 when any proof stayed below its bar.

import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { writeGenerated } from "./generated_docs.ts";
import { rootPath, succeeds } from "./process.ts";
import { promises } from "./promises.ts";
import type { Proof, ProofRecord, ProofResult } from "./proof.ts";
import { ProgressFile } from "./proof_progress.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    slice: { type: "boolean", default: false },
    all: { type: "boolean", default: false },
    fresh: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
  },
});

const proofPath = (id: string): string => join(rootPath, "tests", "proofs", `${id.replaceAll(".", "_")}.ts`);
const written = promises.map((one) => one.id).filter((id) => existsSync(proofPath(id)));
const ids = values.all ? written : positionals;

for (const id of ids) {
  if (written.includes(id)) continue;
  console.error(`there is no proof ${id}; there are ${written.join(", ") || "none yet"}`);
  process.exit(2);
}
if (ids.length === 0 && !values.all) {
  console.error(`usage: npm run prove -- <id> [--slice] | --all [--slice]; ids: ${written.join(", ") || "none yet"}`);
  process.exit(2);
}
if (!succeeds("node", ["tools/build_kernels.ts"])) process.exit(1);

/** What a proof itself writes is no change of what it proves. */
const OWN_RECORDS = [":!bench/results", ":!docs/PROMISES.md"];

/** The commit, marked where tracked files have been changed since. */
function commitName(): string {
  const git = (...args: string[]): string =>
    spawnSync("git", args, { cwd: rootPath, encoding: "utf8" }).stdout?.trim() ?? "";
  const commit = git("rev-parse", "--short=12", "HEAD") || "unknown";
  return git("status", "--porcelain", "--untracked-files=no", "--", ".", ...OWN_RECORDS) === ""
    ? commit
    : `${commit}+changes`;
}

function machine(): string {
  const cores = cpus();
  return `${cores[0]?.model.trim() ?? "unknown"}, ${cores.length} cores`;
}

async function measure(id: string, progress: ProgressFile): Promise<ProofResult> {
  const { prove } = (await import(proofPath(id))) as { prove: Proof };
  try {
    return await prove({ slice: values.slice, log: (line) => console.error(`  ${line}`), progress });
  } catch (error) {
    console.error(error);
    return { pass: false, figures: { error: String(error) } };
  }
}

async function run(id: string): Promise<boolean> {
  const commit = commitName();
  const progress = new ProgressFile(values.slice ? `${id}.slice` : id, commit);
  if (values.fresh || values.slice) progress.clear();
  if (progress.size > 0) console.error(`  goes on after ${progress.size} steps of an earlier run`);
  const startMs = Date.now();
  const { pass, figures } = await measure(id, progress);
  const seconds = Math.round((Date.now() - startMs) / 100) / 10;
  const facts = { commit, machine: machine(), seconds, at: new Date().toISOString() };
  const record: ProofRecord = { id, pass, slice: values.slice, figures, ...facts };
  const line = JSON.stringify(record);
  console.log(line);
  progress.clear();
  if (!values.slice || values.record) {
    mkdirSync(join(rootPath, "bench", "results"), { recursive: true });
    appendFileSync(join(rootPath, "bench", "results", "proofs.ndjson"), `${line}\n`);
  }
  return pass;
}

let passed = 0;
for (const id of ids) if (await run(id)) passed++;
if (!values.slice || values.record) writeGenerated();
console.log(`${passed} passed, ${ids.length - passed} failed`);
process.exit(passed === ids.length ? 0 : 1);
