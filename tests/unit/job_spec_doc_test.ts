// What docs/reference/job_spec.md shows is valid, and its builder's job is its JSON.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { checkExpression } from "../../src/expression/check_expression.ts";
import { arity, castTargets } from "../../src/expression/operators.ts";
import { type Problem, problemText } from "../../src/expression/problem.ts";
import type { PlanNode } from "../../src/graph/plan.ts";
import { planJob } from "../../src/graph/plan_job.ts";
import type { JobSpec } from "../../src/job/job_spec.ts";
import { validateJobSpec } from "../../src/job/mod.ts";
import { rootPath } from "../../tools/process.ts";

const page = readFileSync(join(rootPath, "docs/reference/job_spec.md"), "utf8");
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map((match) => match[1] ?? "");

const byUid = (spec: JobSpec): JobSpec => ({
  ...spec,
  operators: spec.operators.toSorted((left, right) => (left.uid < right.uid ? -1 : 1)),
});

type Json = Record<string, unknown>;
const documents = blocks("json").map((text) => JSON.parse(text) as Json);

function validSpec(input: unknown): JobSpec {
  const outcome = validateJobSpec(input, { functions: new Map([["alerts", { inputs: 1 }]]) });
  if (outcome.kind === "valid") return outcome.spec;
  throw new Error(outcome.problems.map(problemText).join("\n"));
}

async function builtBy(text: string, name: string): Promise<JobSpec> {
  const directory = join(rootPath, "build", "docs");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, name);
  writeFileSync(file, text);
  return ((await import(pathToFileURL(file).href)) as { default: JobSpec }).default;
}

test("the spec on the page is valid, and the builder's job is the same", async () => {
  const [spec, ...others] = documents.filter((one) => "millrace" in one);
  assert.equal(others.length, 0);
  assert.deepEqual(byUid(await builtBy(blocks("ts")[0] ?? "", "job_spec_job.ts")), byUid(validSpec(spec)));
});

test("the second job of the builder is valid and can be planned", async () => {
  const spec = await builtBy(blocks("ts")[1] ?? "", "job_spec_shop.ts");
  assert.deepEqual(validSpec(spec), spec);
  assert.equal(planJob(spec).chains.length, 6);
});

test("the operators on the page are valid together, and each kind is shown", () => {
  const operators = documents.filter((one) => "uid" in one);
  const read = new Set(operators.flatMap((one) => [one["input"], one["left"], one["right"], one["inputs"]].flat()));
  const sinks = operators
    .filter(({ uid }) => !read.has(uid))
    .map(({ uid, keyBy }) => {
      const primaryKey = Array.isArray(keyBy) ? keyBy : ["id"];
      const connector = { kind: "table", table: uid, mode: "upsert", primaryKey };
      return { uid: `${String(uid)}_table`, kind: "sink", input: uid, connector };
    });
  const spec = validSpec({ millrace: 1, name: "page", parallelism: 2, operators: [...operators, ...sinks] });
  const plan = planJob(spec);
  const [whole] = documents.filter((one) => "millrace" in one);
  const shown = new Set([...plan.nodes, ...planJob(validSpec(whole)).nodes].map((one) => one.kind));
  assert.deepEqual([...shown].sort(), Object.keys(operatorKinds).sort());
});

/** Each kind has a section; the compiler knows whether one is missing here. */
const operatorKinds: Readonly<Record<PlanNode["kind"], true>> = {
  source: true,
  filter: true,
  project: true,
  union: true,
  window: true,
  aggregate: true,
  interval_join: true,
  join: true,
  top_n: true,
  process: true,
  sink: true,
};

test("every kind of operator has a section", () => {
  for (const kind of Object.keys(operatorKinds)) assert.ok(page.includes(`\n### \`${kind}\`\n`), kind);
});

test("the expression on the page is well typed", () => {
  const problems: Problem[] = [];
  const schema = ["hours", "miles"].map((name) => ({ name, type: "i64" as const, nullable: false }));
  const [expression] = documents.filter((one) => "op" in one);
  checkExpression(expression, schema, "expression", problems);
  assert.deepEqual(problems.map(problemText), []);
});

test("every operation and every target of a cast is on the page", () => {
  for (const name of [...Object.keys(arity), ...castTargets]) assert.ok(page.includes(`\`${name}\``), name);
});
