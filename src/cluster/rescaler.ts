// Moves running jobs: away from workers that want to end, and, where that is wanted, to as many tasks a chain as there
// are slots for. Each move is a stop with a savepoint and a restore from it, under the same job id.
//
// Invariants:
// - One move a job at a time. One that fails changes nothing: the job goes on where it is, and it is tried again later.
// - A share of slots counts only after it has stood for `afterMs`: a worker that is being replaced moves no job twice.
// - Without a worker that stays nothing moves: the last ones run their tasks for as long as they are let.

import { asMillraceError } from "../base/errors.ts";
import { isTerminal } from "../coordinator/job_state.ts";
import type { Engine, JobView } from "../engine/engine.ts";
import type { JobSpec } from "../job/job_spec.ts";
import { Abort } from "../platform/abort.ts";
import type { Clock, LogSink, Timers } from "../platform/ports.ts";
import type { ConnectedWorker } from "./remote_tasks.ts";

export interface RescalerOptions {
  readonly engine: Engine;
  readonly workers: () => readonly ConnectedWorker[];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: LogSink;
  readonly beatMs: number;
  /** Undefined: jobs keep the parallelism that they were given. */
  readonly afterMs: number | undefined;
}

/** Before a move that has failed is tried again. */
const AGAIN_MS = 5_000;

/** Slots for each job, where all get as many; at least one. */
export const shareOf = (slots: number, jobs: number): number => Math.max(1, Math.floor(slots / Math.max(1, jobs)));

export class Rescaler {
  readonly #options: RescalerOptions;
  readonly #ending = new Abort();
  readonly #moving = new Set<string>();
  /** By job: not before this. */
  readonly #again = new Map<string, number>();
  #share = 0;
  #sinceMs = 0;

  constructor(options: RescalerOptions) {
    this.#options = options;
    void this.#watch();
  }

  /** What is under way comes to its end; nothing new begins. */
  close(): void {
    this.#ending.abort("closed");
  }

  async #watch(): Promise<void> {
    const { timers, beatMs } = this.#options;
    while (!this.#ending.aborted) {
      this.#look();
      await timers.sleep(beatMs, this.#ending).catch(() => undefined); // the loop looks
    }
  }

  #look(): void {
    const { engine, workers, clock, afterMs } = this.#options;
    const jobs = engine.list().filter(({ status }) => !isTerminal(status));
    const stay = workers().filter(({ leaving }) => !leaving);
    if (stay.length === 0) return;
    const nowMs = clock.monotonicMs();
    const slots = stay.reduce((sum, one) => sum + one.slots, 0);
    const share = shareOf(slots, jobs.length);
    if (share !== this.#share) this.#sinceMs = nowMs;
    this.#share = share;
    const settled = afterMs !== undefined && nowMs - this.#sinceMs >= afterMs;
    const left = new Set(workers().flatMap((one) => (one.leaving ? one.jobs : [])));
    for (const job of jobs) {
      const { jobId } = job.record;
      if (job.status !== "RUNNING" || this.#moving.has(jobId) || nowMs < (this.#again.get(jobId) ?? 0)) continue;
      const { parallelism, maxParallelism } = job.record.spec as unknown as JobSpec;
      const wanted = afterMs === undefined ? parallelism : Math.min(share, maxParallelism);
      // Whatever is moved at all is moved to where it will stay.
      if (left.has(jobId) || (settled && wanted !== parallelism)) void this.#move(job, wanted);
    }
  }

  async #move({ record }: JobView, parallelism: number): Promise<void> {
    const { engine, log, clock } = this.#options;
    const { jobId, spec } = record;
    const from = (spec as unknown as JobSpec).parallelism;
    this.#moving.add(jobId);
    try {
      const { savepoint } = await engine.rescale(jobId, parallelism);
      log.write("info", "a job is moved", { job: jobId, from, to: parallelism, savepoint });
    } catch (thrown) {
      const { code, message } = asMillraceError(thrown, `job ${jobId}`);
      log.write("warning", `a job could not be moved: ${message}`, { job: jobId, code, from, to: parallelism });
      this.#again.set(jobId, clock.monotonicMs() + AGAIN_MS);
    } finally {
      this.#moving.delete(jobId);
    }
  }
}
