// Programs as a user starts them: processes of their own, read line by line; the command line of Millrace above all.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const cliPath: string = fileURLToPath(new URL("../../adapters/local/cli/main.ts", import.meta.url));

/** No output at all for so long where a line is waited for. */
const LINE_MS = 60_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

export interface Program {
  readonly command: readonly [program: string, ...args: readonly string[]];
  readonly directory: string;
  readonly environment?: NodeJS.ProcessEnv;
}

/** In a process group of its own, so that what it starts in turn can be stopped with it. */
export class LineProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #out = "";
  #err = "";
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor({ command, directory, environment }: Program) {
    const [program, ...args] = command;
    const env = environment ?? { ...process.env, NO_COLOR: "1" };
    this.child = spawn(program, args, { cwd: directory, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    if (this.child.stdout === null || this.child.stderr === null) throw new Error("the output is not piped");
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#out += text;
    });
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.#lines.push(line);
      for (const wake of this.#waiting) wake();
    });
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#err += text;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code, signal) => resolve({ code, signal, out: this.#out, err: this.#err }));
    });
  }

  /** The first line of output that matches, past or future; fails where the process ends, or goes on, without one. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (let at = 0; ; at++) {
      while (at >= this.#lines.length) await this.#more(pattern);
      const match = pattern.exec(this.#lines[at] as string);
      if (match !== null) return match;
    }
  }

  async #more(pattern: RegExp): Promise<void> {
    let wake = (): void => undefined;
    const line = new Promise<"line">((resolve) => {
      wake = () => resolve("line");
    });
    this.#waiting.add(wake);
    const known = this.#lines.length;
    let late = (): void => undefined;
    const timer = setTimeout(() => late(), LINE_MS);
    const silent = new Promise<undefined>((resolve) => {
      late = () => resolve(undefined);
    });
    const what = await Promise.race([line, this.ended, silent]);
    clearTimeout(timer);
    this.#waiting.delete(wake);
    if (what === "line" || this.#lines.length > known) return;
    if (what === undefined) throw new Error(`no line like ${pattern} for a minute:\n${this.#out}\n${this.#err}`);
    throw new Error(`ended (${what.code}) without a line like ${pattern}:\n${what.out}\n${what.err}`);
  }

  /** To the process alone, not to those that it has started. */
  async signal(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return await this.ended;
  }

  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<Ended> {
    this.#kill(signal);
    return await this.ended;
  }

  #kill(signal: NodeJS.Signals): void {
    if (this.child.pid === undefined || this.child.exitCode !== null) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** A directory that is gone after the test, with what it starts. */
export class Workplace {
  readonly path: string = mkdtempSync(join(tmpdir(), "millrace-cli-"));
  readonly #started: LineProcess[] = [];

  start(...args: readonly string[]): LineProcess {
    const started = new LineProcess({ command: [process.execPath, cliPath, ...args], directory: this.path });
    this.#started.push(started);
    return started;
  }

  async run(...args: readonly string[]): Promise<Ended> {
    return await this.start(...args).ended;
  }

  async close(): Promise<void> {
    for (const one of this.#started) {
      await one.stop("SIGKILL");
    }
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const withWorkplace = async (run: (place: Workplace) => Promise<void>): Promise<void> => {
  const place = new Workplace();
  try {
    await run(place);
  } finally {
    await place.close();
  }
};
