// RUNNING: rows flow, checkpoints are taken, savepoints are served, and a stop is brought to its end.
//
// A stop is decided by its manifest. Before that exists, any failure calls it off: the savepoint is refused, suspended
// tasks go on reading, and a drain, which cannot be undone, is followed by a restart from the checkpoint before it.
// Once it exists, the job goes on from it or ends with it, whatever fails: its output is committed, where need be after
// a restart or by another coordinator, then the savepoint's file is written, then the job is recorded as finished and the
// savepoint as complete, at once. Where the file cannot be written, a suspended job goes on; a drained one, for which
// nothing is left to do, finishes without it.
//
// A stop that resumes takes the same way, and ends as SUSPENDED instead: the stored status stays, so that the job goes on
// from the savepoint's checkpoint, here at another parallelism, or wherever it is claimed next.

import { externalError, type MillraceError } from "../../base/errors.ts";
import type { CheckpointId } from "../../base/ids.ts";
import type { FromTask } from "../../protocol/messages.ts";
import {
  abandon,
  headStartMs,
  maybeTrigger,
  onAcknowledged,
  onPublished,
  settleCommits,
  timedOut,
  tooManyFailures,
} from "../checkpointing.ts";
import {
  type Failure,
  type JobEffect,
  type JobEvent,
  type JobState,
  type Step,
  type Stop,
  then,
} from "../job_state.ts";
import { allRegions, note, takeDown, tellAbandoned } from "../tasks.ts";
import { moveTo } from "../transitions.ts";
import { beginCancelling } from "./cancelling.ts";
import { beginFailing, everything, failureOf } from "./failing.ts";
import { suspend } from "./suspended.ts";

/** Every task runs. */
export function beginRunning(state: JobState, nowMs: number): Step {
  const lastTriggerMs = nowMs - headStartMs(state);
  const next = { ...moveTo(state, "RUNNING"), lastTriggerMs, checkpointFailuresInRow: 0, error: undefined };
  return then([next, [{ kind: "record_status" }]], (begun) => settle(begun, nowMs));
}

export function running(state: JobState, event: JobEvent, nowMs: number): Step {
  switch (event.kind) {
    case "tick":
      return onTick(state, nowMs);
    case "task":
      return onTask(state, event.message, nowMs);
    case "published":
      return then(onPublished(state, event.checkpoint, nowMs), (next) => maybeTrigger(next, nowMs));
    case "publish_failed":
      return beginFailing(state, everything(state, event.error), nowMs);
    case "fenced":
      return suspend(state);
    case "savepoint": {
      const next = { ...state, wantedSavepoints: [...state.wantedSavepoints, event.savepoint] };
      return maybeTrigger(next, nowMs);
    }
    case "stop":
      return onStop(state, event, nowMs);
    case "exported":
      return onExported(state, event, nowMs);
    case "cancel":
      return beginCancelling(state);
    default:
      return [state, []];
  }
}

function onTask(state: JobState, message: FromTask, nowMs: number): Step {
  switch (message.kind) {
    case "acknowledged":
      return onAcknowledged(state, message, nowMs);
    case "declined":
      if (state.inFlight?.checkpoint !== message.checkpoint || state.inFlight.phase !== "gathering") return [state, []];
      return giveUp(state, message.error, nowMs);
    case "committed":
      return settle(note(state, message), nowMs);
    case "checkpoint_wanted":
    case "input_ended":
      return maybeTrigger(note(state, message), nowMs);
    case "failed":
      if (message.error.code === "fenced") return suspend(state);
      return fail(state, failureOf(state, message.task, message.error), nowMs);
    case "running":
    case "stopped":
      return [state, []];
  }
}

function fail(state: JobState, failure: Failure, nowMs: number): Step {
  const { stopping } = state;
  if (stopping === undefined) return beginFailing(state, failure, nowMs);
  // Nothing that the tasks could still do matters, unless the savepoint cannot be written.
  const regions = [...(stopping.broken?.regions ?? []), ...failure.regions];
  return [{ ...state, stopping: { ...stopping, broken: { ...failure, regions } } }, []];
}

/** What every task has committed is over; it may be the end. */
function settle(state: JobState, nowMs: number): Step {
  const { step, end } = settleCommits(state);
  return then(step, (next) => (end === undefined ? maybeTrigger(next, nowMs) : finish(next, end)));
}

/** @param stop what the job ends with, its savepoint's file written. */
function finish(state: JobState, checkpoint: CheckpointId, stop?: Stop): Step {
  const { wantedSavepoints, wantedStop } = state;
  // Nothing follows: this checkpoint holds all that savepoints asked for since then could hold.
  const savepoints = wantedStop === undefined ? wantedSavepoints : [...wantedSavepoints, wantedStop.savepoint];
  const over = { wantedSavepoints: [], wantedStop: undefined, stopping: undefined, inFlight: undefined };
  const resumes = stop?.resumes === true;
  const ended = moveTo(state, resumes ? "SUSPENDED" : "FINISHED");
  const { state: next, effects } = takeDown({ ...ended, ...over, resumable: resumes }, allRegions(state));
  const late: JobEffect[] = savepoints.length === 0 ? [] : [{ kind: "export", checkpoint, savepoints }];
  return [next, [...recordOfEnd(stop), ...late, ...effects]];
}

function recordOfEnd(stop: Stop | undefined): JobEffect[] {
  if (stop?.resumes === true) return [];
  return [stop === undefined ? { kind: "record_status" } : { kind: "record_status", savepoint: stop.savepoint }];
}

function onStop(state: JobState, event: Extract<JobEvent, { kind: "stop" }>, nowMs: number): Step {
  const { savepoint, drain, resumes } = event;
  const stop: Stop = { savepoint, drain, ...(resumes === true ? { resumes } : {}) };
  const under = [
    state.wantedStop,
    state.inFlight?.stop,
    state.stopping?.stop,
    ...state.uncommitted.map((one) => one.stop),
  ];
  const first = under.find((one) => one !== undefined);
  if (first === undefined) return maybeTrigger({ ...state, wantedStop: stop }, nowMs);
  const message = `the job is being stopped already, with savepoint ${first.savepoint}`;
  const error = externalError("stop_in_progress", `job ${state.jobId}`, message);
  return [state, [{ kind: "refuse_savepoints", savepoints: [savepoint], error }]];
}

function onExported(state: JobState, event: Extract<JobEvent, { kind: "exported" }>, nowMs: number): Step {
  const { stopping } = state;
  if (stopping?.checkpoint !== event.checkpoint) return [state, []];
  const { stop, ended, checkpoint } = stopping;
  // A stop that resumes has a complete savepoint already; after the last checkpoint there is nothing to resume.
  if (event.error === undefined) return finish(state, checkpoint, ended && stop.resumes === true ? undefined : stop);
  if (ended) return finish(state, checkpoint);
  const next = { ...state, stopping: undefined };
  if (stopping.broken !== undefined) return beginFailing(next, stopping.broken, nowMs);
  return then([next, tellAbandoned(next, stopping.checkpoint)], (resumed) => maybeTrigger(resumed, nowMs));
}

function onTick(state: JobState, nowMs: number): Step {
  const late = timedOut(state, nowMs);
  if (late === undefined) return maybeTrigger(state, nowMs);
  return then(giveUp(state, late, nowMs), (next) => maybeTrigger(next, nowMs));
}

/** The checkpoint in flight is off. */
function giveUp(state: JobState, error: MillraceError, nowMs: number): Step {
  if (state.inFlight?.stop?.drain === true) {
    const message = `draining failed, and time cannot go back: ${error.message}`;
    return beginFailing(
      state,
      everything(state, externalError("drain_failed", error.where, message, { cause: error })),
      nowMs,
    );
  }
  return then(abandon(state, error, nowMs), (next) => {
    const exceeded = tooManyFailures(next, error);
    return exceeded === undefined ? [next, []] : beginFailing(next, everything(next, exceeded), nowMs);
  });
}
