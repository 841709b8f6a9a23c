// The program of a thread of tasks: makes the ports of the engine over what each task was given, plans its job again
// from the spec (a plan does not travel), and runs it until it is told to end. Tasks take turns between batches.

import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../../src/base/assert.ts";
import { asMillraceError } from "../../../src/base/errors.ts";
import { plainMessage } from "../../../src/cluster/plain_messages.ts";
import { PendingCalls, RemoteLogs } from "../../../src/cluster/remote_calls.ts";
import { connectorsOf } from "../../../src/engine/connector_factory.ts";
import { type HostedTask, stillborn } from "../../../src/engine/task_host.ts";
import { planJob } from "../../../src/graph/plan_job.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import type { LogSink } from "../../../src/platform/ports.ts";
import { Task } from "../../../src/task/task.ts";
import { localConnectors } from "../connectors.ts";
import { loadFunctions } from "../functions.ts";
import { LocalFiles } from "../files.ts";
import { kernelModules, systemPorts } from "../machine.ts";
import { openShare } from "../open_store.ts";
import { detectRuntime } from "../runtime.ts";
import type { FromSlot, SlotOptions, SlotTaskOptions, ToSlot } from "./messages.ts";
import { PortChannels } from "./port_channels.ts";

/** How often the engine's thread is told how far the tasks are. */
const PROGRESS_MS = 100;

const parent = parentPort;
assert(parent !== null, "this module runs as a worker thread");
const slot = workerData as SlotOptions;
const post = (message: FromSlot): void => parent.postMessage(message);

const calls = new PendingCalls((id, call) => post({ kind: "log_call", id, call }));
const logs = new RemoteLogs(calls);
/** By place. */
const tasks = new Map<number, Promise<HostedTask>>();
const running = new Map<number, HostedTask>();

let platform: Promise<Platform> | undefined;

/** Of all tasks of the thread; where the store cannot be reached, the next one tries again. */
function sharedPlatform(): Promise<Platform> {
  platform ??= openPlatform().catch((error: unknown) => {
    platform = undefined;
    throw error;
  });
  return platform;
}

async function openPlatform(): Promise<Platform> {
  const log: LogSink = { write: (level, message, fields) => post({ kind: "log_line", level, message, fields }) };
  const { database, metadata, blobs } = await openShare(slot.store, log);
  return {
    runtime: detectRuntime().name,
    ...systemPorts,
    modules: kernelModules(),
    blobs,
    metadata,
    tables: database,
    files: new LocalFiles(slot.fileRoots),
    log,
    console: { print: (line) => post({ kind: "print", line }) },
    stages: {
      enter: (stage, detail) => {
        if (slot.observed) post({ kind: "stage", stage, detail });
      },
    },
  };
}

async function start(place: number, { spec, deployment, task: options, channels }: SlotTaskOptions) {
  let task: Task | undefined;
  const outbox = (message: Parameters<typeof plainMessage>[0]): void => {
    // Whoever hears that something is done finds its counts: the message may end the job.
    if (task !== undefined) post({ kind: "progress", place, progress: task.progress() });
    post({ kind: "message", place, message: plainMessage(message) });
  };
  try {
    const platform = await sharedPlatform();
    const plan = planJob(spec);
    const factory = localConnectors({ platform, logs });
    const connectors = connectorsOf(factory, plan, deployment.task.chain);
    const functions = await loadFunctions(slot.functions);
    const hub = new PortChannels(channels);
    task = new Task({ platform, plan, deployment, connectors, functions, hub, options, outbox });
    running.set(place, task);
    return task;
  } catch (thrown) {
    return stillborn(deployment, asMillraceError(thrown, `job ${deployment.jobId}`), outbox);
  }
}

async function destroy(place: number): Promise<void> {
  const task = await tasks.get(place);
  await task?.destroy();
  running.delete(place);
  tasks.delete(place);
  post({ kind: "destroyed", place, progress: task?.progress() });
}

parent.on("message", (message: ToSlot) => {
  switch (message.kind) {
    case "deploy":
      tasks.set(message.place, start(message.place, message.options));
      return;
    case "message":
      void tasks.get(message.place)?.then((task) => task.deliver(message.message));
      return;
    case "destroy":
      void destroy(message.place);
      return;
    case "log_answer":
      return calls.answered(message.id, message.answer);
    case "log_error":
      return calls.failed(message.id, message.error);
  }
});

// Whoever waits for tasks has all that they need; what fails is told when there is one.
void sharedPlatform().catch(() => undefined);
void loadFunctions(slot.functions).catch(() => undefined);

setInterval(() => {
  for (const [place, task] of running) {
    const progress = task.progress();
    if (progress !== undefined) post({ kind: "progress", place, progress });
  }
}, PROGRESS_MS);
// A promise that nobody waits for and that fails is a bug; the thread ends, and with it its tasks, which start again.
process.on("unhandledRejection", (error) => {
  throw error;
});
