// Who starts with what: from what a checkpoint holds of every task, whatever their layout was, to what each task of the
// layout that is to run begins with. Pure, so that the same checkpoint always gives the same start.
//
// Invariants:
// - State and splits are matched by operator uid, never by chain: a plan may cut the same operators differently.
// - Every key group of every table reaches exactly the subtask that owns it: from its own parts where the parallelism is
//   the same, else from the parts of every subtask whose key groups overlap its own. The parts of a subtask hold rows of
//   its own key groups only, so the order in which those of several are read does not matter.
// - Every split has exactly one reader, and every pending committable exactly one committer.

import { present } from "../base/assert.ts";
import { corruptionError } from "../base/errors.ts";
import { asCheckpointId, type CheckpointId, type OperatorUid } from "../base/ids.ts";
import { allKeyGroups, type KeyGroupRange, rangeOfSubtask } from "../keygroup/key_group.ts";
import { compareUtf8 } from "../platform/memory_stores.ts";
import { type TaskAddress, taskKey } from "../protocol/messages.ts";
import {
  addCounters,
  type SourceSnapshot,
  type SplitSnapshot,
  type StateRestore,
  type StateSnapshot,
  type TaskCounters,
  type TaskRestore,
  type TaskSnapshot,
  zeroCounters,
} from "../protocol/snapshot.ts";
import { type ChainLayout, type JobLayout, placesOf } from "./layout.ts";

/** Where every task starts, by its key. */
export type Restores = ReadonlyMap<string, TaskRestore>;

/** A first start: nothing but the splits that were enumerated. */
export function distributeSplits(layout: JobLayout, sources: readonly SourceSnapshot[]): Restores {
  return distribute(layout, asCheckpointId(0), [
    { chain: 0, subtask: 0, states: [], sources, pending: [], inputEnded: false, counters: zeroCounters },
  ]);
}

/** Throws `checkpoint_mismatch` for whatever the job has no place for. */
export function distribute(layout: JobLayout, checkpoint: CheckpointId, tasks: readonly TaskSnapshot[]): Restores {
  const states = tablesOf(layout.maxParallelism, tasks);
  const splits = splitsBySource(tasks);
  const pending = tasks.flatMap((task) => task.pending.map((one) => ({ one, subtask: task.subtask })));
  const sinks = pending.map(({ one }) => one.sink);
  refuseHomeless(layout, [...states.keys()], splits, sinks);
  const counters = countersOf(layout, tasks);
  const restores = new Map<string, TaskRestore>();
  for (const chain of layout.chains) {
    for (let subtask = 0; subtask < chain.parallelism; subtask++) {
      const key = taskKey({ chain: chain.id, subtask });
      const owned = rangeOfSubtask(layout.maxParallelism, chain.parallelism, subtask);
      restores.set(key, {
        checkpoint,
        states: chain.operators.flatMap((uid) =>
          (states.get(uid) ?? []).map((table) =>
            table.from.length === chain.parallelism ? ownOf(table, subtask) : restoreOf(table, owned),
          ),
        ),
        sources: chain.sources.flatMap((uid) => sourceOf(uid, splits, chain, subtask)),
        pending: pending
          .filter(({ one, subtask: by }) => chain.sinks.includes(one.sink) && by % chain.parallelism === subtask)
          .map(({ one }) => one),
        counters: counters.get(key) ?? zeroCounters,
      });
    }
  }
  return restores;
}

/** All tables of a checkpoint with all their rows, for a reader that owns every key group. */
export function wholeState(maxParallelism: number, tasks: readonly TaskSnapshot[]): readonly StateRestore[] {
  const range = allKeyGroups(maxParallelism);
  return [...tablesOf(maxParallelism, tasks).values()].flat().map((table) => restoreOf(table, range));
}

/** Every source with all its splits, in the order of their ids. */
export function wholeSources(tasks: readonly TaskSnapshot[]): readonly SourceSnapshot[] {
  return [...splitsBySource(tasks)].map(([uid, splits]) => ({ uid, splits }));
}

export const sumCounters = (tasks: readonly TaskSnapshot[]): TaskCounters =>
  tasks.map((task) => task.counters).reduce(addCounters, zeroCounters);

/** One table with what each subtask that wrote it had, in the order of the subtasks. */
interface Table {
  readonly uid: OperatorUid;
  readonly state: string;
  readonly from: { readonly snapshot: StateSnapshot; readonly owned: KeyGroupRange }[];
}

function tablesOf(maxParallelism: number, tasks: readonly TaskSnapshot[]): Map<OperatorUid, Table[]> {
  const tables = new Map<OperatorUid, Table[]>();
  for (const task of [...tasks].sort((left, right) => left.chain - right.chain || left.subtask - right.subtask)) {
    const parallelism = tasks.filter((one) => one.chain === task.chain).length;
    const owned = rangeOfSubtask(maxParallelism, parallelism, task.subtask);
    for (const snapshot of task.states) {
      const { uid, state } = snapshot;
      const ofOperator = tables.get(uid) ?? [];
      tables.set(uid, ofOperator);
      let table = ofOperator.find((one) => one.state === state);
      if (table === undefined) {
        table = { uid, state, from: [] };
        ofOperator.push(table);
      }
      table.from.push({ snapshot, owned });
    }
  }
  return tables;
}

function ownOf({ uid, state, from }: Table, subtask: number): StateRestore {
  const { scalars, parts } = present(from[subtask], "what every subtask wrote").snapshot;
  return { uid, state, own: true, from: [{ scalars, parts }] };
}

function restoreOf({ uid, state, from }: Table, wanted: KeyGroupRange): StateRestore {
  return {
    uid,
    state,
    own: false,
    from: from.map(({ snapshot: { scalars, parts }, owned }) => ({
      scalars,
      parts: owned.start < wanted.end && wanted.start < owned.end ? parts : [],
    })),
  };
}

function splitsBySource(tasks: readonly TaskSnapshot[]): Map<OperatorUid, SplitSnapshot[]> {
  const sources = new Map<OperatorUid, SplitSnapshot[]>();
  for (const { uid, splits } of tasks.flatMap((task) => task.sources)) {
    sources.set(uid, [...(sources.get(uid) ?? []), ...splits]);
  }
  for (const [uid, splits] of sources) {
    splits.sort((left, right) => compareUtf8(left.id, right.id));
    const twice = splits.find((split, index) => split.id === splits[index + 1]?.id);
    if (twice !== undefined) throw mismatch(`split "${twice.id}" of source "${uid}" has two readers`);
  }
  return sources;
}

/** In turn, so that the counts differ by at most one. A source without any split still has its (empty) entry. */
function sourceOf(
  uid: OperatorUid,
  sources: ReadonlyMap<OperatorUid, readonly SplitSnapshot[]>,
  chain: ChainLayout,
  subtask: number,
): SourceSnapshot[] {
  const splits = sources.get(uid);
  if (splits === undefined) return [];
  return [{ uid, splits: splits.filter((_split, index) => index % chain.parallelism === subtask) }];
}

const addresses = (tasks: readonly TaskAddress[]): string => tasks.map(taskKey).sort().join();

/** In the same layout each task's own, else all in the first task: sums stay true, shares cannot. */
function countersOf(layout: JobLayout, tasks: readonly TaskSnapshot[]): ReadonlyMap<string, TaskCounters> {
  const places = placesOf(layout);
  if (addresses(places.map((one) => one.address)) === addresses(tasks)) {
    return new Map(tasks.map((task) => [taskKey(task), task.counters]));
  }
  return new Map([[present(places[0], "the first task").key, sumCounters(tasks)]]);
}

function refuseHomeless(
  layout: JobLayout,
  stateful: readonly OperatorUid[],
  sources: ReadonlyMap<OperatorUid, unknown>,
  sinks: readonly OperatorUid[],
): void {
  const has = (kind: "operators" | "sources" | "sinks", uid: OperatorUid): boolean =>
    layout.chains.some((chain) => chain[kind].includes(uid));
  for (const uid of stateful) if (!has("operators", uid)) throw homeless("state of operator", uid);
  for (const uid of sources.keys()) if (!has("sources", uid)) throw homeless("splits of source", uid);
  for (const sink of sinks) if (!has("sinks", sink)) throw homeless("uncommitted output of sink", sink);
}

const homeless = (what: string, uid: OperatorUid) => mismatch(`it holds ${what} "${uid}", which the job does not have`);

const mismatch = (why: string) =>
  corruptionError("checkpoint_mismatch", "checkpoint", `the checkpoint does not fit the job: ${why}`);
