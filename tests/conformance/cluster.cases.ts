// Several processes in one event loop, over a network and stores in memory: workers and coordinators that come, go,
// stand still and lose one another. What a job commits is what its data alone decide.

import type { Engine } from "../../src/engine/engine.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { clusterJob, expectedRows, World, type WorldCoordinator, type WorldWorker } from "../twins/cluster_world.ts";

type Members = readonly WorldWorker[];

/** A job that takes a while on as many workers as it has tasks a chain, disturbed after its first checkpoints. */
async function disturbed(
  context: TestContext,
  workers: number,
  disturb: (world: World, members: Members, leader: WorldCoordinator) => Promise<void>,
): Promise<{ readonly restarts: number; readonly world: World }> {
  const world = new World(await context.freshPlatform());
  world.slowMs = 5;
  const leader = await world.coordinator();
  const members = await world.workers(workers);
  const { engine, tasks } = await leader.leads();
  await world.until("all workers have joined", () => tasks.workers.length === workers);
  const { record } = await engine.submit(clusterJob(workers));
  await world.until("a checkpoint", () => checkpoints(engine, record.jobId) > 1);
  await disturb(world, members, leader);
  let last: Engine = engine;
  if (leader.coordinator.leading === undefined) {
    const [, second] = world.coordinators;
    if (second !== undefined) last = (await second.leads()).engine;
  }
  const view = await last.ended(record.jobId);
  equal([view.status, view.error?.message], ["FINISHED", undefined]);
  equal(world.rows(), expectedRows);
  await world.close();
  return { restarts: view.restartsTotal, world };
}

const checkpoints = (engine: Engine, jobId: string): number => engine.job(jobId).checkpoints?.completedCount ?? 0;

export const cases: readonly Case[] = [
  test("a job is run by several workers, and rows go between them", async (context) => {
    const { restarts, world } = await disturbed(context, 3, async () => undefined);
    equal(restarts, 0, "restarts");
    ok(world.crossings > 0, "rows went from one worker to another");
  }),

  test("a worker that dies is noticed at once, and its tasks go on elsewhere", async (context) => {
    const { restarts } = await disturbed(context, 3, async (world, members, leader) => {
      members[1]?.node.kill();
      await world.until("it is noticed", () => leader.coordinator.leading?.tasks.workers.length === 2);
    });
    ok(restarts > 0, "the job was started again");
  }),

  test("a worker that stands still is given up; when it goes on it ends its tasks and joins anew", async (context) => {
    const { restarts } = await disturbed(context, 2, async (world, members, leader) => {
      const [, still] = members;
      const count = (): number => leader.coordinator.leading?.tasks.workers.length ?? 0;
      still?.node.freeze();
      await world.until("it is given up", () => count() === 1);
      still?.node.thaw();
      await world.until("it is back", () => count() === 2);
    });
    ok(restarts > 0, "the job was started again");
  }),

  test("links between workers break and are opened again: nothing is lost, doubled or started again", async (context) => {
    const { restarts } = await disturbed(context, 3, async (world, members) => {
      for (let round = 0; round < 10; round++) {
        for (const one of members) for (const other of members) world.network.cut(one.node.name, other.node.name);
        await world.platform.timers.sleep(20);
      }
    });
    equal(restarts, 0, "restarts");
  }),

  test("workers that cannot reach each other for too long fail their tasks, which go on when they can", async (context) => {
    const { restarts } = await disturbed(context, 2, async (world, members, leader) => {
      const [one, other] = members.map(({ node }) => node.name);
      world.network.part(one ?? "", other ?? "");
      await world.until(
        "the job starts again",
        () => (leader.coordinator.leading?.engine.list()[0]?.restartsTotal ?? 0) > 0,
      );
      world.network.join(one ?? "", other ?? "");
    });
    ok(restarts > 0, "the job was started again");
  }),

  test("a leader that is cut off from the store stops by its own clock, and another one takes the job over", async (context) => {
    await disturbed(context, 2, async (world, _members, leader) => {
      const second = await world.coordinator();
      leader.sever();
      await world.until("the first has stopped", () => leader.losses.length > 0);
      equal([second.coordinator.leading, leader.losses[0]], [undefined, "expired"]);
      await second.leads();
    });
  }),

  test("a leader that steps down is followed at once, and no job ends", async (context) => {
    await disturbed(context, 2, async (world, _members, leader) => {
      const second = await world.coordinator();
      await leader.coordinator.stop();
      await second.leads();
    });
  }),

  test("without any worker a job fails with what would be right, and only after a while", async (context) => {
    const world = new World(await context.freshPlatform(), { waitMs: 100 });
    const leader = await world.coordinator();
    const { engine } = await leader.leads();
    const { record } = await engine.submit(clusterJob(2, 1));
    const view = await engine.ended(record.jobId);
    equal([view.status, view.error?.code], ["FAILED", "no_workers"]);
    await world.close();
  }),
];
