// RESTARTING: the restart strategy's delay is running.

import { onPublished } from "../checkpointing.ts";
import type { JobEvent, JobState, Step } from "../job_state.ts";
import { note, noneLeft } from "../tasks.ts";
import { moveTo } from "../transitions.ts";
import { beginCancelling, cancelAtOnce, cancelOnceClaimed } from "./cancelling.ts";
import { beginFailing, failureOf } from "./failing.ts";
import { refuseStop, suspend } from "./suspended.ts";

export function restarting(state: JobState, event: JobEvent, nowMs: number): Step {
  switch (event.kind) {
    case "tick":
      if (nowMs < state.restartAtMs) return [state, [{ kind: "wake", atMs: state.restartAtMs }]];
      return [{ ...moveTo(state, "INITIALIZING"), claimed: false }, [{ kind: "claim" }]];
    case "task": {
      const { message } = event;
      if (message.kind !== "failed") return [note(state, message), []];
      if (message.error.code === "fenced") return suspend(state);
      return beginFailing(state, failureOf(state, message.task, message.error), nowMs);
    }
    case "published":
      return onPublished(state, event.checkpoint, nowMs);
    case "fenced":
      return suspend(state);
    case "cancel":
      if (!state.claimed) return cancelOnceClaimed(state);
      return noneLeft(state) ? cancelAtOnce(state) : beginCancelling(state);
    case "savepoint":
      return [{ ...state, wantedSavepoints: [...state.wantedSavepoints, event.savepoint] }, []];
    case "stop":
      return refuseStop(state, event.savepoint);
    default:
      return [state, []];
  }
}
