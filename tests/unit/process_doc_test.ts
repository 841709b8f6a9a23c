// The functions and jobs of docs/reference/process_functions.md are run as they stand there.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { planJob } from "../../src/graph/plan_job.ts";
import { type JobSpec, type ProcessFunction, ProcessFunctions, validateJobSpec } from "../../src/job/mod.ts";
import { environment, rootPath } from "../../tools/process.ts";

const page = readFileSync(join(rootPath, "docs/reference/process_functions.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "millrace-process-"));
after(() => rmSync(folder, { recursive: true, force: true }));

// Inside the package, where `import … from "millrace"` finds it.
const modules = join(rootPath, "build", "process_functions");
mkdirSync(modules, { recursive: true });
for (const [, name, text] of page.matchAll(/```ts\n\/\/ (\w+\.ts)\n([\s\S]*?)```/g)) {
  writeFileSync(join(modules, name ?? ""), text ?? "");
}
const blockOf = (language: string): string =>
  new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? "";

const runtimes: Readonly<Record<string, readonly [command: string, ...args: string[]]>> = {
  node: ["node"],
  deno: ["deno", "run", "-A", "--no-lock"],
  bun: ["bun"],
};

function linesIn(directory: string): string[] {
  const texts = readdirSync(directory).map((file) => readFileSync(join(directory, file), "utf8"));
  return texts.flatMap((text) => text.split("\n").filter((line) => line !== "")).sort();
}

function runIn(directory: string, runtime: string, options: readonly string[]) {
  const [command, ...args] = runtimes[runtime] as readonly [string, ...string[]];
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "reports.ndjson"), blockOf("ndjson"));
  const program = join(rootPath, "adapters/local/cli/main.ts");
  const given = [...args, program, "run", join(modules, "job.ts"), ...options];
  return spawnSync(command, given, { cwd: directory, env: environment, encoding: "utf8", timeout: 60_000 });
}

for (const runtime of Object.keys(runtimes)) {
  test(`the first job of the page writes the rows of the page on ${runtime}`, () => {
    const directory = join(folder, runtime);
    const run = runIn(directory, runtime, ["--functions", join(modules, "functions.ts")]);
    assert.equal(run.status, 0, run.stdout + run.stderr);
    assert.deepEqual(linesIn(join(directory, "events")), blockOf("json").trim().split("\n").sort());
    assert.deepEqual(linesIn(join(directory, "hot")), ['{"sensor":"b","degrees":90.5}']);
  });
}

test("without its function the job is refused, and so is a module that has none", () => {
  const without = runIn(join(folder, "without"), "node", []);
  assert.equal(without.status, 2, without.stdout);
  assert.match(
    without.stderr,
    /operators\[1\]\.function: found "watch", expected a function that the deployment registers; it registers none/,
  );
  const empty = runIn(join(folder, "empty"), "node", ["--functions", join(rootPath, "src/job/duration.ts")]);
  assert.match(empty.stderr, /functions_file_invalid.*exports no process function/);
  const missing = runIn(join(folder, "missing"), "node", ["--functions", "nowhere.ts"]);
  assert.match(missing.stderr, /functions_file_invalid.*nowhere\.ts cannot be loaded/);
});

test("the second job of the page is valid with its function and can be planned", async () => {
  const url = pathToFileURL(join(modules, "enrich.ts")).href;
  const { default: spec, enrich } = (await import(url)) as { default: JobSpec; enrich: ProcessFunction };
  const functions = new ProcessFunctions([enrich]).signatures;
  assert.deepEqual(validateJobSpec(spec, { functions }), { kind: "valid", spec });
  assert.equal(planJob(spec).chains.length > 0, true);
});
