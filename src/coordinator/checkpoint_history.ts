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
  readonly costs: CheckpointCosts | undefined;
  readonly error: StoredError | undefined;
}

export class CheckpointHistory {
  completedCount = 0;
  failedCount = 0;
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
  const parts = one.snapshot?.operators.flatMap((operator) => operator.parts) ?? [];
  const fullBytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return { checkpoint: one.checkpoint, endedAtMs, fullBytes, costs: one.costs };
}
