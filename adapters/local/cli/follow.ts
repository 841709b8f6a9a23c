// Watches one job until it has ended or the process is asked to stop.

import type { JobFacts } from "../../../src/api/gateway.ts";
import type { StoredError } from "../../../src/coordinator/job_record.ts";
import type { Deployment } from "../deployment.ts";
import type { ProgressView } from "./progress.ts";

export type Followed =
  | { readonly kind: "ended"; readonly job: JobFacts; readonly elapsedMs: number }
  | { readonly kind: "stopped" };

const RATE_WINDOW_MS = 3000;

export async function follow(
  deployment: Deployment,
  jobId: string,
  view: ProgressView,
  stopped: Promise<unknown>,
): Promise<Followed> {
  const { clock } = deployment.platform;
  const startedMs = clock.monotonicMs();
  const readings: { readonly atMs: number; readonly rows: number }[] = [];
  const warnings = new Warnings(view);
  const show = async (): Promise<void> => {
    const job = await deployment.jobs.job(jobId);
    const atMs = clock.monotonicMs();
    readings.push({ atMs, rows: job.counters?.rowsIn ?? 0 });
    while (readings.length > 2 && (readings[0]?.atMs ?? 0) < atMs - RATE_WINDOW_MS) readings.shift();
    warnings.look(job);
    view.show(job, rateOf(readings));
  };
  let showing = Promise.resolve();
  const timer = setInterval(() => {
    showing = showing.then(show).catch(() => undefined); // the end of the job tells what is wrong
  }, view.intervalMs);
  const outcome = await Promise.race([
    deployment.engine.ended(jobId).then(() => "ended" as const),
    stopped.then(() => "stopped" as const),
  ]);
  clearInterval(timer);
  await showing;
  const elapsedMs = clock.monotonicMs() - startedMs;
  if (outcome === "ended") await show();
  view.end();
  if (outcome === "stopped") return { kind: "stopped" };
  return { kind: "ended", job: await deployment.jobs.job(jobId), elapsedMs };
}

function rateOf(readings: readonly { readonly atMs: number; readonly rows: number }[]): number {
  const first = readings[0];
  const last = readings[readings.length - 1];
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
  return ((last.rows - first.rows) / (last.atMs - first.atMs)) * 1000;
}

/** Tells of failed checkpoints and restarts, each kind once for as long as it goes on. */
class Warnings {
  readonly #view: ProgressView;
  #checkpoints = 0;
  #restarts: number | undefined;
  #told = "";

  constructor(view: ProgressView) {
    this.#view = view;
  }

  look(job: JobFacts): void {
    const latest = job.checkpoints?.history.at(-1);
    if (latest?.status === "COMPLETED") this.#told = "";
    const failed = job.checkpoints?.failed ?? 0;
    if (failed > this.#checkpoints && latest !== undefined && latest.error !== null) {
      this.#tell(latest.error, `checkpoint ${latest.checkpoint} failed and is tried again`);
    }
    this.#checkpoints = failed;
    if (job.restartsTotal > (this.#restarts ?? job.restartsTotal) && job.error !== null) {
      this.#tell(job.error, `restart ${job.restartsTotal}`);
    }
    this.#restarts = job.restartsTotal;
  }

  #tell(error: StoredError, what: string): void {
    const known = `${error.code} ${error.where}`;
    if (this.#told !== known) this.#view.warn(error, what);
    this.#told = known;
  }
}
