// Which of several coordinators leads: a pure function from state and event to a new state and effects.
//
//   LOOKING --free, or its own--> TAKING --taken--> LEADING --renewal refused, or out of time--> LOOKING
//   any --release wanted--> RELEASING (where there may be something to give back) --> RELEASED
//
// Invariants:
// - Whether a lease has run out is decided by the store's clock alone; this side measures intervals by its own
//   monotonic clock and never looks at wall time.
// - A leader stops acting at `deadlineMs`: the TTL less the margin, counted from before the call that got the lease was
//   sent, so that it stops before the store lets another one take it. An answer that comes later changes nothing.
// - One call at a time; one that is given up may still take effect. Each is guarded by the epoch that it was decided
//   for, so that a late one can at most prolong the lease of a holder that nobody has followed yet.
// - Leading is permission to begin, never proof of being alone: what a leader does is fenced where it takes effect.

import { assert } from "../base/assert.ts";
import type { LeaseRecord } from "../platform/ports.ts";

export interface LeaseTimes {
  readonly ttlMs: number;
  /** How long before the lease's end its holder stops: covers clocks that drift, and what it has just begun. */
  readonly marginMs: number;
  readonly renewEveryMs: number;
  /** How often one that does not lead looks, so that a released lease is found soon. */
  readonly lookEveryMs: number;
  /** After a call that failed, or that was not answered in time. */
  readonly retryMs: number;
  /** A call without an answer is given up after this long. */
  readonly callMs: number;
}

/** `spread`, from 0 to 1, keeps several coordinators from asking in step. */
export function leaseTimes(ttlMs: number, spread: number): LeaseTimes {
  assert(Number.isSafeInteger(ttlMs) && ttlMs >= 20, "a lease lasts at least 20 whole milliseconds");
  assert(spread >= 0 && spread <= 1, "a spread lies between 0 and 1");
  const part = (share: number): number => Math.max(1, Math.floor(ttlMs / share));
  return {
    ttlMs,
    marginMs: part(4),
    renewEveryMs: part(4),
    lookEveryMs: part(5) + Math.floor(part(20) * spread),
    retryMs: part(20),
    callMs: part(3),
  };
}

export type LeaseCall = "read" | "take" | "renew" | "release";

export interface LeaseState {
  readonly status: "LOOKING" | "TAKING" | "LEADING" | "RELEASING" | "RELEASED";
  /** The one read last, or the one held. */
  readonly epoch: number;
  /** LEADING: when it stops acting. */
  readonly deadlineMs: number;
  /** Under way. */
  readonly call: LeaseCall | undefined;
  readonly sentMs: number;
  /** Counts the calls; an answer to any but the last is ignored. */
  readonly calls: number;
  /** When the next call is due, if none is under way. */
  readonly nextMs: number;
}

export type LeaseEvent =
  /** Time has passed; also the first event. */
  | { readonly kind: "tick" }
  /** `own`: the lease is this holder's, by a call that it does not know the outcome of. */
  | { readonly kind: "read"; readonly call: number; readonly record: LeaseRecord; readonly own: boolean }
  /** A take, renewal or release was carried out, or refused. */
  | { readonly kind: "answered"; readonly call: number; readonly done: boolean }
  | { readonly kind: "failed"; readonly call: number }
  | { readonly kind: "release_wanted" };

export type LossReason = "expired" | "taken" | "released";

export type LeaseEffect =
  | { readonly kind: "call"; readonly what: LeaseCall; readonly epoch: number; readonly call: number }
  | { readonly kind: "lead"; readonly epoch: number }
  | { readonly kind: "lose"; readonly epoch: number; readonly reason: LossReason }
  /** A tick is due then. */
  | { readonly kind: "wake"; readonly atMs: number };

export type LeaseStep = readonly [LeaseState, readonly LeaseEffect[]];

export const initialLeaseState: LeaseState = {
  status: "LOOKING",
  epoch: 0,
  deadlineMs: 0,
  call: undefined,
  sentMs: 0,
  calls: 0,
  nextMs: Number.NEGATIVE_INFINITY,
};

/** Whether it may begin to act now. */
export const isLeading = (state: LeaseState, nowMs: number): boolean =>
  state.status === "LEADING" && nowMs < state.deadlineMs;

export function stepLease(before: LeaseState, event: LeaseEvent, nowMs: number, times: LeaseTimes): LeaseStep {
  const expired = before.status === "LEADING" && nowMs >= before.deadlineMs;
  let state: LeaseState = expired ? { ...before, status: "LOOKING", call: undefined, nextMs: nowMs } : before;
  state = withEvent(state, event, nowMs, times);
  if (state.call !== undefined && nowMs >= state.sentMs + times.callMs) state = failed(state, nowMs, times);
  const effects = changes(before, state, expired);
  if (state.status === "RELEASED") return [state, effects];
  if (state.call === undefined && nowMs >= state.nextMs) {
    state = { ...state, call: CALLS[state.status], sentMs: nowMs, calls: state.calls + 1 };
    effects.push({ kind: "call", what: CALLS[state.status], epoch: state.epoch, call: state.calls });
  }
  const dueMs = state.call === undefined ? state.nextMs : state.sentMs + times.callMs;
  effects.push({ kind: "wake", atMs: state.status === "LEADING" ? Math.min(dueMs, state.deadlineMs) : dueMs });
  return [state, effects];
}

const CALLS = { LOOKING: "read", TAKING: "take", LEADING: "renew", RELEASING: "release", RELEASED: "read" } as const;

/** What those who act on the lease are told. */
function changes(before: LeaseState, after: LeaseState, expired: boolean): LeaseEffect[] {
  const led = before.status === "LEADING";
  const leads = after.status === "LEADING";
  if (led && !leads) {
    const ending = after.status === "RELEASING" || after.status === "RELEASED";
    return [{ kind: "lose", epoch: before.epoch, reason: expired ? "expired" : ending ? "released" : "taken" }];
  }
  return !led && leads ? [{ kind: "lead", epoch: after.epoch }] : [];
}

function withEvent(state: LeaseState, event: LeaseEvent, nowMs: number, times: LeaseTimes): LeaseState {
  if (event.kind === "tick") return state;
  if (event.kind === "release_wanted") return releasing(state, nowMs);
  if (state.call === undefined || event.call !== state.calls) return state;
  switch (event.kind) {
    case "failed":
      return failed(state, nowMs, times);
    case "read":
      return afterRead(state, event.record, event.own, nowMs, times);
    case "answered":
      return afterChange({ ...state, call: undefined }, state.call, event.done, nowMs, times);
  }
}

function releasing(state: LeaseState, nowMs: number): LeaseState {
  switch (state.status) {
    case "LEADING":
      // A renewal that is under way says nothing any more.
      return { ...state, status: "RELEASING", call: undefined, nextMs: nowMs };
    case "TAKING":
      // A take under way may get the lease: its answer is waited for.
      return { ...state, status: state.call === undefined ? "RELEASED" : "RELEASING" };
    case "LOOKING":
      return { ...state, status: "RELEASED" };
    default:
      return state;
  }
}

/** Nobody knows whether the call took effect. */
function failed(state: LeaseState, nowMs: number, times: LeaseTimes): LeaseState {
  const idle: LeaseState = { ...state, call: undefined, nextMs: nowMs + times.retryMs };
  switch (state.status) {
    case "TAKING":
      return { ...idle, status: "LOOKING" };
    case "RELEASING":
      // A release that failed is left to the lease's own end; what a failed take may have got is given back.
      if (state.call === "release") return { ...idle, status: "RELEASED" };
      return { ...idle, epoch: state.epoch + 1, nextMs: nowMs };
    default:
      return idle;
  }
}

function afterRead(state: LeaseState, record: LeaseRecord, own: boolean, nowMs: number, times: LeaseTimes): LeaseState {
  const { epoch, remainingMs } = record;
  if (remainingMs <= 0 || own) return { ...state, call: undefined, epoch, status: "TAKING", nextMs: nowMs };
  // The store counts whole milliseconds: within the last one the lease still runs.
  return { ...state, call: undefined, epoch, nextMs: nowMs + Math.min(remainingMs + 1, times.lookEveryMs) };
}

/** `idle` is the state without the call, which was sent at `idle.sentMs` and has been answered. */
function afterChange(idle: LeaseState, call: LeaseCall, done: boolean, nowMs: number, times: LeaseTimes): LeaseState {
  const held = { deadlineMs: idle.sentMs + times.ttlMs - times.marginMs, nextMs: idle.sentMs + times.renewEveryMs };
  switch (call) {
    case "take":
      if (!done && idle.status === "RELEASING") return { ...idle, status: "RELEASED" };
      if (!done) return { ...idle, status: "LOOKING", nextMs: nowMs + times.lookEveryMs };
      if (idle.status === "RELEASING") return { ...idle, epoch: idle.epoch + 1, nextMs: nowMs };
      // An answer that came too late to act on: it is its own and is taken once more.
      if (nowMs >= held.deadlineMs) return { ...idle, status: "LOOKING", nextMs: nowMs };
      return { ...idle, ...held, status: "LEADING", epoch: idle.epoch + 1 };
    case "renew":
      return done ? { ...idle, ...held } : { ...idle, status: "LOOKING", nextMs: nowMs };
    case "release":
      return { ...idle, status: "RELEASED" };
    case "read":
      return idle;
  }
}
