// INITIALIZING: a generation is claimed, the tasks that do not live are deployed and restore their state.

import { MillraceError } from "../../base/errors.ts";
import { asCheckpointId } from "../../base/ids.ts";
import { forget, onPublished } from "../checkpointing.ts";
import { type JobEffect, type JobEvent, type JobState, type RestorePoint, type Step, then } from "../job_state.ts";
import { allRun, note, noneLeft, tellAbandoned } from "../tasks.ts";
import { beginCancelling, cancelOnceClaimed } from "./cancelling.ts";
import { beginFailing, everything, failureOf } from "./failing.ts";
import { beginRunning } from "./running.ts";
import { refuseStop, suspend } from "./suspended.ts";

export function initializing(state: JobState, event: JobEvent, nowMs: number): Step {
  switch (event.kind) {
    case "claimed":
      return onClaimed(state, event, nowMs);
    case "fenced":
      return suspend(state);
    case "claim_failed":
      // What the claim has raised is what the end is recorded under.
      return onClaimFailed(
        event.held === undefined ? state : { ...state, ...event.held, claimed: true },
        event.error,
        nowMs,
      );
    case "published":
      return onPublished(state, event.checkpoint, nowMs);
    case "task":
      return onTask(state, event.message, nowMs);
    case "cancel":
      return state.claimed ? beginCancelling(state) : cancelOnceClaimed(state);
    case "savepoint":
      return [{ ...state, wantedSavepoints: [...state.wantedSavepoints, event.savepoint] }, []];
    case "stop":
      return refuseStop(state, event.savepoint);
    default:
      return [state, []];
  }
}

function onTask(state: JobState, message: Extract<JobEvent, { kind: "task" }>["message"], nowMs: number): Step {
  if (message.kind !== "failed") {
    const next = note(state, message);
    return state.claimed && allRun(next) ? beginRunning(next, nowMs) : [next, []];
  }
  // A sink's fence knows a newer generation: this one has no say any more.
  if (message.error.code === "fenced") return suspend(state);
  const failure = failureOf(state, message.task, message.error);
  if (state.claimed) return beginFailing(state, failure, nowMs);
  // The claim is on its way and cannot be taken back: its answer comes first.
  const regions = [...(state.brokenMeanwhile?.regions ?? []), ...failure.regions];
  const error = state.brokenMeanwhile?.error ?? failure.error;
  return [
    { ...state, brokenMeanwhile: { error: failure.error.retry === "none" ? failure.error : error, regions } },
    [],
  ];
}

/** Regions that live have nothing to do with it, unless it gives up or they have failed as well. */
function onClaimFailed(state: JobState, error: MillraceError, nowMs: number): Step {
  const regions = state.brokenMeanwhile?.regions ?? [];
  return beginFailing({ ...state, brokenMeanwhile: undefined }, { error, regions }, nowMs);
}

function onClaimed(state: JobState, event: Extract<JobEvent, { kind: "claimed" }>, nowMs: number): Step {
  const { generation, branch, restore } = event;
  const claimed: JobState = {
    ...withStop(state, restore),
    generation,
    claimed: true,
    branch,
    nextCheckpoint: asCheckpointId(Math.max(state.nextCheckpoint, restore.checkpoint + 1)),
  };
  if (state.cancelWanted) return beginCancelling(claimed);
  return then(decideInFlight(claimed, restore, nowMs), (next) => goOn(next, restore, nowMs));
}

/** A predecessor's stop goes on as if it had been asked of this coordinator. */
function withStop(state: JobState, { checkpoint, stop, ended }: RestorePoint): JobState {
  if (stop === undefined) return state;
  const waiting = state.tasks.map((task) => task.place.key);
  return { ...state, uncommitted: [...state.uncommitted, { checkpoint, savepoints: [], stop, ended, waiting }] };
}

/** The generation has been raised, so what the store has now of the checkpoint that was being published is final. */
function decideInFlight(state: JobState, restore: RestorePoint, nowMs: number): Step {
  const { inFlight } = state;
  if (inFlight === undefined) return [state, []];
  if (restore.checkpoint === inFlight.checkpoint) return onPublished(state, inFlight.checkpoint, nowMs);
  const error = failed(state, "checkpoint_lost", `checkpoint ${inFlight.checkpoint} was not published`);
  return then(forget(state, inFlight, error, nowMs), (next) => [next, tellAbandoned(next, inFlight.checkpoint)]);
}

const failed = (state: JobState, code: string, message: string): MillraceError =>
  state.error ?? new MillraceError({ code, where: `job ${state.jobId}`, message, fault: "external", retry: "backoff" });

function goOn(state: JobState, restore: RestorePoint, nowMs: number): Step {
  if (state.brokenMeanwhile !== undefined) {
    return beginFailing({ ...state, brokenMeanwhile: undefined }, state.brokenMeanwhile, nowMs);
  }
  // Living regions build on the newest checkpoint that this coordinator knows; any other belongs to another history.
  if (!noneLeft(state) && restore.checkpoint !== (state.durable?.checkpoint ?? 0)) {
    const message = `the store goes on from checkpoint ${restore.checkpoint}, the running tasks from another`;
    return beginFailing(state, everything(state, failed(state, "checkpoint_foreign", message)), nowMs);
  }
  return deploy(withRestored(state, restore), restore);
}

/** What the newest manifest holds, and, where nothing follows it, that only its commits are left to be done. */
function withRestored(state: JobState, { checkpoint, ended, tasks }: RestorePoint): JobState {
  const durable = tasks === undefined ? undefined : { checkpoint, tasks };
  const known = state.uncommitted.some((one) => one.checkpoint === checkpoint);
  if (!ended || known) return { ...state, durable };
  const waiting = state.tasks.map((task) => task.place.key);
  const last = { checkpoint, savepoints: [], stop: undefined, ended, waiting };
  return { ...state, durable, uncommitted: [...state.uncommitted, last] };
}

function deploy(state: JobState, { checkpoint, restores }: RestorePoint): Step {
  const { jobId, branch, generation } = state;
  const effects: JobEffect[] = [];
  const tasks = state.tasks.map((task) => {
    if (task.life !== "absent") return task;
    const restore = restores.get(task.place.key);
    if (restore === undefined) return task;
    effects.push({ kind: "deploy", deployment: { jobId, branch, generation, task: task.place.address, restore } });
    return { ...task, life: "starting" as const, generation, restored: checkpoint, inputEnded: false };
  });
  return [{ ...state, tasks }, effects];
}
