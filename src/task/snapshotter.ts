// A task's part in a checkpoint: gather what changed (synchronously, at the barrier), then upload it (while rows flow).
//
// Invariants:
// - A delta holds every change since the last checkpoint that is known to be durable: one that was abandoned
//   leaves its changes, and its staged output, to the next.
// - What `upload` returns names only parts whose `put` has resolved.

import { assert } from "../base/assert.ts";
import type { CheckpointId, OperatorUid } from "../base/ids.ts";
import { describePart, type PartScope } from "../checkpoint/parts.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { committableIndex, type SinkWriter } from "../connectors/sink.ts";
import type { KeyedState } from "../operators/keyed_state.ts";
import type { Platform } from "../platform/platform.ts";
import type { CheckpointCosts, TaskAddress } from "../protocol/messages.ts";
import type {
  PartRef,
  SourceSnapshot,
  StateRestore,
  StateSnapshot,
  TaskCounters,
  TaskSnapshot,
} from "../protocol/snapshot.ts";
import type { Committer, Staged } from "./committer.ts";
import type { Compactor } from "./compactor.ts";
import { type StatePart, statePart } from "./state_part.ts";

interface GatheredState {
  readonly state: KeyedState;
  /** `batches` are all there is, not only what changed. */
  readonly whole: boolean;
  readonly batches: readonly RecordBatch[];
  readonly scalars: StateSnapshot["scalars"];
  /** The operator's, at the barrier. */
  readonly watermark: bigint;
}

/** What the task knows of itself at the barrier. */
export interface BarrierFacts {
  readonly sources: readonly SourceSnapshot[];
  readonly inputEnded: boolean;
  readonly counters: TaskCounters;
  readonly alignMs: number;
}

/** Everything that belongs to one checkpoint, out of reach of the rows that follow the barrier. */
export interface Gathered {
  readonly checkpoint: CheckpointId;
  readonly epoch: number;
  readonly states: readonly GatheredState[];
  readonly facts: BarrierFacts;
  /** The committables that the manifest must list, as of the barrier. */
  readonly staged: readonly Staged[];
  readonly gatherMs: number;
}

export interface SnapshotterWiring {
  readonly platform: Platform;
  readonly scope: PartScope;
  readonly task: TaskAddress;
  readonly states: readonly KeyedState[];
  readonly writers: ReadonlyMap<OperatorUid, SinkWriter>;
  readonly committer: Committer;
  readonly compactor: Compactor;
}

export class Snapshotter {
  readonly #wiring: SnapshotterWiring;
  /** The epoch that rows are stamped with now. */
  #epoch = 1;
  /** Everything up to this epoch is in a durable checkpoint. */
  #durableEpoch = 0;
  readonly #inFlight = new Map<CheckpointId, { readonly epoch: number; readonly states: readonly StateSnapshot[] }>();
  /** States whose durable parts are not this task's alone: a checkpoint must hold all of them before deltas do. */
  readonly #baseless = new Set<KeyedState>();

  constructor(wiring: SnapshotterWiring) {
    this.#wiring = wiring;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** The state has been brought back; `restore` says what the next checkpoint may build on. */
  restored(state: KeyedState, restore: StateRestore): void {
    state.completed(0);
    const [first, ...others] = restore.from;
    if (!restore.own || first === undefined || others.length > 0) {
      this.#baseless.add(state);
      return;
    }
    const { uid, name } = state;
    this.#wiring.compactor.restored({ uid, state: name, ...first });
  }

  /** The synchronous part. */
  gather(checkpoint: CheckpointId, facts: BarrierFacts): Gathered {
    const { platform, states, writers, committer, task } = this.#wiring;
    const startedMs = platform.clock.monotonicMs();
    const gathered = states.map((state) => {
      const whole = this.#baseless.has(state);
      const batches = state.gather(whole ? -1 : this.#durableEpoch);
      return { state, whole, batches, scalars: state.scalars(), watermark: state.watermark };
    });
    for (const [sink, writer] of writers) {
      writer.stage().forEach((bytes, count) => {
        const index = committableIndex(task.subtask, count);
        committer.add({ sink, checkpoint, index, bytes, part: undefined });
      });
    }
    const epoch = this.#epoch++;
    const gatherMs = platform.clock.monotonicMs() - startedMs;
    return { checkpoint, epoch, states: gathered, facts, staged: [...committer.staged], gatherMs };
  }

  /** The asynchronous part; resolves when every part is durable. */
  async upload(gathered: Gathered): Promise<{ snapshot: TaskSnapshot; costs: CheckpointCosts }> {
    const { platform, compactor } = this.#wiring;
    const startedMs = platform.clock.monotonicMs();
    let deltaBytes = 0;
    let deltaRows = 0;
    const states: StateSnapshot[] = [];
    for (const { state, whole, batches, scalars, watermark } of gathered.states) {
      const store = (part: StatePart): Promise<PartRef> => this.#store(gathered.checkpoint, part.bytes, part);
      const parts = whole ? [] : await compactor.parts(state, watermark, store);
      if (batches.length > 0) {
        const part = await store(statePart(state, batches));
        deltaBytes += part.byteLength;
        deltaRows += part.rowCount;
        parts.push(part);
      }
      states.push({ uid: state.uid, state: state.name, parts, scalars });
    }
    for (const one of gathered.staged) {
      if (one.part !== undefined) continue;
      const part = await this.#store(gathered.checkpoint, one.bytes, { rowCount: 0, expiresAt: undefined });
      // A later checkpoint may have stored it meanwhile and be durable by now: the part that it names must stay.
      one.part ??= part;
    }
    this.#inFlight.set(gathered.checkpoint, { epoch: gathered.epoch, states });
    compactor.rest();
    const snapshot = this.#snapshotOf(gathered, states);
    const uploadMs = platform.clock.monotonicMs() - startedMs;
    const { gatherMs, facts } = gathered;
    return { snapshot, costs: { alignMs: facts.alignMs, gatherMs, uploadMs, deltaBytes, deltaRows } };
  }

  #snapshotOf(gathered: Gathered, states: readonly StateSnapshot[]): TaskSnapshot {
    const pending = gathered.staged.map(({ sink, checkpoint, index, part }) => {
      assert(part !== undefined, "every listed committable is durable");
      return { sink, checkpoint, index, part };
    });
    const { sources, inputEnded, counters } = gathered.facts;
    return { ...this.#wiring.task, states, sources, pending, inputEnded, counters };
  }

  async #store(checkpoint: CheckpointId, bytes: Uint8Array, content: Omit<StatePart, "bytes">): Promise<PartRef> {
    const { platform, scope } = this.#wiring;
    const part = describePart(platform.digest, scope, checkpoint, bytes, content);
    platform.stages.enter("uploading", { checkpoint });
    await platform.blobs.put(part.name, bytes);
    return part;
  }

  /** The manifest of `checkpoint` is durable. */
  completed(checkpoint: CheckpointId): void {
    const done = this.#inFlight.get(checkpoint);
    if (done === undefined) return;
    for (const one of [...this.#inFlight.keys()]) if (one <= checkpoint) this.#inFlight.delete(one);
    assert(done.epoch > this.#durableEpoch, "checkpoints become durable in order");
    this.#durableEpoch = done.epoch;
    for (const state of this.#wiring.states) {
      state.completed(done.epoch);
      this.#baseless.delete(state);
      const snapshot = done.states.find((one) => one.uid === state.uid && one.state === state.name);
      if (snapshot !== undefined) this.#wiring.compactor.durable(snapshot, state);
    }
  }

  abandoned(checkpoint: CheckpointId): void {
    this.#inFlight.delete(checkpoint);
  }
}
