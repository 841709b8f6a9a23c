// The coordinator's decisions about a whole job, one rule a case. No I/O: states and events in, states and effects out.

import { externalError, userError } from "../../src/base/errors.ts";
import { asCheckpointId, asGeneration } from "../../src/base/ids.ts";
import type { JobEvent, JobState } from "../../src/coordinator/job_state.ts";
import { isTerminal } from "../../src/coordinator/job_state.ts";
import { transitions } from "../../src/coordinator/transitions.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { broken, Driver, regions, snapshot } from "../support/coordinator_fixture.ts";

const generation = asGeneration(1);
const all = ["0.0", "0.1", "1.0", "1.1", "2.0"];

export const cases: readonly Case[] = [
  test("a job runs when each of its tasks does", () => {
    const job = new Driver(regions).on({ kind: "start" }).claimed();
    equal(job.deployed(), all);
    job.all({ kind: "running" }, all.slice(1));
    equal(job.state.status, "INITIALIZING");
    job.task("1.1", { kind: "running" });
    equal(job.state.status, "INITIALIZING", "the same word twice");
    job.task("0.0", { kind: "running" });
    equal(job.state.status, "RUNNING");
  }),
  test("a checkpoint goes barrier, publish, commit, and nothing is committed before it is published", () => {
    const job = new Driver(regions).running().tickAt(100);
    equal(job.told("barrier"), ["0.0", "0.1", "2.0"], "barriers go to tasks with sources");
    job.acknowledge(1);
    equal(job.kinds(), ["publish"]);
    equal(
      job.effect("publish")?.tasks.map((one) => `${one.chain}.${one.subtask}`),
      all,
    );
    job.published(1);
    equal(job.told("commit"), all);
    job.committed(1, all.slice(1));
    ok(!job.kinds().includes("collect_garbage"), "one has not said so");
    job.committed(1, ["0.0"]);
    ok(job.kinds().includes("collect_garbage"), "what is superseded is collected after the commit");
    equal(job.state.uncommitted, []);
  }),
  test("a checkpoint is published only when every task has acknowledged it, whatever the others repeat", () => {
    const job = new Driver(regions).running().tickAt(100).acknowledge(1, all.slice(0, 4));
    equal(job.effects, []);
    job.acknowledge(1, all.slice(0, 4)).acknowledge(1, ["0.0", "0.0"]);
    equal(job.effects, []);
    job.acknowledge(1, ["2.0"]);
    equal(job.kinds(), ["publish"]);
  }),
  test("an acknowledgement that comes twice counts as it came first", () => {
    const job = new Driver(regions).running().tickAt(100).acknowledge(1, all.slice(0, 4), false, "7");
    job.acknowledge(1, all, false, "8");
    equal(
      job.effect("publish")?.tasks.map((one) => one.counters.rowsIn),
      [7, 7, 7, 7, 8],
    );
  }),
  test("words of tasks that the job does not have are ignored", () => {
    const job = new Driver(regions).running().tickAt(100);
    const before = job.state;
    for (const key of ["0.2", "3.0", "1.7"]) {
      job.failed(key).committed(1, [key]);
      const message = { kind: "acknowledged", checkpoint: asCheckpointId(1), costs: {} as never } as const;
      job.task(key, { ...message, snapshot: snapshot(key, "1") });
    }
    equal(job.state === before, true);
  }),
  test("no second checkpoint starts while one is gathered or published", () => {
    const job = new Driver().running().tickAt(100).tickAt(250);
    ok(!job.kinds().includes("barrier"), "gathering");
    job.acknowledge(1).tickAt(400);
    ok(!job.kinds().includes("barrier"), "publishing");
  }),
  test("a checkpoint starts an interval after the last one started, and a pause after it was over", () => {
    const job = new Driver(undefined, { minPauseMs: 60 }).running().tickAt(100);
    job.nowMs = 190;
    job.checkpoint(1);
    equal(job.effects.at(-1), { kind: "wake", atMs: 250 });
    ok(!job.tickAt(249).kinds().includes("barrier"), "the pause is not over");
    ok(job.tickAt(250).kinds().includes("barrier"), "now it is");
    job.nowMs = 260;
    job.checkpoint(2);
    equal(job.effects.at(-1), { kind: "wake", atMs: 350 }, "the interval is longer");
  }),
  test("a savepoint, and a task that cannot go on without a checkpoint, do not wait for the pause", () => {
    const job = new Driver(undefined, { minPauseMs: 5000 }).running().tickAt(100).checkpoint(1);
    ok(!job.tickAt(300).kinds().includes("barrier"), "the pause holds");
    ok(job.savepoint("s").kinds().includes("barrier"), "the savepoint begins");
    job.checkpoint(2);
    ok(job.task("0.0", { kind: "checkpoint_wanted" }).kinds().includes("barrier"), "the task gets its checkpoint");
  }),
  test("a checkpoint that says nothing new is not published, and its tasks are told that it does not exist", () => {
    const job = new Driver(regions).running().tickAt(100).checkpoint(1).tickAt(200);
    job.acknowledge(2, all, false, "1");
    equal(job.told("abandon"), all);
    equal(job.effect("checkpoint_unchanged")?.checkpoint, asCheckpointId(2));
    ok(!job.kinds().includes("publish"), "no manifest");
    job.tickAt(300);
    equal(job.state.inFlight?.checkpoint, asCheckpointId(3), "time goes on");
    job.acknowledge(3, all.slice(1), false, "1").acknowledge(3, ["0.0"], false, "2");
    equal(job.kinds(), ["publish"], "one task has something new");
  }),
  test("a savepoint, a stop and the end of the input are published even where nothing is new", () => {
    const savepoint = new Driver()
      .running()
      .tickAt(100)
      .checkpoint(1)
      .savepoint("s")
      .acknowledge(2, ["0.0"], false, "1");
    equal(savepoint.kinds(), ["publish"]);
    const stop = new Driver().running().tickAt(100).checkpoint(1).stop("s").acknowledge(2, ["0.0"], false, "1");
    equal(stop.kinds(), ["publish"]);
    const end = new Driver().running().tickAt(100).checkpoint(1).task("0.0", { kind: "input_ended" });
    equal(end.acknowledge(2, ["0.0"], true, "1").kinds(), ["publish"]);
  }),
  test("the newest manifest that a restart finds is what later checkpoints are compared with", () => {
    const tasks = [snapshot("0.0", "5")];
    const job = new Driver().on({ kind: "start" }).claimed(1, { checkpoint: asCheckpointId(4), tasks });
    job.task("0.0", { kind: "running" }).tickAt(100).acknowledge(5, ["0.0"], false, "5");
    equal(job.kinds(), ["abandon", "checkpoint_unchanged", "wake"]);
  }),
  test("checkpoints may fail as often in a row as the job tolerates, and then it starts again", () => {
    const job = new Driver(regions, { tolerableFailures: 1 }).running();
    const decline = (checkpoint: number) =>
      job.task("1.0", { kind: "declined", checkpoint: asCheckpointId(checkpoint), error: broken });
    job.tickAt(100);
    decline(1);
    equal(job.state.status, "RUNNING");
    job.tickAt(200).checkpoint(2).tickAt(300);
    decline(3);
    equal(job.state.status, "RUNNING", "the completed one begins the count anew");
    job.tickAt(400);
    decline(4);
    equal(job.state.status, "FAILING");
    equal(job.state.error?.code, "checkpoint_failures_exceeded");
    equal(job.leaving(), all, "no region is to blame");
  }),
  test("a coordinator that finds a newer generation lets go and records nothing", () => {
    const job = new Driver(regions).running().tickAt(100).acknowledge(1).on({ kind: "fenced", generation });
    equal(job.state.status, "SUSPENDED");
    equal(job.kinds(), ["destroy_tasks"]);
    job.gone();
    equal(job.effects, [], "nor does it collect anything");
  }),
  test("a coordinator that finds a newer generation before it has deployed anything deploys nothing", () => {
    const first = new Driver(regions).on({ kind: "start" }, { kind: "fenced", generation: asGeneration(0) });
    equal([first.state.status, first.deployed()], ["SUSPENDED", []]);
    equal(first.claimed(1).deployed(), [], "nor does an answer that comes late make it");
    const again = new Driver(regions).running().failed("0.0").gone().tickAt(100).on({ kind: "fenced", generation });
    equal([again.state.status, again.deployed(), again.leaving()], ["SUSPENDED", [], ["2.0"]]);
  }),
  test("a sink whose fence knows a newer generation suspends the coordinator in whatever status", () => {
    const fence = userError("fenced", "sink", "taken over");
    equal(new Driver(regions).running().failed("2.0", fence).state.status, "SUSPENDED");
    equal(new Driver(regions).running().failed("0.0").failed("2.0", fence).state.status, "SUSPENDED");
    equal(new Driver(regions).running().failed("0.0").gone().failed("2.0", fence).state.status, "SUSPENDED");
    const starting = new Driver(regions).running().failed("0.0").gone().tickAt(100);
    equal(starting.failed("2.0", fence).state.status, "SUSPENDED");
  }),
  test("a coordinator that lets go refuses the savepoints that were asked of it", () => {
    const job = new Driver().running().savepoint("s").stop("t").on({ kind: "fenced", generation });
    equal(job.effect("refuse_savepoints")?.savepoints, ["s", "t"]);
  }),
  test("a cancel while the job is being claimed waits for the answer, so that it can be recorded", () => {
    const job = new Driver().on({ kind: "start" }, { kind: "cancel" });
    equal(job.state.status, "INITIALIZING");
    job.claimed(1);
    equal(job.state.status, "CANCELLING");
    equal(job.state.generation, generation);
    equal(job.kinds(), ["record_status", "destroy_tasks"]);
    job.gone();
    equal(job.state.status, "CANCELED");
    equal(job.kinds(), ["record_status", "collect_garbage"]);
  }),
  test("a cancel while claiming fails waits for a claim that succeeds", () => {
    const failing: JobEvent = { kind: "claim_failed", error: broken };
    for (const cancelAfter of [0, 1, 2]) {
      const job = new Driver().on({ kind: "start" });
      [failing, { kind: "tasks_gone", tasks: [] } as const].forEach((event, index) => {
        if (index === cancelAfter) job.on({ kind: "cancel" });
        job.on(event);
      });
      if (cancelAfter === 2) job.on({ kind: "cancel" });
      equal(job.state.status, "RESTARTING", `canceled after ${cancelAfter} events`);
      job.tickAt(20).claimed(1);
      equal(job.state.status, "CANCELLING", `canceled after ${cancelAfter} events`);
    }
  }),
  test("a job is canceled when the last of its tasks is gone", () => {
    const job = new Driver(regions).running().on({ kind: "cancel" });
    equal(job.effect("destroy_tasks")?.tasks.length, 5);
    job.gone(all.slice(1));
    equal(job.state.status, "CANCELLING");
    job.gone(["0.0"]);
    equal(job.state.status, "CANCELED");
  }),
  test("a bounded job finishes only after its final checkpoint is committed by all", () => {
    const job = new Driver(regions).running().all({ kind: "input_ended" }, all.slice(1));
    equal(
      job.effects.map((one) => one.kind),
      ["wake"],
      "one task still reads",
    );
    job.task("0.0", { kind: "input_ended" });
    equal(job.told("barrier"), ["0.0", "0.1", "2.0"]);
    job.acknowledge(1, all, true);
    equal(job.effect("publish")?.ended, true);
    job.published(1);
    equal(job.state.status, "RUNNING");
    job.tickAt(5000);
    ok(!job.kinds().includes("barrier"), "nothing follows the final checkpoint");
    job.committed(1, all.slice(1));
    equal(job.state.status, "RUNNING");
    job.committed(1, ["0.0"]);
    equal(job.state.status, "FINISHED");
    job.gone();
    equal(job.kinds(), ["collect_garbage"]);
  }),
  test("a checkpoint gathered before the input ended does not finish the job", () => {
    const job = new Driver().running().tickAt(100).task("0.0", { kind: "input_ended" });
    job.acknowledge(1).published(1);
    ok(job.kinds().includes("barrier"), "a final one is started");
    job.committed(1);
    equal(job.state.status, "RUNNING");
  }),
  test("a job that is taken up at its final checkpoint commits what is pending there, and is finished", () => {
    const tasks = all.map((key) => snapshot(key, "1", true));
    const job = new Driver(regions).on({ kind: "start" });
    job.claimed(1, { checkpoint: asCheckpointId(3), tasks, ended: true }).all({ kind: "running" }, all.slice(1));
    equal(job.state.status, "INITIALIZING");
    job.task("0.0", { kind: "running" });
    equal(job.state.status, "FINISHED");
  }),
  test("a savepoint is exported from the checkpoint begun after it was asked for, once that is committed", () => {
    const job = new Driver(regions).running().tickAt(100).savepoint("s").checkpoint(1);
    ok(!job.kinds().includes("export"), "the checkpoint that was already under way does not count");
    job.acknowledge(2).published(2).committed(2, all.slice(1));
    ok(!job.kinds().includes("export"), "one task has not committed");
    job.committed(2, ["0.0"]);
    equal(job.effect("export"), { kind: "export", checkpoint: asCheckpointId(2), savepoints: ["s"] });
    const order = job.kinds();
    ok(order.indexOf("export") < order.indexOf("collect_garbage"), "it is pinned before garbage is collected");
  }),
  test("a declined checkpoint leaves its savepoints to the next", () => {
    const job = new Driver().running().savepoint("s");
    job.task("0.0", { kind: "declined", checkpoint: asCheckpointId(1), error: broken });
    equal(job.state.wantedSavepoints, ["s"]);
    job.tickAt(150).checkpoint(2);
    ok(job.kinds().includes("export"), "it is made from the next");
  }),
  test("a checkpoint that is not acknowledged in time is abandoned, and its late answer changes nothing", () => {
    const job = new Driver(regions).running().tickAt(100).acknowledge(1, all.slice(1)).tickAt(1100);
    equal(job.told("abandon"), all);
    ok(job.effect("checkpoint_failed")?.error.message.includes("0.0") === true, "the silent task is named");
    equal(job.state.inFlight?.checkpoint, asCheckpointId(2));
    job.acknowledge(1);
    equal(job.effects, []);
    equal(job.state.inFlight?.acknowledged.size, 0);
  }),
  test("a late refusal of an abandoned checkpoint does not touch the next", () => {
    const job = new Driver().running().tickAt(100).tickAt(1100);
    job.task("0.0", { kind: "declined", checkpoint: asCheckpointId(1), error: broken });
    equal(job.state.inFlight?.checkpoint, asCheckpointId(2));
    job.acknowledge(2);
    job.task("0.0", { kind: "declined", checkpoint: asCheckpointId(2), error: broken });
    equal(job.state.inFlight?.phase, "publishing", "nor does one of a checkpoint that all have acknowledged");
  }),
  test("the timeout of a checkpoint is waited for even where an alarm for an earlier time was set before", () => {
    const job = new Driver().running();
    job.task("0.0", { kind: "checkpoint_wanted" }).tickAt(100);
    equal(job.effects, [{ kind: "wake", atMs: 1000 }]);
  }),
  test("a savepoint asked for after the final barrier is made from the final checkpoint", () => {
    const job = new Driver().running().task("0.0", { kind: "input_ended" }).savepoint("s");
    job.acknowledge(1, ["0.0"], true).published(1).savepoint("t").stop("u").committed(1);
    equal(job.state.status, "FINISHED");
    equal(job.effect("export")?.savepoints, ["s", "t", "u"]);
    equal(job.state.wantedSavepoints, []);
  }),
  test("a savepoint or a stop asked for while the job is being canceled is refused", () => {
    const job = new Driver().running().on({ kind: "cancel" }).savepoint("s");
    equal(job.effect("refuse_savepoints")?.savepoints, ["s"]);
    equal(job.stop("t").effect("refuse_savepoints")?.savepoints, ["t"]);
  }),
  test("canceling refuses the savepoints that are still wanted", () => {
    const job = new Driver().running().savepoint("s").on({ kind: "cancel" });
    equal(job.state.status, "CANCELLING");
    equal(job.effect("refuse_savepoints")?.savepoints, ["s"]);
    equal(job.gone().state.status, "CANCELED");
  }),
  test("a savepoint of a job that has ended is refused with its status", () => {
    for (const ask of [(job: Driver) => job.savepoint("s"), (job: Driver) => job.stop("s")]) {
      const refused = ask(new Driver().on({ kind: "cancel" })).effect("refuse_savepoints");
      ok(refused?.error.message.includes("CANCELED") === true, "the status is named");
    }
  }),
  test("a savepoint asked for before the job has started waits for its first checkpoint", () => {
    const job = new Driver().savepoint("s").running();
    ok(job.kinds().includes("barrier"), "it begins as soon as all tasks run");
    ok(job.checkpoint(1).effect("export")?.savepoints.includes("s") === true, "it is made");
  }),
  test("no status that ends a job can be left", () => {
    for (const [status, next] of Object.entries(transitions)) {
      equal(next.length === 0, isTerminal(status as JobState["status"]), status);
    }
  }),
  test("a claim that cannot succeed fails the job, and every task that lives is taken down first", () => {
    const job = new Driver(regions).running().failed("0.0").gone().tickAt(100);
    const hopeless = userError("checkpoint_mismatch", "checkpoint", "no");
    job.on({ kind: "claim_failed", error: hopeless });
    equal(job.state.status, "FAILING");
    equal(job.leaving(), ["2.0"]);
    equal(job.gone().state.status, "FAILED");
  }),
  test("a claim of which the outcome is unknown is tried again, and leaves living tasks alone", () => {
    const job = new Driver(regions).running().failed("0.0").gone().tickAt(100);
    job.on({ kind: "claim_failed", error: externalError("store", "", "?") });
    equal(job.leaving(), []);
    equal(job.gone([]).state.status, "RESTARTING");
    job.tickAt(200).claimedDurable(3);
    equal(job.deployed(), ["0.0", "0.1", "1.0", "1.1"]);
  }),
];
