// What is staged for the sinks and not known to be committed.
//
// Invariants:
// - A committable is committed only after `commitUpTo` was called for its checkpoint or a later one.
// - It leaves this list only when its commit has succeeded; a failure fails the task, and the restart commits again.
// - Commits of one sink happen in the order of (checkpoint, index).

import type { CheckpointId, OperatorUid } from "../base/ids.ts";
import type { Committable, CommitScope, SinkConnector } from "../connectors/sink.ts";
import type { StageObserver } from "../platform/ports.ts";
import type { PartRef } from "../protocol/snapshot.ts";

/** A committable with its bytes; `part` is known once the bytes are durable. */
export interface Staged {
  readonly sink: OperatorUid;
  readonly checkpoint: CheckpointId;
  readonly index: number;
  readonly bytes: Uint8Array;
  part: PartRef | undefined;
}

export class Committer {
  readonly #sinks: ReadonlyMap<OperatorUid, SinkConnector>;
  readonly #scope: Omit<CommitScope, "sink">;
  readonly #stages: StageObserver;
  #staged: Staged[] = [];
  #tail: Promise<void> = Promise.resolve();

  constructor(sinks: ReadonlyMap<OperatorUid, SinkConnector>, scope: Omit<CommitScope, "sink">, stages: StageObserver) {
    this.#sinks = sinks;
    this.#scope = scope;
    this.#stages = stages;
  }

  /** Creates what targets need and raises their fences; before this nothing is committed. */
  async prepare(): Promise<void> {
    for (const [sink, connector] of this.#sinks) await connector.prepare({ ...this.#scope, sink });
  }

  add(staged: Staged): void {
    this.#staged.push(staged);
  }

  get staged(): readonly Staged[] {
    return this.#staged;
  }
  get bytes(): number {
    let sum = 0;
    for (const one of this.#staged) sum += one.bytes.byteLength;
    return sum;
  }

  /** Commits everything up to `checkpoint`, after all earlier calls. */
  commitUpTo(checkpoint: CheckpointId): Promise<void> {
    const run = this.#tail.then(() => this.#commit(checkpoint));
    this.#tail = run.catch(() => undefined); // the caller sees the failure; a later call must still be able to run
    return run;
  }

  async #commit(checkpoint: CheckpointId): Promise<void> {
    for (const [sink, connector] of this.#sinks) {
      const due = this.#staged.filter((one) => one.sink === sink && one.checkpoint <= checkpoint);
      if (due.length === 0) continue;
      this.#stages.enter("committing", { checkpoint, sink });
      const committables: Committable[] = due.map(({ checkpoint: of, index, bytes }) => ({
        checkpoint: of,
        index,
        bytes,
      }));
      await connector.commit({ ...this.#scope, sink }, committables);
      this.#stages.enter("committed", { checkpoint, sink });
      this.#staged = this.#staged.filter((one) => !due.includes(one));
    }
  }

  /** Resolves when no commit is under way. */
  async settled(): Promise<void> {
    await this.#tail;
  }
}
