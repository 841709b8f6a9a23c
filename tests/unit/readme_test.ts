// The job in README.md is run as it stands there, through the command line, on Node, Deno and Bun.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createClient } from "@libsql/client";
import { environment, rootPath } from "../../tools/process.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-readme-"));
// Inside the package, where `import … from "millrace"` finds it.
const jobFile = join(rootPath, "build", "readme", "job.ts");
after(() => rmSync(folder, { recursive: true, force: true }));

const events = [
  { at: "2026-01-01T10:05:00Z", origin: "JFK", delay: 20 },
  { at: "2026-01-01T10:15:00Z", origin: "JFK", delay: 41 },
  { at: "2026-01-01T10:20:00Z", origin: "JFK", delay: 15 },
  { at: "2026-01-01T11:10:00Z", origin: "LAX", delay: 16 },
];

const runtimes: Readonly<Record<string, readonly [command: string, ...args: string[]]>> = {
  node: ["node"],
  deno: ["deno", "run", "-A", "--no-lock"],
  bun: ["bun"],
};

for (const [runtime, [command, ...args]] of Object.entries(runtimes)) {
  test(`the job of the README gives its table on ${runtime}`, async () => {
    const readme = readFileSync(join(rootPath, "README.md"), "utf8");
    const block = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
    mkdirSync(join(rootPath, "build", "readme"), { recursive: true });
    writeFileSync(jobFile, block);
    const directory = join(folder, runtime);
    mkdirSync(directory);
    writeFileSync(join(directory, "flights.ndjson"), events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    const program = join(rootPath, "adapters/local/cli/main.ts");
    const run = spawnSync(command, [...args, program, "run", jobFile], {
      cwd: directory,
      env: environment,
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(run.status, 0, run.stdout + run.stderr);
    const database = createClient({ url: `file:${join(directory, ".millrace", "store.db")}` });
    const { rows } = await database.execute(
      "SELECT origin, window_start, window_end, flights, mean_delay FROM delays ORDER BY window_start",
    );
    database.close();
    const tenMs = Date.UTC(2026, 0, 1, 10);
    const hourMs = 3_600_000;
    assert.deepEqual(
      rows.map((row) => [...Array(5).keys()].map((index) => row[index])),
      [
        ["JFK", tenMs, tenMs + hourMs, 2, 30.5],
        ["LAX", tenMs + hourMs, tenMs + 2 * hourMs, 1, 16],
      ],
    );
  });
}
