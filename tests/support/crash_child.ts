// One incarnation of a deployment that is going to be killed:
//   node tests/support/crash_child.ts '<CrashOrder as JSON>'
//
// It opens the deployment of a directory, submits the job where there is none, and waits for its end. It keeps the
// stage that the engine is in as one byte of a file: what is in it after a kill is where the kill struck.
// Prints `kill` where the parent shall kill it, and `ended <status>`.

import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { type CrashOrder, stageLetters } from "./crash_order.ts";

/** A checkpoint is under way: rows that are read meanwhile do not change the stage. */
const CHECKPOINTING = ["gathering", "uploading", "publishing", "committing"];

const order = JSON.parse(process.argv[2] ?? "") as CrashOrder;
const stageFile = openSync(join(order.directory, "stage"), "w");
const still = new Int32Array(new SharedArrayBuffer(4));
let current = "";
let seen = 0;

function note(stage: string): void {
  if (stage === current || (stage === "reading" && CHECKPOINTING.includes(current))) return;
  current = stage;
  writeSync(stageFile, stageLetters[stage] ?? "?", 0);
}

function enter(stage: string): void {
  note(stage);
  const { target } = order;
  if (stage === target?.stage && ++seen === target.occurrence) {
    if (target.byItself) process.kill(process.pid, "SIGKILL");
    writeSync(1, "kill\n");
  }
  if (stage === "reading" && order.readMs > 0) Atomics.wait(still, 0, 0, order.readMs);
}

note("starting");
const deployment = await openDeployment({
  directory: join(order.directory, "store"),
  fileRoots: [order.directory],
  stages: { enter },
  task: { batchRows: order.batchRows },
});
const { engine } = deployment;
await engine.recover();
const [known] = engine.list();
const { record } = known ?? (await engine.submit(order.spec));
const { status } = await engine.ended(record.jobId);
await deployment.close();
console.log(`ended ${status}`);
