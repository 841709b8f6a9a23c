// One worker as the leader sees it: its link, its heartbeats, the tasks that it runs.

import type { Bytes } from "../base/bytes.ts";
import { asMillraceError } from "../base/errors.ts";
import type { Link } from "../platform/network.ts";
import type { Clock } from "../platform/ports.ts";
import {
  decodeFromWorker,
  encodeMessage,
  type FromLeader,
  type FromWorker,
  nameKey,
  type TaskName,
} from "./messages.ts";
import { type CallTargets, carryOut, type RemoteCall } from "./remote_calls.ts";

/** What a task on a worker hears of it. */
export interface PlacedTask {
  readonly name: TaskName;
  heard(message: Extract<FromWorker, { kind: "task" | "progress" | "destroyed" }>): void;
  workerLost(why: string): void;
}

export interface WorkerFacts {
  readonly worker: string;
  readonly address: string;
  readonly slots: number;
}

export class WorkerSession {
  readonly facts: WorkerFacts;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #targets: CallTargets;
  readonly #onLost: (why: string) => void;
  readonly #tasks = new Map<string, PlacedTask>();
  #heardMs: number;
  #lost = false;
  #leaving = false;
  #released = false;

  constructor(
    facts: WorkerFacts,
    link: Link,
    { clock, targets, onLost }: { clock: Clock; targets: CallTargets; onLost: (why: string) => void },
  ) {
    this.facts = facts;
    this.#link = link;
    this.#clock = clock;
    this.#targets = targets;
    this.#onLost = onLost;
    this.#heardMs = clock.monotonicMs();
    link.onClose((why) => this.lose(why));
  }

  get lost(): boolean {
    return this.#lost;
  }
  /** A slot is one subtask of a job, whatever its chains. */
  get used(): number {
    return new Set([...this.#tasks.values()].map(({ name }) => `${name.jobId} ${name.task.subtask}`)).size;
  }

  /** It has asked to end. */
  get leaving(): boolean {
    return this.#leaving;
  }
  /** It has been told that it may end: nothing is placed on it any more. */
  get released(): boolean {
    return this.#released;
  }
  /** Of which it runs tasks. */
  get jobs(): readonly string[] {
    return [...new Set([...this.#tasks.values()].map(({ name }) => name.jobId))];
  }

  send(message: FromLeader): void {
    this.#link.send(encodeMessage(message));
  }

  add(task: PlacedTask): void {
    this.#tasks.set(nameKey(task.name), task);
  }
  remove(name: TaskName): void {
    this.#tasks.delete(nameKey(name));
    this.#releaseIfDone();
  }

  /** Also called by the clock. */
  beat(silenceMs: number): void {
    const silentMs = this.#clock.monotonicMs() - this.#heardMs;
    if (silentMs > silenceMs) this.lose(`nothing was heard of it for ${Math.round(silentMs)} ms`);
    else this.send({ kind: "beat" });
    this.#releaseIfDone();
  }

  #releaseIfDone(): void {
    if (!this.#leaving || this.#released || this.#lost || this.#tasks.size > 0) return;
    this.#released = true;
    this.send({ kind: "released" });
  }

  lose(why: string): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#link.close(why);
    this.#onLost(why);
    for (const task of [...this.#tasks.values()]) task.workerLost(why);
    this.#tasks.clear();
  }

  take(bytes: Bytes): void {
    if (this.#lost) return;
    this.#heardMs = this.#clock.monotonicMs();
    const message = decodeFromWorker(bytes);
    switch (message.kind) {
      case "task":
      case "progress":
      case "destroyed":
        this.#tasks.get(nameKey(message.of))?.heard(message);
        return;
      case "call":
        void this.#answer(message.id, message.call);
        return;
      case "leaving":
        this.#leaving = true;
        return this.#releaseIfDone();
      default:
        return;
    }
  }

  async #answer(id: number, call: RemoteCall): Promise<void> {
    try {
      this.send({ kind: "answered", id, answer: await carryOut(this.#targets, call) });
    } catch (thrown) {
      this.send({ kind: "failed", id, error: asMillraceError(thrown, `call ${call.kind}`).toJSON() });
    }
  }
}
