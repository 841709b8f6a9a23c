// RESTARTING: the restart strategy's delay is running.

import type { JobEvent, JobState, Step } from "../job_state.ts";
import { moveTo } from "../transitions.ts";
import { cancelAtOnce, cancelOnceClaimed } from "./cancelling.ts";

export function restarting(state: JobState, event: JobEvent, nowMs: number): Step {
  switch (event.kind) {
    case "tick":
      if (nowMs < state.restartAtMs) return [state, [{ kind: "wake", atMs: state.restartAtMs }]];
      return [{ ...moveTo(state, "INITIALIZING"), claimed: false }, [{ kind: "claim" }]];
    case "cancel":
      return state.claimed ? cancelAtOnce(state) : cancelOnceClaimed(state);
    case "savepoint":
      return [{ ...state, wantedSavepoints: [...state.wantedSavepoints, event.savepoint] }, []];
    default:
      return [state, []];
  }
}
