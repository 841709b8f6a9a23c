// Every rule must find what it is there for, and must leave alone what only looks like it.
// Words that the rules forbid are put together here, so that this file keeps the rules itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { brokenLinks } from "./links.ts";
import { rules } from "./rules.ts";
import { scan } from "./scan.ts";
import { kernelViolations } from "./wat.ts";

const header = "// What this file is for, in a sentence.\n";
const lines = (count: number): string => "a;\n".repeat(count);

interface Plant {
  readonly path?: string;
  readonly bad: readonly string[];
  readonly good: readonly string[];
}

const plants: Readonly<Record<string, Plant>> = {
  "every file opens with a comment that says what it is for": {
    bad: ["export {};\n", "// short\nexport {};\n", "#!/usr/bin/env node\nexport {};\n"],
    good: [header, `#!/usr/bin/env node\n${header}`, "/** What this file is for, in a sentence. */\n"],
  },
  "no file is longer than 500 lines": { bad: [lines(501)], good: [lines(500)] },
  "no function of a kernel is longer than 70 lines": {
    path: "kernels/hash/hash.ts",
    bad: [`export function long(): void {\n${lines(69)}}\n`],
    good: [`export function fits(): void {\n${lines(68)}}\nfunction next(): void {\n${lines(68)}}\n`],
  },
  "only kernels have decorators": {
    bad: ["@inline\nfunction f(): void {}\n", "class A {\n  @logged\n  m(): void {}\n}\n"],
    good: ["/** @returns nothing */\nfunction f(): void {}\n", 'const mail = "@inline";\n'],
  },
  "nothing is left unfinished, silenced or skipped": {
    bad: [
      `// ${"TO"}${"DO"}: later\n`,
      `/* ${"FIX"}ME */`,
      `// @ts-${"ignore"}\n`,
      `// @ts-${"expect"}-error\n`,
      `test.${"skip"}("x", f);`,
      `test("x", { ${"skip"}: true }, f);`,
    ],
    good: ["const todoList = 1;", "limit.skip(2);", '"see test.only"'],
  },
  "no error is swallowed": {
    bad: ["try { f(); } catch {}", "try { f(); } catch (error) {\n  // nothing to do\n}"],
    good: ["try { f(); } catch (error) { note(error); }"],
  },
  "no file names a path of one machine": {
    bad: [`const folder = "/${"home"}/someone/data";`, `// see /${"work"}/notes`],
    good: ['import a from "../home/page.ts";', "// https://example.org/home/page", "const u = `${base}/jobs/x`;"],
  },
  "the core uses no clock, randomness, network or runtime": {
    path: "src/task/task.ts",
    bad: [
      "const now = Date.now();",
      "const now = new Date();",
      "const hour = new Date(ms).getHours();",
      "Math.random();",
      "Math.sin(x); ",
      "const p = Math.pow(2, 3);",
      "setTimeout(f, 1);",
      'await fetch("x");',
      "crypto.getRandomValues(a);",
      "process.exit(1);",
      "Deno.cwd();",
      "Bun.version;",
      "performance.now();",
      'console.log("x");',
      "globalThis.x;",
      "const text = `${Date.now()}`;",
      "a.localeCompare(b);",
      "n.toLocaleString();",
    ],
    good: [
      "this.#clock.nowMs();",
      "new Date(atMs).toISOString();",
      "Date.parse(text);",
      "http.fetch(request);",
      "operator.process(batch);",
      "const print = (console: Console) => console.print(line);",
      "// Date.now() is a port",
      'const text = "process.exit(1)";',
      "const pattern = /Date.now/;",
      "Math.floor(x);",
    ],
  },
  "a folder of the core imports only earlier ones": {
    path: "src/coordinator/job.ts",
    bad: [
      'import { a } from "../api/routes.ts";',
      'import { a } from "../task/task.ts";',
      'import { a } from "../../adapters/local/files.ts";',
      'import { a } from "node:fs";',
      'import { a } from "cloudflare:workers";',
      'import { a } from "left-pad";',
      'export { a } from "../client/client.ts";',
      'const a = await import("../api/routes.ts");',
      'import "../api/routes.ts";',
      'import type { A } from "../../tests/case.ts";',
      'import { a } from "../nowhere/a.ts";',
    ],
    good: [
      'import { a } from "../protocol/message.ts";',
      'import { a } from "./other.ts";',
      'import { a } from "../../kernels/abi.ts";',
      'import * as v from "valibot";',
      "const text = \"import x from 'node:fs'\";",
      '// import x from "node:fs";',
    ],
  },
  "kernels and shared cases import no runtime": {
    path: "tests/conformance/sums.cases.ts",
    bad: [
      'import { test } from "node:test";',
      'import { a } from "../../adapters/local/files.ts";',
      'import "bun:test";',
    ],
    good: ['import { test } from "../case.ts";', 'import { a } from "../../src/base/bytes.ts";'],
  },
};

for (const [name, rule] of Object.entries(rules)) {
  if (name === "file names are snake_case") continue;
  test(`the rule "${name}" finds what is planted, and nothing else`, () => {
    const plant = plants[name];
    assert.ok(plant !== undefined, "every rule has planted violations");
    const path = plant.path ?? "tools/planted.ts";
    for (const text of plant.bad)
      assert.notEqual(rule({ path, text }).length, 0, `must be found: ${text.slice(0, 80)}`);
    for (const text of plant.good)
      assert.deepEqual(rule({ path, text }), [], `must be left alone: ${text.slice(0, 80)}`);
  });
}

test("file names are checked", () => {
  const check = (path: string) => rules["file names are snake_case"]?.({ path, text: "" }).length;
  for (const path of ["src/base/badName.ts", "src/base/bad-name.ts", "tests/a.test.ts"])
    assert.equal(check(path), 1, path);
  for (const path of ["src/base/good_name.ts", "src/globals.d.ts", "tests/conformance/a_b.cases.ts"]) {
    assert.equal(check(path), 0, path);
  }
});

test("a kernel may import only kernels", () => {
  const rule = rules["kernels and shared cases import no runtime"];
  assert.equal(rule?.({ path: "kernels/a/b.ts", text: 'import { x } from "../../src/base/bytes";' }).length, 1);
  assert.equal(rule?.({ path: "kernels/a/b.ts", text: 'import { x } from "../abi";' }).length, 0);
});

test("the scanner keeps lines and sees code inside templates only where it is code", () => {
  const source = 'a(`x ${b("}")} y`); // c\n/* d\n*/ e(/[/"]f/g, "g\\"h"); i / j / k;\n';
  const { code } = scan(source);
  assert.equal(code.length, source.length);
  assert.equal(code.replace(/\s+/g, " ").trim(), 'a(` ${b(" ")} `); e(/ /g, " "); i / j / k;');
});

test("links that lead nowhere are found", () => {
  const check = (text: string) => brokenLinks({ path: "README.md", text }).length;
  assert.equal(check("see [this](docs/NOWHERE.md)"), 1);
  assert.equal(check("see [this](#no-such-heading)"), 1);
  assert.equal(
    check("see [this](package.json), [that](https://example.org/x), `[a](b)`\n\n# A heading\n[h](#a-heading)"),
    0,
  );
});

test("kernels with managed objects or imports are found", () => {
  const memory = '(import "env" "memory" (memory $0 16))';
  assert.equal(kernelViolations(`(module ${memory})`).length, 0);
  assert.equal(kernelViolations(`(module ${memory} (func $~lib/rt/stub/__new (param i32)))`).length, 1);
  assert.equal(kernelViolations(`(module (global $~lib/memory/__stack_pointer (mut i32)))`).length, 1);
  assert.equal(kernelViolations(`(module ${memory} (import "env" "abort" (func $abort (param i32))))`).length, 1);
});
