// SUSPENDED: a newer generation runs this job; this coordinator lets go without touching anything of the job's.

import { externalError } from "../../base/errors.ts";
import type { JobState, Step } from "../job_state.ts";
import { moveTo } from "../transitions.ts";

export function suspend(state: JobState): Step {
  const next = { ...moveTo(state, "SUSPENDED"), inFlight: undefined, uncommitted: [], wantedSavepoints: [] };
  const savepoints = savepointsOf(state);
  if (savepoints.length === 0) return [next, [{ kind: "destroy_task" }]];
  // They were asked of this coordinator, and no other knows of them.
  const message = "another process has taken the job over before the savepoint was complete; take another";
  const error = externalError("job_taken_over", `job ${state.jobId}`, message);
  return [next, [{ kind: "destroy_task" }, { kind: "refuse_savepoints", savepoints, error }]];
}

/** Every savepoint that was asked for and is not being written yet. */
export const savepointsOf = (state: JobState): string[] => [
  ...state.uncommitted.flatMap((one) => one.savepoints),
  ...(state.inFlight?.savepoints ?? []),
  ...state.wantedSavepoints,
];
