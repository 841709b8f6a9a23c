// The rules of a lease, and leases in memory that keep them: for tests and for the simulator.
//
// A lease runs out when the store's clock reaches `expiresMs`, or when it lies so far before it that the clock must
// have gone back: without that, a clock set back by an hour would keep a dead holder's lease for an hour. Steps back
// of up to one more TTL only make it last longer, so that a clock that is trimmed costs no living holder its lease.

import { assert } from "../base/assert.ts";
import type { LeaseClaim, LeaseRecord, LeaseStore } from "./ports.ts";
import { checkedKey } from "./store_rules.ts";

/** Expiries further away than this many TTLs were written before the clock went back. */
export const LEASE_TTLS_AHEAD_MAX = 2;

/** The counter of the MetadataStore that is the epoch of the lease. */
export const leaseEpochKey = (name: string): string => `leases/${name}`;

export function checkedClaim(claim: LeaseClaim): LeaseClaim {
  checkedKey(leaseEpochKey(claim.name));
  assert(claim.holder.length > 0, "a lease's holder has a name");
  assert(Number.isSafeInteger(claim.epoch) && claim.epoch >= 0, "a lease's epoch is a count");
  assert(Number.isSafeInteger(claim.ttlMs) && claim.ttlMs > 0, "a lease's time is whole milliseconds");
  return claim;
}

interface LeaseRow {
  readonly holder: string;
  readonly ttlMs: number;
  readonly expiresMs: number;
}

/** Synchronous, so that a simulator can let each call take effect at a time of its choice. */
export class LeaseTable {
  readonly #counters: Map<string, number>;
  readonly #rows = new Map<string, LeaseRow>();

  /** `counters`: those of the metadata store beside it. */
  constructor(counters: Map<string, number>) {
    this.#counters = counters;
  }

  read(name: string, nowMs: number): LeaseRecord {
    const row = this.#rows.get(name);
    return { epoch: this.#epoch(name), holder: row?.holder ?? "", remainingMs: remaining(row, nowMs) };
  }

  take(claim: LeaseClaim, nowMs: number): boolean {
    const { name, holder, epoch, ttlMs } = checkedClaim(claim);
    const row = this.#rows.get(name);
    if (this.#epoch(name) !== epoch) return false;
    if (remaining(row, nowMs) > 0 && row?.holder !== holder) return false;
    this.#counters.set(leaseEpochKey(name), epoch + 1);
    this.#rows.set(name, { holder, ttlMs, expiresMs: nowMs + ttlMs });
    return true;
  }

  renew(claim: LeaseClaim, nowMs: number): boolean {
    const { name, holder, ttlMs } = checkedClaim(claim);
    if (!this.#holds(claim)) return false;
    this.#rows.set(name, { holder, ttlMs, expiresMs: nowMs + ttlMs });
    return true;
  }

  release(claim: LeaseClaim): boolean {
    if (!this.#holds(checkedClaim(claim))) return false;
    this.#rows.delete(claim.name);
    return true;
  }

  #holds({ name, holder, epoch }: LeaseClaim): boolean {
    return this.#epoch(name) === epoch && this.#rows.get(name)?.holder === holder;
  }

  #epoch(name: string): number {
    return this.#counters.get(leaseEpochKey(name)) ?? 0;
  }
}

function remaining(row: LeaseRow | undefined, nowMs: number): number {
  if (row === undefined || row.expiresMs - nowMs > row.ttlMs * LEASE_TTLS_AHEAD_MAX) return 0;
  return Math.max(0, row.expiresMs - nowMs);
}

export class MemoryLeaseStore implements LeaseStore {
  readonly #table: LeaseTable;
  readonly #nowMs: () => number;

  /** `nowMs` is the database's clock: wall time that no process of Millrace owns. */
  constructor(beside: { readonly counters: Map<string, number> }, nowMs: () => number) {
    this.#table = new LeaseTable(beside.counters);
    this.#nowMs = nowMs;
  }

  async read(name: string): Promise<LeaseRecord> {
    return this.#table.read(name, this.#nowMs());
  }
  async take(claim: LeaseClaim): Promise<boolean> {
    return this.#table.take(claim, this.#nowMs());
  }
  async renew(claim: LeaseClaim): Promise<boolean> {
    return this.#table.renew(claim, this.#nowMs());
  }
  async release(claim: LeaseClaim): Promise<boolean> {
    return this.#table.release(claim);
  }
}
