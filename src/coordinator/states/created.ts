// CREATED: the job is recorded; nothing runs yet.

import type { JobEvent, JobState, Step } from "../job_state.ts";
import { moveTo } from "../transitions.ts";
import { cancelAtOnce } from "./cancelling.ts";
import { refuseStop } from "./suspended.ts";

export function created(state: JobState, event: JobEvent): Step {
  switch (event.kind) {
    case "start":
      return [moveTo(state, "INITIALIZING"), [{ kind: "claim" }]];
    case "cancel":
      return cancelAtOnce(state);
    case "savepoint":
      return [{ ...state, wantedSavepoints: [...state.wantedSavepoints, event.savepoint] }, []];
    case "stop":
      return refuseStop(state, event.savepoint);
    default:
      return [state, []];
  }
}
