// Keeps processes running: one that ends without having been asked to, or says nothing for a while, is replaced, each
// time after a longer pause until it has lived for a while.

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { cliCommand } from "./cli_command.ts";

/** A process has this long to start and to say something. */
const START_MS = 30_000;
const PAUSE_MAX_MS = 5_000;
/** Whoever has lived for so long is well: the next pause is the shortest again. */
const WELL_MS = 10_000;

export interface SupervisedOptions {
  /** For messages: `worker 1`. */
  readonly name: string;
  readonly args: () => readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** One that has said nothing for so long is killed, and so replaced. */
  readonly hangMs: number;
  /** Before one that has ended is replaced; it doubles each time until one has lived for a while. */
  readonly pauseMs: number;
  readonly onEvent: (event: Readonly<Record<string, unknown>>) => void;
  readonly onLine: (line: string) => void;
  readonly tell: (line: string) => void;
}

export class Supervised {
  readonly #options: SupervisedOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopping = false;
  #pauseMs: number;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#pauseMs = options.pauseMs;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { name, args, environment, hangMs, tell } = this.#options;
    const [program, ...first] = cliCommand();
    const env = { ...process.env, ...environment, MILLRACE_SUPERVISED: "1" };
    const child = spawn(program, [...first, ...args()], { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    const startedMs = performance.now();
    let heardMs = startedMs;
    let limitMs = START_MS;
    createInterface({ input: child.stdout }).on("line", (line) => {
      heardMs = performance.now();
      limitMs = hangMs;
      this.#take(line);
    });
    const watch = setInterval(() => {
      const silentMs = performance.now() - heardMs;
      if (silentMs < limitMs) return;
      tell(`${name} (process ${child.pid}) has said nothing for ${Math.round(silentMs)} ms: it is killed`);
      heardMs = performance.now();
      child.kill("SIGKILL");
    }, hangMs / 6);
    tell(`${name} is process ${child.pid}`);
    this.#ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        clearInterval(watch);
        resolve();
        if (this.#stopping) return;
        if (performance.now() - startedMs > WELL_MS) this.#pauseMs = this.#options.pauseMs;
        tell(
          `${name} (process ${child.pid}) ended with ${signal ?? `code ${code}`}; another one in ${this.#pauseMs} ms`,
        );
        this.#again = setTimeout(() => this.start(), this.#pauseMs);
        this.#pauseMs = Math.max(this.#options.pauseMs, Math.min(PAUSE_MAX_MS, this.#pauseMs * 2));
      });
    });
    child.stdin.on("error", () => undefined); // it has ended: its exit tells
    child.once("error", (error) => tell(`${name} cannot be started: ${String(error)}`));
  }

  #take(line: string): void {
    const event = eventOf(line);
    if (event === undefined) this.#options.onLine(line);
    else if (event["event"] !== "beat") this.#options.onEvent(event);
  }

  /** From here on its end is no reason to start another one. */
  expectEnd(): void {
    this.#stopping = true;
    clearTimeout(this.#again);
  }

  /**
   * Asks it to end, and ends it where it has not after `limitMs`. Its exit status; undefined where it has none, or had
   * ended before.
   */
  async stop(ending: "term" | "stop", limitMs: number): Promise<number | undefined> {
    this.expectEnd();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return undefined;
    child.stdin?.write(`${ending}\n`);
    const late = setTimeout(() => child.kill("SIGKILL"), limitMs);
    await this.#ended;
    clearTimeout(late);
    return child.exitCode ?? undefined;
  }
}

/** Undefined: the line is what a print sink has printed. */
function eventOf(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{"event":')) return undefined;
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined; // it only looks like one
  }
}
