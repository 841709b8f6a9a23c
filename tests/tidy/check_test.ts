// Applies every rule to the whole tree; a failure lists each place.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { version } from "../../adapters/version.ts";
import { brokenLinks } from "./links.ts";
import { rules } from "./rules.ts";
import { pathsWith, read, sourceFiles } from "./tree.ts";
import { kernelViolations } from "./wat.ts";

const files = sourceFiles();
assert.ok(files.length > 20, "the checks see the tree");
const none = (violations: readonly string[]): void => assert.equal(violations.join("\n"), "");

for (const [name, rule] of Object.entries(rules)) test(name, () => none(files.flatMap(rule)));

test("every link in the documents leads somewhere", () => none(pathsWith(".md").map(read).flatMap(brokenLinks)));

test("the compiled kernels have no managed object and import only memory", () =>
  none(kernelViolations(read("build/kernels.wat").text)));

test("the version that a bundled Worker says is that of the package", () => {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  assert.equal(version, (JSON.parse(text) as { version: string }).version);
});
