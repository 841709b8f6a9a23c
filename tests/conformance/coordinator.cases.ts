// The coordinator's decisions, one rule a case. No I/O: states and events in, states and effects out.

import { externalError, userError } from "../../src/base/errors.ts";
import { asBranchId, asCheckpointId, asGeneration, asJobId } from "../../src/base/ids.ts";
import type { JobEffect, JobEvent, JobState } from "../../src/coordinator/job_state.ts";
import { isTerminal } from "../../src/coordinator/job_state.ts";
import { initialJobState, step } from "../../src/coordinator/step.ts";
import { transitions } from "../../src/coordinator/transitions.ts";
import type { FromTask } from "../../src/protocol/messages.ts";
import { type TaskSnapshot, zeroCounters } from "../../src/protocol/snapshot.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";

const generation = asGeneration(1);
const branch = asBranchId("b1");
const config = { checkpointIntervalMs: 100, checkpointTimeoutMs: 1000, restartAttempts: 2, restartDelayMs: 10 };
const costs = { gatherMs: 0, uploadMs: 0, deltaBytes: 0, deltaRows: 0 };
const snapshot = (inputEnded: boolean): TaskSnapshot => ({
  operators: [],
  sources: [],
  pending: [],
  inputEnded,
  counters: zeroCounters,
});

/** Drives one job and remembers the effects of the last event. */
class Driver {
  state: JobState = initialJobState(asJobId("j"), branch, config);
  effects: readonly JobEffect[] = [];
  nowMs = 0;

  on(...events: JobEvent[]): this {
    for (const event of events) [this.state, this.effects] = step(this.state, event, this.nowMs);
    return this;
  }
  task(message: FromTask): this {
    return this.on({ kind: "task", message });
  }
  kinds(): string[] {
    return this.effects.map((one) => (one.kind === "send" ? one.message.kind : one.kind));
  }
  running(): this {
    return this.on({ kind: "start" }, { kind: "claimed", generation, branch, restore: undefined }).task({
      kind: "running",
      generation,
    });
  }
  acknowledge(checkpoint: number, inputEnded = false): this {
    const message = { kind: "acknowledged", generation, checkpoint: asCheckpointId(checkpoint), costs } as const;
    return this.task({ ...message, snapshot: snapshot(inputEnded) });
  }
  tickAt(nowMs: number): this {
    this.nowMs = nowMs;
    return this.on({ kind: "tick" });
  }
}

const published = (checkpoint: number): JobEvent => ({
  kind: "published",
  generation,
  checkpoint: asCheckpointId(checkpoint),
});
const committed = (checkpoint: number): FromTask => ({
  kind: "committed",
  generation,
  checkpoint: asCheckpointId(checkpoint),
});
const failed = (): FromTask => ({ kind: "failed", generation, error: externalError("broken", "test", "it broke") });

export const cases: readonly Case[] = [
  test("a checkpoint goes barrier, publish, commit, and nothing is committed before it is published", () => {
    const job = new Driver().running().tickAt(100);
    equal(job.kinds(), ["barrier", "wake"]);
    job.acknowledge(1);
    equal(job.kinds(), ["publish"]);
    job.on(published(1));
    ok(job.kinds().includes("commit"), "the task is told to commit");
    job.task(committed(1));
    ok(job.kinds().includes("collect_garbage"), "what is superseded is collected after the commit");
    equal(job.state.uncommitted, []);
  }),
  test("no second checkpoint starts while one is gathered or published", () => {
    const job = new Driver().running().tickAt(100).tickAt(250);
    ok(!job.kinds().includes("barrier"), "gathering");
    job.acknowledge(1).tickAt(400);
    ok(!job.kinds().includes("barrier"), "publishing");
  }),
  test("a publish of unknown outcome fails the job over instead of trying again", () => {
    const job = new Driver().running().tickAt(100).acknowledge(1);
    const error = externalError("x", "", "?");
    job.on({ kind: "publish_failed", generation, checkpoint: asCheckpointId(1), error });
    equal(job.state.status, "FAILING");
    ok(job.kinds().includes("destroy_task"), "the task goes");
  }),
  test("after a failure the next generation goes on from what the store has, not from what was remembered", () => {
    const job = new Driver().running().tickAt(100).acknowledge(1).task(failed()).on({ kind: "task_gone" });
    equal(job.state.status, "RESTARTING");
    job.tickAt(120);
    equal(job.kinds(), ["claim"]);
    const restore = { checkpoint: asCheckpointId(7), snapshot: snapshot(false) };
    job.on({ kind: "claimed", generation: asGeneration(2), branch, restore });
    equal(job.state.nextCheckpoint, asCheckpointId(8));
    equal(job.state.inFlight, undefined);
  }),
  test("words of an older generation's task are ignored", () => {
    const job = new Driver().running();
    const before = job.state;
    job.task({ kind: "failed", generation: asGeneration(0), error: externalError("x", "", "old") });
    equal(job.state === before, true);
  }),
  test("a coordinator that finds a newer generation lets go and records nothing", () => {
    const job = new Driver().running().tickAt(100).acknowledge(1).on({ kind: "fenced", generation });
    equal(job.state.status, "SUSPENDED");
    ok(!job.kinds().includes("record_status"), "nothing is stored");
  }),
  test("a coordinator that lets go refuses the savepoints that were asked of it", () => {
    const job = new Driver().running().on({ kind: "savepoint", savepoint: "s" }, { kind: "fenced", generation });
    equal(job.effects.find((one) => one.kind === "refuse_savepoints")?.savepoints, ["s"]);
  }),
  test("what became of an older generation's publishing says nothing about the one that runs now", () => {
    const job = new Driver().running().tickAt(100).acknowledge(1).task(failed()).on({ kind: "task_gone" });
    job.tickAt(120).on({ kind: "claimed", generation: asGeneration(2), branch, restore: undefined });
    const error = externalError("x", "", "?");
    const checkpoint = asCheckpointId(1);
    for (const late of [published(1), { kind: "fenced", generation } as const]) job.on(late);
    job.on({ kind: "publish_failed", generation, checkpoint, error });
    equal(job.state.status, "INITIALIZING");
    job.task({ kind: "running", generation: asGeneration(2) });
    for (const late of [published(1), { kind: "fenced", generation } as const]) job.on(late);
    job.on({ kind: "publish_failed", generation, checkpoint, error });
    equal(job.state.status, "RUNNING");
  }),
  test("a cancel while the job is being claimed waits for the answer, so that it can be recorded", () => {
    const job = new Driver().on({ kind: "start" }, { kind: "cancel" });
    equal(job.state.status, "INITIALIZING");
    job.on({ kind: "claimed", generation, branch, restore: undefined });
    equal(job.state.status, "CANCELLING");
    equal(job.state.generation, generation);
    equal(job.kinds(), ["record_status", "destroy_task"]);
    job.on({ kind: "task_gone" });
    equal(job.state.status, "CANCELED");
    equal(job.kinds(), ["record_status"]);
  }),
  test("a cancel while claiming fails waits for a claim that succeeds", () => {
    const broken: JobEvent = { kind: "claim_failed", error: externalError("x", "", "x") };
    for (const cancelAfter of [0, 1, 2]) {
      const job = new Driver().on({ kind: "start" });
      [broken, { kind: "task_gone" } as const].forEach((event, index) => {
        if (index === cancelAfter) job.on({ kind: "cancel" });
        job.on(event);
      });
      if (cancelAfter === 2) job.on({ kind: "cancel" });
      equal(job.state.status, "RESTARTING", `canceled after ${cancelAfter} events`);
      job.tickAt(20).on({ kind: "claimed", generation, branch, restore: undefined });
      equal(job.state.status, "CANCELLING", `canceled after ${cancelAfter} events`);
    }
  }),
  test("restarts in a row are bounded, and a completed checkpoint begins the count anew", () => {
    const job = new Driver().running();
    for (let round = 0; round < 2; round++) {
      job.task(failed()).on({ kind: "task_gone" });
      job.tickAt(job.nowMs + 20);
      job.on({ kind: "claimed", generation, branch, restore: undefined }).task({ kind: "running", generation });
    }
    job
      .tickAt(job.nowMs + 200)
      .acknowledge(1)
      .on(published(1));
    equal(job.state.restartsInRow, 0);
    for (let round = 0; round < 2; round++) {
      job.task(failed()).on({ kind: "task_gone" });
      job.tickAt(job.nowMs + 20);
      job.on({ kind: "claimed", generation, branch, restore: undefined }).task({ kind: "running", generation });
    }
    job.task(failed()).on({ kind: "task_gone" });
    equal(job.state.status, "FAILED");
  }),
  test("an error that trying again cannot mend is not tried again", () => {
    const job = new Driver().running();
    job.task({ kind: "failed", generation, error: userError("bad", "test", "hopeless") }).on({ kind: "task_gone" });
    equal(job.state.status, "FAILED");
  }),
  test("a bounded job finishes only after its final checkpoint is committed", () => {
    const job = new Driver().running().task({ kind: "input_ended", generation });
    equal(job.kinds(), ["barrier", "wake"]);
    job.acknowledge(1, true).on(published(1));
    equal(job.state.status, "RUNNING");
    job.tickAt(5000);
    ok(!job.kinds().includes("barrier"), "nothing follows the final checkpoint");
    job.task(committed(1));
    equal(job.state.status, "FINISHED");
  }),
  test("a checkpoint gathered before the input ended does not finish the job", () => {
    const job = new Driver().running().tickAt(100).task({ kind: "input_ended", generation });
    job.acknowledge(1, false).on(published(1));
    ok(job.kinds().includes("barrier"), "a final one is started");
    job.task(committed(1));
    equal(job.state.status, "RUNNING");
  }),
  test("a savepoint is exported from the checkpoint begun after it was asked for, once that is committed", () => {
    const job = new Driver().running().tickAt(100).on({ kind: "savepoint", savepoint: "s" });
    job.acknowledge(1).on(published(1)).task(committed(1));
    ok(!job.kinds().includes("export"), "the checkpoint that was already under way does not count");
    job.acknowledge(2).on(published(2)).task(committed(2));
    const done = job.effects.find((one) => one.kind === "export");
    equal(done?.savepoints, ["s"]);
    equal(done?.checkpoint, asCheckpointId(2));
  }),
  test("a declined checkpoint leaves its savepoints to the next", () => {
    const job = new Driver().running().on({ kind: "savepoint", savepoint: "s" });
    job.task({ kind: "declined", generation, checkpoint: asCheckpointId(1), error: externalError("x", "", "no") });
    equal(job.state.wantedSavepoints, ["s"]);
    job.tickAt(150).acknowledge(2).on(published(2)).task(committed(2));
    ok(job.kinds().includes("export"), "it is made from the next");
  }),
  test("a checkpoint that is not acknowledged in time is abandoned, and its late answer changes nothing", () => {
    const job = new Driver().running().tickAt(100).tickAt(1100);
    ok(job.kinds().includes("abandon"), "abandoned");
    equal(job.state.inFlight?.checkpoint, asCheckpointId(2));
    job.acknowledge(1);
    equal(job.effects, []);
  }),
  test("the timeout of a checkpoint is waited for even where an alarm for an earlier time was set before", () => {
    const job = new Driver().running();
    job.task({ kind: "checkpoint_wanted", generation }).tickAt(100);
    equal(job.effects, [{ kind: "wake", atMs: 1000 }]);
  }),
  test("a savepoint asked for after the final barrier is made from the final checkpoint", () => {
    const job = new Driver()
      .running()
      .task({ kind: "input_ended", generation })
      .on({ kind: "savepoint", savepoint: "s" });
    job.acknowledge(1, true).on(published(1), { kind: "savepoint", savepoint: "t" }).task(committed(1));
    equal(job.state.status, "FINISHED");
    equal(job.effects.find((one) => one.kind === "export")?.savepoints, ["s", "t"]);
    equal(job.state.wantedSavepoints, []);
  }),
  test("a savepoint asked for while the job is being canceled is refused", () => {
    const job = new Driver().running().on({ kind: "cancel" }, { kind: "savepoint", savepoint: "s" });
    equal(job.effects.find((one) => one.kind === "refuse_savepoints")?.savepoints, ["s"]);
  }),
  test("canceling refuses the savepoints that are still wanted", () => {
    const job = new Driver().running().on({ kind: "savepoint", savepoint: "s" }, { kind: "cancel" });
    equal(job.state.status, "CANCELLING");
    ok(job.kinds().includes("refuse_savepoints"), "refused");
    job.on({ kind: "task_gone" });
    equal(job.state.status, "CANCELED");
  }),
  test("a savepoint of a job that has ended is refused with its status", () => {
    const job = new Driver().on({ kind: "cancel" }, { kind: "savepoint", savepoint: "s" });
    const refused = job.effects.find((one) => one.kind === "refuse_savepoints");
    ok(refused?.error.message.includes("CANCELED") === true, "the status is named");
  }),
  test("no status that ends a job can be left", () => {
    for (const [status, next] of Object.entries(transitions)) {
      equal(next.length === 0, isTerminal(status as JobState["status"]), status);
    }
  }),
  test("every event is answered in every state without breaking an invariant", () => {
    const events: JobEvent[] = [
      { kind: "start" },
      { kind: "fenced", generation },
      { kind: "claim_failed", error: externalError("x", "", "x") },
      { kind: "task", message: failed() },
      { kind: "task", message: committed(1) },
      { kind: "task", message: { kind: "input_ended", generation } },
      { kind: "task_gone" },
      { kind: "tick" },
      { kind: "cancel" },
      { kind: "savepoint", savepoint: "s" },
    ];
    for (const first of events)
      for (const second of events) for (const third of events) new Driver().on(first, second, third);
    for (const first of events) for (const second of events) new Driver().running().tickAt(100).on(first, second);
  }),
];
