// Wakes its owner at the earliest of the asked-for times. At most one timer is pending.

import { Abort } from "./abort.ts";
import type { Clock, Timers } from "./ports.ts";

export class AlarmClock {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #ring: () => void;
  #pending: { readonly atMs: number; readonly abort: Abort } | undefined;
  #stopped = false;

  constructor(clock: Clock, timers: Timers, ring: () => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#ring = ring;
  }

  /** Rings at `atMs` of the monotonic clock, or earlier where an earlier time is asked for as well. */
  wakeAt(atMs: number): void {
    if (this.#stopped || (this.#pending !== undefined && this.#pending.atMs <= atMs)) return;
    this.#pending?.abort.abort("rescheduled");
    const abort = new Abort();
    this.#pending = { atMs, abort };
    const delayMs = Math.max(0, atMs - this.#clock.monotonicMs());
    this.#timers.sleep(delayMs, abort).then(
      () => this.#fire(abort),
      () => undefined, // aborted: a newer timer has taken over
    );
  }

  #fire(abort: Abort): void {
    if (this.#stopped || this.#pending?.abort !== abort) return;
    this.#pending = undefined;
    this.#ring();
  }

  stop(): void {
    this.#stopped = true;
    this.#pending?.abort.abort("stopped");
    this.#pending = undefined;
  }
}
