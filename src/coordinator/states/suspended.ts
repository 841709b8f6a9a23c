// SUSPENDED: a newer generation runs this job, or somebody asked for it to be suspended (`resumable`); either way this
// coordinator lets go without touching anything of the job's.

import { externalError } from "../../base/errors.ts";
import type { JobState, Step } from "../job_state.ts";
import { allRegions, takeDown } from "../tasks.ts";
import { moveTo } from "../transitions.ts";

export function suspend(state: JobState): Step {
  const { state: next, effects } = takeDown(letGo(moveTo(state, "SUSPENDED")), allRegions(state));
  // A stop that may stand in a manifest is for whoever has taken over to finish or to refuse.
  const decided = stopsOf(state);
  const savepoints = savepointsOf(state).filter((one) => !decided.includes(one));
  if (savepoints.length === 0) return [next, effects];
  // They were asked of this coordinator, and no other knows of them.
  const message = "another process has taken the job over before the savepoint was complete; take another";
  const error = externalError("job_taken_over", `job ${state.jobId}`, message);
  return [next, [...effects, { kind: "refuse_savepoints", savepoints, error }]];
}

/** Every savepoint that was asked for and is not decided by what is being written. */
export const savepointsOf = (state: JobState): string[] =>
  [...state.uncommitted, ...(state.inFlight === undefined ? [] : [state.inFlight])]
    .flatMap(({ savepoints, stop }) => (stop === undefined ? savepoints : [...savepoints, stop.savepoint]))
    .concat(state.wantedSavepoints, state.wantedStop === undefined ? [] : [state.wantedStop.savepoint])
    .concat(state.stopping === undefined ? [] : [state.stopping.stop.savepoint]);

/** Of the stops whose manifest exists, or may come to. */
const stopsOf = ({ uncommitted, inFlight, stopping }: JobState): string[] =>
  [...uncommitted, inFlight?.phase === "publishing" ? inFlight : undefined, stopping].flatMap((one) =>
    one?.stop === undefined || one.stop.resumes === true ? [] : [one.stop.savepoint],
  );

/** Nothing is expected any more. */
export const letGo = (state: JobState): JobState => ({
  ...state,
  inFlight: undefined,
  uncommitted: [],
  wantedSavepoints: [],
  wantedStop: undefined,
  stopping: undefined,
});

/** A job that is not running cannot end with what it does: whoever asks may cancel it, or ask again later. */
export function refuseStop(state: JobState, savepoint: string): Step {
  const message = `the job is ${state.status}; only a running job can be stopped with a savepoint`;
  const error = externalError("job_not_running", `job ${state.jobId}`, message);
  return [state, [{ kind: "refuse_savepoints", savepoints: [savepoint], error }]];
}
