// INITIALIZING: a generation is claimed, a task is deployed and restores its state.

import { asCheckpointId } from "../../base/ids.ts";
import type { JobEvent, JobState, Step } from "../job_state.ts";
import { moveTo } from "../transitions.ts";
import { beginCancelling, cancelOnceClaimed } from "./cancelling.ts";
import { beginFailing } from "./failing.ts";
import { suspend } from "./suspended.ts";

export function initializing(state: JobState, event: JobEvent, nowMs: number): Step {
  switch (event.kind) {
    case "claimed":
      return onClaimed(state, event);
    case "fenced":
      return suspend(state);
    case "claim_failed":
      return beginFailing(state, event.error, nowMs);
    case "task":
      if (event.message.kind === "running") return onRunning(state, nowMs);
      if (event.message.kind !== "failed") return [state, []];
      // A sink's fence knows a newer generation: this one has no say any more.
      if (event.message.error.code === "fenced") return suspend(state);
      return beginFailing(state, event.message.error, nowMs);
    case "cancel":
      return state.claimed ? beginCancelling(state) : cancelOnceClaimed(state);
    case "savepoint":
      return [{ ...state, wantedSavepoints: [...state.wantedSavepoints, event.savepoint] }, []];
    default:
      return [state, []];
  }
}

function onClaimed(state: JobState, event: Extract<JobEvent, { kind: "claimed" }>): Step {
  const { generation, branch, restore } = event;
  const checkpoint = restore === undefined ? 0 : restore.checkpoint;
  const next: JobState = {
    ...state,
    generation,
    claimed: true,
    branch,
    nextCheckpoint: asCheckpointId(checkpoint + 1),
    inFlight: undefined,
    uncommitted: [],
    inputEnded: false,
    checkpointWanted: false,
  };
  if (state.cancelWanted) return beginCancelling(next);
  return [next, [{ kind: "deploy", deployment: { jobId: state.jobId, branch, generation, restore } }]];
}

function onRunning(state: JobState, nowMs: number): Step {
  const next = { ...moveTo(state, "RUNNING"), lastTriggerMs: nowMs, error: undefined };
  return [next, [{ kind: "record_status" }, { kind: "wake", atMs: nowMs + state.config.checkpointIntervalMs }]];
}
