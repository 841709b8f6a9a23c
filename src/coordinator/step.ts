// The coordinator's protocol: a pure function from state and event to a new state and effects.

import { unreachable } from "../base/assert.ts";
import { asCheckpointId, asGeneration, type BranchId, type JobId } from "../base/ids.ts";
import { userError } from "../base/errors.ts";
import type { FromTask } from "../protocol/messages.ts";
import type { CoordinatorConfig, JobEvent, JobState, Step } from "./job_state.ts";
import { type JobLayout, placesOf } from "./layout.ts";
import { noRestarts } from "./restart_strategy.ts";
import { cancelling } from "./states/cancelling.ts";
import { created } from "./states/created.ts";
import { failing } from "./states/failing.ts";
import { initializing } from "./states/initializing.ts";
import { restarting } from "./states/restarting.ts";
import { running } from "./states/running.ts";
import { gone, noneLeft, taskOf } from "./tasks.ts";

export function initialJobState(
  jobId: JobId,
  branch: BranchId,
  layout: JobLayout,
  config: CoordinatorConfig,
): JobState {
  const generation = asGeneration(0);
  const task = { life: "absent", generation, restored: asCheckpointId(0), inputEnded: false } as const;
  return {
    status: "CREATED",
    jobId,
    branch,
    config,
    tasks: placesOf(layout).map((place) => ({ place, ...task })),
    generation,
    claimed: false,
    cancelWanted: false,
    brokenMeanwhile: undefined,
    nextCheckpoint: asCheckpointId(1),
    inFlight: undefined,
    uncommitted: [],
    durable: undefined,
    wantedSavepoints: [],
    wantedStop: undefined,
    stopping: undefined,
    checkpointWanted: false,
    checkpointFailuresInRow: 0,
    lastTriggerMs: 0,
    lastEndMs: undefined,
    restarts: noRestarts,
    restartsTotal: 0,
    restartAtMs: 0,
    verdict: undefined,
    resumable: false,
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

/** Words of another incarnation, of a task that is gone or of none, or about what was published before, have no meaning. */
function isStale(state: JobState, event: JobEvent): boolean {
  switch (event.kind) {
    case "task":
      return !isHeard(state, event.message);
    case "fenced":
    case "publish_failed":
      return event.generation !== state.generation;
    case "published":
      return event.generation !== state.generation || event.checkpoint !== state.inFlight?.checkpoint;
    default:
      return false;
  }
}

function isHeard(state: JobState, message: FromTask): boolean {
  const task = taskOf(state, message.task);
  if (task === undefined || task.life === "absent" || task.life === "leaving") return false;
  return message.generation === task.generation;
}

function ended(state: JobState, event: JobEvent): Step {
  switch (event.kind) {
    case "tasks_gone": {
      const next = gone(state, event.tasks);
      // Of a job that another process runs, nothing is touched.
      const collects = state.status === "FINISHED" && noneLeft(next) && !noneLeft(state);
      return [next, collects ? [{ kind: "collect_garbage" }] : []];
    }
    case "savepoint":
    case "stop": {
      const message = `the job is ${state.status}; a savepoint can only be taken of a running job`;
      const error = userError("job_not_running", `job ${state.jobId}`, message);
      return [state, [{ kind: "refuse_savepoints", savepoints: [event.savepoint], error }]];
    }
    default:
      return [state, []];
  }
}
