// Runs tasks in threads: the i-th subtasks of all chains of a region share one, as they share a slot in Flink. So a
// region takes as many threads as its largest parallelism, and one that dies takes no other region down. Tasks are
// connected by message ports, their stores by the thread that owns the libSQL file, their logs by the engine's thread.
//
//   a thread:   starts ─▶ waits ─▶ runs tasks of one region ─▶ waits ─▶ … ─▶ ends
//
// Threads that wait have loaded everything: a job that begins, or begins again, has its tasks at once.

import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { LogStore } from "../../../src/connectors/log_store.ts";
import type { HostedTask, TaskHost, TaskRequest } from "../../../src/engine/task_host.ts";
import type { JobPlan } from "../../../src/graph/plan.ts";
import { type ChannelAddress, channelKey } from "../../../src/protocol/frames.ts";
import type { Deployment } from "../../../src/protocol/messages.ts";
import type { TaskOptions } from "../../../src/task/task.ts";
import type { LocalPlatform } from "../platform.ts";
import type { ChannelPort, SlotTaskOptions } from "./messages.ts";
import { SlotThread } from "./slot_thread.ts";

/** A thread that is one too many waits for so long: a job that restarts finds it. */
const REST_MS = 10_000;

export interface ThreadTasksOptions {
  readonly platform: LocalPlatform;
  readonly logs: LogStore;
  readonly fileRoots: readonly string[];
  /** Modules of process functions, by absolute paths. */
  readonly functions: readonly string[];
  readonly task: TaskOptions;
  readonly observed: boolean;
  /** Threads that wait from the beginning, and at least as many whenever there is nothing to do. */
  readonly waiting: number;
}

export class ThreadTasks implements TaskHost {
  readonly #options: ThreadTasksOptions;
  /** By job: ports whose other end has been given out already. */
  readonly #open = new Map<string, Map<string, MessagePort>>();
  /** By job, region and subtask. */
  readonly #slots = new Map<string, SlotThread>();
  readonly #waiting: SlotThread[] = [];
  #closed = false;

  constructor(options: ThreadTasksOptions) {
    this.#options = options;
    while (this.#waiting.length < options.waiting) this.#waiting.push(this.#start());
  }

  deploy(request: TaskRequest): HostedTask {
    const { plan, deployment, spec } = request;
    const channels = this.#channelsOf(plan, deployment);
    const options: SlotTaskOptions = { spec, deployment, task: this.#options.task, channels };
    const moved = channels.map((one) => one.port);
    return this.#slotOf(plan, deployment).deploy(request, options, moved);
  }

  #slotOf(plan: JobPlan, { jobId, task }: Deployment): SlotThread {
    const key = `${jobId} ${plan.chains[task.chain]?.region} ${task.subtask}`;
    const slot = this.#slots.get(key) ?? this.#waiting.shift() ?? this.#start();
    this.#slots.set(key, slot);
    return slot;
  }

  #start(): SlotThread {
    const { fileRoots, functions, observed, platform, logs } = this.#options;
    return new SlotThread(
      { fileRoots, functions, observed, store: platform.share() },
      { platform, logs, onEmpty: (slot) => this.#rest(slot), onEnd: (slot) => this.#forget(slot) },
    );
  }

  #rest(slot: SlotThread): void {
    this.#forget(slot);
    if (this.#closed) return this.#end(slot);
    this.#waiting.push(slot);
    setTimeout(() => {
      if (this.#waiting.length > this.#options.waiting && this.#waiting.includes(slot)) this.#end(slot);
    }, REST_MS).unref();
  }

  #forget(slot: SlotThread): void {
    for (const [key, one] of this.#slots) if (one === slot) this.#slots.delete(key);
    const place = this.#waiting.indexOf(slot);
    if (place >= 0) this.#waiting.splice(place, 1);
  }

  #end(slot: SlotThread): void {
    void slot.end("it is not needed any more");
  }

  /** Ends the threads that wait; others end with their tasks. */
  close(): void {
    this.#closed = true;
    for (const slot of [...this.#waiting]) this.#end(slot);
  }

  #channelsOf(plan: JobPlan, { jobId, generation, task }: Deployment): ChannelPort[] {
    const parallelism = (chain: number): number => plan.chains[chain]?.parallelism ?? 0;
    const ports: ChannelPort[] = [];
    for (const { id: edge, from, to } of plan.edges) {
      if (to.chain === task.chain) {
        for (let subtask = 0; subtask < parallelism(from.chain); subtask++) {
          const address = { generation, edge, from: subtask, to: task.subtask };
          ports.push({ side: "in", address, port: this.#endOf(jobId, address) });
        }
      }
      if (from.chain === task.chain) {
        for (let subtask = 0; subtask < parallelism(to.chain); subtask++) {
          const address = { generation, edge, from: task.subtask, to: subtask };
          ports.push({ side: "out", address, port: this.#endOf(jobId, address) });
        }
      }
    }
    return ports;
  }

  /** One end of a channel: whichever task asks first opens it, the other one gets the other end. */
  #endOf(jobId: string, address: ChannelAddress): MessagePort {
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
