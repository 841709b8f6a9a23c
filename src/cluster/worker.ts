// A worker: finds the leader, says who it is, runs the tasks that it is given, and ends them when the leader is lost.
//
// Invariant: it follows one leader at a time; before it follows another, everything of the one before has ended. What
// could still be under way is fenced in the stores by the job's generation.

import { type Bytes, hexOf } from "../base/bytes.ts";
import { asMillraceError, externalError, MillraceError } from "../base/errors.ts";
import type { LogStore } from "../connectors/log_store.ts";
import type { ConnectorFactory } from "../engine/connector_factory.ts";
import type { ProcessFunctions } from "../job/define_process.ts";
import { Abort } from "../platform/abort.ts";
import type { Link, Network } from "../platform/network.ts";
import type { Platform } from "../platform/platform.ts";
import type { Clock, Entropy, LogSink, SqlDatabase, Timers } from "../platform/ports.ts";
import { DataPlane } from "./data_plane.ts";
import {
  CLUSTER_PROTOCOL_VERSION,
  decodeFromLeader,
  encodeMessage,
  type FromLeader,
  type FromWorker,
} from "./messages.ts";
import { PendingCalls, RemoteDatabase, RemoteLogs } from "./remote_calls.ts";
import type { ClusterTimes } from "./times.ts";
import { WorkerTasks } from "./worker_tasks.ts";

/** What the tasks of a worker run on. */
export interface WorkerGround {
  readonly platform: Platform;
  readonly connectors: ConnectorFactory;
  readonly functions: ProcessFunctions;
}

export interface WorkerOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly log: LogSink;
  readonly times: ClusterTimes;
  readonly slots: number;
  /** The leader's address, where one is known. */
  readonly findLeader: () => Promise<string | undefined>;
  /** Called once, when a leader has been found: only then can what belongs to it be asked for. */
  readonly openGround: (leader: { readonly logs: LogStore; readonly database: SqlDatabase }) => Promise<WorkerGround>;
}

export class Worker {
  readonly id: string;
  readonly #options: WorkerOptions;
  readonly #calls: PendingCalls;
  readonly #data: DataPlane;
  readonly #tasks: WorkerTasks;
  readonly #ending = new Abort();
  #ground: Promise<WorkerGround> | undefined;
  #link: Link | undefined;
  #leader: string | undefined;
  #running: Promise<void> | undefined;
  #leaving = false;
  /** Nothing keeps it any more: the leader has let it go, or is gone itself. */
  readonly #released = new Abort();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.id = hexOf(options.entropy.bytes(8));
    this.#calls = new PendingCalls((id, call) => {
      if (this.#link === undefined) this.#calls.failed(id, leaderLost("there is no leader").toJSON());
      else this.#send({ kind: "call", id, call });
    });
    const { network, clock, timers, entropy, log, times } = options;
    this.#data = new DataPlane({
      ...{ worker: this.id, network, clock, timers, entropy, log, times },
      onLost: (runs, peer, why) => this.#tasks.peerLost(runs, peer, why),
    });
    this.#tasks = new WorkerTasks({
      log,
      data: this.#data,
      ground: () => this.#openGround(),
      send: (one) => this.#send(one),
    });
  }

  /** The leader that it follows. */
  get leader(): string | undefined {
    return this.#leader;
  }
  get taskCount(): number {
    return this.#tasks.count;
  }

  async start(): Promise<void> {
    const address = await this.#data.open();
    this.#running = this.#run(address);
  }

  /** Whoever leads has taken this worker, which does not want to end. */
  get ready(): boolean {
    return this.#link !== undefined && !this.#leaving;
  }

  /**
   * Asks the leader to let its tasks go on elsewhere. Resolves once it has none any more, or has no leader, or after
   * the grace: then what still runs here is lost as if the process had been, and goes on from its last checkpoint.
   */
  async leave(graceMs: number): Promise<"released" | "alone" | "late"> {
    this.#leaving = true;
    if (this.#link === undefined) return "alone";
    this.#send({ kind: "leaving" });
    await this.#options.timers.sleep(graceMs, this.#released).catch(() => undefined); // the next line looks
    if (this.#link === undefined) return "alone";
    return this.#released.aborted ? "released" : "late";
  }

  async stop(): Promise<void> {
    this.#ending.abort("stopped");
    this.#link?.close("the worker ends");
    await this.#running;
    await this.#data.close();
  }

  #openGround(): Promise<WorkerGround> {
    this.#ground ??= this.#options.openGround({
      logs: new RemoteLogs(this.#calls),
      database: new RemoteDatabase(this.#calls),
    });
    // One that could not be opened is tried again with the next task.
    this.#ground.catch(() => {
      this.#ground = undefined;
    });
    return this.#ground;
  }

  #send(message: FromWorker): void {
    this.#link?.send(encodeMessage(message));
  }

  async #run(address: string): Promise<void> {
    const { timers, times, log } = this.#options;
    let told = "";
    let waitMs = times.retryMs;
    while (!this.#ending.aborted) {
      try {
        const leader = await this.#options.findLeader();
        if (leader !== undefined) {
          const why = await this.#follow(leader, address);
          told = "";
          waitMs = times.retryMs;
          log.write("warning", "the leader is lost", { worker: this.id, leader, why });
        }
      } catch (thrown) {
        const { code, message } = asMillraceError(thrown, "leader");
        if (code !== told) log.write("warning", `no leader: ${message}`, { worker: this.id, code });
        told = code;
        // Only a person can mend these, and the other side writes each try into its log.
        waitMs = MISFITS.has(code) ? times.silenceMs : times.retryMs;
      }
      await this.#tasks.destroyAll();
      await timers.sleep(waitMs, this.#ending).catch(() => undefined); // the loop looks
    }
  }

  /** Resolves with the reason when a leader that has taken this worker is lost; rejects where none has. */
  async #follow(leader: string, address: string): Promise<string> {
    const { network, clock, log, slots, times } = this.#options;
    const link = await network.connect(leader);
    let heardMs = clock.monotonicMs();
    let welcomed = false;
    let refused: MillraceError | undefined;
    const closed = new Promise<string>((resolve) => link.onClose(resolve));
    link.onMessage((bytes) => {
      heardMs = clock.monotonicMs();
      const message = this.#decoded(bytes, link);
      if (message?.kind === "refused") {
        refused = new MillraceError(message.error);
        link.close("refused");
      } else if (message?.kind === "welcome") {
        welcomed = true;
        this.#link = link;
        this.#leader = leader;
        log.write("info", "follows a leader", { worker: this.id, leader, epoch: message.epoch });
        // Before the first task wants it; where it fails, that task says so.
        void this.#openGround().catch(() => undefined);
      } else if (message !== undefined && welcomed) this.#take(message);
    });
    const hello: FromWorker = { kind: "hello", version: CLUSTER_PROTOCOL_VERSION, worker: this.id, address, slots };
    link.send(encodeMessage(hello));
    const over = new Abort();
    void this.#beat(link, over, () => clock.monotonicMs() - heardMs > times.silenceMs);
    const why = await closed;
    over.abort(why);
    this.#link = undefined;
    this.#leader = undefined;
    if (this.#leaving) this.#released.abort(why);
    this.#calls.failAll(leaderLost(why).toJSON());
    if (!welcomed) throw refused ?? externalError("peer_unreachable", leader, `the leader did not answer: ${why}`);
    return why;
  }

  async #beat(link: Link, over: Abort, silent: () => boolean): Promise<void> {
    const { timers, times } = this.#options;
    while (!over.aborted) {
      link.send(encodeMessage({ kind: "beat" }));
      this.#tasks.tellProgress();
      await timers.sleep(times.beatMs, over).catch(() => undefined); // the loop looks
      if (this.#ending.aborted) link.close("the worker ends");
      else if (silent()) link.close(`nothing was heard of the leader for ${times.silenceMs} ms`);
    }
  }

  #decoded(bytes: Bytes, link: Link): FromLeader | undefined {
    try {
      return decodeFromLeader(bytes);
    } catch (thrown) {
      link.close(asMillraceError(thrown, "leader").message);
      return undefined;
    }
  }

  #take(message: FromLeader): void {
    switch (message.kind) {
      case "deploy":
        return this.#tasks.deploy(message);
      case "deliver":
        return this.#tasks.deliver(message.of, message.message);
      case "destroy":
        return this.#tasks.destroy(message.of);
      case "released":
        return this.#released.abort("released");
      case "answered":
        return this.#calls.answered(message.id, message.answer);
      case "failed":
        return this.#calls.failed(message.id, message.error);
      default:
        return;
    }
  }
}

const MISFITS: ReadonlySet<string> = new Set(["secret_wrong", "protocol_version"]);

const leaderLost = (why: string): MillraceError =>
  externalError("leader_lost", "leader", `the leader was lost before it answered: ${why}`);
