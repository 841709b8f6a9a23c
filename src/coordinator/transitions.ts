// Every legal change of a job's status, in one list; nothing else sets a status.

import { assert } from "../base/assert.ts";
import type { JobState, JobStatus } from "./job_state.ts";

export const transitions: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  CREATED: ["INITIALIZING", "CANCELED"],
  INITIALIZING: ["RUNNING", "FAILING", "CANCELLING", "SUSPENDED"],
  RUNNING: ["FINISHED", "FAILING", "CANCELLING", "SUSPENDED"],
  FAILING: ["RESTARTING", "FAILED", "CANCELLING", "SUSPENDED"],
  // Regions that live while another is restarted may fail, be stopped, or find that the job was taken over.
  RESTARTING: ["INITIALIZING", "FAILING", "CANCELLING", "CANCELED", "SUSPENDED"],
  CANCELLING: ["CANCELED", "SUSPENDED"],
  FAILED: [],
  CANCELED: [],
  FINISHED: [],
  SUSPENDED: [],
};

export function moveTo(state: JobState, status: JobStatus): JobState {
  assert(transitions[state.status].includes(status), `a job goes from ${state.status} to ${status}`);
  return { ...state, status };
}
