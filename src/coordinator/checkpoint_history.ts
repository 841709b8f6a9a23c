// What the latest checkpoints cost, for REST and metrics. Bounded; of this process only.

import type { MillraceError } from "../base/errors.ts";
import type { CheckpointId } from "../base/ids.ts";
import type { CheckpointCosts } from "../protocol/messages.ts";
import type { InFlightCheckpoint } from "./job_state.ts";

const ENTRIES_MAX = 100;

export interface CheckpointEntry {
  readonly checkpoint: CheckpointId;
  readonly status: "COMPLETED" | "FAILED";
  readonly durationMs: number;
  readonly costs: CheckpointCosts | undefined;
  readonly error: string | undefined;
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

  completed(one: InFlightCheckpoint, completedAtMs: number): void {
    this.completedCount++;
    const durationMs = completedAtMs - one.triggeredAtMs;
    this.#add({ checkpoint: one.checkpoint, status: "COMPLETED", durationMs, costs: one.costs, error: undefined });
  }

  failed(one: InFlightCheckpoint, error: MillraceError): void {
    this.failedCount++;
    this.#add({ checkpoint: one.checkpoint, status: "FAILED", durationMs: 0, costs: one.costs, error: error.message });
  }

  #add(entry: CheckpointEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_MAX) this.#entries.shift();
  }
}
