// One of several coordinators leads, by a lease on the store's clock.

import { leaseFence, LeaseKeeper } from "../../src/coordinator/lease_keeper.ts";
import {
  initialLeaseState,
  isLeading,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  leaseTimes,
  stepLease,
} from "../../src/coordinator/lease.ts";
import { leaseEpochKey, MemoryLeaseStore } from "../../src/platform/lease_table.ts";
import { MemoryMetadataStore } from "../../src/platform/memory_stores.ts";
import type { LeaseClaim, LeaseStore, MetadataStore, Timers } from "../../src/platform/ports.ts";
import { SqlLeaseStore } from "../../src/platform/sql_lease_store.ts";
import { SqlMetadataStore } from "../../src/platform/sql_metadata_store.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { runLeaseSeed } from "../twins/lease_world.ts";

interface Stores {
  readonly leases: LeaseStore;
  readonly metadata: MetadataStore;
  /** Lets the store's clock go on. */
  readonly pass: Timers["sleep"];
}

const storeCase = (name: string, run: (stores: Stores) => Promise<void>): Case =>
  test(`store: ${name}`, async (context) => {
    const memory = new MemoryMetadataStore();
    let nowMs = 1_700_000_000_000;
    const pass = async (delayMs: number): Promise<void> => {
      nowMs += delayMs;
    };
    await run({ leases: new MemoryLeaseStore(memory, () => nowMs), metadata: memory, pass });
    const { tables, timers } = await context.freshPlatform();
    const metadata = await SqlMetadataStore.open(tables);
    await SqlLeaseStore.prepare(tables);
    await run({ leases: new SqlLeaseStore(tables), metadata, pass: (delayMs) => timers.sleep(delayMs) });
  });

const claim = (holder: string, epoch: number, ttlMs = 60_000): LeaseClaim => ({ name: "l", holder, epoch, ttlMs });

const TIMES = leaseTimes(1000, 0);

/** Feeds events at their times; returns the state and all that was asked for. */
function played(events: readonly (readonly [atMs: number, event: LeaseEvent])[]): {
  readonly state: LeaseState;
  readonly effects: readonly LeaseEffect[];
} {
  let state = initialLeaseState;
  const effects: LeaseEffect[] = [];
  for (const [atMs, event] of events) {
    const [next, more] = stepLease(state, event, atMs, TIMES);
    state = next;
    effects.push(...more);
  }
  return { state, effects: effects.filter((one) => one.kind !== "wake") };
}

const tick: LeaseEvent = { kind: "tick" };
const answered = (call: number, done = true): LeaseEvent => ({ kind: "answered", call, done });
const freeAt = (epoch: number): LeaseEvent => ({
  kind: "read",
  call: 1,
  record: { epoch, holder: "", remainingMs: 0 },
  own: false,
});
/** Read at 100, take sent at 110, answered at 150. */
const LEADS = [
  [100, tick],
  [110, freeAt(6)],
  [150, answered(2)],
] as const;
const calls = (effects: readonly LeaseEffect[]): readonly string[] =>
  effects.flatMap((one) => (one.kind === "call" ? [`${one.what} ${one.epoch}`] : []));
const told = (effects: readonly LeaseEffect[]): readonly string[] =>
  effects.flatMap((one) =>
    one.kind === "lead" ? [`lead ${one.epoch}`] : one.kind === "lose" ? [`lose ${one.epoch} ${one.reason}`] : [],
  );

const storeCases: readonly Case[] = [
  storeCase("a free lease is taken by one, and its epoch is a counter of the metadata", async (stores) => {
    const { leases, metadata } = stores;
    equal(await leases.read("l"), { epoch: 0, holder: "", remainingMs: 0 });
    equal(await leases.take(claim("a", 0)), true);
    equal(await leases.take(claim("b", 0)), false, "the epoch has gone on");
    equal(await leases.take(claim("b", 1)), false, "it has not run out");
    const held = await leases.read("l");
    equal([held.epoch, held.holder], [1, "a"]);
    ok(held.remainingMs > 30_000 && held.remainingMs <= 60_000, `it runs for ${held.remainingMs} ms`);
    equal(await metadata.getCounter(leaseEpochKey("l")), 1);
    equal((await leases.read("other")).epoch, 0, "leases are apart");
  }),

  storeCase("of many claimants at once, one takes it", async ({ leases }) => {
    const taken = await Promise.all(Array.from({ length: 12 }, (_none, n) => leases.take(claim(`h${n}`, 0))));
    equal(taken.filter((one) => one).length, 1);
    equal((await leases.read("l")).holder, `h${taken.indexOf(true)}`);
  }),

  storeCase("a lease that ran out is taken, and its last holder can change nothing any more", async (stores) => {
    const { leases, pass } = stores;
    equal(await leases.take(claim("a", 0, 150)), true);
    equal(await leases.renew(claim("a", 1, 150)), true);
    await pass(200);
    equal((await leases.read("l")).remainingMs, 0);
    equal(await leases.take(claim("b", 1)), true);
    equal(await leases.renew(claim("a", 1)), false);
    equal(await leases.renew(claim("a", 2)), false, "not with the epoch of another either");
    equal(await leases.release(claim("a", 1)), false);
    const held = await leases.read("l");
    equal([held.epoch, held.holder], [2, "b"]);
  }),

  storeCase("a renewed lease runs on from the renewal", async ({ leases, pass }) => {
    await leases.take(claim("a", 0, 1));
    await pass(20);
    equal(await leases.renew(claim("a", 1)), true, "nobody has taken it since");
    ok((await leases.read("l")).remainingMs > 30_000, "it runs");
    equal(await leases.take(claim("b", 1)), false);
  }),

  storeCase("a released lease is free at once, and its epoch stays", async ({ leases }) => {
    await leases.take(claim("a", 0));
    equal(await leases.release(claim("b", 1)), false);
    equal(await leases.release(claim("a", 1)), true);
    equal(await leases.read("l"), { epoch: 1, holder: "", remainingMs: 0 });
    equal(await leases.renew(claim("a", 1)), false, "a renewal that comes late finds nothing to renew");
    equal(await leases.take(claim("b", 1)), true);
    equal((await leases.read("l")).epoch, 2);
  }),

  storeCase("a holder whose take was not answered takes its own lease again", async ({ leases }) => {
    await leases.take(claim("a", 0));
    equal(await leases.take(claim("a", 0)), false, "the first call, once more and late");
    equal(await leases.take(claim("a", 1)), true);
    equal((await leases.read("l")).epoch, 2);
  }),

  storeCase("what was begun under an epoch is refused once another has taken the lease", async (stores) => {
    const { leases, metadata, pass } = stores;
    await leases.take(claim("a", 0, 100));
    const act = (epoch: number, key: string) =>
      metadata.commit([leaseFence("l", epoch)], [{ kind: "put_counter", key, value: 1 }]);
    equal(await act(1, "in time"), { kind: "committed" });
    await pass(150);
    equal(await act(1, "nobody followed"), { kind: "committed" }, "the lease alone fences nothing");
    await leases.take(claim("b", 1));
    equal(await act(1, "late"), { kind: "refused", guard: 0 });
    equal([await metadata.getCounter("nobody followed"), await metadata.getCounter("late")], [1, 0]);
  }),

  test("store: a database clock that went back far keeps no dead holder's lease", async () => {
    const memory = new MemoryMetadataStore();
    let nowMs = 1_700_000_000_000;
    const leases = new MemoryLeaseStore(memory, () => nowMs);
    await leases.take(claim("a", 0, 1000));
    nowMs -= 500;
    equal((await leases.read("l")).remainingMs, 1500, "a small step back costs a living holder nothing");
    equal(await leases.take(claim("b", 1, 1000)), false);
    nowMs -= 600_000;
    equal((await leases.read("l")).remainingMs, 0);
    equal(await leases.take(claim("b", 1, 1000)), true);
  }),
];

const protocolCases: readonly Case[] = [
  test("a free lease is taken and led under the next epoch", () => {
    const { state, effects } = played(LEADS);
    equal(calls(effects), ["read 0", "take 6"]);
    equal(told(effects), ["lead 7"]);
    equal(state.deadlineMs, 110 + 1000 - 250, "counted from when the take was sent");
    equal([isLeading(state, 859.9), isLeading(state, 860)], [true, false]);
  }),

  test("whoever finds the lease held waits for its end, and looks now and then for a release", () => {
    const held = (remainingMs: number): LeaseEvent => ({
      kind: "read",
      call: 1,
      record: { epoch: 3, holder: "x", remainingMs },
      own: false,
    });
    equal(
      played([
        [0, tick],
        [10, held(40)],
      ]).state.nextMs,
      51,
    );
    equal(
      played([
        [0, tick],
        [10, held(900)],
      ]).state.nextMs,
      10 + TIMES.lookEveryMs,
    );
  }),

  test("an answer that comes when the lease could be over already is not acted on", () => {
    const slow = { ...TIMES, callMs: 5000 };
    let state = initialLeaseState;
    const all: LeaseEffect[] = [];
    for (const [atMs, event] of [
      [0, tick],
      [0, freeAt(1)],
      [750, answered(2)],
    ] as const) {
      const [next, effects] = stepLease(state, event, atMs, slow);
      state = next;
      all.push(...effects);
    }
    equal(told(all), []);
    equal(calls(all).at(-1), "read 1", "it looks again and finds its own lease");
  }),

  test("a renewal moves the deadline from when it was sent", () => {
    const { state, effects } = played([...LEADS, [370, tick], [420, answered(3)]]);
    equal(calls(effects).at(-1), "renew 7");
    equal(state.deadlineMs, 370 + 750);
  }),

  test("a leader whose renewal is refused leads no more", () => {
    const { state, effects } = played([...LEADS, [370, tick], [380, answered(3, false)]]);
    equal(told(effects), ["lead 7", "lose 7 taken"]);
    equal([state.status, calls(effects).at(-1)], ["LOOKING", "read 7"]);
  }),

  test("a leader whose renewals fail tries until its time is up, and stops then", () => {
    const { effects } = played([
      ...LEADS,
      [370, tick],
      [400, { kind: "failed", call: 3 }],
      [450, tick],
      [450 + TIMES.callMs, tick],
      [850, tick],
      [861, tick],
      [870, answered(5)],
    ]);
    equal(calls(effects).filter((one) => one === "renew 7").length, 3, "renewals");
    equal(told(effects), ["lead 7", "lose 7 expired"], "an answer after the deadline brings nothing back");
  }),

  test("a process that was paused beyond its lease finds out before anything else", () => {
    const { state, effects } = played([...LEADS, [5000, answered(3)]]);
    equal(told(effects), ["lead 7", "lose 7 expired"]);
    equal(state.status, "LOOKING");
  }),

  test("a take whose answer is lost is found by looking, and taken again", () => {
    const own: LeaseEvent = { kind: "read", call: 3, record: { epoch: 7, holder: "me", remainingMs: 800 }, own: true };
    const { effects } = played([
      [100, tick],
      [110, freeAt(6)],
      [150, { kind: "failed", call: 2 }],
      [200, tick],
      [210, own],
      [220, answered(4)],
    ]);
    equal(calls(effects), ["read 0", "take 6", "read 6", "take 7"]);
    equal(told(effects), ["lead 8"]);
  }),

  test("a leader that is to stop stops at once and gives the lease back", () => {
    const { state, effects } = played([...LEADS, [200, { kind: "release_wanted" }], [210, answered(3)]]);
    equal(told(effects), ["lead 7", "lose 7 released"]);
    equal([calls(effects).at(-1), state.status], ["release 7", "RELEASED"]);
  }),

  test("one that is to stop while its take is under way gives back what that took", () => {
    const stopping = [
      [100, tick],
      [110, freeAt(6)],
      [120, { kind: "release_wanted" }],
    ] as const;
    const taken = played([...stopping, [130, answered(2)], [140, answered(3)]]);
    equal([calls(taken.effects).at(-1), taken.state.status], ["release 7", "RELEASED"]);
    const lost = played([...stopping, [130, { kind: "failed", call: 2 }], [140, answered(3)]]);
    equal([calls(lost.effects).at(-1), lost.state.status], ["release 7", "RELEASED"]);
    const refused = played([...stopping, [130, answered(2, false)]]);
    equal([calls(refused.effects).at(-1), refused.state.status], ["take 6", "RELEASED"]);
    equal(told([...taken.effects, ...lost.effects, ...refused.effects]), [], "nobody was told that it leads");
  }),

  test("a release that fails ends all the same", () => {
    const { state } = played([...LEADS, [200, { kind: "release_wanted" }], [210, { kind: "failed", call: 3 }]]);
    equal(state.status, "RELEASED");
  }),
];

export const cases: readonly Case[] = [
  ...storeCases,
  ...protocolCases,

  test("a coordinator that stops hands over at once, over the real store", async (context) => {
    const { tables, clock, timers, entropy, log } = await context.freshPlatform();
    await SqlMetadataStore.open(tables);
    await SqlLeaseStore.prepare(tables);
    const leases = new SqlLeaseStore(tables);
    const led: string[] = [];
    const keeper = (who: string): LeaseKeeper =>
      new LeaseKeeper({
        ...{ leases, clock, timers, entropy, log, name: "c", ttlMs: 4000 },
        onLead: (epoch) => led.push(`${who} leads ${epoch}`),
        onLose: (epoch, reason) => led.push(`${who} loses ${epoch} ${reason}`),
      });
    const until = async (done: () => boolean): Promise<void> => {
      for (let waits = 0; !done(); waits++) {
        ok(waits < 300, `it takes too long: ${led.join(", ")}`);
        await timers.sleep(10);
      }
    };
    const [a, b] = [keeper("a"), keeper("b")];
    a.start();
    await until(() => a.leading() !== undefined);
    b.start();
    await a.stop();
    await until(() => b.leading() !== undefined);
    equal([a.leading(), b.leading()], [undefined, 2]);
    await b.stop();
    equal(led, ["a leads 1", "a loses 1 released", "b leads 2", "b loses 2 released"]);
  }),

  test("in 25 seeded lives of coordinators at most one leads at a time, and in the end one does", async () => {
    const sum = { leads: 0, actsRefused: 0 };
    for (let seed = 1; seed <= 25; seed++) {
      const { problem, figures } = await runLeaseSeed(seed);
      ok(problem === undefined, problem ?? "");
      sum.leads += figures.leads;
      sum.actsRefused += figures.actsRefused;
    }
    ok(sum.leads > 50 && sum.actsRefused > 10, `the seeds exercise something: ${JSON.stringify(sum)}`);
  }),
];
