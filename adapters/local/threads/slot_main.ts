// The thread of one task: makes the ports of the engine over what it was given, plans the job again from its spec
// (a plan does not travel), and runs the task until it is told to end.

import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../../src/base/assert.ts";
import { asMillraceError } from "../../../src/base/errors.ts";
import { plainMessage } from "../../../src/cluster/plain_messages.ts";
import { PendingCalls, RemoteLogs } from "../../../src/cluster/remote_calls.ts";
import { connectorsOf } from "../../../src/engine/connector_factory.ts";
import { stillborn } from "../../../src/engine/task_host.ts";
import { planJob } from "../../../src/graph/plan_job.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import type { LogSink } from "../../../src/platform/ports.ts";
import { Task } from "../../../src/task/task.ts";
import { localConnectors } from "../connectors.ts";
import { loadFunctions } from "../functions.ts";
import { LocalFiles } from "../files.ts";
import { kernelModules, systemClock, systemDigest, systemEntropy, systemTimers, systemYield } from "../machine.ts";
import { openShare } from "../open_store.ts";
import { detectRuntime } from "../runtime.ts";
import type { FromThread, TaskThreadOptions, ToThread } from "./messages.ts";
import { PortChannels } from "./port_channels.ts";

/** How often the engine's thread is told how far the task is. */
const PROGRESS_MS = 100;

const parent = parentPort;
assert(parent !== null, "this module runs as a worker thread");
const options = workerData as TaskThreadOptions;
const post = (message: FromThread): void => parent.postMessage(message);

const calls = new PendingCalls((id, call) => post({ kind: "log_call", id, call }));
const logs = new RemoteLogs(calls);

async function openPlatform(): Promise<Platform> {
  const log: LogSink = { write: (level, message, fields) => post({ kind: "log_line", level, message, fields }) };
  const { database, metadata, blobs } = await openShare(options.store, log);
  return {
    runtime: detectRuntime().name,
    clock: systemClock,
    timers: systemTimers,
    yield: systemYield,
    entropy: systemEntropy,
    digest: systemDigest,
    modules: kernelModules(),
    blobs,
    metadata,
    tables: database,
    files: new LocalFiles(options.fileRoots),
    log,
    console: { print: (line) => post({ kind: "print", line }) },
    stages: {
      enter: (stage, detail) => {
        if (options.observed) post({ kind: "stage", stage, detail });
      },
    },
  };
}

async function start(): Promise<
  Pick<Task, "deliver" | "destroy"> & { progress(): ReturnType<Task["progress"]> | undefined }
> {
  const { spec, deployment } = options;
  let task: Task | undefined;
  const outbox = (message: Parameters<typeof plainMessage>[0]): void => {
    // Whoever hears that something is done finds its counts: the message may end the job.
    if (task !== undefined) post({ kind: "progress", progress: task.progress() });
    post({ kind: "message", message: plainMessage(message) });
  };
  try {
    const platform = await openPlatform();
    const plan = planJob(spec);
    const factory = localConnectors({ platform, logs });
    const connectors = connectorsOf(factory, plan, deployment.task.chain);
    const functions = await loadFunctions(options.functions);
    const hub = new PortChannels(options.channels);
    task = new Task({ platform, plan, deployment, connectors, functions, hub, options: options.task, outbox });
    return task;
  } catch (thrown) {
    return stillborn(deployment, asMillraceError(thrown, `job ${deployment.jobId}`), outbox);
  }
}

const started = start();
parent.on("message", (message: ToThread) => {
  switch (message.kind) {
    case "message":
      void started.then((task) => task.deliver(message.message));
      return;
    case "log_answer":
      return calls.answered(message.id, message.answer);
    case "log_error":
      return calls.failed(message.id, message.error);
    case "destroy":
      void end();
  }
});

async function end(): Promise<void> {
  const task = await started;
  await task.destroy();
  clearInterval(ticking);
  post({ kind: "destroyed", progress: task.progress() });
}

const task = await started;
const ticking = setInterval(() => {
  const progress = task.progress();
  if (progress !== undefined) post({ kind: "progress", progress });
}, PROGRESS_MS);
// A promise that nobody waits for and that fails is a bug; the thread ends, and with it the task, which starts again.
process.on("unhandledRejection", (error) => {
  throw error;
});
