// CANCELLING: the task is being stopped for good; staged output that was not committed is dropped.

import { userError } from "../../base/errors.ts";
import type { JobEffect, JobEvent, JobState, Step } from "../job_state.ts";
import { moveTo } from "../transitions.ts";
import { savepointsOf, suspend } from "./suspended.ts";

export function beginCancelling(state: JobState): Step {
  const next = { ...moveTo(state, "CANCELLING"), inFlight: undefined, uncommitted: [], wantedSavepoints: [] };
  return [next, [{ kind: "record_status" }, { kind: "destroy_task" }, ...refusals(state)]];
}

/** The way out where no task exists that would have to be stopped first. */
export function cancelAtOnce(state: JobState): Step {
  return [{ ...moveTo(state, "CANCELED"), wantedSavepoints: [] }, [{ kind: "record_status" }, ...refusals(state)]];
}

/** Before a claim is answered, nothing could be recorded: the next start would bring the job back. */
export function cancelOnceClaimed(state: JobState): Step {
  return [{ ...state, cancelWanted: true }, []];
}

function refusals(state: JobState): JobEffect[] {
  const savepoints = savepointsOf(state);
  if (savepoints.length === 0) return [];
  const message = "the job was canceled before the savepoint was complete";
  return [{ kind: "refuse_savepoints", savepoints, error: userError("job_canceled", `job ${state.jobId}`, message) }];
}

export function cancelling(state: JobState, event: JobEvent): Step {
  switch (event.kind) {
    case "task_gone":
      return [moveTo(state, "CANCELED"), [{ kind: "record_status" }]];
    case "fenced":
      return suspend(state);
    case "savepoint":
      return [state, refusals({ ...state, wantedSavepoints: [event.savepoint] })];
    default:
      return [state, []];
  }
}
