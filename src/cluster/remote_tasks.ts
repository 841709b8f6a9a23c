// Runs tasks on the workers that are connected to this leader.
//
// Invariants:
// - Whatever becomes of a worker, each of its tasks is reported as failed unless it was told to end.
// - Where the tasks of a run are is decided once for all of them, before any of them is made: they have to find each other.

import { externalError, type MillraceError } from "../base/errors.ts";
import type { HostedTask, TaskHost, TaskRequest } from "../engine/task_host.ts";
import { Abort } from "../platform/abort.ts";
import type { Link } from "../platform/network.ts";
import type { Clock, LogSink, Timers } from "../platform/ports.ts";
import { taskKey } from "../protocol/messages.ts";
import type { TaskOptions } from "../task/task.ts";
import type { PeerAddress } from "./data_plane.ts";
import { CLUSTER_PROTOCOL_VERSION, decodeFromWorker, encodeMessage, type FromWorker, runOf } from "./messages.ts";
import { freeSlots, place } from "./placement.ts";
import type { CallTargets } from "./remote_calls.ts";
import { RemoteTask } from "./remote_task.ts";
import type { ClusterTimes } from "./times.ts";
import { type WorkerFacts, WorkerSession } from "./worker_session.ts";

export interface RemoteTasksOptions {
  readonly epoch: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: LogSink;
  readonly times: ClusterTimes;
  readonly task: TaskOptions;
  readonly targets: CallTargets;
}

export interface ConnectedWorker extends WorkerFacts {
  /** Slots in use. */
  readonly used: number;
  /** It ends as soon as nothing runs on it. */
  readonly leaving: boolean;
  /** Of which it runs tasks. */
  readonly jobs: readonly string[];
}

/** The tasks of one run that are not placed yet. */
interface Waiting {
  readonly tasks: Map<string, RemoteTask>;
  readonly sinceMs: number;
}

export class RemoteTasks implements TaskHost {
  readonly #options: RemoteTasksOptions;
  readonly #workers = new Map<string, WorkerSession>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #ending = new Abort();
  #placing = false;

  constructor(options: RemoteTasksOptions) {
    this.#options = options;
    void this.#watch();
  }

  /** Those that are connected and have not been let go, in the order in which they came. */
  get workers(): readonly ConnectedWorker[] {
    return [...this.#workers.values()]
      .filter(({ released }) => !released)
      .map(({ facts, used, leaving, jobs }) => ({ ...facts, used, leaving, jobs }));
  }

  /** Where tasks are placed: not on those that are about to leave, unless there are no others. */
  get #places(): readonly ConnectedWorker[] {
    const stay = this.workers.filter(({ leaving }) => !leaving);
    return stay.length > 0 ? stay : this.workers;
  }

  deploy(request: TaskRequest): HostedTask {
    const run = runOf(request.deployment);
    const key = taskKey(request.deployment.task);
    const waiting = this.#waiting.get(run) ?? { tasks: new Map(), sinceMs: this.#options.clock.monotonicMs() };
    this.#waiting.set(run, waiting);
    const task = new RemoteTask(request, this.#options, () => {
      waiting.tasks.delete(key);
      if (waiting.tasks.size === 0) this.#waiting.delete(run);
    });
    waiting.tasks.set(key, task);
    this.#placeSoon();
    return task;
  }

  /** A link on which a worker is about to say who it is. */
  accept(link: Link): void {
    let session: WorkerSession | undefined;
    link.onMessage((bytes) => {
      if (session !== undefined) return session.take(bytes);
      const hello = decodeFromWorker(bytes);
      if (hello.kind === "hello") session = this.#welcome(hello, link);
      else link.close("a worker says who it is before anything else");
    });
  }

  #welcome(hello: Extract<FromWorker, { kind: "hello" }>, link: Link): WorkerSession | undefined {
    if (this.#ending.aborted || hello.version !== CLUSTER_PROTOCOL_VERSION) {
      const error = this.#ending.aborted ? stepsDown(hello.worker) : wrongVersion(hello);
      link.send(encodeMessage({ kind: "refused", error: error.toJSON() }));
      return undefined;
    }
    this.#workers.get(hello.worker)?.lose("it has connected anew");
    const { worker, address, slots } = hello;
    const { clock, targets, log } = this.#options;
    const onLost = (why: string): void => {
      const released = this.#workers.get(worker)?.released === true;
      this.#workers.delete(worker);
      if (released) log.write("info", "a worker has left", { worker });
      else log.write("warning", "a worker is lost", { worker, why });
    };
    const session = new WorkerSession({ worker, address, slots }, link, { clock, targets, onLost });
    if (session.lost) return session;
    this.#workers.set(worker, session);
    log.write("info", "a worker has joined", { worker, address, slots });
    session.send({ kind: "welcome", epoch: this.#options.epoch });
    this.#placeSoon();
    return session;
  }

  /** All tasks of a run are made in one go; they are placed after it. */
  #placeSoon(): void {
    if (this.#placing) return;
    this.#placing = true;
    void Promise.resolve().then(() => {
      this.#placing = false;
      this.#placeWaiting();
    });
  }

  #placeWaiting(): void {
    const { clock, times } = this.#options;
    for (const [run, waiting] of [...this.#waiting]) {
      const waitedMs = clock.monotonicMs() - waiting.sinceMs;
      if (this.workers.length === 0) {
        if (waitedMs < times.waitMs) continue;
        this.#waiting.delete(run);
        for (const task of [...waiting.tasks.values()]) task.fail(noWorkers(run, waitedMs));
        continue;
      }
      const subtasks = [...new Set([...waiting.tasks.values()].map((one) => one.name.task.subtask))];
      if (freeSlots(this.#places) < subtasks.length && waitedMs < times.settleMs) continue;
      this.#waiting.delete(run);
      const workers = this.#place(waiting, subtasks);
      this.#options.log.write("info", "tasks are placed", { run, workers, waitedMs: Math.round(waitedMs) });
    }
  }

  /** The workers that run them now. */
  #place({ tasks }: Waiting, subtasks: readonly number[]): readonly string[] {
    const { log } = this.#options;
    const workers = this.#places;
    const free = freeSlots(workers);
    if (free < subtasks.length) log.write("warning", "slots are short", { wanted: subtasks.length, free });
    const placed = place(subtasks, workers) ?? new Map<number, string>();
    const sessionOf = (subtask: number): WorkerSession => this.#workers.get(placed.get(subtask) ?? "") as WorkerSession;
    for (const task of [...tasks.values()]) {
      const own = sessionOf(task.name.task.subtask);
      const elsewhere: Record<string, PeerAddress> = {};
      for (const [key, other] of tasks) {
        const { worker, address } = sessionOf(other.name.task.subtask).facts;
        if (worker !== own.facts.worker) elsewhere[key] = { worker, address };
      }
      task.placed(own, elsewhere);
    }
    return [...new Set(placed.values())];
  }

  async #watch(): Promise<void> {
    const { timers, times } = this.#options;
    while (!this.#ending.aborted) {
      await timers.sleep(times.beatMs, this.#ending).catch(() => undefined); // the loop looks
      if (this.#ending.aborted) return;
      for (const session of [...this.#workers.values()]) session.beat(times.silenceMs);
      this.#placeWaiting();
    }
  }

  /** Lets go of every worker; what they run, they end. */
  close(why: string): void {
    this.#ending.abort(why);
    for (const session of [...this.#workers.values()]) session.lose(why);
  }
}

const stepsDown = (worker: string): MillraceError =>
  externalError(
    "not_leading",
    `worker ${worker}`,
    "this coordinator does not lead any more; look for the leader again",
  );

const wrongVersion = ({ worker, version }: { readonly worker: string; readonly version: number }): MillraceError =>
  externalError(
    "protocol_version",
    `worker ${worker}`,
    `the worker speaks version ${version} of the protocol, the leader ${CLUSTER_PROTOCOL_VERSION}; run the same Millrace on both`,
  );

const noWorkers = (run: string, waitedMs: number): MillraceError =>
  externalError(
    "no_workers",
    `job ${run.slice(0, run.indexOf("/"))}`,
    `no worker was connected to the leader for ${Math.round(waitedMs)} ms; start one with \`millrace worker\``,
  );
