// What each task starts with: from any layout to any other, nothing is lost and nothing comes twice.

import { asCheckpointId, asOperatorUid, asSplitId } from "../../src/base/ids.ts";
import { type Prng, seededPrng } from "../../src/base/prng.ts";
import {
  distribute,
  distributeSplits,
  sumCounters,
  wholeSources,
  wholeState,
} from "../../src/coordinator/distribution.ts";
import type { ChainLayout, JobLayout } from "../../src/coordinator/layout.ts";
import { placesOf } from "../../src/coordinator/layout.ts";
import { inRange, rangeOfSubtask } from "../../src/keygroup/key_group.ts";
import {
  addCounters,
  type PartRef,
  type StateRestore,
  type TaskRestore,
  type TaskSnapshot,
  zeroCounters,
} from "../../src/protocol/snapshot.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { at, layout, snapshot } from "../support/coordinator_fixture.ts";

const checkpoint = asCheckpointId(4);
const MAX_PARALLELISM = 8;
const uids = { sources: ["s0", "s1"], operators: ["w", "j"], sinks: ["out", "other"] } as const;
const tables: Readonly<Record<string, readonly string[]>> = { w: ["windows"], j: ["left", "right"] };

/** The same operators, cut and spread in any way. */
function randomLayout(prng: Prng): JobLayout {
  const chains: (Omit<ChainLayout, "id"> & { sources: never[]; operators: never[]; sinks: never[] })[] = [];
  const count = 1 + prng.below(3);
  for (let id = 0; id < count; id++) {
    const empty = { sources: [] as never[], operators: [] as never[], sinks: [] as never[] };
    chains.push({ parallelism: 1 + prng.below(MAX_PARALLELISM), region: 0, ...empty });
  }
  for (const kind of ["sources", "operators", "sinks"] as const) {
    for (const uid of uids[kind]) (prng.pick(chains)[kind] as unknown[]).push(asOperatorUid(uid));
  }
  return { maxParallelism: MAX_PARALLELISM, chains: chains.map((chain, id) => ({ ...chain, id })) };
}

const partOf = (name: string): PartRef => ({ name, byteLength: 1, sha256: "", rowCount: 1, expiresAt: null });

/** What the tasks of a layout could have written, each part named by the key groups that it holds rows of. */
function randomSnapshots(of: JobLayout, prng: Prng): TaskSnapshot[] {
  let splits = 0;
  return placesOf(of).map(({ address, key }) => {
    const chain = of.chains[address.chain] as ChainLayout;
    const range = rangeOfSubtask(of.maxParallelism, chain.parallelism, address.subtask);
    const states = chain.operators.flatMap((uid) =>
      (tables[uid] as readonly string[]).map((state) => {
        const parts = Array.from({ length: prng.below(3) }, (_none, index) =>
          partOf(`${range.start}-${range.end}/${uid}/${state}/${index}`),
        );
        return { uid, state, parts, scalars: { key } };
      }),
    );
    const sources = chain.sources.map((uid) => ({
      uid,
      splits: Array.from({ length: prng.below(4) }, () => {
        const id = asSplitId(`${uid}-${splits++}`);
        return { id, detail: null, position: key, finished: false, timestampMax: null };
      }),
    }));
    const pending = chain.sinks.flatMap((sink) =>
      Array.from({ length: prng.below(3) }, (_none, count) => {
        const index = address.subtask * 1000 + count;
        return { sink, checkpoint: asCheckpointId(prng.below(5)), index, part: partOf(`${sink}/${index}`) };
      }),
    );
    const counters = { ...zeroCounters, rowsIn: prng.below(100), rowsOut: prng.below(100) };
    return { ...address, states, sources, pending, inputEnded: false, counters };
  });
}

const sorted = (texts: readonly string[]): string[] => [...texts].sort();

function rowsOf(of: JobLayout, restores: ReadonlyMap<string, TaskRestore>): string[] {
  const found: string[] = [];
  for (const { key, address } of placesOf(of)) {
    const { parallelism } = of.chains[address.chain] as ChainLayout;
    const owned = rangeOfSubtask(of.maxParallelism, parallelism, address.subtask);
    for (const state of restores.get(key)?.states ?? []) found.push(...rowsTaken(state, owned));
  }
  return sorted(found);
}

/** `table/part/key group` of every row that a task with these key groups takes out of the parts. */
function rowsTaken({ uid, state, from }: StateRestore, owned: { start: number; end: number }): string[] {
  const found: string[] = [];
  for (const { name } of from.flatMap((one) => one.parts)) {
    const [start, end] = (name.split("/")[0] as string).split("-").map(Number) as [number, number];
    for (let group = start; group < end; group++) {
      if (inRange(owned, group)) found.push(`${uid}/${state}/${name}/${group}`);
    }
  }
  return found;
}

const everything = { start: 0, end: MAX_PARALLELISM };
const sumOf = (restores: ReadonlyMap<string, TaskRestore>) =>
  [...restores.values()].map((one) => one.counters).reduce(addCounters);

function nothingLostOrDoubled(seed: number): void {
  const prng = seededPrng(seed);
  const before = randomLayout(prng);
  const tasks = randomSnapshots(before, prng);
  const after = prng.chance(0.2) ? before : randomLayout(prng);
  const restores = distribute(after, checkpoint, prng.chance(0.5) ? tasks : [...tasks].reverse());
  const where = `seed ${seed}`;
  equal(sorted([...restores.keys()]), sorted(placesOf(after).map((one) => one.key)), where);
  const written = wholeState(MAX_PARALLELISM, tasks).flatMap((one) => rowsTaken(one, everything));
  equal(rowsOf(after, restores), sorted(written), `${where}: rows`);
  const starts = [...restores.values()];
  const splitsOf = (sources: TaskRestore["sources"]) =>
    sources.flatMap(({ uid, splits }) => splits.map((split) => `${uid}/${split.id}/${String(split.position)}`));
  equal(
    sorted(starts.flatMap((one) => splitsOf(one.sources))),
    sorted(tasks.flatMap((one) => splitsOf(one.sources))),
    `${where}: splits`,
  );
  const committables = (of: readonly Pick<TaskRestore, "pending">[]) =>
    sorted(of.flatMap((one) => one.pending.map(({ sink, checkpoint: at, index }) => `${sink}/${at}/${index}`)));
  equal(committables(starts), committables(tasks), `${where}: committables`);
  equal(sumOf(restores), sumCounters(tasks), `${where}: counters`);
  for (const { key, address } of placesOf(after)) homes(after, restores.get(key) as TaskRestore, address.chain, where);
}

/** Each thing is with the chain that has its operator, and splits are spread evenly. */
function homes(of: JobLayout, restore: TaskRestore, chain: number, where: string): void {
  const has = of.chains[chain] as ChainLayout;
  ok(
    restore.states.every((one) => has.operators.includes(one.uid)),
    `${where}: state at home`,
  );
  ok(
    restore.sources.every((one) => has.sources.includes(one.uid)),
    `${where}: splits at home`,
  );
  ok(
    restore.pending.every((one) => has.sinks.includes(one.sink)),
    `${where}: committables at home`,
  );
}

const keyed = (parallelism: number): JobLayout => layout({ parallelism, region: 0, operators: ["w"] });
const written = (parallelism: number): TaskSnapshot[] =>
  Array.from({ length: parallelism }, (_none, subtask) => ({
    ...snapshot(`1.${subtask}`, "1"),
    chain: 0,
    pending: [],
  }));

export const cases: readonly Case[] = [
  test("from any layout to any layout, rows, splits, committables and counts are all there, each once", () => {
    for (let seed = 1; seed <= 300; seed++) nothingLostOrDoubled(seed);
  }),
  test("under the same parallelism a task starts from its own parts alone, and may build on them", () => {
    const restores = distribute(keyed(3), checkpoint, written(3));
    for (const subtask of [0, 1, 2]) {
      const [state] = restores.get(`0.${subtask}`)?.states ?? [];
      equal(state?.own, true);
      equal(
        state?.from.map((one) => one.parts.map((part) => part.name)),
        [[`1.${subtask}/1`]],
      );
    }
  }),
  test("under another parallelism a task hears of every former one, and reads the parts that overlap its key groups", () => {
    const restores = distribute(keyed(2), checkpoint, written(4));
    const [state] = restores.get("0.1")?.states ?? [];
    equal(state?.own, false);
    equal(
      state?.from.map((one) => one.parts.map((part) => part.name)),
      [[], [], ["1.2/1"], ["1.3/1"]],
    );
    equal(distribute(keyed(4), checkpoint, written(2)).get("0.0")?.states[0]?.from[0]?.parts.length, 1);
    equal(distribute(keyed(4), checkpoint, written(2)).get("0.0")?.states[0]?.from[1]?.parts.length, 0);
  }),
  test("splits are dealt out in the order of their ids, so that counts differ by at most one", () => {
    const of = layout({ parallelism: 3, region: 0, sources: ["s"] });
    const splits = ["d", "b", "e", "a", "c"].map((id) => {
      return { id: asSplitId(id), detail: null, position: null, finished: false, timestampMax: null };
    });
    const restores = distributeSplits(of, [{ uid: asOperatorUid("s"), splits }]);
    const ids = [0, 1, 2].map((subtask) => restores.get(`0.${subtask}`)?.sources[0]?.splits.map((split) => split.id));
    equal(ids, [["a", "d"], ["b", "e"], ["c"]]);
    equal(restores.get("0.0")?.checkpoint, asCheckpointId(0));
  }),
  test("a task without a split knows that its source has none for it", () => {
    const of = layout({ parallelism: 2, region: 0, sources: ["s"] });
    const restores = distributeSplits(of, [{ uid: asOperatorUid("s"), splits: [] }]);
    equal(restores.get("0.1")?.sources, [{ uid: asOperatorUid("s"), splits: [] }]);
  }),
  test("in the same layout each task counts on from where it was, in another the first one counts for all", () => {
    const tasks = written(2).map((task, index) => ({ ...task, counters: { ...zeroCounters, rowsIn: index + 1 } }));
    const same = distribute(keyed(2), checkpoint, tasks);
    equal(
      ["0.0", "0.1"].map((key) => same.get(key)?.counters.rowsIn),
      [1, 2],
    );
    const other = distribute(keyed(3), checkpoint, tasks);
    equal(
      ["0.0", "0.1", "0.2"].map((key) => other.get(key)?.counters.rowsIn),
      [3, 0, 0],
    );
  }),
  test("committables of one former subtask stay together, so that they are committed in their order", () => {
    const of = layout({ parallelism: 2, region: 0, sinks: ["out"] });
    const sink = asOperatorUid("out");
    const tasks = [0, 1, 2].map((subtask): TaskSnapshot => {
      const pending = [1, 2].map((of) => ({ sink, checkpoint: asCheckpointId(of), index: subtask, part: partOf("p") }));
      return { ...at(`0.${subtask}`), states: [], sources: [], pending, inputEnded: false, counters: zeroCounters };
    });
    const restores = distribute(of, checkpoint, tasks);
    equal(
      ["0.0", "0.1"].map((key) => restores.get(key)?.pending.map((one) => `${one.index}@${one.checkpoint}`)),
      [
        ["0@1", "0@2", "2@1", "2@2"],
        ["1@1", "1@2"],
      ],
    );
  }),
  test("a split that two tasks of a checkpoint read is refused", async () => {
    const split = { id: asSplitId("a"), detail: null, position: null, finished: false, timestampMax: null };
    const tasks = [0, 1].map((subtask): TaskSnapshot => {
      const sources = [{ uid: asOperatorUid("s"), splits: [split] }];
      return { ...at(`0.${subtask}`), states: [], sources, pending: [], inputEnded: false, counters: zeroCounters };
    });
    const of = layout({ parallelism: 2, region: 0, sources: ["s"] });
    const error = await rejects(() => distribute(of, checkpoint, tasks), "checkpoint_mismatch");
    ok(error.message.includes('split "a"'), "the split is named");
  }),
  test("state, splits or output of an operator that the job does not have is refused with its name", async () => {
    const tasks = randomSnapshots(
      { maxParallelism: 8, chains: [{ ...(keyed(1).chains[0] as ChainLayout), sinks: [asOperatorUid("out")] }] },
      seededPrng(5),
    );
    const full = tasks.map((task) => ({
      ...task,
      pending: [{ sink: asOperatorUid("out"), checkpoint, index: 0, part: partOf("p") }],
      sources: [{ uid: asOperatorUid("s"), splits: [] }],
    }));
    const refuses = async (of: JobLayout, name: string): Promise<void> => {
      const error = await rejects(() => distribute(of, checkpoint, full), "checkpoint_mismatch");
      ok(error.message.includes(`"${name}"`), error.message);
    };
    await refuses(layout({ parallelism: 1, region: 0, sources: ["s"], sinks: ["out"] }), "w");
    await refuses(layout({ parallelism: 1, region: 0, operators: ["w"], sinks: ["out"] }), "s");
    await refuses(layout({ parallelism: 1, region: 0, operators: ["w"], sources: ["s"] }), "out");
  }),
  test("a savepoint has every table once, with the scalars of each subtask, and every source with all its splits", () => {
    const prng = seededPrng(3);
    const of = randomLayout(prng);
    const tasks = randomSnapshots(of, prng);
    const whole = wholeState(MAX_PARALLELISM, tasks);
    equal(sorted(whole.map((one) => `${one.uid}/${one.state}`)), ["j/left", "j/right", "w/windows"]);
    for (const { uid, from } of whole) {
      const chain = of.chains.find((one) => one.operators.includes(uid)) as ChainLayout;
      equal(
        from.map((one) => one.scalars),
        placesOf(of)
          .filter((one) => one.address.chain === chain.id)
          .map(({ key }) => ({ key })),
      );
    }
    const ids = wholeSources(tasks).map(({ splits }) => splits.map((split) => split.id));
    for (const one of ids) equal(one, sorted(one) as never);
  }),
];
