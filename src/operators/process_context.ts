// The context that a process function is called with: one object for all calls, which the operator sets anew each time.

import { userError } from "../base/errors.ts";
import type { PlainData } from "../base/plain.ts";
import type { Value } from "../batch/record_batch.ts";
import type { Columns } from "../job/column_types.ts";
import type { ProcessContext, SideOutputs } from "../job/process_types.ts";
import type { ProcessCall, TimerKind } from "../state/process_records.ts";
import type { ProcessTimers } from "../state/process_timers.ts";
import type { ProcessOutputs } from "./process_outputs.ts";
import { checkOpen, type StateHandle } from "./process_state_handles.ts";

/** What the operator says about the call that is under way. */
export interface CallFacts {
  timestamp: bigint;
  /** How far event time has come for the call; rows that it writes carry it on. */
  watermark: bigint;
  inputEnded: boolean;
  /** The timer that calls; undefined: a row does. */
  timer: { readonly kind: TimerKind; readonly time: bigint; readonly chained: number } | undefined;
  /** Rows that are too late may be written, and no more. */
  late: boolean;
  /** A timer was set: it may be due already. */
  timerSet: boolean;
}

export interface ContextWiring {
  readonly call: ProcessCall;
  readonly facts: CallFacts;
  readonly handles: Readonly<Record<string, StateHandle>>;
  readonly timers: ProcessTimers;
  readonly outputs: ProcessOutputs;
  readonly params: PlainData;
  /** All inputs have event time. */
  readonly eventTime: boolean;
  /** The function has something to call when a timer is due. */
  readonly takesTimers: boolean;
  nowMs(): number;
}

/** Timers in a row, each set by the one before, after the input has ended; more are taken for a loop without end. */
const CHAINED_TIMERS_MAX = 100_000;

export class CallContext implements ProcessContext<Columns, Readonly<Record<string, never>>, SideOutputs> {
  readonly #wiring: ContextWiring;

  constructor(wiring: ContextWiring) {
    this.#wiring = wiring;
  }

  get key(): readonly Value[] {
    return this.#wiring.call.key.values;
  }
  get timestamp(): bigint {
    return this.#wiring.facts.timestamp;
  }
  get watermark(): bigint {
    return this.#wiring.facts.watermark;
  }
  get inputEnded(): boolean {
    return this.#wiring.facts.inputEnded;
  }
  get params(): PlainData {
    return this.#wiring.params;
  }
  get processingTime(): bigint {
    return BigInt(this.#wiring.nowMs());
  }

  get states(): Readonly<Record<string, never>> {
    this.#refuseLate("state");
    return this.#wiring.handles as Readonly<Record<string, never>>;
  }

  emit(row: unknown): void {
    const { call, outputs, facts } = this.#wiring;
    checkOpen(call);
    outputs.main.add(row, facts.watermark);
  }

  sideOutput(name: string, row: unknown): void {
    const { call, outputs, facts } = this.#wiring;
    const { sides } = outputs;
    checkOpen(call);
    const side = sides.get(name);
    if (side === undefined) {
      const known = sides.size === 0 ? "the function has none" : `the function has ${[...sides.keys()].join(", ")}`;
      throw userError("process_row_invalid", "", `there is no side output "${name}"; ${known}`);
    }
    side.add(row, facts.watermark);
  }

  setEventTimer(time: bigint | number): void {
    this.#set("event", time);
  }
  deleteEventTimer(time: bigint | number): void {
    this.#delete("event", time);
  }
  setProcessingTimer(time: bigint | number): void {
    this.#set("processing", time);
  }
  deleteProcessingTimer(time: bigint | number): void {
    this.#delete("processing", time);
  }

  #set(kind: TimerKind, given: bigint | number): void {
    const { call, facts, timers, eventTime, takesTimers } = this.#wiring;
    checkOpen(call);
    this.#refuseLate("timers");
    const time = timeOf(given);
    if (!takesTimers) throw userError("process_timer_invalid", "", "the function sets a timer and has no onTimer");
    if (kind === "event" && !eventTime) {
      const message = "an event-time timer needs event time on every input; declare it at the sources";
      throw userError("process_timer_invalid", "", message);
    }
    const { timer, inputEnded } = facts;
    if (timer !== undefined && timer.kind === kind && time <= timer.time) {
      const message = `a timer of ${timer.time} may set timers for later times only, found ${time}`;
      throw userError("process_timer_invalid", "", `${message}; else it would call itself without end`);
    }
    const chained = timer !== undefined && inputEnded ? timer.chained + 1 : 0;
    if (chained > CHAINED_TIMERS_MAX) {
      const message = `${CHAINED_TIMERS_MAX} timers in a row have set the next one after the input had ended`;
      throw userError("process_timers_endless", "", `${message}; do not set any where context.inputEnded is true`);
    }
    timers.register(call.key, kind, time, call.epoch, chained);
    facts.timerSet = true;
  }

  #delete(kind: TimerKind, given: bigint | number): void {
    const { call, timers } = this.#wiring;
    checkOpen(call);
    this.#refuseLate("timers");
    timers.delete(call.key, kind, timeOf(given), call.epoch);
  }

  #refuseLate(what: string): void {
    if (!this.#wiring.facts.late) return;
    const message = `a late row may not touch ${what}: what it would find depends on when it comes`;
    throw userError("process_late_row", "", `${message}; write it to an output`);
  }
}

function timeOf(given: unknown): bigint {
  const time = typeof given === "number" && Number.isSafeInteger(given) ? BigInt(given) : given;
  if (typeof time === "bigint" && BigInt.asIntN(64, time) === time) return time;
  const message = `a timer's time is a whole number of milliseconds of at most 64 bits, found ${String(given)}`;
  throw userError("process_timer_invalid", "", message);
}
