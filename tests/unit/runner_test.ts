// The runner of the shared cases itself: what it must not let pass.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compareRuntimes, runSuite, type SuiteResult } from "../../tools/test_suites.ts";
import { test as sharedCase, type TestContext } from "../case.ts";
import { decodeEvent, describeError, encodeEvent } from "../runtimes/report.ts";
import { loadCases, noteStrayError, runCase, type Topic } from "../runtimes/run_case.ts";

const context = {} as TestContext;
const topic = (name: string, ...cases: ReturnType<typeof sharedCase>[]): Topic => ({
  name,
  load: async () => ({ cases }),
});
const fine = sharedCase("holds", () => undefined);

async function verdicts(...topics: readonly Topic[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const one of await loadCases(topics, "")) found.push(`${(await runCase(one, context)).kind} ${one.name}`);
  return found;
}

test("a case passes, fails by throwing, and fails by rejecting", async () => {
  const throwing = sharedCase("throws", () => {
    throw new Error("broken");
  });
  const rejecting = sharedCase("rejects", async () => Promise.reject(new Error("broken")));
  assert.deepEqual(await verdicts(topic("a", fine, throwing, rejecting)), [
    "pass a: holds",
    "fail a: throws",
    "fail a: rejects",
  ]);
});

test("an error that surfaces behind a case's back fails it", async () => {
  const leaving = sharedCase("leaves something", () => noteStrayError(new Error("nobody caught this")));
  assert.deepEqual(await verdicts(topic("a", leaving, fine)), ["fail a: leaves something", "pass a: holds"]);
});

test("a file that does not load, holds no case, or repeats a name is a failing case", async () => {
  const broken: Topic = { name: "broken", load: () => Promise.reject(new Error("syntax")) };
  assert.deepEqual(await verdicts(broken, topic("empty"), topic("twice", fine, fine)), [
    "fail broken: loads",
    "fail empty: has cases",
    "pass twice: holds",
    "fail twice: holds (again)",
  ]);
});

test("an error is reported with its code, its place and its cause", () => {
  const error = Object.assign(new Error("outer", { cause: new Error("inner") }), { code: "store_full", where: "x.db" });
  assert.match(describeError(error), /outer[\s\S]*\[store_full at x\.db\][\s\S]*caused by[\s\S]*inner/);
  assert.deepEqual(decodeEvent(encodeEvent({ kind: "start", name: "a" })), { kind: "start", name: "a" });
  assert.equal(decodeEvent("ordinary output"), undefined);
});

const result = (name: string, passed: readonly string[], ended = true): SuiteResult => ({
  suite: { name, shared: true, command: "", args: [] },
  passed: new Set(passed),
  failures: ended ? [] : [{ name: "the process", error: "killed" }],
  seconds: 0,
  ended,
});

test("a runtime that ran other cases than the others, or none, is a failure", () => {
  const names = (...results: readonly SuiteResult[]) =>
    compareRuntimes(results, true).map((one) => `${one.suite}: ${one.name}`);
  assert.deepEqual(names(result("node", ["a", "b"]), result("bun", ["a", "b"])), []);
  assert.deepEqual(names(result("node", ["a", "b"]), result("bun", ["a"])), ["bun: b"]);
  assert.deepEqual(names(result("node", ["a"]), result("bun", [])), ["bun: all cases", "bun: a"]);
  // A process that died has said so; its missing cases are not listed one by one.
  assert.deepEqual(names(result("node", ["a", "b"]), result("bun", ["a"], false)), []);
});

test("a process that dies in the middle of a case fails that case", async () => {
  const started = encodeEvent({ kind: "start", name: "a: dies" });
  const script = `console.log(${JSON.stringify(started)}); process.exit(3);`;
  const died = await runSuite({ name: "node", shared: true, command: "node", args: ["-e", script] });
  assert.equal(died.ended, false);
  assert.deepEqual(
    died.failures.map((one) => one.name),
    ["a: dies"],
  );
  const missing = await runSuite({ name: "none", shared: true, command: "no-such-program", args: [] });
  assert.match(missing.failures[0]?.error ?? "", /ENOENT/);
});
