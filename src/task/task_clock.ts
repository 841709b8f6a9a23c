// How a task spends its time: working, waiting for input, or waiting for whoever takes its output.
// The three add up to the time since it began, as Flink's busy, idle and backpressured times do.

import type { Clock } from "../platform/ports.ts";

export interface TimeShares {
  readonly busyMs: number;
  readonly idleMs: number;
  readonly backpressuredMs: number;
}

export class TaskClock {
  readonly #clock: Clock;
  #sinceMs: number;
  #busyMs = 0;
  #idleMs = 0;
  #backpressuredMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  get shares(): TimeShares {
    return { busyMs: this.#busyMs, idleMs: this.#idleMs, backpressuredMs: this.#backpressuredMs };
  }

  /** What has passed since the last call was work. */
  worked(): number {
    const nowMs = this.#clock.monotonicMs();
    const passedMs = nowMs - this.#sinceMs;
    this.#busyMs += passedMs;
    this.#sinceMs = nowMs;
    return nowMs;
  }

  /** What has passed since the last call was waiting. */
  waited(reason: "idle" | "backpressured"): void {
    const nowMs = this.#clock.monotonicMs();
    const passedMs = nowMs - this.#sinceMs;
    if (reason === "idle") this.#idleMs += passedMs;
    else this.#backpressuredMs += passedMs;
    this.#sinceMs = nowMs;
  }
}
