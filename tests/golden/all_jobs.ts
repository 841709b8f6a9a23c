// Every golden job, for those who run them all.

import { joinGoldenJobs } from "./join_jobs.ts";
import { processJobs } from "./process_jobs.ts";
import type { GoldenJob } from "./run_golden.ts";
import { updatingJobs } from "./updating_jobs.ts";
import { windowGoldenJobs } from "./window_jobs.ts";

export const goldenJobs: readonly GoldenJob[] = [
  ...windowGoldenJobs,
  ...joinGoldenJobs,
  ...updatingJobs,
  ...processJobs,
];
