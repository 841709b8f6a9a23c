// The life of one job in Durable Objects whose process is killed and whose objects are aborted, at random times while
// events arrive; then everything it has committed is read over HTTP and compared with the oracle.

import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { seededPrng } from "../../src/base/prng.ts";
import { childrenNamed } from "./child_processes.ts";
import { type CrashJob, crashSpec, EVENTS_LOG, OUTPUT_LOG, prepareRecords } from "./crash_job.ts";
import { type Difference, differenceOf, type Expected } from "./crash_oracle.ts";
import { answered, LogProducer } from "./log_producer.ts";
import { type MillraceWorker, startMillraceWorker } from "./millrace_worker.ts";
import { expectJson, tableLines, waitFor } from "./server_process.ts";

export const BLOWS = ["process", "cell", "events", "output", "directory"] as const;
/** Which end comes: the process of all objects is killed, or one object is aborted. */
export type Blow = (typeof BLOWS)[number];
export type BlowCounts = Readonly<Partial<Record<Blow, number>>>;

export interface WorkerLifeOptions {
  readonly storagePath: string;
  readonly job: CrashJob;
  /** They come in random order. */
  readonly blows: BlowCounts;
  /** After the last blow the process is killed once more, no request is made for this long, and the job must go on. */
  readonly silenceMs: number;
}

export interface WorkerLifeResult {
  /** Of the blows, those that came while the job was RUNNING. */
  readonly hitRunning: BlowCounts;
  readonly blows: number;
  readonly appendRetries: number;
  readonly windowRows: number;
  readonly lateRows: number;
  readonly rejectedRows: number;
  readonly lost: number;
  readonly wrong: number;
  /** Checkpoints that the job took by itself in the silence. */
  readonly checkpointsInSilence: number;
  readonly faults: readonly string[];
}

const LIMIT_MS = 60_000;
/** A blow comes at most so long after the job was seen running. */
const DELAY_MS_MAX = 250;
/** Few, so that a blow finds appends under way. */
const RECORDS_PER_APPEND = 20;

export async function liveInWorker(options: WorkerLifeOptions): Promise<WorkerLifeResult> {
  const { job, storagePath, silenceMs } = options;
  const before = childrenNamed("workerd");
  const worker = await startMillraceWorker({ storagePath, entry: "tests/runtimes/workerd/chaos_worker.ts" });
  try {
    const { records, expected } = prepareRecords(job);
    const created = await worker.call("PUT", `/v1/stream/${EVENTS_LOG}`);
    if (created.status !== 201) throw new Error(`the log was not created: ${created.text}`);
    const { jobid } = await expectJson<{ jobid: string }>(worker, 201, "POST", "/v1/jobs", { spec: crashSpec(job) });
    const producer = new LogProducer(worker, EVENTS_LOG);
    const life = new WorkerLife(worker, jobid, before);
    const counts = await life.suffer(options, producer, records);
    const checkpointsInSilence = silenceMs === 0 ? 0 : await life.restInSilence(silenceMs);
    await producer.close();
    const faults = await life.finish();
    const difference = await compare(worker, expected);
    return {
      ...counts,
      appendRetries: producer.retries,
      windowRows: expected.windows.length,
      lateRows: expected.late.length,
      rejectedRows: expected.rejected.length,
      lost: difference.lost,
      wrong: difference.wrong,
      checkpointsInSilence,
      faults: [...faults, ...difference.examples].slice(0, 20),
    };
  } finally {
    await worker.dispose();
  }
}

class WorkerLife {
  readonly #worker: MillraceWorker;
  readonly #jobId: string;
  /** Processes of other tests. */
  readonly #others: readonly number[];

  constructor(worker: MillraceWorker, jobId: string, others: readonly number[]) {
    this.#worker = worker;
    this.#jobId = jobId;
    this.#others = others;
  }

  /** All blows in random order, while the records are appended. */
  async suffer(
    { job, blows }: WorkerLifeOptions,
    producer: LogProducer,
    records: readonly string[],
  ): Promise<Pick<WorkerLifeResult, "blows" | "hitRunning">> {
    const prng = seededPrng(job.seed);
    const left = BLOWS.flatMap((blow) => Array.from({ length: blows[blow] ?? 0 }, () => blow));
    const count = left.length;
    const hitRunning: Partial<Record<Blow, number>> = {};
    let appended = 0;
    const appendUpTo = async (end: number): Promise<void> => {
      let last = Promise.resolve();
      while (appended < end) {
        const next = Math.min(end, appended + RECORDS_PER_APPEND);
        last = producer.append(records.slice(appended, next));
        appended = next;
      }
      await last;
    };
    for (let struck = 1; left.length > 0; struck++) {
      const [blow] = left.splice(prng.below(left.length), 1) as [Blow];
      const appending = appendUpTo(Math.floor((records.length * struck) / (count + 1)));
      await this.#running();
      await sleep(prng.below(DELAY_MS_MAX));
      if ((await this.#status()) === "RUNNING") hitRunning[blow] = (hitRunning[blow] ?? 0) + 1;
      await this.#strike(blow, prng.below(20));
      await appending;
    }
    await appendUpTo(records.length);
    return { blows: count, hitRunning };
  }

  async #strike(blow: Blow, afterMs: number): Promise<void> {
    if (blow === "process") return this.#killProcess();
    const objects = {
      cell: `cell/job/${this.#jobId}`,
      events: `log/log/${EVENTS_LOG}`,
      output: `log/log/${OUTPUT_LOG}`,
      directory: "directory/directory",
    };
    const answer = await answered(() => this.#worker.call("POST", `/chaos/${objects[blow]}?afterMs=${afterMs}`));
    if (answer?.status !== 200) throw new Error(`the ${blow} was not aborted: ${answer?.text}`);
  }

  /** All objects at once; a new process is started in its place. */
  #killProcess(): void {
    const mine = childrenNamed("workerd").filter((pid) => !this.#others.includes(pid));
    if (mine.length === 0) throw new Error("there is no process of the Worker to kill");
    for (const pid of mine) process.kill(pid, "SIGKILL");
  }

  async #status(): Promise<string | undefined> {
    const answer = await answered(() => this.#worker.call("GET", `/v1/jobs/${this.#jobId}/status`));
    return answer?.status === 200 ? (JSON.parse(answer.text) as { status: string }).status : undefined;
  }

  #running(): Promise<true> {
    return waitFor("the job's recovery", LIMIT_MS, async () => {
      const status = await this.#status();
      if (status === "FAILED" || status === "CANCELED") throw new Error(`the job is ${status}`);
      return status === "RUNNING" ? true : undefined;
    });
  }

  /** Kills the process once more, makes no request, and counts the checkpoints that were taken all the same. */
  async restInSilence(silenceMs: number): Promise<number> {
    await this.#running();
    this.#killProcess();
    await sleep(silenceMs);
    const found = await expectJson<{ counts: { completed: number } }>(
      this.#worker,
      200,
      "GET",
      `/v1/jobs/${this.#jobId}/checkpoints`,
    );
    return found.counts.completed;
  }

  /** Waits for the job's end; what is wrong with it. */
  async finish(): Promise<string[]> {
    const status = await waitFor("the end of the job", LIMIT_MS, async () => {
      const found = await this.#status();
      return found !== undefined && ["FINISHED", "FAILED", "CANCELED"].includes(found) ? found : undefined;
    });
    return status === "FINISHED" ? [] : [`the job ended as ${status}`];
  }
}

async function compare(worker: MillraceWorker, expected: Expected): Promise<Difference> {
  const values = (row: Record<string, unknown>, names: readonly string[]): string =>
    JSON.stringify(names.map((name) => row[name]));
  const table = async (name: string, names: readonly string[]): Promise<string[]> =>
    (await tableLines(worker, name)).map((line) => values(JSON.parse(line) as Record<string, unknown>, names));
  const windowNames = ["window_start", "window_end", "customer", "events", "units", "least", "most", "mean"];
  const output = (await recordsOf(worker, OUTPUT_LOG)).map((row) => {
    const [start, end] = [Date.parse(String(row["window_start"])), Date.parse(String(row["window_end"]))];
    return values({ ...row, window_start: start, window_end: end }, windowNames);
  });
  const all = [
    differenceOf("table windows", expected.windows, await table("windows", windowNames)),
    differenceOf("output log", expected.windows, output),
    differenceOf("table late", expected.late, await table("late", ["customer", "at", "units", "price"])),
    differenceOf("table rejected", expected.rejected, await table("rejected", ["source", "position", "reason", "raw"])),
  ];
  return {
    lost: all.reduce((sum, one) => sum + one.lost, 0),
    wrong: all.reduce((sum, one) => sum + one.wrong, 0),
    examples: all.flatMap((one) => one.examples),
  };
}

/** Every record of a JSON log, page by page. */
async function recordsOf(worker: MillraceWorker, log: string): Promise<Record<string, unknown>[]> {
  const records: Record<string, unknown>[] = [];
  for (let offset = "-1"; ; ) {
    const answer = await worker.send("GET", `/v1/stream/${log}?offset=${offset}`, {});
    if (answer.status !== 200) throw new Error(`log ${log}: ${answer.status} ${answer.text.slice(0, 500)}`);
    for (const one of JSON.parse(answer.text) as Record<string, unknown>[]) records.push(one);
    if (answer.header("Stream-Up-To-Date") === "true") return records;
    offset = answer.header("Stream-Next-Offset") ?? "";
  }
}
