// A worker process that hosts tasks, and the coordinator's end of it. The tasks are the engine's own; between them and
// their coordinator lies a link that delays, duplicates and breaks.
//
// A worker whose link is broken destroys its tasks when it notices, which may be long after the coordinator has given
// it up: until then they are zombies.

import { asMillraceError, externalError, type MillraceError } from "../../src/base/errors.ts";
import { type ConnectorFactory, connectorsOf } from "../../src/engine/connector_factory.ts";
import type { HostedTask, TaskHost, TaskRequest } from "../../src/engine/task_host.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { FromTask, ToTask } from "../../src/protocol/messages.ts";
import { Task, type TaskOptions } from "../../src/task/task.ts";
import { ProcessFunctions } from "../../src/job/define_process.ts";
import { Pipe, type SimChannels } from "./sim_channels.ts";
import { type SimHost, strikes } from "./sim_platform.ts";
import type { SimProcess } from "./world.ts";

type ToWorker =
  | { readonly kind: "deploy"; readonly id: number; readonly request: TaskRequest }
  | { readonly kind: "message"; readonly id: number; readonly message: ToTask }
  | { readonly kind: "destroy"; readonly id: number };

type FromWorker =
  | { readonly kind: "message"; readonly id: number; readonly message: FromTask }
  | { readonly kind: "gone"; readonly id: number };

export interface WorkerParts {
  readonly host: SimHost;
  readonly channels: SimChannels;
  readonly process: SimProcess;
  readonly platform: Platform;
  readonly connectors: ConnectorFactory;
  readonly options: TaskOptions;
}

/** What a coordinator that gets no answer to `destroy` waits for before it has the worker killed. */
const DESTROY_MS = 300;

export class SimWorker {
  readonly parts: WorkerParts;
  readonly links: Link[] = [];

  constructor(parts: WorkerParts) {
    this.parts = parts;
  }
}

/** Between one coordinator and one worker. */
export class Link {
  readonly worker: SimWorker;
  readonly coordinator: SimProcess;
  readonly #toWorker: Pipe<ToWorker>;
  readonly #toCoordinator: Pipe<FromWorker>;
  readonly #tasks = new Map<number, Task>();
  readonly #waiting = new Map<number, Waiting>();
  /** The coordinator has given the worker up. */
  lost = false;
  #nextId = 1;

  constructor(worker: SimWorker, coordinator: SimProcess) {
    this.worker = worker;
    this.coordinator = coordinator;
    const { host, process } = worker.parts;
    const { prng } = host.world;
    const latency = (): number => 0.05 + prng.below(10) / 10 + (strikes(host, "message_delay") ? prng.below(60) : 0);
    this.#toWorker = new Pipe(host, latency);
    this.#toCoordinator = new Pipe(host, latency);
    this.#toWorker.receive(process, (message) => this.#atWorker(message));
    this.#toCoordinator.receive(coordinator, (message) => this.#atCoordinator(message));
    worker.links.push(this);
  }

  deploy(request: TaskRequest): HostedTask {
    const id = this.#nextId++;
    const waiting: Waiting = { request, over: false, gone: undefined };
    this.#waiting.set(id, waiting);
    this.#toWorker.send({ kind: "deploy", id, request });
    return {
      deliver: (message) => this.#toWorker.send({ kind: "message", id, message }),
      progress: () => undefined,
      destroy: () => this.#destroy(id, waiting),
    };
  }

  #destroy(id: number, waiting: Waiting): Promise<void> {
    if (waiting.over) return Promise.resolve();
    this.#toWorker.send({ kind: "destroy", id });
    const { host } = this.worker.parts;
    return new Promise((resolve) => {
      waiting.gone = resolve;
      host.world.schedule(DESTROY_MS, this.coordinator, () => {
        if (!waiting.over) this.giveUp("it does not answer");
      });
    });
  }

  /** Nothing arrives any more, and nobody knows yet. */
  cut(): void {
    this.#toWorker.close();
    this.#toCoordinator.close();
  }

  /** The coordinator takes the worker for lost, whatever it still does. */
  giveUp(why: string): void {
    if (this.lost) return;
    this.lost = true;
    this.cut();
    const { host, process } = this.worker.parts;
    host.world.note(`${this.coordinator.name} gives ${process.name} up: ${why}`);
    for (const waiting of this.#waiting.values()) {
      if (waiting.over) continue;
      waiting.over = true;
      const { deployment, outbox } = waiting.request;
      const { generation, task } = deployment;
      const error = externalError("worker_lost", process.name, `the worker is lost: ${why}`);
      outbox({ kind: "failed", generation, task, error });
      waiting.gone?.();
    }
    host.world.schedule(host.world.prng.below(250), process, () => this.orphaned());
  }

  /** The worker has noticed that its coordinator is gone: what it runs for it is of no use. */
  orphaned(): void {
    this.cut();
    for (const task of this.#tasks.values()) void task.destroy();
    // A coordinator that stood still hears of it when it goes on, whether it has tasks there or not.
    if (!this.lost)
      this.worker.parts.host.world.schedule(1, this.coordinator, () => this.giveUp("it has closed the link"));
  }

  #atCoordinator(message: FromWorker): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined || waiting.over) return;
    if (message.kind === "message") return waiting.request.outbox(message.message);
    waiting.over = true;
    waiting.gone?.();
  }

  #atWorker(message: ToWorker): void {
    switch (message.kind) {
      case "deploy":
        return this.#make(message.id, message.request);
      case "message":
        return this.#tasks.get(message.id)?.deliver(message.message);
      case "destroy": {
        const gone = (): void => this.#toCoordinator.send({ kind: "gone", id: message.id });
        const task = this.#tasks.get(message.id);
        if (task === undefined) return gone();
        void task.destroy().then(gone);
      }
    }
  }

  #make(id: number, { plan, deployment }: TaskRequest): void {
    const { host, channels, process, platform, connectors, options } = this.worker.parts;
    const { generation, task, jobId } = deployment;
    const send = (message: FromTask): void => {
      this.#toCoordinator.send({ kind: "message", id, message });
      if (strikes(host, "duplicate_message", process)) this.#toCoordinator.send({ kind: "message", id, message });
    };
    const fail = (error: MillraceError): void => send({ kind: "failed", generation, task, error });
    try {
      const hub = channels.hub(jobId, process, (why) => fail(externalError("peer_lost", process.name, why)));
      const own = connectorsOf(connectors, plan, task.chain);
      const common = { platform, plan, deployment, hub, options, functions: new ProcessFunctions() };
      const made = new Task({ ...common, connectors: own, outbox: send });
      this.#tasks.set(id, made);
    } catch (thrown) {
      fail(asMillraceError(thrown, process.name));
    }
  }
}

interface Waiting {
  readonly request: TaskRequest;
  /** Nothing more is to be expected of it. */
  over: boolean;
  gone: (() => void) | undefined;
}

/** The coordinator's way to place tasks. */
export class SimTaskHost implements TaskHost {
  readonly #coordinator: SimProcess;
  readonly #place: (request: TaskRequest) => SimWorker;

  /** @param place picks a worker that was alive a moment ago. */
  constructor(coordinator: SimProcess, place: (request: TaskRequest) => SimWorker) {
    this.#coordinator = coordinator;
    this.#place = place;
  }

  deploy(request: TaskRequest): HostedTask {
    const worker = this.#place(request);
    const known = worker.links.find((link) => link.coordinator === this.#coordinator && !link.lost);
    return (known ?? new Link(worker, this.#coordinator)).deploy(request);
  }
}
