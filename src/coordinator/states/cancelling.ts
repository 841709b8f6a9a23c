// CANCELLING: the tasks are being stopped for good; staged output that was not committed is dropped.

import { userError } from "../../base/errors.ts";
import type { JobEffect, JobEvent, JobState, Step } from "../job_state.ts";
import { allRegions, gone, noneLeft, takeDown } from "../tasks.ts";
import { moveTo } from "../transitions.ts";
import { letGo, savepointsOf, suspend } from "./suspended.ts";

export function beginCancelling(state: JobState): Step {
  const { state: next, effects } = takeDown(letGo(moveTo(state, "CANCELLING")), allRegions(state));
  return [next, [{ kind: "record_status" }, ...effects, ...refusals(state, savepointsOf(state))]];
}

/** The way out where no task exists that would have to be stopped first. */
export function cancelAtOnce(state: JobState): Step {
  const next = letGo(moveTo(state, "CANCELED"));
  return [next, [{ kind: "record_status" }, ...refusals(state, savepointsOf(state)), { kind: "collect_garbage" }]];
}

/** Before a claim is answered, nothing could be recorded: the next start would bring the job back. */
export function cancelOnceClaimed(state: JobState): Step {
  return [{ ...state, cancelWanted: true }, []];
}

function refusals(state: JobState, savepoints: readonly string[]): JobEffect[] {
  if (savepoints.length === 0) return [];
  const message = "the job was canceled before the savepoint was complete";
  return [{ kind: "refuse_savepoints", savepoints, error: userError("job_canceled", `job ${state.jobId}`, message) }];
}

export function cancelling(state: JobState, event: JobEvent): Step {
  switch (event.kind) {
    case "tasks_gone": {
      const next = gone(state, event.tasks);
      if (!noneLeft(next)) return [next, []];
      return [moveTo(next, "CANCELED"), [{ kind: "record_status" }, { kind: "collect_garbage" }]];
    }
    case "fenced":
      return suspend(state);
    case "savepoint":
    case "stop":
      return [state, refusals(state, [event.savepoint])];
    default:
      return [state, []];
  }
}
