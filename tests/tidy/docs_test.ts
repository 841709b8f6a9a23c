// The generated parts of the documents must be what their data says; `npm run docs` writes them.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { generatedDocs, promisesPage, withLayers } from "../../tools/generated_docs.ts";
import { promises } from "../../tools/promises.ts";
import type { ProofRecord } from "../../tools/proof.ts";
import { layers } from "./layers.ts";
import { pathsWith, read } from "./tree.ts";

for (const { path, text } of generatedDocs()) {
  test(`${path} is what its data says (npm run docs writes it)`, () => assert.equal(read(path).text, text));
}

const record = (facts: Partial<ProofRecord>): ProofRecord => ({
  id: "1.2",
  pass: true,
  slice: false,
  figures: { rows: 3_000_000 },
  commit: "abc",
  machine: "a machine",
  seconds: 1,
  at: "2026-01-01T00:00:00Z",
  ...facts,
});

test("a promise shows the last full run, and says so when it stayed below the bar", () => {
  const page = promisesPage([record({ figures: { rows: 1 } }), record({ pass: false }), record({ slice: true })]);
  assert.ok(page.includes("**not reached**: rows 3000000 (a machine; 1 s; commit abc; 2026-01-01)"));
  assert.ok(!page.includes("rows 1 "));
});

test("a page without the marks of the layers is refused", () =>
  assert.throws(() => withLayers("# Architecture\n"), /lacks/));

test("every folder of src is a layer", () => {
  const folders = new Set(pathsWith(".ts").flatMap((path) => /^src\/([^/]+)\//.exec(path)?.[1] ?? []));
  const unknown = [...folders].filter((folder) => !layers.some((layer) => layer.folder === folder));
  assert.deepEqual(unknown, []);
});

test("every proof belongs to a promise", () => {
  const proofs = pathsWith(".ts").filter((path) => /^tests\/proofs\/\d+_\d+\.ts$/.test(path));
  const promised = promises.map((one) => `tests/proofs/${one.id.replaceAll(".", "_")}.ts`);
  assert.deepEqual(
    proofs.filter((path) => !promised.includes(path)),
    [],
  );
  assert.ok(existsSync("docs/PROMISES.md"));
});
