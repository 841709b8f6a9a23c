// The simulation of the cluster: a few seeds, each one history, and what it demands of every run.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { systemDigest } from "../../adapters/local/machine.ts";
import { rootPath } from "../../tools/process.ts";
import { noLimits, runSeed } from "../simulation/run_seed.ts";
import { hostTurns } from "../simulation/turns.ts";

const kernels = new WebAssembly.Module(readFileSync(`${rootPath}/build/kernels.wasm`));
const environment = { kernels, digest: systemDigest, turns: await hostTurns() };

test("a simulated cluster commits what an undisturbed run commits, after at least three checkpoints", async () => {
  for (const seed of [1, 2, 3]) {
    const { violation, checkpoints, coverage } = await runSeed(seed, environment);
    assert.equal(violation, undefined, `seed ${seed}`);
    assert.ok(checkpoints >= 3, `seed ${seed}: ${checkpoints} checkpoints`);
    assert.ok(Object.keys(coverage).length > 0, `seed ${seed}: no fault struck`);
  }
});

test("one seed is one history, and another seed or limit is another", async () => {
  const limits = { ...noLimits, rowsMin: 100 };
  const first = await runSeed(4, environment, limits);
  assert.equal((await runSeed(4, environment, limits)).traceHash, first.traceHash);
  assert.notEqual((await runSeed(5, environment, limits)).traceHash, first.traceHash);
  assert.notEqual((await runSeed(4, environment)).traceHash, first.traceHash);
});
