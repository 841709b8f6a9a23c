// FAILING: something broke; the old task is being taken down before it is decided how to go on.

import type { MillraceError } from "../../base/errors.ts";
import type { JobEffect, JobEvent, JobState, Step } from "../job_state.ts";
import { moveTo } from "../transitions.ts";
import { beginCancelling, cancelOnceClaimed } from "./cancelling.ts";
import { savepointsOf } from "./suspended.ts";

export function beginFailing(state: JobState, error: MillraceError, _nowMs: number): Step {
  const effects: JobEffect[] = [];
  if (state.inFlight !== undefined) effects.push({ kind: "checkpoint_failed", checkpoint: state.inFlight, error });
  // Savepoints asked for are made from a later checkpoint; those already published are exported after the restart's commits.
  const owed = savepointsOf(state);
  const next: JobState = {
    ...moveTo(state, "FAILING"),
    error,
    inFlight: undefined,
    uncommitted: [],
    wantedSavepoints: owed,
  };
  return [next, [...effects, { kind: "record_status" }, { kind: "destroy_task" }]];
}

export function failing(state: JobState, event: JobEvent, nowMs: number): Step {
  switch (event.kind) {
    case "task_gone":
      return decideRestart(state, nowMs);
    case "cancel":
      return state.claimed ? beginCancelling(state) : cancelOnceClaimed(state);
    case "savepoint":
      return [{ ...state, wantedSavepoints: [...state.wantedSavepoints, event.savepoint] }, []];
    default:
      return [state, []];
  }
}

function decideRestart(state: JobState, nowMs: number): Step {
  const hopeless = state.error?.retry === "none" || state.restartsInRow >= state.config.restartAttempts;
  if (hopeless && state.error !== undefined) {
    const refused = { kind: "refuse_savepoints", savepoints: state.wantedSavepoints, error: state.error } as const;
    return [{ ...moveTo(state, "FAILED"), wantedSavepoints: [] }, [{ kind: "record_status" }, refused]];
  }
  const restartAtMs = nowMs + state.config.restartDelayMs;
  const next: JobState = {
    ...moveTo(state, "RESTARTING"),
    restartAtMs,
    restartsInRow: state.restartsInRow + 1,
    restartsTotal: state.restartsTotal + 1,
  };
  return [next, [{ kind: "record_status" }, { kind: "wake", atMs: restartAtMs }]];
}
