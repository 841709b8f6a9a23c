// Runs one suite of tests in a process of its own and gathers what it reports.
// Invariant: every case that was started either passed or is among the failures.

import { createInterface } from "node:readline";
import { decodeEvent } from "../tests/runtimes/report.ts";
import { killTree, start } from "./process.ts";

export interface Suite {
  readonly name: string;
  /** Shared cases: every suite marked so must run the same ones. */
  readonly shared: boolean;
  readonly command: string;
  readonly args: readonly string[];
}

export interface SuiteResult {
  readonly suite: Suite;
  readonly passed: ReadonlySet<string>;
  readonly failures: readonly { readonly name: string; readonly error: string }[];
  readonly seconds: number;
  /** Whether the process said that it had run everything; if not, that is among the failures. */
  readonly ended: boolean;
}

/** Longer than any single case may take: after this much silence the process hangs. */
const SILENCE_LIMIT_MS = 130_000;
const NOISE_LINES_KEPT = 40;
/** Stands for the case where a process failed outside any. */
const PROCESS = "the process";

export async function runSuite(suite: Suite): Promise<SuiteResult> {
  const startMs = Date.now();
  const child = start(suite.command, suite.args);
  const passed = new Set<string>();
  const failures: { name: string; error: string }[] = [];
  const noise: string[] = [];
  let running: string | undefined;
  let ended = false;
  let silent = false;

  const hang = (): void => {
    silent = true;
    killTree(child);
  };
  let silence = setTimeout(hang, SILENCE_LIMIT_MS);
  const take = (line: string): void => {
    clearTimeout(silence);
    silence = setTimeout(hang, SILENCE_LIMIT_MS);
    const event = decodeEvent(line);
    if (event === undefined) {
      noise.push(line);
      if (noise.length > NOISE_LINES_KEPT) noise.shift();
      return;
    }
    if (event.kind === "end") ended = true;
    else running = event.kind === "start" ? event.name : undefined;
    if (event.kind === "pass") passed.add(event.name);
    if (event.kind === "fail") failures.push({ name: event.name, error: event.error });
  };
  const status = await new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) if (stream) createInterface({ input: stream }).on("line", take);
    child.on("error", (error) => resolve(String(error)));
    child.on("close", (code, signal) => resolve(signal ?? `code ${code}`));
  });
  clearTimeout(silence);
  killTree(child);

  if (!ended || status !== "code 0") {
    const why = silent ? `said nothing for ${SILENCE_LIMIT_MS} ms and was killed` : `ended with ${status}`;
    failures.push({ name: running ?? PROCESS, error: `${why}; its last lines:\n${noise.join("\n")}` });
  }
  return { suite, passed, failures, seconds: Math.round((Date.now() - startMs) / 100) / 10, ended };
}

interface Difference {
  readonly suite: string;
  readonly name: string;
  readonly error: string;
}

/** Every runtime must have run the same shared cases, and some. */
export function compareRuntimes(results: readonly SuiteResult[], complete: boolean): readonly Difference[] {
  const shared = results.filter((result) => result.suite.shared);
  const casesOf = (result: SuiteResult) =>
    new Set([...result.passed, ...result.failures.map((one) => one.name).filter((one) => one !== PROCESS)]);
  const every = new Set(shared.flatMap((result) => [...casesOf(result)]));
  const found: Difference[] = [];
  for (const result of shared) {
    const own = casesOf(result);
    const suite = result.suite.name;
    if (complete && own.size === 0) found.push({ suite, name: "all cases", error: "this runtime ran no case" });
    for (const name of every) {
      if (result.ended && !own.has(name))
        found.push({ suite, name, error: "ran on other runtimes, but not on this one" });
    }
  }
  return found;
}
