// What a failure takes down, what goes on, and what becomes of the checkpoint that was under way. Regions of the job:
// 0 holds tasks 0.0, 0.1, 1.0, 1.1; 1 holds task 2.0.

import { externalError, userError } from "../../src/base/errors.ts";
import { asCheckpointId, asGeneration } from "../../src/base/ids.ts";
import { oldestGeneration } from "../../src/coordinator/tasks.ts";
import { collectionOf } from "../../src/coordinator/job_store.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { broken, Driver, regions, snapshot } from "../support/coordinator_fixture.ts";

const all = ["0.0", "0.1", "1.0", "1.1", "2.0"];
const failing = ["0.0", "0.1", "1.0", "1.1"];

/** A job with one durable checkpoint, and the next one gathered by some. */
const inSecond = (acknowledged: readonly string[] = []): Driver =>
  new Driver(regions)
    .running()
    .tickAt(100)
    .checkpoint(1)
    .tickAt(200)
    .acknowledge(2, [...acknowledged]);

export const cases: readonly Case[] = [
  test("a failing task takes down its region, and the other goes on under its generation", () => {
    const job = inSecond().failed("1.0");
    equal(job.state.status, "FAILING");
    equal(job.leaving(), failing);
    equal(job.told("abandon"), ["2.0"], "who goes on need not wait for a checkpoint that will never be");
    job.gone();
    equal(job.state.status, "RESTARTING");
    job.tickAt(220);
    equal(job.kinds(), ["claim"]);
    job.claimedDurable(2);
    equal(job.deployed(), failing);
    equal(job.effect("deploy")?.deployment.restore.checkpoint, asCheckpointId(1));
    job.all({ kind: "running" }, failing);
    equal(job.state.status, "RUNNING");
    const generations = job.state.tasks.map((task) => task.generation);
    equal(generations, [2, 2, 2, 2, 1].map(asGeneration));
    job.tickAt(400);
    equal(job.told("barrier"), ["0.0", "0.1", "2.0"]);
    const sent = job.effects.flatMap((one) => (one.kind === "send" ? [one.message.generation] : []));
    equal(sent, [2, 2, 1].map(asGeneration), "each task hears its own generation");
  }),
  test("what goes on from a checkpoint takes its first one after a quarter of the interval", () => {
    const job = inSecond().failed("1.0").gone().tickAt(220).claimedDurable(2).all({ kind: "running" }, failing);
    equal(job.effects.at(-1), { kind: "wake", atMs: 245 }, "the interval is 100");
    ok(!job.tickAt(244).kinds().includes("barrier"), "not before");
    ok(job.tickAt(245).kinds().includes("barrier"), "but then");
    job.checkpoint(3);
    equal(job.effects.at(-1), { kind: "wake", atMs: 345 }, "the next one after a whole interval");
  }),
  test("words of the tasks that were taken down are ignored, before and after others stand in their place", () => {
    const job = inSecond().failed("1.0");
    const leaving = job.state;
    job.failed("0.0").task("0.1", { kind: "input_ended" }).committed(1, ["1.0"]);
    equal(job.state === leaving, true);
    job.gone().tickAt(220).claimedDurable(2);
    const starting = job.state;
    for (const key of failing) job.task(key, { kind: "running" }, 1).task(key, { kind: "failed", error: broken }, 1);
    equal(job.state === starting, true);
  }),
  test("no checkpoint is begun while a region is down, whatever is asked for", () => {
    const job = inSecond().failed("1.0");
    const quiet = () => ok(!job.kinds().includes("barrier"), job.state.status);
    for (const next of [() => job, () => job.gone(), () => job.tickAt(230), () => job.claimedDurable(2)]) {
      next();
      quiet();
      job.savepoint("s");
      quiet();
      job.task("2.0", { kind: "checkpoint_wanted" });
      quiet();
    }
    job.all({ kind: "running" }, failing);
    equal(job.told("barrier"), ["0.0", "0.1", "2.0"], "it begins with the last region");
    equal(job.state.inFlight?.savepoints, ["s", "s", "s", "s"]);
  }),
  test("the number of a checkpoint that was given up is not used again: a living task may still speak of it", () => {
    const job = inSecond().failed("1.0").gone().tickAt(220).claimedDurable(2).all({ kind: "running" }, failing);
    job.tickAt(400);
    equal(job.state.inFlight?.checkpoint, asCheckpointId(3));
    job.acknowledge(2, ["2.0"]);
    equal(job.state.inFlight?.acknowledged.size, 0);
  }),
  test("a checkpoint that was published while a region went down is committed by the living and restored by the others", () => {
    const job = inSecond(all).failed("1.0").published(2);
    equal(job.told("commit"), ["2.0"]);
    job.committed(2, ["2.0"]).gone().tickAt(220).claimedDurable(2);
    equal(job.effect("deploy")?.deployment.restore.checkpoint, asCheckpointId(2));
    equal(job.state.uncommitted[0]?.waiting, failing);
    job.all({ kind: "running" }, failing);
    equal(job.state.uncommitted, [], "a task that runs has committed what was pending where it was restored");
    ok(job.kinds().includes("collect_garbage"), "the checkpoint is over");
  }),
  test("what became of a publishing nobody answered for is told by the next claim: it was published", () => {
    const job = inSecond(all).failed("1.0").gone().tickAt(220);
    const tasks = all.map((key) => snapshot(key, "2"));
    job.claimed(2, { checkpoint: asCheckpointId(2), tasks });
    equal(job.told("commit"), ["2.0"]);
    equal(job.effect("checkpoint_done")?.checkpoint.checkpoint, asCheckpointId(2));
    equal(job.effect("deploy")?.deployment.restore.checkpoint, asCheckpointId(2));
    equal(job.published(2, 1).effects, [], "the answer that comes after all is nobody's");
  }),
  test("what became of a publishing nobody answered for is told by the next claim: it was not", () => {
    const job = inSecond(all).failed("1.0").gone().tickAt(220).claimedDurable(2);
    equal(job.told("abandon"), ["2.0"]);
    equal(job.effect("checkpoint_failed")?.checkpoint.checkpoint, asCheckpointId(2));
    equal(job.effect("deploy")?.deployment.restore.checkpoint, asCheckpointId(1));
    equal(job.published(2, 1).effects, []);
  }),
  test("a publish of unknown outcome starts everything again instead of trying again", () => {
    const job = inSecond(all).publishFailed(2);
    equal(job.state.status, "FAILING");
    equal(job.leaving(), all);
    ok(!job.kinds().includes("publish"), "not a second time");
    const tasks = all.map((key) => snapshot(key, "2"));
    job
      .gone()
      .tickAt(300)
      .claimed(2, { checkpoint: asCheckpointId(2), tasks });
    equal(job.deployed(), all);
    equal(job.state.uncommitted[0]?.waiting, all);
  }),
  test("what became of an older generation's publishing says nothing about the one that runs now", () => {
    const job = inSecond(all).failed("1.0").gone().tickAt(220).claimedDurable(2).all({ kind: "running" }, failing);
    const running = job.state;
    job.published(2, 1).on({ kind: "fenced", generation: asGeneration(1) });
    const unknown = { kind: "publish_failed", checkpoint: asCheckpointId(2), error: broken } as const;
    job.on({ ...unknown, generation: asGeneration(1) });
    equal(job.state === running, true);
  }),
  test("living tasks of another history than the store's are taken down as well", () => {
    const job = inSecond().failed("1.0").gone().tickAt(220);
    job.claimed(2, { checkpoint: asCheckpointId(7), tasks: all.map((key) => snapshot(key, "7")) });
    equal(job.state.status, "FAILING");
    equal(job.leaving(), ["2.0"]);
    job
      .gone()
      .tickAt(400)
      .claimed(3, { checkpoint: asCheckpointId(7), tasks: all.map((key) => snapshot(key, "7")) });
    equal(job.deployed(), all);
    equal(job.state.nextCheckpoint, asCheckpointId(8));
  }),
  test("a second region that fails joins the first, whenever that is", () => {
    const [failed, restarting, claiming, starting] = [0, 1, 2, 3].map((steps) => {
      const job = inSecond().failed("1.0");
      const moves = [() => job.gone(), () => job.tickAt(220), () => job.claimedDurable(2)];
      for (const move of moves.slice(0, steps)) move();
      return job.failed("2.0");
    }) as [Driver, Driver, Driver, Driver];
    equal([failed.state.status, failed.leaving()], ["FAILING", all]);
    equal(failed.gone(failing).state.status, "FAILING", "the second one is not gone yet");
    equal(failed.gone(["2.0"]).state.status, "RESTARTING");
    equal([restarting.state.status, restarting.leaving()], ["FAILING", ["2.0"]]);
    equal([claiming.state.status, claiming.leaving()], ["INITIALIZING", []], "the claim cannot be taken back");
    claiming.claimedDurable(2);
    equal([claiming.state.status, claiming.leaving()], ["FAILING", ["2.0"]]);
    equal([starting.state.status, starting.leaving()], ["FAILING", ["2.0"]]);
    starting.all({ kind: "running" }, failing).gone().tickAt(400).claimedDurable(3);
    equal(starting.deployed(), ["2.0"], "the first one has come up meanwhile");
    starting.task("2.0", { kind: "running" });
    equal(starting.state.status, "RUNNING");
    equal(starting.state.restartsTotal, 2);
  }),
  test("a task that fails again while it starts takes its region down again", () => {
    const job = inSecond().failed("1.0").gone().tickAt(220).claimedDurable(2).failed("0.0");
    equal([job.state.status, job.leaving()], ["FAILING", failing]);
  }),
  test("a region that had ended starts again from the checkpoint, and ends again", () => {
    const job = new Driver(regions).running().all({ kind: "input_ended" }, failing).failed("1.0").gone();
    job.tickAt(220).claimedDurable(2).all({ kind: "running" }, failing).task("2.0", { kind: "input_ended" });
    ok(!job.kinds().includes("barrier"), "the tasks that started anew have not ended");
    job.all({ kind: "input_ended" }, failing);
    ok(job.kinds().includes("barrier"), "now all have");
  }),
  test("an error that trying again cannot mend fails the job when all its tasks are gone", () => {
    const hopeless = userError("bad", "test", "hopeless");
    const job = inSecond(all).savepoint("s").failed("1.0", hopeless);
    equal(job.leaving(), all);
    job.gone(failing);
    equal(job.state.status, "FAILING");
    job.gone(["2.0"]);
    equal(job.state.status, "FAILED");
    equal(job.effect("refuse_savepoints")?.savepoints, ["s"]);
    equal(job.state.error?.code, "bad");
    const second = inSecond().failed("2.0").failed("0.0", hopeless);
    equal(second.leaving(), all);
    equal(second.gone().state.error?.code, "bad");
    equal(second.state.status, "FAILED");
  }),
  test("restarts in a row are bounded, and a completed checkpoint begins the count anew", () => {
    const job = new Driver().running();
    const restart = (): void => {
      job
        .failed("0.0")
        .gone()
        .tickAt(job.nowMs + 20)
        .claimedDurable()
        .task("0.0", { kind: "running" });
    };
    restart();
    restart();
    job.tickAt(job.nowMs + 200).checkpoint(1);
    restart();
    restart();
    equal(job.state.status, "RUNNING");
    equal(job.failed("0.0").gone().state.status, "FAILED");
    equal(job.state.restartsTotal, 4);
  }),
  test("what a living region is writing is not collected, although its generation is not the newest", () => {
    const job = inSecond().failed("1.0").gone();
    equal(oldestGeneration(job.state), asGeneration(1));
    job.tickAt(220).claimedDurable(2).all({ kind: "running" }, failing);
    equal(collectionOf(job.state).oldest, 1);
    equal(collectionOf(job.state).generation, asGeneration(2));
    job.on({ kind: "cancel" });
    equal(collectionOf(job.state).oldest, 1, "it is only on its way out");
    job.gone();
    equal(collectionOf(job.state).oldest, 3, "nobody writes any more");
  }),
  test("a published checkpoint whose commits are outstanding is kept, however many follow it", () => {
    const job = new Driver(regions).running().savepoint("s").acknowledge(1).published(1);
    for (const checkpoint of [2, 3, 4])
      job
        .tickAt(checkpoint * 200)
        .acknowledge(checkpoint)
        .published(checkpoint);
    equal(collectionOf(job.state).needed, [1, 2, 3, 4].map(asCheckpointId));
    job.committed(4);
    equal(job.effect("export")?.savepoints, ["s"]);
    equal(collectionOf(job.state).needed, []);
  }),
  test("a savepoint of a published checkpoint is made after the restart that commits it", () => {
    const job = new Driver(regions).running().savepoint("s").acknowledge(1).published(1).failed("0.0");
    ok(job.effect("refuse_savepoints") === undefined, "nothing is refused");
    job.gone().tickAt(300).committed(1, ["2.0"]);
    job.claimedDurable(2).all({ kind: "running" }, failing);
    equal(job.effect("export"), { kind: "export", checkpoint: asCheckpointId(1), savepoints: ["s"] });
  }),
  test("a cancel takes down whatever lives, in whatever status", () => {
    const down = inSecond().failed("1.0").on({ kind: "cancel" });
    equal([down.state.status, down.leaving()], ["CANCELLING", all]);
    equal(down.gone().state.status, "CANCELED");
    const restarting = inSecond().failed("1.0").gone().on({ kind: "cancel" });
    equal([restarting.state.status, restarting.leaving()], ["CANCELLING", ["2.0"]]);
    const alone = new Driver().running().failed("0.0").gone().on({ kind: "cancel" });
    equal(alone.state.status, "CANCELED", "nothing lives");
    const claiming = inSecond().failed("1.0").gone().tickAt(220).on({ kind: "cancel" });
    equal(claiming.state.status, "INITIALIZING");
    equal(claiming.claimedDurable(2).leaving(), ["2.0"]);
  }),
  test("a newer failure is remembered while an older one is dealt with only where it is hopeless", () => {
    const job = inSecond()
      .failed("1.0")
      .failed("2.0", externalError("second", "test", "also"));
    equal(job.state.error?.code, "broken");
  }),
];
