// What docs/reference/job_spec.md shows is valid, and its builder's job is its JSON.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { checkExpression } from "../../src/expression/check_expression.ts";
import { arity, castTargets } from "../../src/expression/operators.ts";
import { type Problem, problemText } from "../../src/expression/problem.ts";
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

function documentedSpec(): JobSpec {
  const outcome = validateJobSpec(JSON.parse(blocks("json")[0] ?? ""));
  if (outcome.kind === "valid") return outcome.spec;
  throw new Error(outcome.problems.map(problemText).join("\n"));
}

test("the spec on the page is valid, and the builder's job is the same", async () => {
  const directory = join(rootPath, "build", "docs");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "job_spec_job.ts");
  writeFileSync(file, blocks("ts")[0] ?? "");
  const { default: built } = (await import(pathToFileURL(file).href)) as { default: JobSpec };
  assert.deepEqual(byUid(built), byUid(documentedSpec()));
});

test("the expression on the page is well typed", () => {
  const problems: Problem[] = [];
  const schema = ["hours", "miles"].map((name) => ({ name, type: "i64" as const, nullable: false }));
  checkExpression(JSON.parse(blocks("json")[1] ?? ""), schema, "expression", problems);
  assert.deepEqual(problems.map(problemText), []);
});

test("every operation and every target of a cast is on the page", () => {
  for (const name of [...Object.keys(arity), ...castTargets]) assert.ok(page.includes(`\`${name}\``), name);
});
