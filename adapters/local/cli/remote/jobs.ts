// Jobs of a server: submit, list, show, cancel, and check what a savepoint is worth to a job.

import { existsSync, readFileSync } from "node:fs";
import type { CheckAnswer, JobDetails, MillraceClient } from "../../../../src/client/client.ts";
import { EXIT } from "../exit.ts";
import { grouped, minuteOf, secondsOf, table } from "../format.ts";
import { loadJob } from "../load_job.ts";
import { type ConnectOptions, connect, jobCalled, print } from "./connect.ts";

export interface StartOptions extends ConnectOptions {
  /** The file of a savepoint, or the id of one on the server. */
  readonly savepoint?: string;
  readonly allowNonRestoredState?: boolean;
  readonly claim?: boolean;
}

export async function submit(file: string, options: StartOptions): Promise<number> {
  const client = connect(options);
  const from = await startOf(client, options);
  const claim = options.claim === true ? { claimMode: "CLAIM" as const } : {};
  const jobid = await client.submit({ spec: await loadJob(file), ...from, ...claim });
  const job = await client.job(jobid);
  print(options, { jobid, name: job.name, state: job.state }, () => [`job ${job.name} (${jobid}) is ${job.state}`]);
  return EXIT.done;
}

/** Exits with 1 where the job could not start so. */
export async function check(file: string, options: StartOptions & { readonly savepoint: string }): Promise<number> {
  const client = connect(options);
  const { savepoint = "", ...allowed } = await startOf(client, options);
  const answer = await client.check({ spec: await loadJob(file), savepoint, ...allowed });
  print(options, answer, () => checkLines(answer));
  return answer.startable ? EXIT.done : EXIT.jobFailed;
}

const checkLines = ({ startable, parts }: CheckAnswer): readonly string[] => [
  ...table(
    [{ title: "operator" }, { title: "state" }, { title: "fate" }, { title: "why" }],
    parts.map(({ part, uid, state, fate, reason }) => [
      part === "job" ? "(the job)" : uid,
      state ?? (part === "source" ? "(position)" : ""),
      fate,
      reason ?? "",
    ]),
  ),
  startable ? "the job can start from it" : "the job cannot start from it",
];

async function startOf(client: MillraceClient, { savepoint, allowNonRestoredState = false }: StartOptions) {
  if (savepoint === undefined) return {};
  if (!existsSync(savepoint)) return { savepoint, allowNonRestoredState };
  const uploaded = await client.uploadSavepoint(new Uint8Array(readFileSync(savepoint)));
  return { savepoint: uploaded.savepoint, allowNonRestoredState };
}

export async function list(options: ConnectOptions & { readonly all?: boolean }): Promise<number> {
  const jobs = (await connect(options).jobs()).filter((job) => options.all === true || job["end-time"] === -1);
  print(options, { jobs }, () =>
    jobs.length === 0
      ? [options.all === true ? "no jobs" : "no jobs at work; --all shows those that have ended"]
      : table(
          [
            { title: "job" },
            { title: "name" },
            { title: "state" },
            { title: "since" },
            { title: "tasks", right: true },
          ],
          jobs.map((job) => [job.jid, job.name, job.state, minuteOf(job["start-time"]), String(job.tasks.total)]),
        ),
  );
  return EXIT.done;
}

export async function show(text: string, options: ConnectOptions): Promise<number> {
  const client = connect(options);
  const job = await client.job(await jobCalled(client, text));
  print(options, job, () => jobLines(job));
  return EXIT.done;
}

function jobLines(job: JobDetails): readonly string[] {
  const { counters, error, "started-from": from, "restarts-total": restarts } = job.millrace;
  const rows =
    counters === null ? [] : [`rows      ${grouped(counters.rowsIn)} read, ${grouped(counters.rowsOut)} written`];
  const failed = error === null ? [] : [`error     [${error.code}] ${error.where}: ${error.message}`];
  return [
    `job       ${job.name} (${job.jid})`,
    `state     ${job.state}, ${secondsOf(job.duration)} s, ${restarts} restarts`,
    ...(from === null ? [] : [`from      savepoint ${from}`]),
    ...rows,
    ...failed,
    "",
    ...table(
      [{ title: "chain" }, { title: "tasks", right: true }, { title: "state" }, { title: "read", right: true }],
      job.vertices.map((one) => [
        one.name,
        String(one.parallelism),
        one.status,
        grouped(Number(one.metrics["read-records"])),
      ]),
    ),
  ];
}

export async function cancel(text: string, options: ConnectOptions): Promise<number> {
  const client = connect(options);
  const jobid = await jobCalled(client, text);
  await client.cancel(jobid);
  print(options, { jobid, state: "CANCELLING" }, () => [`job ${jobid} is being canceled`]);
  return EXIT.done;
}
