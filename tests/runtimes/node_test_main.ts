// Runs files of node:test under Node and reports them in the common form.
//   node tests/runtimes/node_test_main.ts <folder> [part of a file's or a test's name]
// A skipped or unfinished test counts as failed: what cannot run here has no business being listed.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { run } from "node:test";
import { fileURLToPath } from "node:url";
import { describeError, encodeEvent } from "./report.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = process.argv[2] ?? "tests/unit";
const only = process.argv[3] ?? "";
const found = existsSync(join(root, folder))
  ? readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
  : [];
const all = found.filter((name) => name.endsWith("_test.ts")).sort();
// A part of a file's name chooses the whole file; anything else is looked for in the names of tests.
const chosen = only === "" ? [] : all.filter((name) => name.includes(only));
const files = (chosen.length > 0 ? chosen : all).map((name) => join(root, folder, name));
const filtered = only !== "" && chosen.length === 0;

const topicOf = (file: string | undefined): string => (file ?? "").slice(root.length).replace(/_test\.ts$/, "");
const say = (event: Parameters<typeof encodeEvent>[0]): void => console.log(encodeEvent(event));

if (files.length > 0) {
  const pattern = filtered ? { testNamePatterns: [only] } : {};
  const stream = run({ files, concurrency: 1, timeout: 120_000, ...pattern });
  stream.on("test:dequeue", (data) => say({ kind: "start", name: `${topicOf(data.file)}: ${data.name}` }));
  stream.on("test:pass", (data) => {
    const name = `${topicOf(data.file)}: ${data.name}`;
    const ms = Math.round(data.details.duration_ms);
    if (data.details.type === "suite") return;
    const left = data.skip ?? data.todo;
    if (left !== undefined && !filtered) say({ kind: "fail", name, ms, error: `was not run: ${String(left)}` });
    else if (left === undefined) say({ kind: "pass", name, ms });
  });
  stream.on("test:fail", (data) => {
    if (data.details.type === "suite") return;
    const error = describeError(data.details.error.cause ?? data.details.error);
    say({ kind: "fail", name: `${topicOf(data.file)}: ${data.name}`, ms: Math.round(data.details.duration_ms), error });
  });
  stream.on("test:stdout", (data) => process.stdout.write(data.message));
  stream.on("test:stderr", (data) => process.stderr.write(data.message));
  await new Promise((resolve) => stream.on("end", resolve).resume());
}
say({ kind: "end", runtime: "node" });
process.exit(0);
