// The coordinator's protocol: a pure function from state and event to a new state and effects.

import { unreachable } from "../base/assert.ts";
import { asCheckpointId, asGeneration, type BranchId, type JobId } from "../base/ids.ts";
import { userError } from "../base/errors.ts";
import type { CoordinatorConfig, JobEvent, JobState, Step } from "./job_state.ts";
import { cancelling } from "./states/cancelling.ts";
import { created } from "./states/created.ts";
import { failing } from "./states/failing.ts";
import { initializing } from "./states/initializing.ts";
import { restarting } from "./states/restarting.ts";
import { running } from "./states/running.ts";

export function initialJobState(jobId: JobId, branch: BranchId, config: CoordinatorConfig): JobState {
  return {
    status: "CREATED",
    jobId,
    branch,
    config,
    generation: asGeneration(0),
    claimed: false,
    cancelWanted: false,
    nextCheckpoint: asCheckpointId(1),
    inFlight: undefined,
    uncommitted: [],
    wantedSavepoints: [],
    checkpointWanted: false,
    inputEnded: false,
    restartsInRow: 0,
    restartsTotal: 0,
    lastTriggerMs: 0,
    restartAtMs: 0,
    error: undefined,
  };
}

export function step(state: JobState, event: JobEvent, nowMs: number): Step {
  if (isStale(state, event)) return [state, []];
  switch (state.status) {
    case "CREATED":
      return created(state, event);
    case "INITIALIZING":
      return initializing(state, event, nowMs);
    case "RUNNING":
      return running(state, event, nowMs);
    case "FAILING":
      return failing(state, event, nowMs);
    case "RESTARTING":
      return restarting(state, event, nowMs);
    case "CANCELLING":
      return cancelling(state, event);
    case "FAILED":
    case "CANCELED":
    case "FINISHED":
    case "SUSPENDED":
      return ended(state, event);
    default:
      return unreachable(state.status);
  }
}

/** Words of another incarnation, of its task or about what it published, have no meaning for this one. */
function isStale(state: JobState, event: JobEvent): boolean {
  switch (event.kind) {
    case "task":
      return event.message.generation !== state.generation;
    case "fenced":
    case "published":
    case "publish_failed":
      return event.generation !== state.generation;
    default:
      return false;
  }
}

function ended(state: JobState, event: JobEvent): Step {
  if (event.kind !== "savepoint") return [state, []];
  const message = `the job is ${state.status}; a savepoint can only be taken of a running job`;
  const error = userError("job_not_running", `job ${state.jobId}`, message);
  return [state, [{ kind: "refuse_savepoints", savepoints: [event.savepoint], error }]];
}
