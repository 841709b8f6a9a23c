// The life of one checkpoint as pure decisions:
//
//   (due) -> gathering -> publishing -> published, uncommitted -> committed
//              | declined, timed out        | outcome unknown: the job fails over
//              v abandoned
//
// Invariants:
// - One checkpoint at a time is gathered or published.
// - `commit` is sent only for a checkpoint whose manifest is known to be durable.
// - A savepoint is exported only from a checkpoint whose commits are recorded.

import { assert } from "../base/assert.ts";
import { externalError, type MillraceError } from "../base/errors.ts";
import { asCheckpointId, type CheckpointId } from "../base/ids.ts";
import type { FromTask } from "../protocol/messages.ts";
import type { InFlightCheckpoint, JobEffect, JobState, Step } from "./job_state.ts";

/** Starts a checkpoint where one is due, or says when the next one will be. */
export function maybeTrigger(state: JobState, nowMs: number): Step {
  if (state.inFlight !== undefined) return [state, wakeAtTimeout(state, state.inFlight)];
  // The final checkpoint is published; nothing can follow it.
  if (state.uncommitted.some((one) => one.inputEnded)) return [state, []];
  const asked = state.checkpointWanted || state.inputEnded || state.wantedSavepoints.length > 0;
  const dueMs = state.lastTriggerMs + state.config.checkpointIntervalMs;
  if (!asked && nowMs < dueMs) return [state, [{ kind: "wake", atMs: dueMs }]];
  const checkpoint = state.nextCheckpoint;
  const inFlight: InFlightCheckpoint = {
    checkpoint,
    phase: "gathering",
    triggeredAtMs: nowMs,
    savepoints: state.wantedSavepoints,
    snapshot: undefined,
    costs: undefined,
  };
  const next: JobState = {
    ...state,
    inFlight,
    nextCheckpoint: asCheckpointId(checkpoint + 1),
    wantedSavepoints: [],
    checkpointWanted: false,
    lastTriggerMs: nowMs,
  };
  return [
    next,
    [
      { kind: "send", message: { kind: "barrier", generation: state.generation, checkpoint } },
      ...wakeAtTimeout(state, inFlight),
    ],
  ];
}

/** Asked for at every occasion: an alarm that was set for an earlier time leaves none behind when it has rung. */
function wakeAtTimeout(state: JobState, inFlight: InFlightCheckpoint): JobEffect[] {
  if (inFlight.phase !== "gathering") return [];
  return [{ kind: "wake", atMs: inFlight.triggeredAtMs + state.config.checkpointTimeoutMs }];
}

type Acknowledged = Extract<FromTask, { kind: "acknowledged" }>;

export function onAcknowledged(state: JobState, message: Acknowledged): Step {
  const inFlight = state.inFlight;
  // An abandoned checkpoint may still be acknowledged; nobody waits for it any more.
  if (inFlight?.checkpoint !== message.checkpoint || inFlight.phase !== "gathering") return [state, []];
  const next = { ...inFlight, phase: "publishing" as const, snapshot: message.snapshot, costs: message.costs };
  const { checkpoint, snapshot } = message;
  const { generation, branch } = state;
  return [{ ...state, inFlight: next }, [{ kind: "publish", checkpoint, generation, branch, snapshot }]];
}

export function onPublished(state: JobState, checkpoint: CheckpointId, nowMs: number): Step {
  const inFlight = state.inFlight;
  assert(
    inFlight?.checkpoint === checkpoint && inFlight.phase === "publishing",
    "only what was being published is published",
  );
  const entry = { checkpoint, savepoints: inFlight.savepoints, inputEnded: inFlight.snapshot?.inputEnded === true };
  const next: JobState = {
    ...state,
    inFlight: undefined,
    uncommitted: [...state.uncommitted, entry],
    restartsInRow: 0,
  };
  return [
    next,
    [
      { kind: "checkpoint_done", checkpoint: inFlight, completedAtMs: nowMs },
      { kind: "send", message: { kind: "commit", generation: state.generation, checkpoint } },
    ],
  ];
}

/** Commits up to `checkpoint` are recorded; answers whether the job's last output is now out. */
export function onCommitted(state: JobState, checkpoint: CheckpointId): { step: Step; finished: boolean } {
  const done = state.uncommitted.filter((one) => one.checkpoint <= checkpoint);
  const next = { ...state, uncommitted: state.uncommitted.filter((one) => one.checkpoint > checkpoint) };
  const effects: JobEffect[] = [];
  for (const one of done) {
    if (one.savepoints.length > 0) {
      effects.push({ kind: "export", checkpoint: one.checkpoint, savepoints: one.savepoints });
    }
  }
  if (done.length > 0) effects.push({ kind: "collect_garbage", generation: state.generation });
  return { step: [next, effects], finished: done.some((one) => one.inputEnded) };
}

/** Gives the checkpoint in flight up; what it had gathered becomes part of the next one. */
export function abandon(state: JobState, error: MillraceError, nowMs: number): Step {
  const inFlight = state.inFlight;
  if (inFlight === undefined) return [state, []];
  const next = { ...state, inFlight: undefined, wantedSavepoints: [...inFlight.savepoints, ...state.wantedSavepoints] };
  const message = { kind: "abandon", generation: state.generation, checkpoint: inFlight.checkpoint } as const;
  return [
    next,
    [
      { kind: "send", message },
      { kind: "checkpoint_failed", checkpoint: inFlight, error },
      { kind: "wake", atMs: nowMs + state.config.checkpointIntervalMs },
    ],
  ];
}

/** The error of a checkpoint that has been gathered for too long, if the one in flight is such. */
export function timedOut(state: JobState, nowMs: number): MillraceError | undefined {
  const inFlight = state.inFlight;
  if (inFlight === undefined || inFlight.phase !== "gathering") return undefined;
  const limitMs = state.config.checkpointTimeoutMs;
  if (nowMs < inFlight.triggeredAtMs + limitMs) return undefined;
  const message = `the task did not acknowledge the checkpoint within ${limitMs} ms`;
  return externalError("checkpoint_timeout", `checkpoint ${inFlight.checkpoint}`, message);
}
