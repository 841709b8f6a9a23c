// Runs one shared case, on any runtime: a time limit, and no promise may be left rejected behind its back.
// Nothing here imports a runtime; the entry of each runtime feeds `noteStrayError` from its own hooks.

import type { Case, TestContext } from "../case.ts";
import { describeError, type ReportEvent } from "./report.ts";

export const CASE_LIMIT_MS = 60_000;

/** A file of cases; loading it may fail, and then that is the one failing case of its topic. */
export interface Topic {
  readonly name: string;
  load(): Promise<{ readonly cases: readonly Case[] }>;
}

export interface NamedCase {
  /** `topic: sentence`, unique in a run. */
  readonly name: string;
  readonly run: Case["run"];
}

const strayErrors: string[] = [];

/** For unhandled rejections and uncaught exceptions: they fail the case that runs when they surface. */
export const noteStrayError = (thrown: unknown): void => {
  strayErrors.push(describeError(thrown));
};

/** Every case of the topics whose full name contains `only`. */
export async function loadCases(topics: readonly Topic[], only: string): Promise<readonly NamedCase[]> {
  const found: NamedCase[] = [];
  for (const topic of topics) {
    for (const one of await casesOf(topic)) {
      const name = `${topic.name}: ${one.name}`;
      if (found.some((other) => other.name === name)) found.push(failing(`${name} (again)`, "two cases share a name"));
      else found.push({ name, run: one.run });
    }
  }
  return found.filter((one) => one.name.includes(only));
}

async function casesOf(topic: Topic): Promise<readonly Case[]> {
  try {
    const { cases } = await topic.load();
    return cases.length > 0 ? cases : [failing("has cases", "the file exports no case")];
  } catch (error) {
    return [failing("loads", describeError(error))];
  }
}

const failing = (name: string, why: string): NamedCase => ({
  name,
  run: () => {
    throw new Error(why);
  },
});

export async function runCase(one: NamedCase, context: TestContext): Promise<ReportEvent> {
  const startMs = Date.now();
  let error: string | undefined;
  try {
    await withinLimit(async () => one.run(context));
  } catch (thrown) {
    error = describeError(thrown);
  }
  // An unhandled rejection is reported only after the turn in which nobody had caught it.
  await new Promise((resolve) => setTimeout(resolve, 0));
  const stray = strayErrors.splice(0);
  if (stray.length > 0)
    error = [...(error === undefined ? [] : [error]), ...stray.map((text) => `left behind: ${text}`)].join("\n");
  const ms = Date.now() - startMs;
  return error === undefined ? { kind: "pass", name: one.name, ms } : { kind: "fail", name: one.name, ms, error };
}

async function withinLimit(run: () => Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${CASE_LIMIT_MS} ms`)), CASE_LIMIT_MS);
  });
  try {
    await Promise.race([run(), limit]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}
