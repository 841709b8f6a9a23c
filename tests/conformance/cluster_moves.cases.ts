// Jobs that are moved while they run, over workers and coordinators in one event loop: to another parallelism, away from
// workers that want to end, to the next leader with a savepoint. What a job commits is what its data alone decide.

import type { JobSpec } from "../../src/job/job_spec.ts";
import type { Leading } from "../../src/cluster/coordinator.ts";
import { shareOf } from "../../src/cluster/rescaler.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { clusterJob, expectedRows, World, type WorldCoordinator, type WorldWorker } from "../twins/cluster_world.ts";

interface Begun {
  readonly world: World;
  readonly leader: WorldCoordinator;
  readonly leading: Leading;
  readonly members: readonly WorldWorker[];
  readonly jobId: string;
}

/** A job that takes a while and has completed a checkpoint. */
async function begun(
  context: TestContext,
  given: { readonly workers: number; readonly parallelism: number; readonly rescaleAfterMs?: number },
): Promise<Begun> {
  const world = new World(await context.freshPlatform());
  world.slowMs = 8;
  world.rescaleAfterMs = given.rescaleAfterMs;
  const leader = await world.coordinator();
  const members = await world.workers(given.workers);
  const leading = await leader.leads();
  await world.until("all workers have joined", () => leading.tasks.workers.length === given.workers);
  const { jobId } = (await leading.engine.submit(clusterJob(given.parallelism))).record;
  await world.until("a checkpoint", () => (leading.engine.job(jobId).checkpoints?.completedCount ?? 0) > 0);
  return { world, leader, leading, members, jobId };
}

const parallelismOf = ({ engine }: Leading, jobId: string): number =>
  (engine.job(jobId).record.spec as unknown as JobSpec).parallelism;

/** Runs at this parallelism, and a task of every chain has said something. */
const runsAt = (leading: Leading, jobId: string, parallelism: number): boolean => {
  const { status, record, progress } = leading.engine.job(jobId);
  const tasks = progress?.tasks.length ?? 0;
  return (
    status === "RUNNING" && (record.spec as unknown as JobSpec).parallelism === parallelism && tasks >= parallelism
  );
};

async function endsWell({ world, jobId }: Begun, { engine }: Leading, restarts = 0): Promise<void> {
  world.slowMs = 0;
  const view = await engine.ended(jobId);
  equal([view.status, view.error?.message, view.restartsTotal], ["FINISHED", undefined, restarts]);
  equal(view.progress?.counters.rowsIn, 1200, "every row is counted once, whatever has moved");
  equal(world.rows(), expectedRows);
  await world.close();
}

export const cases: readonly Case[] = [
  test("where jobs follow the slots, one goes to as many tasks as there are, up and down, and nothing is lost", async (context) => {
    const one = await begun(context, { workers: 1, parallelism: 1, rescaleAfterMs: 60 });
    const { world, leading, jobId } = one;
    const more = await world.workers(2);
    await world.until("it runs at 3", () => runsAt(leading, jobId, 3));
    const left = more[1]?.worker.leave(10_000);
    await world.until("it runs at 2", () => runsAt(leading, jobId, 2));
    equal(await left, "released");
    more[0]?.node.kill();
    await world.until("it runs at 1", () => runsAt(leading, jobId, 1));
    const { restartsTotal } = leading.engine.job(jobId);
    ok(restartsTotal > 0, "only the loss of a worker counts as a restart");
    await endsWell(one, leading, restartsTotal);
  }),

  test("a move is a savepoint and a restore from it under the same id; somebody who waits for the end waits on", async (context) => {
    const one = await begun(context, { workers: 2, parallelism: 2 });
    const { leading, jobId } = one;
    const ended = leading.engine.ended(jobId);
    const { savepoint } = await leading.engine.rescale(jobId, 1);
    equal((await leading.engine.savepoints.get(savepoint)).status, "COMPLETED");
    equal(parallelismOf(leading, jobId), 1);
    await one.world.until("it runs", () => runsAt(leading, jobId, 1));
    await endsWell(one, leading);
    equal((await ended).status, "FINISHED");
  }),

  test("a worker that wants to end hands its tasks over first, and no job is restarted for it", async (context) => {
    const one = await begun(context, { workers: 3, parallelism: 2 });
    const { leading, members, world } = one;
    equal(await members[0]?.worker.leave(10_000), "released");
    equal(members[0]?.worker.taskCount, 0);
    await members[0]?.worker.stop();
    await world.until("it is gone", () => leading.tasks.workers.length === 2);
    await endsWell(one, leading);
  }),

  test("the only worker runs its tasks for its whole grace; another one that comes takes them at once", async (context) => {
    const one = await begun(context, { workers: 1, parallelism: 1 });
    const { leading, members, world } = one;
    equal(await members[0]?.worker.leave(150), "late");
    ok((members[0]?.worker.taskCount ?? 0) > 0, "its task runs on");
    const again = members[0]?.worker.leave(10_000);
    await world.workers(1);
    equal(await again, "released");
    await endsWell(one, leading);
  }),

  test("a leader that is asked to end suspends its jobs with savepoints; the next one goes on from there", async (context) => {
    const one = await begun(context, { workers: 2, parallelism: 2 });
    const { leader, leading, world, jobId } = one;
    const suspended = await leader.coordinator.suspendJobs(10_000);
    equal(
      suspended.map(({ name, error }) => [name, error]),
      [["cluster", undefined]],
    );
    equal(leading.engine.job(jobId).status, "SUSPENDED");
    const { rowsIn } = leading.engine.job(jobId).progress?.counters ?? { rowsIn: 0 };
    equal((await leading.engine.savepoints.get(suspended[0]?.savepoint ?? "")).status, "COMPLETED");
    await leader.coordinator.stop();
    const second = await (await world.coordinator()).leads();
    await world.until("it goes on", () => (second.engine.job(jobId).progress?.counters.rowsIn ?? 0) > rowsIn);
    await endsWell(one, second);
  }),

  test("a job that cannot be suspended within the grace is said to go on from its last checkpoint", async (context) => {
    const one = await begun(context, { workers: 1, parallelism: 1 });
    const { leader, members, world, jobId } = one;
    members[0]?.node.freeze();
    const [job] = await leader.coordinator.suspendJobs(100);
    equal([job?.jobId, job?.savepoint, job?.error?.code], [jobId, undefined, "grace_over"]);
    members[0]?.node.thaw();
    await leader.coordinator.stop();
    const second = await (await world.coordinator()).leads();
    await endsWell(one, second);
  }),

  ...(["asked", "suspended", "relaunched"] as const).map((stage) =>
    test(`a leader that is lost when a move is ${stage} loses nothing: the next one goes on, with either parallelism`, async (context) => {
      const one = await begun(context, { workers: 2, parallelism: 2 });
      const { leader, leading, world, jobId } = one;
      const moved = leading.engine.rescale(jobId, 1).then(
        () => "moved",
        () => "not moved",
      );
      let settled = false;
      void moved.then(() => {
        settled = true;
      });
      const status = (): string => leading.engine.job(jobId).status;
      // That takes no time to speak of, so every turn of the event loop is looked at.
      while (stage === "suspended" && status() === "RUNNING" && !settled) await world.platform.yield.yield();
      if (stage === "relaunched") equal(await moved, "moved");
      leader.sever();
      const second = await (await world.coordinator()).leads();
      await moved;
      ok([1, 2].includes(parallelismOf(second, jobId)), "it has a parallelism that somebody asked for");
      await endsWell(one, second);
    }),
  ),

  test("slots are shared evenly by the jobs that run, and each has at least one", async () => {
    equal([shareOf(8, 1), shareOf(8, 3), shareOf(2, 5), shareOf(4, 0)], [8, 2, 1, 4]);
  }),
];
