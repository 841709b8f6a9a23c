// FAILING: something broke; the tasks of the regions concerned are being taken down before the job goes on.
//
// Tasks of other regions keep processing, and commit what is published, but no checkpoint is begun before all run again.
// Everything is taken down where the job gives up, where the failure belongs to no region (publishing, claiming,
// checkpoints that fail too often), and where tasks have drained, because none of those can go on.
//
// A checkpoint that was being published when it happened stays in flight: it may come to exist until the next claim
// raises the generation, and that claim, or the answer to the publishing, tells.

import { externalError, type MillraceError } from "../../base/errors.ts";
import { forget, onPublished } from "../checkpointing.ts";
import type { Failure, JobEffect, JobEvent, JobState, Step, Verdict } from "../job_state.ts";
import { type RestartHistory, decideRestart } from "../restart_strategy.ts";
import { allRegions, gone, noneLeaves, note, takeDown, tellAbandoned } from "../tasks.ts";
import { moveTo } from "../transitions.ts";
import { beginCancelling, cancelOnceClaimed } from "./cancelling.ts";
import { letGo, refuseStop, savepointsOf, suspend } from "./suspended.ts";

export const everything = (state: JobState, error: MillraceError): Failure => ({ error, regions: allRegions(state) });

export const failureOf = (state: JobState, task: { readonly chain: number }, error: MillraceError): Failure => ({
  error,
  regions: [
    ...new Set(state.tasks.filter((one) => one.place.address.chain === task.chain).map((one) => one.place.region)),
  ],
});

export function beginFailing(state: JobState, failure: Failure, nowMs: number): Step {
  const { verdict, restarts } = decide(state, failure.error, nowMs);
  const failing = { ...moveTo(state, "FAILING"), error: failure.error, verdict, restarts };
  const [next, effects] = giveUpGathering(failing, failure.error, nowMs);
  const wide = verdict.kind === "give_up" || state.inFlight?.stop?.drain === true;
  const { state: taken, effects: destroy } = takeDown(next, wide ? allRegions(next) : failure.regions);
  return [taken, [...effects, ...abandoned(state, taken), { kind: "record_status" }, ...destroy]];
}

/** Another failure while the first one is dealt with. */
function failMore(state: JobState, failure: Failure): Step {
  const hopeless = failure.error.retry === "none";
  const verdict: Verdict | undefined = hopeless ? { kind: "give_up" } : state.verdict;
  const regions = hopeless ? allRegions(state) : failure.regions;
  const { state: next, effects } = takeDown(
    { ...state, verdict, error: hopeless ? failure.error : state.error },
    regions,
  );
  return [next, effects];
}

function decide(
  state: JobState,
  error: MillraceError,
  nowMs: number,
): { readonly verdict: Verdict; readonly restarts: RestartHistory } {
  const { restarts } = state;
  if (error.retry === "none") return { verdict: { kind: "give_up" }, restarts };
  const decision = decideRestart(state.config.restart, restarts, nowMs);
  if (decision.kind === "give_up") return { verdict: decision, restarts };
  return { verdict: decision, restarts: decision.history };
}

/** Of those that go on, so that they go on reading where they stand still. */
const abandoned = (before: JobState, after: JobState): JobEffect[] =>
  before.inFlight?.phase === "gathering" ? tellAbandoned(after, before.inFlight.checkpoint) : [];

/** What is being gathered will never exist; a stop whose end is not durable yet is off, and the job goes on. */
function giveUpGathering(state: JobState, error: MillraceError, nowMs: number): Step {
  const [next, effects] =
    state.inFlight?.phase === "gathering" ? forget(state, state.inFlight, error, nowMs) : ([state, []] as const);
  if (next.wantedStop === undefined) return [next, effects];
  const savepoints = [next.wantedStop.savepoint];
  return [{ ...next, wantedStop: undefined }, [...effects, { kind: "refuse_savepoints", savepoints, error }]];
}

export function failing(state: JobState, event: JobEvent, nowMs: number): Step {
  switch (event.kind) {
    case "tasks_gone": {
      const next = gone(state, event.tasks);
      return noneLeaves(next) ? goOn(next, nowMs) : [next, []];
    }
    case "task": {
      const { message } = event;
      if (message.kind !== "failed") return [note(state, message), []];
      if (message.error.code === "fenced") return suspend(state);
      return failMore(state, failureOf(state, message.task, message.error));
    }
    case "published":
      return onPublished(state, event.checkpoint, nowMs);
    case "fenced":
      return suspend(state);
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

function goOn(state: JobState, nowMs: number): Step {
  if (state.verdict?.kind === "restart") {
    const restartAtMs = nowMs + state.verdict.delayMs;
    const { restartsTotal } = state;
    const next = { ...moveTo(state, "RESTARTING"), restartAtMs, restartsTotal: restartsTotal + 1, verdict: undefined };
    return [next, [{ kind: "record_status" }, { kind: "wake", atMs: restartAtMs }]];
  }
  const error = state.error ?? externalError("job_failed", `job ${state.jobId}`, "the job failed");
  const savepoints = savepointsOf(state);
  const refused: JobEffect[] = savepoints.length === 0 ? [] : [{ kind: "refuse_savepoints", savepoints, error }];
  const next = { ...letGo(moveTo(state, "FAILED")), verdict: undefined };
  return [next, [{ kind: "record_status" }, ...refused, { kind: "collect_garbage" }]];
}
