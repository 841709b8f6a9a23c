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
import type { SinkWriter } from "../connectors/sink.ts";
import type { StatefulOperator } from "../operators/operator.ts";
import type { Platform } from "../platform/platform.ts";
import type { CheckpointCosts } from "../protocol/messages.ts";
import type { OperatorSnapshot, PartRef, SourceSnapshot, TaskCounters, TaskSnapshot } from "../protocol/snapshot.ts";
import type { Committer, Staged } from "./committer.ts";
import type { Compactor } from "./compactor.ts";
import { type StatePart, statePart } from "./state_part.ts";

interface GatheredOperator {
  readonly operator: StatefulOperator;
  readonly batches: readonly RecordBatch[];
  readonly scalars: OperatorSnapshot["scalars"];
  /** The operator's, at the barrier. */
  readonly watermark: bigint;
}

/** Everything that belongs to one checkpoint, out of reach of the rows that follow the barrier. */
export interface Gathered {
  readonly checkpoint: CheckpointId;
  readonly epoch: number;
  readonly operators: readonly GatheredOperator[];
  readonly source: SourceSnapshot;
  /** The committables that the manifest must list, as of the barrier. */
  readonly staged: readonly Staged[];
  readonly inputEnded: boolean;
  readonly counters: TaskCounters;
  readonly gatherMs: number;
}

export interface SnapshotterWiring {
  readonly platform: Platform;
  readonly scope: PartScope;
  readonly stateful: readonly StatefulOperator[];
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
  readonly #inFlight = new Map<
    CheckpointId,
    { readonly epoch: number; readonly operators: readonly OperatorSnapshot[] }
  >();

  constructor(wiring: SnapshotterWiring) {
    this.#wiring = wiring;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** The synchronous part. */
  gather(checkpoint: CheckpointId, source: SourceSnapshot, inputEnded: boolean, counters: TaskCounters): Gathered {
    const { platform, stateful, writers, committer } = this.#wiring;
    const startedMs = platform.clock.monotonicMs();
    const operators = stateful.map((operator) => ({
      operator,
      batches: operator.gather(this.#durableEpoch),
      scalars: operator.scalars(),
      watermark: operator.watermark,
    }));
    for (const [sink, writer] of writers) {
      writer.stage().forEach((bytes, index) => {
        committer.add({ sink, checkpoint, index, bytes, part: undefined });
      });
    }
    const epoch = this.#epoch++;
    const gatherMs = platform.clock.monotonicMs() - startedMs;
    return { checkpoint, epoch, operators, source, staged: [...committer.staged], inputEnded, counters, gatherMs };
  }

  /** The asynchronous part; resolves when every part is durable. */
  async upload(gathered: Gathered): Promise<{ snapshot: TaskSnapshot; costs: CheckpointCosts }> {
    const { platform, compactor } = this.#wiring;
    const startedMs = platform.clock.monotonicMs();
    let deltaBytes = 0;
    let deltaRows = 0;
    const operators: OperatorSnapshot[] = [];
    for (const { operator, batches, scalars, watermark } of gathered.operators) {
      const store = (part: StatePart): Promise<PartRef> => this.#store(gathered.checkpoint, part.bytes, part);
      const parts = await compactor.parts(operator.uid, watermark, store);
      if (batches.length > 0) {
        const part = await store(statePart(operator, batches));
        deltaBytes += part.byteLength;
        deltaRows += part.rowCount;
        parts.push(part);
      }
      operators.push({ uid: operator.uid, parts, scalars });
    }
    for (const one of gathered.staged) {
      if (one.part !== undefined) continue;
      const part = await this.#store(gathered.checkpoint, one.bytes, { rowCount: 0, expiresAt: undefined });
      // A later checkpoint may have stored it meanwhile and be durable by now: the part that it names must stay.
      one.part ??= part;
    }
    this.#inFlight.set(gathered.checkpoint, { epoch: gathered.epoch, operators });
    compactor.rest();
    const snapshot = this.#snapshotOf(gathered, operators);
    const uploadMs = platform.clock.monotonicMs() - startedMs;
    return { snapshot, costs: { gatherMs: gathered.gatherMs, uploadMs, deltaBytes, deltaRows } };
  }

  #snapshotOf(gathered: Gathered, operators: readonly OperatorSnapshot[]): TaskSnapshot {
    const pending = gathered.staged.map(({ sink, checkpoint, index, part }) => {
      assert(part !== undefined, "every listed committable is durable");
      return { sink, checkpoint, index, part };
    });
    const { source, inputEnded, counters } = gathered;
    return { operators, sources: [source], pending, inputEnded, counters };
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
    for (const operator of this.#wiring.stateful) {
      operator.completed(done.epoch);
      const snapshot = done.operators.find((one) => one.uid === operator.uid);
      if (snapshot !== undefined) this.#wiring.compactor.durable(snapshot, operator.stateBytes);
    }
  }

  abandoned(checkpoint: CheckpointId): void {
    this.#inFlight.delete(checkpoint);
  }
}
