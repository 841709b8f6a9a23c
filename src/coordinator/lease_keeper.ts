// The workflow round the pure lease: it makes the calls, keeps the alarm, and tells its owner when it leads.
//
// `leading()` looks at the clock at that moment, so that a process that was paused finds out before it acts again; an
// act that had begun before is stopped by its fence in the store (`leaseFence`, or a job's generation).

import { hexOf } from "../base/bytes.ts";
import { asMillraceError } from "../base/errors.ts";
import { AlarmClock } from "../platform/alarm_clock.ts";
import { leaseEpochKey } from "../platform/lease_table.ts";
import type { Clock, Entropy, Guard, LeaseClaim, LeaseStore, LogSink, Timers } from "../platform/ports.ts";
import {
  initialLeaseState,
  isLeading,
  type LeaseCall,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  type LeaseTimes,
  leaseTimes,
  type LossReason,
  stepLease,
} from "./lease.ts";

export interface LeaseKeeperOptions {
  readonly leases: LeaseStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly log: LogSink;
  /** What is led: every coordinator of a deployment names the same. */
  readonly name: string;
  readonly ttlMs: number;
  /** Called in this order, in turn, and never again after `stop()` has resolved. */
  readonly onLead: (epoch: number) => void;
  readonly onLose: (epoch: number, reason: LossReason) => void;
}

/** A guard that holds for as long as nobody has taken the lease after `epoch`. */
export const leaseFence = (name: string, epoch: number): Guard => ({
  kind: "counter_is",
  key: leaseEpochKey(name),
  value: epoch,
});

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #times: LeaseTimes;
  readonly #alarm: AlarmClock;
  readonly #stopped: Promise<void>;
  #onStopped: () => void = () => undefined;
  #state: LeaseState = initialLeaseState;
  /** A failed look is told once, not at every try. */
  #failing = false;
  /** Of this object alone: another life of the same process is another holder. */
  readonly holder: string;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    const random = options.entropy.bytes(17);
    this.holder = hexOf(random.subarray(0, 16));
    this.#times = leaseTimes(options.ttlMs, (random[16] as number) / 255);
    this.#alarm = new AlarmClock(options.clock, options.timers, () => this.#dispatch({ kind: "tick" }));
    this.#stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
  }

  start(): void {
    this.#dispatch({ kind: "tick" });
  }

  /** The epoch under which it may begin to act now; undefined where it may not. */
  leading(): number | undefined {
    return isLeading(this.#state, this.#options.clock.monotonicMs()) ? this.#state.epoch : undefined;
  }

  /** Stops leading, and gives the lease back where the store can be reached. */
  async stop(): Promise<void> {
    this.#dispatch({ kind: "release_wanted" });
    await this.#stopped;
  }

  #dispatch(event: LeaseEvent): void {
    const [state, effects] = stepLease(this.#state, event, this.#options.clock.monotonicMs(), this.#times);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (state.status !== "RELEASED") return;
    this.#alarm.stop();
    this.#onStopped();
  }

  #carryOut(effect: LeaseEffect): void {
    switch (effect.kind) {
      case "call":
        void this.#call(effect.what, effect.epoch, effect.call);
        return;
      case "wake":
        this.#alarm.wakeAt(effect.atMs);
        return;
      case "lead":
        this.#say("info", "leads", { epoch: effect.epoch });
        this.#options.onLead(effect.epoch);
        return;
      case "lose":
        this.#say(effect.reason === "released" ? "info" : "warning", "leads no more", {
          epoch: effect.epoch,
          reason: effect.reason,
        });
        this.#options.onLose(effect.epoch, effect.reason);
        return;
    }
  }

  async #call(what: LeaseCall, epoch: number, call: number): Promise<void> {
    this.#dispatch(await this.#answer(what, epoch, call).catch((thrown: unknown) => this.#failed(what, call, thrown)));
  }

  #failed(what: LeaseCall, call: number, thrown: unknown): LeaseEvent {
    if (!this.#failing) {
      const error = asMillraceError(thrown, this.#options.name).toJSON();
      this.#say("warning", "the lease cannot be reached", { call: what, error });
    }
    this.#failing = true;
    return { kind: "failed", call };
  }

  async #answer(what: LeaseCall, epoch: number, call: number): Promise<LeaseEvent> {
    const { leases, name, ttlMs } = this.#options;
    if (what === "read") {
      const record = await leases.read(name);
      this.#failing = false;
      return { kind: "read", call, record, own: record.holder === this.holder };
    }
    const claim: LeaseClaim = { name, holder: this.holder, epoch, ttlMs };
    const done = await leases[what](claim);
    this.#failing = false;
    return { kind: "answered", call, done };
  }

  #say(level: "info" | "warning", message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.log.write(level, message, { lease: this.#options.name, holder: this.holder, ...fields });
  }
}
