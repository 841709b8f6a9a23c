// CREATED: the job is recorded; nothing runs yet.

import type { JobEvent, JobState, Step } from "../job_state.ts";
import { moveTo } from "../transitions.ts";
import { cancelAtOnce } from "./cancelling.ts";

export function created(state: JobState, event: JobEvent): Step {
  switch (event.kind) {
    case "start":
      return [moveTo(state, "INITIALIZING"), [{ kind: "claim" }]];
    case "cancel":
      return cancelAtOnce(state);
    default:
      return [state, []];
  }
}
