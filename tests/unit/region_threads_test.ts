// A thread that dies takes its region down and no other, on every runtime that has threads.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { rootPath } from "../../tools/process.ts";
import type { RegionReport } from "../support/region_child.ts";
import { type LocalRuntime, runtimeCommands } from "../support/server_process.ts";

async function run(runtime: LocalRuntime): Promise<RegionReport> {
  const directory = await mkdtemp(join(tmpdir(), "millrace-regions-"));
  try {
    const [name = "", ...args] = runtimeCommands[runtime];
    const command = join(rootPath, "node_modules", ".bin", name);
    const child = [...args, join(rootPath, "tests", "support", "region_child.ts"), directory];
    const limits = { cwd: rootPath, timeout: 90_000 };
    const { stdout } = await promisify(execFile)(command, child, limits);
    return JSON.parse(stdout) as RegionReport;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

for (const runtime of ["node", "deno", "bun"] as const) {
  test(`on ${runtime} a thread that dies has its region started again, and the other region's threads live on`, async () => {
    const { status, error, restarts, threads, rows } = await run(runtime);
    assert.deepEqual({ status, error, restarts }, { status: "FINISHED", error: undefined, restarts: 1 });
    assert.deepEqual(threads, { steady: 2, struck: 3 }, "a thread that lived on is used again");
    assert.equal(rows["steady"]?.count, 3_000);
    assert.deepEqual(rows["struck"], rows["steady"], "nothing is lost, nothing is there twice");
  });
}
