// Ending a job with a savepoint: until its checkpoint is durable any failure calls it off; from then on none does.

import { externalError } from "../../src/base/errors.ts";
import { asCheckpointId } from "../../src/base/ids.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { broken, Driver, regions, snapshot } from "../support/coordinator_fixture.ts";

const all = ["0.0", "0.1", "1.0", "1.1", "2.0"];
const zero = ["0.0", "0.1", "1.0", "1.1"];
const unwritable = externalError("full", "disk", "the disk is full");

const stopping = (drain = false): Driver => new Driver(regions).running().tickAt(100).checkpoint(1).stop("s", drain);
const suspending = (): Driver =>
  new Driver(regions)
    .running()
    .tickAt(100)
    .checkpoint(1)
    .on({ kind: "stop", savepoint: "s", drain: false, resumes: true });
const modes = (job: Driver): string[] =>
  job.effects.flatMap((one) => (one.kind === "send" && one.message.kind === "barrier" ? [one.message.mode] : []));
const refused = (job: Driver): readonly string[] | undefined => job.effect("refuse_savepoints")?.savepoints;

/** What a coordinator finds that takes the job over after the checkpoint of a stop was published. */
const left = (drain: boolean) => ({
  checkpoint: asCheckpointId(2),
  ended: drain,
  stop: { savepoint: "s", drain },
  tasks: all.map((key) => snapshot(key, "2")),
});

export const cases: readonly Case[] = [
  test("a stop is barrier, manifest, commits, savepoint, and only then the end", () => {
    for (const drain of [false, true]) {
      const job = stopping(drain);
      equal(modes(job), drain ? ["drain", "drain", "drain"] : ["suspend", "suspend", "suspend"]);
      job.acknowledge(2);
      equal(job.effect("publish")?.ended, drain, "nothing follows what was drained");
      job.published(2).committed(2, all.slice(1));
      ok(job.effect("export") === undefined, "one task has not committed");
      job.committed(2, ["0.0"]);
      equal(job.effect("export"), {
        kind: "export",
        checkpoint: asCheckpointId(2),
        savepoints: [],
        stop: { savepoint: "s", drain },
      });
      equal(job.state.status, "RUNNING");
      job.exported(1);
      equal(job.state.status, "RUNNING", "that was another");
      job.exported(2);
      equal(job.state.status, "FINISHED");
      equal(job.kinds(), ["record_status", "destroy_tasks"]);
      equal(job.effect("record_status")?.savepoint, "s", "its end and the savepoint are recorded at once");
    }
  }),
  test("no checkpoint follows that of a stop", () => {
    const job = stopping().acknowledge(2).published(2);
    for (const move of [() => job.tickAt(9000), () => job.savepoint("t"), () => job.committed(2)]) {
      ok(!move().kinds().includes("barrier"), job.state.status);
      ok(
        !job
          .tickAt(job.nowMs + 9000)
          .kinds()
          .includes("barrier"),
        job.state.status,
      );
    }
    equal(job.exported(2).effect("export")?.savepoints, ["t"], "a savepoint asked for meanwhile is made from it");
  }),
  test("a stop waits for the checkpoint under way, and then does not wait for anything", () => {
    const job = new Driver(regions).running().tickAt(100).stop("s");
    equal(modes(job), []);
    equal(modes(job.acknowledge(1).published(1)), ["suspend", "suspend", "suspend"]);
  }),
  test("a second stop is refused, in every phase of the first", () => {
    const job = new Driver(regions).running().tickAt(100).stop("s");
    for (const move of [
      () => job,
      () => job.acknowledge(1).published(1),
      () => job.acknowledge(2),
      () => job.published(2),
      () => job.committed(2),
    ]) {
      move();
      equal(refused(job.stop("again")), ["again"]);
      ok(job.effect("refuse_savepoints")?.error.message.includes("with savepoint s") === true, "the first is named");
    }
    equal(job.exported(2).state.status, "FINISHED");
  }),
  test("a job that does not run cannot be stopped with a savepoint", () => {
    equal(refused(new Driver().stop("s")), ["s"]);
    equal(refused(new Driver().on({ kind: "start" }).stop("s")), ["s"]);
    const failing = new Driver().running().failed("0.0");
    equal(refused(failing.stop("s")), ["s"]);
    equal(refused(failing.gone().stop("s")), ["s"]);
  }),
  test("a task that cannot take part calls a stop off, and the suspended go on", () => {
    const job = stopping().savepoint("other").acknowledge(2, all.slice(1));
    job.task("0.0", { kind: "declined", checkpoint: asCheckpointId(2), error: broken });
    equal(job.state.status, "RUNNING");
    equal(refused(job), ["s"]);
    equal(job.told("abandon"), all);
    equal(job.state.wantedSavepoints, ["other"], "an ordinary savepoint is made from the next checkpoint");
    equal(job.state.checkpointFailuresInRow, 0);
  }),
  test("a stop that takes too long is called off", () => {
    const job = stopping().acknowledge(2, all.slice(1)).tickAt(1200);
    equal([job.state.status, refused(job)], ["RUNNING", ["s"]]);
    equal(modes(job), ["checkpoint", "checkpoint", "checkpoint"], "an ordinary checkpoint was due long ago");
  }),
  test("what has drained cannot go on: a drain that fails is followed by a restart from the checkpoint before it", () => {
    const declined = stopping(true);
    declined.task("0.0", { kind: "declined", checkpoint: asCheckpointId(2), error: broken });
    equal([declined.state.status, declined.leaving(), refused(declined)], ["FAILING", all, ["s"]]);
    equal(declined.state.error?.code, "drain_failed");
    const late = stopping(true).acknowledge(2, all.slice(1)).tickAt(1200);
    equal([late.state.status, late.leaving(), refused(late)], ["FAILING", all, ["s"]]);
    const broke = stopping(true).failed("2.0");
    equal([broke.state.status, broke.leaving(), refused(broke)], ["FAILING", all, ["s"]]);
    broke.gone().tickAt(400).claimedDurable(2);
    equal(broke.effect("deploy")?.deployment.restore.checkpoint, asCheckpointId(1));
  }),
  test("a task that fails while the others suspend calls the stop off, and the other region goes on", () => {
    const job = stopping().acknowledge(2, ["2.0"]).failed("0.0");
    equal([job.state.status, job.leaving(), refused(job)], ["FAILING", zero, ["s"]]);
    equal(job.told("abandon"), ["2.0"]);
  }),
  test("a stop that waited for a checkpoint is refused where the job fails first", () => {
    const job = new Driver(regions).running().tickAt(100).stop("s").failed("0.0");
    equal(refused(job), ["s"]);
    job.gone().tickAt(400).claimedDurable(2).all({ kind: "running" }, zero);
    equal(modes(job.tickAt(600)), ["checkpoint", "checkpoint", "checkpoint"]);
  }),
  test("a failed commit of a stop is committed after a restart from the very same checkpoint, and the job ends", () => {
    for (const drain of [false, true]) {
      const job = stopping(drain).acknowledge(2).published(2).committed(2, ["2.0"]).failed("1.0");
      equal(refused(job), undefined, "its checkpoint exists");
      equal(job.leaving(), zero);
      job.gone().tickAt(400).claimedDurable(2);
      equal(job.effect("deploy")?.deployment.restore.checkpoint, asCheckpointId(2), "nothing older is replayed");
      job.all({ kind: "running" }, zero);
      equal(job.effect("export")?.stop?.savepoint, "s");
      ok(!job.kinds().includes("barrier"), "nothing follows");
      equal(job.exported(2).state.status, "FINISHED");
    }
  }),
  test("a stop whose publishing nobody answered for is decided by the next claim", () => {
    const published = stopping().acknowledge(2).publishFailed(2).gone().tickAt(400);
    published.claimed(2, { checkpoint: asCheckpointId(2), tasks: all.map((key) => snapshot(key, "2")) });
    published.all({ kind: "running" });
    equal(published.effect("export")?.stop?.savepoint, "s");
    equal(published.exported(2).state.status, "FINISHED");
    const lost = stopping().acknowledge(2).publishFailed(2).gone().tickAt(400).claimedDurable(2);
    equal(refused(lost), ["s"]);
    equal(lost.all({ kind: "running" }).state.status, "RUNNING");
  }),
  test("a stop whose job gives up is refused with the reason", () => {
    const job = stopping().acknowledge(2).published(2);
    for (let round = 0; round < 3; round++) {
      job.failed("1.0").gone();
      if (job.state.status === "RESTARTING") job.tickAt(job.nowMs + 50).claimedDurable();
    }
    equal(job.state.status, "FAILED");
    equal(refused(job), ["s"]);
    equal(job.effect("refuse_savepoints")?.error.code, "broken");
  }),
  test("a suspended job whose savepoint cannot be written goes on", () => {
    const job = stopping().acknowledge(2).published(2).committed(2).exported(2, unwritable);
    equal(job.state.status, "RUNNING");
    equal(job.told("abandon"), all, "which is what makes the suspended read again");
    ok(job.tickAt(900).kinds().includes("barrier"), "checkpoints go on");
    equal(job.state.inFlight?.checkpoint, asCheckpointId(3));
  }),
  test("a drained job whose savepoint cannot be written has nothing left to do", () => {
    const job = stopping(true).acknowledge(2).published(2).committed(2).exported(2, unwritable);
    equal(job.state.status, "FINISHED");
  }),
  test("a task that fails while the savepoint is written matters only if it cannot be written", () => {
    const written = stopping().acknowledge(2).published(2).committed(2).failed("0.0");
    equal(written.state.status, "RUNNING");
    equal(written.exported(2).state.status, "FINISHED");
    const lost = stopping().acknowledge(2).published(2).committed(2).failed("0.0").failed("2.0");
    lost.exported(2, unwritable);
    equal([lost.state.status, lost.leaving()], ["FAILING", all]);
    lost.gone().tickAt(400).claimedDurable(2);
    equal(lost.effect("deploy")?.deployment.restore.checkpoint, asCheckpointId(2));
  }),
  test("a job can be canceled in the middle of a stop", () => {
    const before = stopping().on({ kind: "cancel" });
    equal([before.state.status, refused(before)], ["CANCELLING", ["s"]]);
    const writing = stopping().acknowledge(2).published(2).committed(2).on({ kind: "cancel" });
    equal([writing.state.status, refused(writing)], ["CANCELLING", ["s"]], "the job does not end with it");
    equal(writing.exported(2).state.status, "CANCELLING");
    equal(writing.gone().effect("record_status"), { kind: "record_status" });
  }),
  test("a stop that resumes takes the same way, and leaves the stored status as it is", () => {
    const job = suspending();
    equal(modes(job), ["suspend", "suspend", "suspend"]);
    job.acknowledge(2);
    equal(job.effect("publish")?.stop, undefined, "whoever takes over has nothing to finish");
    job.published(2).committed(2);
    equal([job.state.status, job.state.resumable], ["RUNNING", false]);
    job.exported(2);
    equal([job.state.status, job.state.resumable], ["SUSPENDED", true]);
    equal(job.kinds(), ["destroy_tasks"], "nothing is recorded: whoever claims the job next goes on from there");
  }),
  test("a stop that resumes is brought to its end through a failure, and called off where its savepoint is lost", () => {
    const job = suspending().acknowledge(2).published(2).committed(2, ["2.0"]).failed("1.0").gone();
    job.tickAt(job.nowMs + 50).claimedDurable(2);
    equal(job.state.status, "INITIALIZING");
    equal(
      suspending().acknowledge(2).published(2).committed(2).failed("0.0").exported(2).state.resumable,
      true,
      "what the tasks could still do matters no more",
    );
    const lost = suspending().acknowledge(2).published(2).committed(2).exported(2, unwritable);
    equal([lost.state.status, lost.told("abandon")], ["RUNNING", all]);
  }),
  test("a bounded job that ends while it is being suspended has ended, and nobody goes on with it", () => {
    const job = new Driver(regions).running();
    job.on({ kind: "stop", savepoint: "s", drain: false, resumes: true });
    job.all({ kind: "input_ended" }).acknowledge(1, all, true).published(1).committed(1).exported(1);
    equal([job.state.status, job.state.resumable], ["FINISHED", false]);
    equal(job.effect("record_status"), { kind: "record_status" }, "its end is recorded; the savepoint is complete");
  }),
  test("a job that another process has taken over is not resumed here", () => {
    const job = suspending().acknowledge(2).published(2).committed(2);
    job.on({ kind: "fenced", generation: job.state.generation });
    equal([job.state.status, job.state.resumable], ["SUSPENDED", false]);
    equal(job.exported(2).state.resumable, false);
  }),
  test("a bounded job that ends while it is being stopped ends with its savepoint", () => {
    const job = new Driver(regions).running().stop("s").all({ kind: "input_ended" }).acknowledge(1, all, true);
    job.published(1).committed(1);
    equal(job.effect("export")?.stop?.savepoint, "s");
    equal(job.state.status, "RUNNING");
    equal(job.exported(1, unwritable).state.status, "FINISHED", "it cannot go on");
    equal(job.effect("record_status"), { kind: "record_status" }, "without a savepoint");
  }),
  test("the manifest of a stop names it, and no other does", () => {
    const job = new Driver(regions).running().tickAt(100).acknowledge(1);
    equal(job.effect("publish")?.stop, undefined);
    job.published(1).committed(1).stop("s", true).acknowledge(2);
    equal(job.effect("publish")?.stop, { savepoint: "s", drain: true });
  }),
  test("whoever takes a job over in the middle of a stop finishes the stop, and takes no checkpoint", () => {
    for (const drain of [false, true]) {
      const job = new Driver(regions).on({ kind: "start" }).claimed(7, left(drain));
      equal(job.effect("deploy")?.deployment.restore.checkpoint, asCheckpointId(2));
      ok(!job.all({ kind: "running" }).kinds().includes("barrier"), "nothing follows");
      equal(job.effect("export"), {
        kind: "export",
        checkpoint: asCheckpointId(2),
        savepoints: [],
        stop: { savepoint: "s", drain },
      });
      ok(!job.tickAt(9000).kinds().includes("barrier"), "nor later");
      equal(job.exported(2).state.status, "FINISHED");
      equal(job.effect("record_status")?.savepoint, "s");
    }
  }),
  test("a stop that was taken over and cannot be written is off: a suspended job goes on, a drained one finishes", () => {
    for (const drain of [false, true]) {
      const job = new Driver(regions).on({ kind: "start" }).claimed(7, left(drain)).all({ kind: "running" });
      equal(job.exported(2, unwritable).state.status, drain ? "FINISHED" : "RUNNING");
      if (drain) equal(job.effect("record_status"), { kind: "record_status" });
      else equal(modes(job.tickAt(900)), ["checkpoint", "checkpoint", "checkpoint"]);
    }
  }),
  test("a job that was being canceled when it was taken over refuses the stop that it was in", () => {
    const job = new Driver(regions).on({ kind: "start" }, { kind: "cancel" }).claimed(7, left(false));
    equal([job.state.status, refused(job)], ["CANCELLING", ["s"]]);
  }),
  test("who is overtaken refuses a stop only where no manifest can name it", () => {
    const overtaken = (job: Driver): Driver => job.on({ kind: "fenced", generation: job.state.generation });
    const waiting = new Driver(regions).running().tickAt(100).stop("s").savepoint("p");
    equal(refused(overtaken(waiting)), ["p", "s"]);
    equal(refused(overtaken(stopping().savepoint("p"))), ["s", "p"], "it is being gathered");
    for (const job of [
      stopping().savepoint("p").acknowledge(2),
      stopping().savepoint("p").acknowledge(2).published(2),
      stopping().savepoint("p").acknowledge(2).published(2).committed(2),
    ]) {
      equal(refused(overtaken(job)), ["p"]);
      equal(job.exported(2).kinds(), [], "the successor writes it");
    }
    equal(refused(overtaken(suspending().acknowledge(2).published(2))), ["s"], "no manifest names what resumes");
  }),
];
