// One task on a worker, as the engine holds it: it waits for a place, then what is said to it goes over the link.

import { externalError, type MillraceError } from "../base/errors.ts";
import { asGeneration } from "../base/ids.ts";
import type { HostedTask, TaskRequest } from "../engine/task_host.ts";
import type { Timers } from "../platform/ports.ts";
import { taskKey, type ToTask } from "../protocol/messages.ts";
import type { TaskOptions, TaskProgress } from "../task/task.ts";
import type { PeerAddress } from "./data_plane.ts";
import { type FromWorker, progressOf, type TaskName } from "./messages.ts";
import { messageOf } from "./plain_messages.ts";
import type { ClusterTimes } from "./times.ts";
import type { PlacedTask, WorkerSession } from "./worker_session.ts";

export class RemoteTask implements HostedTask, PlacedTask {
  readonly name: TaskName;
  readonly #request: TaskRequest;
  readonly #options: { readonly timers: Timers; readonly times: ClusterTimes; readonly task: TaskOptions };
  /** It needs no place any more. */
  readonly #onGivenUp: () => void;
  readonly #undelivered: ToTask[] = [];
  #worker: WorkerSession | undefined;
  #progress: TaskProgress | undefined;
  #destroying: Promise<void> | undefined;
  #gone: () => void = () => undefined;
  #over = false;

  constructor(
    request: TaskRequest,
    options: { readonly timers: Timers; readonly times: ClusterTimes; readonly task: TaskOptions },
    onGivenUp: () => void,
  ) {
    const { jobId, generation, task } = request.deployment;
    this.name = { jobId, generation, task };
    this.#request = request;
    this.#options = options;
    this.#onGivenUp = onGivenUp;
  }

  placed(worker: WorkerSession, elsewhere: Readonly<Record<string, PeerAddress>>): void {
    this.#worker = worker;
    worker.add(this);
    const { spec, deployment } = this.#request;
    worker.send({ kind: "deploy", spec: JSON.stringify(spec), deployment, elsewhere, options: this.#options.task });
    for (const message of this.#undelivered.splice(0)) this.deliver(message);
  }

  deliver(message: ToTask): void {
    if (this.#worker === undefined) this.#undelivered.push(message);
    else this.#worker.send({ kind: "deliver", of: this.name, message });
  }

  progress(): TaskProgress | undefined {
    return this.#progress;
  }

  destroy(): Promise<void> {
    this.#destroying ??= this.#destroy();
    return this.#destroying;
  }

  async #destroy(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return this.#onGivenUp();
    if (this.#over || worker.lost) return;
    const gone = new Promise<"gone">((resolve) => {
      this.#gone = () => resolve("gone");
    });
    worker.send({ kind: "destroy", of: this.name });
    const { timers, times } = this.#options;
    const outcome = await Promise.race([gone, timers.sleep(times.destroyMs).then(() => "late" as const)]);
    worker.remove(this.name);
    if (outcome === "late") worker.lose(`it did not end task ${taskKey(this.name.task)} within ${times.destroyMs} ms`);
  }

  heard(message: Extract<FromWorker, { kind: "task" | "progress" | "destroyed" }>): void {
    switch (message.kind) {
      case "task":
        return this.#request.outbox(messageOf(message.message));
      case "progress":
        this.#progress = progressOf(message.progress);
        return;
      case "destroyed":
        this.#over = true;
        if (message.progress !== undefined) this.#progress = progressOf(message.progress);
        return this.#gone();
    }
  }

  workerLost(why: string): void {
    this.#over = true;
    this.#gone();
    if (this.#destroying !== undefined) return;
    const { jobId, task } = this.name;
    const where = `job ${jobId}, task ${taskKey(task)}`;
    this.fail(externalError("worker_lost", where, `the worker of the task is lost: ${why}`));
  }

  fail(error: MillraceError): void {
    const { task, generation } = this.name;
    this.#request.outbox({ kind: "failed", generation: asGeneration(generation), task, error });
  }
}
