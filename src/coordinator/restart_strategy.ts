// Whether and when a job starts again after a failure, decided from its spec and its recent failures alone.
// There is no jitter: the same failures at the same times give the same restarts.

import type { ExponentialRestartSpec, RestartSpec } from "../job/job_spec.ts";

/** What the strategies remember; of this process only. */
export interface RestartHistory {
  /** Restarts since a checkpoint was completed (fixed delay), or since the delay last began anew (exponential). */
  readonly attempts: number;
  /** The times of the failures that still count against the rate. */
  readonly failuresAtMs: readonly number[];
  /** When the latest restart was due; undefined before the first. */
  readonly restartedAtMs: number | undefined;
  readonly delayMs: number;
}

export const noRestarts: RestartHistory = { attempts: 0, failuresAtMs: [], restartedAtMs: undefined, delayMs: 0 };

export type RestartDecision =
  | { readonly kind: "restart"; readonly delayMs: number; readonly history: RestartHistory }
  | { readonly kind: "give_up"; readonly reason: string };

/** The job has failed in a way that another try may mend. */
export function decideRestart(spec: RestartSpec, history: RestartHistory, nowMs: number): RestartDecision {
  switch (spec.strategy) {
    case "none":
      return { kind: "give_up", reason: "the job has no restart strategy" };
    case "fixed_delay": {
      if (history.attempts >= spec.attempts) return exhausted(`${spec.attempts} restarts without a checkpoint between`);
      return restart(history, spec.delayMs, nowMs);
    }
    case "exponential":
      return exponential(spec, history, nowMs);
    case "failure_rate": {
      const sinceMs = nowMs - spec.intervalMs;
      const failuresAtMs = [...history.failuresAtMs.filter((atMs) => atMs > sinceMs), nowMs];
      if (failuresAtMs.length > spec.failures) {
        return exhausted(`${failuresAtMs.length} failures within ${spec.intervalMs} ms`);
      }
      return restart({ ...history, failuresAtMs }, spec.delayMs, nowMs);
    }
  }
}

const exhausted = (what: string): RestartDecision => ({
  kind: "give_up",
  reason: `${what}: more than the restart strategy allows`,
});

function restart(history: RestartHistory, delayMs: number, nowMs: number): RestartDecision {
  const next = { ...history, attempts: history.attempts + 1, restartedAtMs: nowMs + delayMs, delayMs };
  return { kind: "restart", delayMs, history: next };
}

function exponential(spec: ExponentialRestartSpec, history: RestartHistory, nowMs: number): RestartDecision {
  const { restartedAtMs } = history;
  const calm = restartedAtMs === undefined || nowMs - restartedAtMs >= spec.resetAfterMs;
  const from = calm ? noRestarts : history;
  if (spec.attempts !== undefined && from.attempts >= spec.attempts) {
    return exhausted(`${spec.attempts} restarts, none of which lasted ${spec.resetAfterMs} ms`);
  }
  const delayMs = from.attempts === 0 ? spec.initialMs : from.delayMs * spec.multiplier;
  return restart(from, Math.min(spec.maxMs, delayMs), nowMs);
}

/** A checkpoint was completed: the job gets ahead. Only the fixed delay counts by that; the others count by time. */
export const afterCheckpoint = (spec: RestartSpec, history: RestartHistory): RestartHistory =>
  spec.strategy === "fixed_delay" ? noRestarts : history;
