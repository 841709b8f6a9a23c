// What the latest checkpoints cost, for REST and metrics. Bounded; of this process only.

import type { MillraceError } from "../base/errors.ts";
import type { CheckpointId } from "../base/ids.ts";
import type { CheckpointCosts } from "../protocol/messages.ts";
import type { StoredError } from "./job_record.ts";
import type { InFlightCheckpoint } from "./job_state.ts";

const ENTRIES_MAX = 100;

export interface CheckpointEntry {
  readonly checkpoint: CheckpointId;
  readonly status: "COMPLETED" | "FAILED";
  /** Wall time of the outcome. */
  readonly endedAtMs: number;
  readonly durationMs: number;
  /** Everything that the checkpoint refers to, older parts included; 0 where it was not gathered. */
  readonly fullBytes: number;
  /** Of the tasks that acknowledged it: the longest times, the sums of bytes and rows. */
  readonly costs: CheckpointCosts | undefined;
  /** By task, in no particular order. */
  readonly tasks: readonly TaskCosts[];
  /** It was taken for a savepoint, or for a stop. */
  readonly savepoint: boolean;
  readonly error: StoredError | undefined;
}

export interface TaskCosts {
  /** `chain.subtask` */
  readonly task: string;
  readonly costs: CheckpointCosts;
}

export class CheckpointHistory {
  completedCount = 0;
  failedCount = 0;
  /** Nothing had changed, so no manifest was written; they have no entry. */
  unchangedCount = 0;
  readonly #entries: CheckpointEntry[] = [];

  get entries(): readonly CheckpointEntry[] {
    return this.#entries;
  }
  get latest(): CheckpointEntry | undefined {
    return this.#entries.findLast((one) => one.status === "COMPLETED");
  }

  /** @param completedAtMs of the monotonic clock, as the checkpoint's own times are. */
  completed(one: InFlightCheckpoint, completedAtMs: number, wallMs: number): void {
    this.completedCount++;
    const durationMs = completedAtMs - one.triggeredAtMs;
    this.#add({ ...common(one, wallMs), status: "COMPLETED", durationMs, error: undefined });
  }

  unchanged(): void {
    this.unchangedCount++;
  }

  failed(one: InFlightCheckpoint, error: MillraceError, wallMs: number): void {
    this.failedCount++;
    const { code, message, where } = error;
    this.#add({ ...common(one, wallMs), status: "FAILED", durationMs: 0, error: { code, message, where } });
  }

  #add(entry: CheckpointEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_MAX) this.#entries.shift();
  }
}

function common(one: InFlightCheckpoint, endedAtMs: number): Omit<CheckpointEntry, "status" | "durationMs" | "error"> {
  const acknowledged = [...one.acknowledged.values()];
  const parts = acknowledged.flatMap(({ snapshot }) => snapshot.states.flatMap((state) => state.parts));
  const tasks = [...one.acknowledged].map(([task, { costs }]) => ({ task, costs }));
  return {
    checkpoint: one.checkpoint,
    endedAtMs,
    fullBytes: parts.reduce((sum, part) => sum + part.byteLength, 0),
    costs: tasks.length === 0 ? undefined : tasks.map(({ costs }) => costs).reduce(together),
    tasks,
    savepoint: one.savepoints.length > 0 || one.stop !== undefined,
  };
}

const together = (left: CheckpointCosts, right: CheckpointCosts): CheckpointCosts => ({
  alignMs: Math.max(left.alignMs, right.alignMs),
  gatherMs: Math.max(left.gatherMs, right.gatherMs),
  uploadMs: Math.max(left.uploadMs, right.uploadMs),
  deltaBytes: left.deltaBytes + right.deltaBytes,
  deltaRows: left.deltaRows + right.deltaRows,
});
