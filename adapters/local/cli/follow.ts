// Watches one job until it has ended or the process is asked to stop.

import type { JobFacts } from "../../../src/api/gateway.ts";
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
  const show = async (): Promise<void> => {
    const job = await deployment.jobs.job(jobId);
    const atMs = clock.monotonicMs();
    readings.push({ atMs, rows: job.counters?.rowsIn ?? 0 });
    while (readings.length > 2 && (readings[0]?.atMs ?? 0) < atMs - RATE_WINDOW_MS) readings.shift();
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
