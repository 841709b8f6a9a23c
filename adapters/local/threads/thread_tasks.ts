// Runs every task in a thread of its own. Tasks of one job are connected by message ports, their stores by the
// thread that owns the libSQL file, their logs by the engine's thread.
//
// Invariant: whatever ends a thread, its task is reported as failed unless it was told to end.

import { MessageChannel, type MessagePort, type Transferable, Worker } from "node:worker_threads";
import { asMillraceError, externalError } from "../../../src/base/errors.ts";
import { messageOf } from "../../../src/cluster/plain_messages.ts";
import { carryOut, type RemoteCall } from "../../../src/cluster/remote_calls.ts";
import type { LogStore } from "../../../src/connectors/log_store.ts";
import type { HostedTask, TaskHost, TaskRequest } from "../../../src/engine/task_host.ts";
import type { JobPlan } from "../../../src/graph/plan.ts";
import { type ChannelAddress, channelKey } from "../../../src/protocol/frames.ts";
import type { Deployment, ToTask } from "../../../src/protocol/messages.ts";
import type { TaskOptions, TaskProgress } from "../../../src/task/task.ts";
import type { LocalPlatform } from "../platform.ts";
import type { ChannelPort, FromThread, TaskThreadOptions, ToThread } from "./messages.ts";

/** A thread that does not end by itself within this time is ended. */
const DESTROY_MS = 10_000;

export interface ThreadTasksOptions {
  readonly platform: LocalPlatform;
  readonly logs: LogStore;
  readonly fileRoots: readonly string[];
  /** Modules of process functions, by absolute paths. */
  readonly functions: readonly string[];
  readonly task: TaskOptions;
  readonly observed: boolean;
}

export class ThreadTasks implements TaskHost {
  readonly #options: ThreadTasksOptions;
  /** By job: ports whose other end has been given out already. */
  readonly #open = new Map<string, Map<string, MessagePort>>();

  constructor(options: ThreadTasksOptions) {
    this.#options = options;
  }

  deploy(request: TaskRequest): HostedTask {
    const { plan, deployment, spec } = request;
    const { platform, fileRoots, functions, task, observed } = this.#options;
    const channels = this.#channelsOf(plan, deployment);
    const store = platform.share();
    const options: TaskThreadOptions = { spec, deployment, task, fileRoots, functions, store, channels, observed };
    const ports = channels.map((one) => one.port);
    const transferList = store.kind === "file" ? [store.port, ...ports] : ports;
    return new TaskThread(options, transferList, request, this.#options);
  }

  #channelsOf(plan: JobPlan, { jobId, generation, task }: Deployment): ChannelPort[] {
    const parallelism = (chain: number): number => plan.chains[chain]?.parallelism ?? 0;
    const ports: ChannelPort[] = [];
    for (const { id: edge, from, to } of plan.edges) {
      if (to.chain === task.chain) {
        for (let subtask = 0; subtask < parallelism(from.chain); subtask++) {
          const address = { generation, edge, from: subtask, to: task.subtask };
          ports.push({ side: "in", address, port: this.#end(jobId, address) });
        }
      }
      if (from.chain === task.chain) {
        for (let subtask = 0; subtask < parallelism(to.chain); subtask++) {
          const address = { generation, edge, from: task.subtask, to: subtask };
          ports.push({ side: "out", address, port: this.#end(jobId, address) });
        }
      }
    }
    return ports;
  }

  /** One end of a channel: whichever task asks first opens it, the other one gets the other end. */
  #end(jobId: string, address: ChannelAddress): MessagePort {
    const open = this.#open.get(jobId) ?? new Map<string, MessagePort>();
    this.#open.set(jobId, open);
    const key = channelKey(address);
    const waiting = open.get(key);
    if (waiting !== undefined) {
      open.delete(key);
      return waiting;
    }
    const { port1, port2 } = new MessageChannel();
    open.set(key, port2);
    return port1;
  }
}

class TaskThread implements HostedTask {
  readonly #worker: Worker;
  readonly #request: TaskRequest;
  readonly #logs: LogStore;
  readonly #platform: LocalPlatform;
  #progress: TaskProgress | undefined;
  #ending = false;
  #ended: () => void = () => undefined;

  constructor(
    options: TaskThreadOptions,
    transferList: readonly Transferable[],
    request: TaskRequest,
    { logs, platform }: ThreadTasksOptions,
  ) {
    this.#request = request;
    this.#logs = logs;
    this.#platform = platform;
    const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
    this.#worker = new Worker(new URL(`./task_thread${ending}`, import.meta.url), {
      workerData: options,
      transferList: [...transferList],
    });
    this.#worker.on("message", (message: FromThread) => this.#on(message));
    this.#worker.on("error", (error) => this.#died(String(error)));
    this.#worker.on("messageerror", (error) => this.#died(String(error)));
    this.#worker.on("exit", (code) => this.#died(`its thread ended with code ${code}`));
  }

  deliver(message: ToTask): void {
    this.#post({ kind: "message", message });
  }

  progress(): TaskProgress | undefined {
    return this.#progress;
  }

  async destroy(): Promise<void> {
    if (!this.#ending) {
      this.#ending = true;
      const ended = new Promise<void>((resolve) => {
        this.#ended = resolve;
      });
      this.#post({ kind: "destroy" });
      const late = this.#platform.timers.sleep(DESTROY_MS);
      await Promise.race([ended, late]);
    }
    await this.#worker.terminate();
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #on(message: FromThread): void {
    switch (message.kind) {
      case "message":
        return this.#request.outbox(messageOf(message.message));
      case "progress":
        this.#progress = message.progress;
        return;
      case "log_call":
        void this.#answer(message.id, message.call);
        return;
      case "log_line":
        return this.#platform.log.write(message.level, message.message, message.fields);
      case "print":
        return this.#platform.console.print(message.line);
      case "stage":
        return this.#platform.stages.enter(message.stage, message.detail);
      case "destroyed":
        this.#progress = message.progress ?? this.#progress;
        return this.#ended();
    }
  }

  async #answer(id: number, call: RemoteCall): Promise<void> {
    try {
      const answer = await carryOut({ logs: this.#logs, database: undefined }, call);
      this.#post({ kind: "log_answer", id, answer });
    } catch (thrown) {
      const error = asMillraceError(thrown, `call ${call.kind}`);
      this.#post({ kind: "log_error", id, error: error.toJSON() });
    }
  }

  #died(why: string): void {
    this.#ended();
    if (this.#ending) return;
    this.#ending = true;
    const { jobId, generation, task } = this.#request.deployment;
    const where = `job ${jobId}, task ${task.chain}.${task.subtask}`;
    const error = externalError("task_thread_died", where, `the thread of the task died: ${why}`);
    this.#request.outbox({ kind: "failed", generation, task, error });
  }
}
