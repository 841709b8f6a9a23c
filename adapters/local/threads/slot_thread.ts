// A thread that runs tasks, seen from the engine's: messages to its tasks, and what they have to say.
//
// Invariant: whatever ends a thread, each of its tasks is reported as failed unless it was told to end.

import { type Transferable, Worker } from "node:worker_threads";
import { asMillraceError, externalError } from "../../../src/base/errors.ts";
import { messageOf } from "../../../src/cluster/plain_messages.ts";
import { carryOut, type RemoteCall } from "../../../src/cluster/remote_calls.ts";
import type { LogStore } from "../../../src/connectors/log_store.ts";
import type { HostedTask, TaskRequest } from "../../../src/engine/task_host.ts";
import { Abort } from "../../../src/platform/abort.ts";
import type { Timers } from "../../../src/platform/ports.ts";
import type { ToTask } from "../../../src/protocol/messages.ts";
import type { TaskProgress } from "../../../src/task/task.ts";
import type { LocalPlatform } from "../platform.ts";
import type { FromSlot, SlotOptions, SlotTaskOptions, ToSlot } from "./messages.ts";

/** A thread with a task that does not end within this time is ended. */
const DESTROY_MS = 10_000;

export interface SlotSurroundings {
  readonly platform: LocalPlatform;
  readonly logs: LogStore;
  /** Its last task has ended. */
  readonly onEmpty: (slot: SlotThread) => void;
  /** It runs no task any more, and never will. */
  readonly onEnd: (slot: SlotThread) => void;
}

export class SlotThread {
  readonly #worker: Worker;
  readonly #surroundings: SlotSurroundings;
  readonly #tasks = new Map<number, SlotTask>();
  #places = 0;
  #ended = false;

  constructor(options: SlotOptions, surroundings: SlotSurroundings) {
    this.#surroundings = surroundings;
    const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
    this.#worker = new Worker(new URL(`./slot_main${ending}`, import.meta.url), {
      workerData: options,
      transferList: options.store.kind === "file" ? [options.store.port] : [],
    });
    this.#worker.on("message", (message: FromSlot) => this.#on(message));
    this.#worker.on("error", (error) => this.#died(String(error)));
    this.#worker.on("messageerror", (error) => this.#died(String(error)));
    this.#worker.on("exit", (code) => this.#died(`it ended with code ${code}`));
    // A thread that waits for tasks is no reason for a program to go on.
    this.#worker.unref();
  }

  deploy(request: TaskRequest, options: SlotTaskOptions, moved: readonly Transferable[]): HostedTask {
    const place = this.#places++;
    const task = new SlotTask(request, {
      post: (message) => this.#post({ ...message, place }),
      sleep: (ms, signal) => this.#surroundings.platform.timers.sleep(ms, signal),
      end: async (ended) => {
        // It is stuck within a batch, and whatever else is in the thread with it.
        if (!ended) await this.end("one of its tasks did not end");
        this.#left(place);
      },
    });
    this.#tasks.set(place, task);
    this.#worker.ref();
    this.#worker.postMessage({ kind: "deploy", place, options } satisfies ToSlot, moved);
    return task;
  }

  #left(place: number): void {
    if (!this.#tasks.delete(place) || this.#tasks.size > 0 || this.#ended) return;
    this.#worker.unref();
    this.#surroundings.onEmpty(this);
  }

  /** Ends the thread as it stands. */
  async end(why: string): Promise<void> {
    this.#died(why);
    await this.#worker.terminate();
  }

  #post(message: ToSlot): void {
    this.#worker.postMessage(message);
  }

  #on(message: FromSlot): void {
    const { platform } = this.#surroundings;
    switch (message.kind) {
      case "message":
      case "progress":
      case "destroyed":
        return this.#tasks.get(message.place)?.heard(message);
      case "log_call":
        void this.#answer(message.id, message.call);
        return;
      case "log_line":
        return platform.log.write(message.level, message.message, message.fields);
      case "print":
        return platform.console.print(message.line);
      case "stage":
        return platform.stages.enter(message.stage, message.detail);
    }
  }

  async #answer(id: number, call: RemoteCall): Promise<void> {
    try {
      const answer = await carryOut({ logs: this.#surroundings.logs, database: undefined }, call);
      this.#post({ kind: "log_answer", id, answer });
    } catch (thrown) {
      const error = asMillraceError(thrown, `call ${call.kind}`);
      this.#post({ kind: "log_error", id, error: error.toJSON() });
    }
  }

  #died(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#surroundings.onEnd(this);
    for (const task of this.#tasks.values()) task.died(why);
  }
}

type OfTask<T> = T extends { readonly place: number } ? Omit<T, "place"> : never;

interface ItsThread {
  readonly post: (message: OfTask<ToSlot>) => void;
  readonly sleep: Timers["sleep"];
  /** @param ended the task has; otherwise the thread has to be ended. */
  readonly end: (ended: boolean) => Promise<void>;
}

class SlotTask implements HostedTask {
  readonly #request: TaskRequest;
  readonly #thread: ItsThread;
  #progress: TaskProgress | undefined;
  #destroyed: Promise<void> | undefined;
  #over = false;
  #ended: () => void = () => undefined;

  constructor(request: TaskRequest, thread: ItsThread) {
    this.#request = request;
    this.#thread = thread;
  }

  deliver(message: ToTask): void {
    if (!this.#over) this.#thread.post({ kind: "message", message });
  }

  progress(): TaskProgress | undefined {
    return this.#progress;
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroy();
    return this.#destroyed;
  }

  async #destroy(): Promise<void> {
    if (!this.#over) {
      const ended = new Promise<void>((resolve) => {
        this.#ended = resolve;
      });
      this.#thread.post({ kind: "destroy" });
      const abort = new Abort();
      const late = this.#thread.sleep(DESTROY_MS, abort).catch(() => undefined); // aborted: it has ended in time
      await Promise.race([ended, late]);
      abort.abort("it has ended");
    }
    await this.#thread.end(this.#over);
  }

  heard(message: Extract<FromSlot, { place: number }>): void {
    switch (message.kind) {
      case "message":
        return this.#request.outbox(messageOf(message.message));
      case "progress":
        this.#progress = message.progress;
        return;
      case "destroyed":
        this.#progress = message.progress ?? this.#progress;
        this.#over = true;
        return this.#ended();
    }
  }

  /** Its thread has. */
  died(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended();
    if (this.#destroyed !== undefined) return;
    const { jobId, generation, task } = this.#request.deployment;
    const where = `job ${jobId}, task ${task.chain}.${task.subtask}`;
    const error = externalError("task_thread_died", where, `the thread of the task died: ${why}`);
    this.#request.outbox({ kind: "failed", generation, task, error });
  }
}
