// How a running job is shown: a bar that redraws itself on a terminal, plain lines elsewhere, events as JSON.

import process from "node:process";
import type { JobFacts } from "../../../src/api/gateway.ts";
import type { StoredError } from "../../../src/coordinator/job_record.ts";
import { bar, grouped, minuteOf } from "./format.ts";

export interface ProgressView {
  /** How often it wants to be told. */
  readonly intervalMs: number;
  show(job: JobFacts, rowsPerSecond: number): void;
  /** A line of its own, above the bar where there is one. */
  note(line: string): void;
  /** Something is wrong that may right itself; on the error stream. */
  warn(error: StoredError, what: string): void;
  /** Leaves the last state on the screen and ends. */
  end(): void;
}

export function progressView(json: boolean): ProgressView {
  if (json) return jsonEvents;
  return process.stdout.isTTY === true ? new TerminalBar() : plainLines;
}

const BAR_WIDTH = 24;

function describe(job: JobFacts, rowsPerSecond: number): string {
  const { counters, task, checkpoints } = job;
  const share = task?.share ?? null;
  const parts = [
    ...(share === null ? [] : [bar(share, BAR_WIDTH)]),
    `${grouped(counters?.rowsIn ?? 0)} rows`,
    `${grouped(rowsPerSecond)} rows/s`,
    `watermark ${task === null || task.watermarkMs === null ? "-" : minuteOf(task.watermarkMs)}`,
    `checkpoints ${checkpoints?.completed ?? 0}`,
    ...(job.status === "RUNNING" ? [] : [job.status]),
    ...(job.restartsTotal === 0 ? [] : [`restarts ${job.restartsTotal}`]),
  ];
  return parts.join("  ");
}

const warning = ({ code, where, message }: StoredError, what: string): string =>
  `warning [${code}] ${where}: ${what}: ${message}\n`;

class TerminalBar implements ProgressView {
  readonly intervalMs = 100;
  #shown = "";

  show(job: JobFacts, rowsPerSecond: number): void {
    // Some terminals say that they have no columns.
    const width = Math.max(20, (process.stdout.columns || 80) - 1);
    this.#shown = describe(job, rowsPerSecond).slice(0, width);
    process.stdout.write(`\r\x1b[2K${this.#shown}`);
  }

  note(line: string): void {
    process.stdout.write(this.#shown === "" ? `${line}\n` : `\r\x1b[2K${line}\n${this.#shown}`);
  }

  warn(error: StoredError, what: string): void {
    if (this.#shown !== "") process.stdout.write("\r\x1b[2K");
    process.stderr.write(warning(error, what));
    process.stdout.write(this.#shown);
  }

  end(): void {
    if (this.#shown !== "") process.stdout.write("\n");
    this.#shown = "";
  }
}

const plainLines: ProgressView = {
  intervalMs: 1000,
  show: (job, rowsPerSecond) => process.stdout.write(`${describe(job, rowsPerSecond)}\n`),
  note: (line) => process.stdout.write(`${line}\n`),
  warn: (error, what) => process.stderr.write(warning(error, what)),
  end: () => undefined,
};

const jsonEvents: ProgressView = {
  intervalMs: 1000,
  show: ({ jobId, name, status, counters, task, checkpoints, restartsTotal }, rowsPerSecond) => {
    const event = {
      event: "progress",
      jobid: jobId,
      name,
      status,
      counters,
      "rows-per-second": Math.round(rowsPerSecond),
      "watermark-ms": task?.watermarkMs ?? null,
      share: task?.share ?? null,
      checkpoints: checkpoints?.completed ?? 0,
      restarts: restartsTotal,
    };
    process.stdout.write(`${JSON.stringify(event)}\n`);
  },
  note: (line) => process.stdout.write(`${JSON.stringify({ event: "note", text: line })}\n`),
  warn: (error, what) => process.stdout.write(`${JSON.stringify({ event: "warning", what, ...error })}\n`),
  end: () => undefined,
};
