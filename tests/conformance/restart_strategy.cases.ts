// When a job starts again after a failure, as tables: failure times in, delays out.

import { afterCheckpoint, decideRestart, noRestarts } from "../../src/coordinator/restart_strategy.ts";
import type { RestartSpec } from "../../src/job/job_spec.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";

/** The delay after each failure; "up": the job is given up; a text in the history: a checkpoint was completed. */
function delays(spec: RestartSpec, history: readonly (number | "checkpoint")[]): (number | "up")[] {
  let state = noRestarts;
  const found: (number | "up")[] = [];
  for (const at of history) {
    if (at === "checkpoint") {
      state = afterCheckpoint(spec, state);
      continue;
    }
    const decision = decideRestart(spec, state, at);
    found.push(decision.kind === "restart" ? decision.delayMs : "up");
    if (decision.kind === "restart") state = decision.history;
  }
  return found;
}

const exponential: RestartSpec = {
  strategy: "exponential",
  initialMs: 10,
  maxMs: 70,
  multiplier: 2,
  resetAfterMs: 1000,
};

export const cases: readonly Case[] = [
  test("without a strategy the first failure ends the job", () => {
    equal(delays({ strategy: "none" }, [5]), ["up"]);
  }),
  test("a fixed delay allows so many restarts without a completed checkpoint between them", () => {
    const spec: RestartSpec = { strategy: "fixed_delay", attempts: 2, delayMs: 30 };
    equal(delays(spec, [0, 100, 200]), [30, 30, "up"]);
    equal(delays(spec, [0, 100, "checkpoint", 200, 300, 400]), [30, 30, 30, 30, "up"]);
    equal(delays({ ...spec, attempts: 0 }, [0]), ["up"]);
  }),
  test("an exponential delay grows to its maximum, and no restart is one too many", () => {
    equal(delays(exponential, [0, 100, 200, 300, 400, 500]), [10, 20, 40, 70, 70, 70]);
  }),
  test("an exponential delay begins again after a time without failures, counted from the restart", () => {
    equal(delays(exponential, [0, 100, 200, 1239, 2249]), [10, 20, 40, 70, 70]);
    equal(delays(exponential, [0, 100, 200, 1240]), [10, 20, 40, 10]);
    equal(delays(exponential, [0, 100, "checkpoint", 200]), [10, 20, 40], "a checkpoint alone changes nothing");
  }),
  test("an exponential delay with attempts gives up when none of them lasted", () => {
    equal(delays({ ...exponential, attempts: 2 }, [0, 100, 200]), [10, 20, "up"]);
    equal(delays({ ...exponential, attempts: 2 }, [0, 100, 1120, 1200, 1300]), [10, 20, 10, 20, "up"]);
  }),
  test("a first delay beyond the maximum is the maximum", () => {
    equal(delays({ ...exponential, initialMs: 500 }, [0, 100]), [70, 70]);
  }),
  test("a failure rate gives up at one failure too many within any interval", () => {
    const spec: RestartSpec = { strategy: "failure_rate", failures: 2, intervalMs: 100, delayMs: 5 };
    equal(delays(spec, [0, 40, 80]), [5, 5, "up"]);
    equal(delays(spec, [0, 40, 100, 140, 200]), [5, 5, 5, 5, 5], "the one at 0 does not count at 100 any more");
    equal(delays(spec, [0, 40, 99]), [5, 5, "up"]);
    equal(delays(spec, [0, 40, "checkpoint", 80]), [5, 5, "up"], "a checkpoint takes no failure back");
    equal(delays({ ...spec, failures: 0 }, [0]), ["up"]);
  }),
  test("a decision to give up says why", () => {
    const decision = decideRestart({ strategy: "failure_rate", failures: 0, intervalMs: 7, delayMs: 0 }, noRestarts, 3);
    ok(decision.kind === "give_up" && decision.reason.includes("1 failures within 7 ms"), "the reason is named");
  }),
];
