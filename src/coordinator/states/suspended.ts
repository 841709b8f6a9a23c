// SUSPENDED: a newer generation runs this job; this coordinator lets go without touching anything stored.

import type { JobState, Step } from "../job_state.ts";
import { moveTo } from "../transitions.ts";

export function suspend(state: JobState): Step {
  const next = { ...moveTo(state, "SUSPENDED"), inFlight: undefined, uncommitted: [] };
  return [next, [{ kind: "destroy_task" }]];
}
