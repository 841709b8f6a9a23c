// RUNNING: rows flow, checkpoints are taken, savepoints are served.

import { abandon, maybeTrigger, onAcknowledged, onCommitted, onPublished, timedOut } from "../checkpointing.ts";
import type { CheckpointId } from "../../base/ids.ts";
import type { FromTask } from "../../protocol/messages.ts";
import type { JobEffect, JobEvent, JobState, Step } from "../job_state.ts";
import { moveTo } from "../transitions.ts";
import { beginCancelling } from "./cancelling.ts";
import { beginFailing } from "./failing.ts";
import { suspend } from "./suspended.ts";

export function running(state: JobState, event: JobEvent, nowMs: number): Step {
  switch (event.kind) {
    case "tick":
      return onTick(state, nowMs);
    case "task":
      return onTask(state, event.message, nowMs);
    case "published":
      return then(onPublished(state, event.checkpoint, nowMs), (next) => maybeTrigger(next, nowMs));
    case "publish_failed":
      return beginFailing(state, event.error, nowMs);
    case "fenced":
      return suspend(state);
    case "savepoint": {
      const next = { ...state, wantedSavepoints: [...state.wantedSavepoints, event.savepoint] };
      return maybeTrigger(next, nowMs);
    }
    case "cancel":
      return beginCancelling(state);
    default:
      return [state, []];
  }
}

function onTask(state: JobState, message: FromTask, nowMs: number): Step {
  switch (message.kind) {
    case "acknowledged":
      return onAcknowledged(state, message);
    case "declined": {
      if (state.inFlight?.checkpoint !== message.checkpoint) return [state, []];
      return abandon(state, message.error, nowMs);
    }
    case "committed":
      return afterCommit(state, message, nowMs);
    case "checkpoint_wanted":
      return maybeTrigger({ ...state, checkpointWanted: true }, nowMs);
    case "input_ended":
      return maybeTrigger({ ...state, inputEnded: true }, nowMs);
    case "failed":
      return message.error.code === "fenced" ? suspend(state) : beginFailing(state, message.error, nowMs);
    case "running":
    case "stopped":
      return [state, []];
  }
}

function afterCommit(state: JobState, message: Extract<FromTask, { kind: "committed" }>, nowMs: number): Step {
  const { step, finished } = onCommitted(state, message.checkpoint);
  if (!finished) return then(step, (next) => maybeTrigger(next, nowMs));
  return then(step, (next) => [
    { ...moveTo(next, "FINISHED"), inFlight: undefined, wantedSavepoints: [] },
    [{ kind: "record_status" }, { kind: "destroy_task" }, ...lateSavepoints(next, message.checkpoint)],
  ]);
}

/** Nothing follows the end of the input: its checkpoint holds all that savepoints asked for since then could hold. */
function lateSavepoints(state: JobState, checkpoint: CheckpointId): JobEffect[] {
  const savepoints = state.wantedSavepoints;
  return savepoints.length === 0 ? [] : [{ kind: "export", checkpoint, savepoints }];
}

function onTick(state: JobState, nowMs: number): Step {
  const late = timedOut(state, nowMs);
  if (late === undefined) return maybeTrigger(state, nowMs);
  return then(abandon(state, late, nowMs), (next) => maybeTrigger(next, nowMs));
}

function then([state, effects]: Step, more: (state: JobState) => Step): Step {
  const [next, added] = more(state);
  return [next, [...effects, ...added]];
}
