// Suspends every job with a savepoint, within a time: what a deployment does that is asked to go away for a while.

import { asMillraceError, externalError, type MillraceError } from "../base/errors.ts";
import { isTerminal } from "../coordinator/job_state.ts";
import type { Engine, JobView } from "../engine/engine.ts";
import type { Clock, Timers } from "../platform/ports.ts";

export interface SuspendedJob {
  readonly jobId: string;
  readonly name: string;
  /** What became of it: it is suspended, it has ended, or it goes on from its last checkpoint and `error` says why. */
  readonly savepoint: string | undefined;
  readonly error: MillraceError | undefined;
}

/** A job that is being restarted, or moved, cannot be stopped before it runs again. */
const AGAIN_MS = 100;

type Wait = { readonly clock: Clock; readonly timers: Timers; readonly untilMs: number };

export async function suspendJobs(
  engine: Engine,
  { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
  graceMs: number,
): Promise<readonly SuspendedJob[]> {
  const untilMs = clock.monotonicMs() + graceMs;
  const jobs = engine.list().filter(({ status }) => !isTerminal(status));
  return await Promise.all(jobs.map((job) => suspendJob(engine, job, { clock, timers, untilMs })));
}

async function suspendJob(engine: Engine, { record }: JobView, wait: Wait): Promise<SuspendedJob> {
  const { clock, timers, untilMs } = wait;
  const { jobId, name } = record;
  for (;;) {
    try {
      if (isTerminal(engine.job(jobId).status)) return { jobId, name, savepoint: undefined, error: undefined };
      const late = timers.sleep(Math.max(0, untilMs - clock.monotonicMs())).then(() => Promise.reject(tooLate(jobId)));
      const { savepoint } = await Promise.race([engine.suspend(jobId), late]);
      return { jobId, name, savepoint, error: undefined };
    } catch (thrown) {
      const error = asMillraceError(thrown, `job ${jobId}`);
      if (clock.monotonicMs() + AGAIN_MS >= untilMs) return { jobId, name, savepoint: undefined, error };
      await timers.sleep(AGAIN_MS);
    }
  }
}

const tooLate = (jobId: string): MillraceError =>
  externalError("grace_over", `job ${jobId}`, "the savepoint was not complete within the grace; a longer one may help");
