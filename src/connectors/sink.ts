// What a sink is to the task: rows are staged between two barriers, the staged bytes go into the checkpoint,
// and only after its manifest is durable are they committed to the target.
//
// Invariants:
// - `write` and `stage` touch nothing outside the task; only `commit` does.
// - `commit` of the same id with the same bytes any number of times has the effect of once: fence, ledger
//   and rows change in one transaction of the target (or under a name that makes replay harmless).
// - A commit by an older generation than the target has seen is refused with `fenced`.

import { assert } from "../base/assert.ts";
import type { BranchId, CheckpointId, Generation, JobId, OperatorUid } from "../base/ids.ts";
import type { RecordBatch } from "../batch/record_batch.ts";

export interface CommitScope {
  readonly jobId: JobId;
  readonly branch: BranchId;
  readonly sink: OperatorUid;
  readonly generation: Generation;
}

/** Byte strings that one subtask may stage for one sink and checkpoint. */
const COMMITTABLES_MAX = 1_000_000;

/** What subtask `subtask` stages as its `count`-th is known by this number, whoever commits it after a restart. */
export function committableIndex(subtask: number, count: number): number {
  assert(count < COMMITTABLES_MAX, "a subtask stages less than a million byte strings between two barriers");
  return subtask * COMMITTABLES_MAX + count;
}

export interface Committable {
  readonly checkpoint: CheckpointId;
  /** Unique within (branch, sink, checkpoint): see `committableIndex`. */
  readonly index: number;
  readonly bytes: Uint8Array;
}

export interface SinkWriter {
  /** Synchronous: encodes or copies the rows into the sink's own buffer. */
  write(batch: RecordBatch): void;
  /** It keeps nothing of a batch that it is given, which may then show WASM memory as it is until `write` returns. */
  readonly readsInPlace?: boolean;
  /** Bytes buffered since the last `stage`; the task checkpoints early when this grows too large. */
  readonly stagedBytes: number;
  /** What was written since the last call, as self-contained byte strings (none where nothing was written). */
  stage(): readonly Uint8Array[];
}

export interface SinkConnector {
  readonly guarantee: "exactly_once" | "at_least_once";
  writer(): SinkWriter;
  /** Once per start, before anything is committed: creates what is missing, checks what exists, raises the fence. */
  prepare(scope: CommitScope): Promise<void>;
  commit(scope: CommitScope, committables: readonly Committable[]): Promise<void>;
}
