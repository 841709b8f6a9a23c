// Where the leader is: a record in the metadata store, written under the lease that makes it the leader.

import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { externalError } from "../base/errors.ts";
import { leaseFence } from "../coordinator/lease_keeper.ts";
import type { CommitOutcome, Guard, MetadataStore } from "../platform/ports.ts";

/** The lease that the coordinators of a deployment compete for. */
export const LEADER_LEASE = "coordinator";
const LEADER_KEY = "cluster/leader";

export interface LeaderRecord {
  readonly epoch: number;
  /** Where workers connect. */
  readonly address: string;
  /** Where REST is served; empty where it is not. */
  readonly rest: string;
}

export async function readLeader(metadata: MetadataStore): Promise<LeaderRecord | undefined> {
  const bytes = await metadata.get(LEADER_KEY);
  return bytes === undefined ? undefined : (decodeCbor(bytes, LEADER_KEY) as LeaderRecord);
}

/** @param metadata fenced by the lease. */
export async function publishLeader(metadata: MetadataStore, record: LeaderRecord): Promise<void> {
  await metadata.commit([], [{ kind: "put", key: LEADER_KEY, value: encodeCbor(record) }]);
}

/** A store in which whoever has lost the lease changes nothing any more: each commit is guarded by the lease's epoch. */
export class FencedMetadata implements MetadataStore {
  readonly #metadata: MetadataStore;
  readonly #fence: Guard;
  readonly #onFenced: () => void;

  constructor(metadata: MetadataStore, epoch: number, onFenced: () => void) {
    this.#metadata = metadata;
    this.#fence = leaseFence(LEADER_LEASE, epoch);
    this.#onFenced = onFenced;
  }

  async commit(...[guards, ops]: Parameters<MetadataStore["commit"]>): Promise<CommitOutcome> {
    const outcome = await this.#metadata.commit([...guards, this.#fence], ops);
    if (outcome.kind === "committed" || outcome.guard < guards.length) return outcome;
    this.#onFenced();
    const message = "another coordinator has taken the lease; this one changes nothing any more";
    throw externalError("lease_lost", LEADER_LEASE, message);
  }
  get(key: string): ReturnType<MetadataStore["get"]> {
    return this.#metadata.get(key);
  }
  getCounter(key: string): Promise<number> {
    return this.#metadata.getCounter(key);
  }
  list(...args: Parameters<MetadataStore["list"]>): ReturnType<MetadataStore["list"]> {
    return this.#metadata.list(...args);
  }
}
