// The life of one checkpoint as pure decisions:
//
//   (due) -> gathering -> publishing -> published, uncommitted -> committed
//              |    \        | outcome unknown: the job fails over, and the claim finds out
//              |     \ nothing changed: the newest manifest stands for it
//              v declined, timed out: abandoned
//
// Invariants:
// - One checkpoint at a time is gathered or published, and only while every task runs.
// - It is published when every task of the job has acknowledged it; a task that has said nothing never counts.
// - `commit` is sent only for a checkpoint whose manifest is known to be durable.
// - It is committed when every task has said so; a savepoint is exported only then.

import { assert, present } from "../base/assert.ts";
import { externalError, type MillraceError } from "../base/errors.ts";
import { asCheckpointId, type CheckpointId } from "../base/ids.ts";
import { type BarrierMode, type FromTask, taskKey } from "../protocol/messages.ts";
import { type InFlightCheckpoint, type JobEffect, type JobState, type Step, then } from "./job_state.ts";
import { afterCheckpoint } from "./restart_strategy.ts";
import { inputEnded, tell, tellAbandoned } from "./tasks.ts";
import { isUnchanged } from "./unchanged.ts";

/** The last checkpoint of this job is published; nothing can follow it. */
const nothingFollows = (state: JobState): boolean =>
  state.stopping !== undefined || state.uncommitted.some((one) => one.ended || one.stop !== undefined);

/** Starts a checkpoint where one is due, or says when the next one will be. */
export function maybeTrigger(state: JobState, nowMs: number): Step {
  if (state.status !== "RUNNING") return [state, []];
  if (state.inFlight !== undefined) return [state, wakeAtTimeout(state, state.inFlight)];
  if (nothingFollows(state)) return [state, []];
  const { intervalMs, minPauseMs } = state.config.checkpoint;
  const afterPauseMs = state.lastEndMs === undefined ? 0 : state.lastEndMs + minPauseMs;
  const dueMs = Math.max(state.lastTriggerMs + intervalMs, afterPauseMs);
  if (!isAsked(state) && nowMs < dueMs) return [state, [{ kind: "wake", atMs: dueMs }]];
  return trigger(state, nowMs);
}

/** Of the interval; what goes on from a checkpoint takes the first one of its own after the rest of it. */
const HEAD_START = 0.75;

/** Nothing was committed since the tasks before these failed: whoever waits for output has waited long enough. */
export const headStartMs = ({ durable, config }: JobState): number =>
  durable === undefined ? 0 : Math.floor(config.checkpoint.intervalMs * HEAD_START);

/** The pause is for the checkpoints that nobody asked for. */
const isAsked = (state: JobState): boolean =>
  state.checkpointWanted || inputEnded(state) || state.wantedSavepoints.length > 0 || state.wantedStop !== undefined;

function trigger(state: JobState, nowMs: number): Step {
  const checkpoint = state.nextCheckpoint;
  const { wantedStop: stop, wantedSavepoints: savepoints } = state;
  const common = { checkpoint, triggeredAtMs: nowMs, savepoints, stop };
  const inFlight: InFlightCheckpoint = { ...common, phase: "gathering", acknowledged: new Map() };
  const next: JobState = {
    ...state,
    inFlight,
    nextCheckpoint: asCheckpointId(checkpoint + 1),
    wantedSavepoints: [],
    wantedStop: undefined,
    checkpointWanted: false,
    lastTriggerMs: nowMs,
  };
  const mode = modeOf(inFlight);
  const barriers = tell(
    next,
    (generation) => ({ kind: "barrier", generation, checkpoint, mode }),
    (task) => task.place.triggered,
  );
  return [next, [...barriers, ...wakeAtTimeout(next, inFlight)]];
}

function modeOf({ stop }: InFlightCheckpoint): BarrierMode {
  if (stop === undefined) return "checkpoint";
  return stop.drain ? "drain" : "suspend";
}

/** Asked for at every occasion: an alarm that was set for an earlier time leaves none behind when it has rung. */
function wakeAtTimeout(state: JobState, inFlight: InFlightCheckpoint): JobEffect[] {
  if (inFlight.phase !== "gathering") return [];
  return [{ kind: "wake", atMs: inFlight.triggeredAtMs + state.config.checkpoint.timeoutMs }];
}

type Acknowledged = Extract<FromTask, { kind: "acknowledged" }>;

export function onAcknowledged(state: JobState, message: Acknowledged, nowMs: number): Step {
  const inFlight = state.inFlight;
  // An abandoned checkpoint may still be acknowledged; nobody waits for it any more.
  if (inFlight?.checkpoint !== message.checkpoint || inFlight.phase !== "gathering") return [state, []];
  const key = taskKey(message.task);
  // The first word counts: parts of a second one could be others than those that were counted on.
  if (inFlight.acknowledged.has(key)) return [state, []];
  const { snapshot, costs } = message;
  const acknowledged = new Map([...inFlight.acknowledged, [key, { snapshot, costs }]]);
  const gathered = { ...inFlight, acknowledged };
  if (!state.tasks.every((task) => acknowledged.has(task.place.key))) return [{ ...state, inFlight: gathered }, []];
  return onGathered(state, gathered, nowMs);
}

/** What every task handed over, by chain and subtask. */
export const snapshotsOf = (state: JobState, { acknowledged }: InFlightCheckpoint) =>
  state.tasks.map((task) => present(acknowledged.get(task.place.key), "every task's acknowledgement").snapshot);

const isEnd = (state: JobState, one: InFlightCheckpoint): boolean =>
  one.stop?.drain === true || snapshotsOf(state, one).every((snapshot) => snapshot.inputEnded);

function onGathered(state: JobState, gathered: InFlightCheckpoint, nowMs: number): Step {
  const { checkpoint } = gathered;
  const tasks = snapshotsOf(state, gathered);
  const ended = isEnd(state, gathered);
  if (isUnchanged(gathered, tasks, ended, state.durable)) {
    const next = over({ ...state, inFlight: undefined }, nowMs);
    const effects: JobEffect[] = [...tellAbandoned(next, checkpoint), { kind: "checkpoint_unchanged", checkpoint }];
    return then([next, effects], (done) => maybeTrigger(done, nowMs));
  }
  const { generation, branch } = state;
  // What is only suspended goes on from its manifest as after any other.
  const stop = gathered.stop?.resumes === true ? undefined : gathered.stop;
  const publish: JobEffect = { kind: "publish", checkpoint, generation, branch, ended, stop, tasks };
  return [{ ...state, inFlight: { ...gathered, phase: "publishing" } }, [publish]];
}

/** A checkpoint has succeeded. */
const over = (state: JobState, nowMs: number): JobState => ({
  ...state,
  lastEndMs: nowMs,
  checkpointFailuresInRow: 0,
  restarts: afterCheckpoint(state.config.restart, state.restarts),
});

/** In whatever status: some tasks may be on their way out, the others go on from here. */
export function onPublished(state: JobState, checkpoint: CheckpointId, nowMs: number): Step {
  const inFlight = state.inFlight;
  assert(
    inFlight?.checkpoint === checkpoint && inFlight.phase === "publishing",
    "only what was being published is published",
  );
  const { savepoints, stop } = inFlight;
  const ended = isEnd(state, inFlight);
  const waiting = state.tasks.map((task) => task.place.key);
  const next: JobState = {
    ...over(state, nowMs),
    inFlight: undefined,
    durable: { checkpoint, tasks: snapshotsOf(state, inFlight) },
    uncommitted: [...state.uncommitted, { checkpoint, savepoints, stop, ended, waiting }],
  };
  return [
    next,
    [
      { kind: "checkpoint_done", checkpoint: inFlight, completedAtMs: nowMs },
      ...tell(next, (generation) => ({ kind: "commit", generation, checkpoint })),
    ],
  ];
}

/**
 * Takes the checkpoints that every task has committed off the list, once all tasks run; says which of them is the
 * end of the job, by whatever cause.
 */
export function settleCommits(state: JobState): { step: Step; end: CheckpointId | undefined } {
  const done = state.uncommitted.filter((one) => one.waiting.length === 0);
  if (done.length === 0) return { step: [state, []], end: undefined };
  const effects: JobEffect[] = [];
  for (const { checkpoint, savepoints, stop } of done) {
    const made = { kind: "export", checkpoint, savepoints } as const;
    if (stop !== undefined) effects.push({ ...made, stop });
    else if (savepoints.length > 0) effects.push(made);
  }
  effects.push({ kind: "collect_garbage" });
  const next = { ...state, uncommitted: state.uncommitted.filter((one) => one.waiting.length > 0) };
  const last = done.find((one) => one.ended || one.stop !== undefined);
  if (last?.stop === undefined) return { step: [next, effects], end: last?.checkpoint };
  const { checkpoint, stop, ended } = last;
  return { step: [{ ...next, stopping: { checkpoint, stop, ended, broken: undefined } }, effects], end: undefined };
}

/** Gives a checkpoint that is being gathered up; what it had gathered becomes part of the next one. */
export function abandon(state: JobState, error: MillraceError, nowMs: number): Step {
  const inFlight = state.inFlight;
  if (inFlight === undefined) return [state, []];
  // Not a stop: it was refused, and says nothing about the checkpoints that the job lives on.
  const checkpointFailuresInRow = state.checkpointFailuresInRow + (inFlight.stop === undefined ? 1 : 0);
  const counted = { ...state, checkpointFailuresInRow };
  return then(forget(counted, inFlight, error, nowMs), (next) => [next, tellAbandoned(next, inFlight.checkpoint)]);
}

/** The checkpoint in flight will never exist: its savepoints wait for the next, a stop is refused. */
export function forget(state: JobState, inFlight: InFlightCheckpoint, error: MillraceError, nowMs: number): Step {
  const { stop, savepoints } = inFlight;
  const next: JobState = {
    ...state,
    inFlight: undefined,
    lastEndMs: nowMs,
    wantedSavepoints: [...savepoints, ...state.wantedSavepoints],
  };
  const effects: JobEffect[] = [{ kind: "checkpoint_failed", checkpoint: inFlight, error }];
  if (stop !== undefined) effects.push({ kind: "refuse_savepoints", savepoints: [stop.savepoint], error });
  const { intervalMs, minPauseMs } = state.config.checkpoint;
  return [next, [...effects, { kind: "wake", atMs: nowMs + Math.max(intervalMs, minPauseMs) }]];
}

/** The error of a job whose checkpoints fail more often in a row than it tolerates. */
export function tooManyFailures(state: JobState, cause: MillraceError): MillraceError | undefined {
  const { tolerableFailures } = state.config.checkpoint;
  const failures = state.checkpointFailuresInRow;
  if (tolerableFailures === null || failures <= tolerableFailures) return undefined;
  const message = `${failures} checkpoints failed in a row, ${tolerableFailures} are tolerated; the last one: ${cause.message}`;
  return externalError("checkpoint_failures_exceeded", cause.where, message, { cause });
}

/** The error of a checkpoint that has been gathered for too long, if the one in flight is such. */
export function timedOut(state: JobState, nowMs: number): MillraceError | undefined {
  const inFlight = state.inFlight;
  if (inFlight === undefined || inFlight.phase !== "gathering") return undefined;
  const limitMs = state.config.checkpoint.timeoutMs;
  if (nowMs < inFlight.triggeredAtMs + limitMs) return undefined;
  const silent = state.tasks.map((task) => task.place.key).filter((key) => !inFlight.acknowledged.has(key));
  const message = `the checkpoint took longer than ${limitMs} ms; not acknowledged by tasks ${silent.join(", ")}`;
  return externalError("checkpoint_timeout", `checkpoint ${inFlight.checkpoint}`, message);
}
