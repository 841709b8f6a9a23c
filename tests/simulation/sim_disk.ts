// What survives a crash: stores whose writes become visible at once and durable only when synced.
//
//   call arrives -> applied (visible to everybody) -> synced (survives a crash) -> answered
//
// A crash between "applied" and "synced" loses the write, and may leave the last blob of it torn.
// The disk outlives processes; the ports over it (sim_platform.ts) belong to one. Leases are part of it, synced at once.

import { type Bytes, equalBytes } from "../../src/base/bytes.ts";
import { externalError } from "../../src/base/errors.ts";
import { LeaseTable } from "../../src/platform/lease_table.ts";
import type { CommitOutcome, Guard, MetadataEntry, StoreOp } from "../../src/platform/ports.ts";
import type { Prng } from "../../src/base/prng.ts";

/** How to take one un-synced write back. */
interface Unsynced {
  readonly undo: () => void;
  readonly tear: (() => void) | undefined;
}

export class SimDisk {
  readonly blobs = new Map<string, Bytes>();
  readonly records = new Map<string, Bytes>();
  readonly counters = new Map<string, number>();
  readonly leases = new LeaseTable(this.counters);
  /** Manifests that were ever published. */
  manifests = 0;
  #unsynced: Unsynced[] = [];

  /** Everything that can be seen survives. */
  get isSynced(): boolean {
    return this.#unsynced.length === 0;
  }

  /** Everything applied so far survives from now on. */
  sync(): void {
    this.#unsynced = [];
  }

  /**
   * The machine loses power: what was not synced is gone, newest first; the oldest lost blob may be torn. Answers
   * whether one is.
   */
  crash(prng: Prng, torn: boolean): boolean {
    const lost = this.#unsynced.reverse();
    this.#unsynced = [];
    for (const one of lost) one.undo();
    const last = lost.at(-1);
    if (!torn || last?.tear === undefined || !prng.chance(0.5)) return false;
    last.tear();
    return true;
  }

  putBlob(name: string, bytes: Uint8Array): void {
    const existing = this.blobs.get(name);
    if (existing !== undefined) {
      if (equalBytes(existing, bytes)) return;
      throw externalError("blob_exists", name, "the name holds other bytes");
    }
    const copy = new Uint8Array(bytes);
    this.blobs.set(name, copy);
    this.#unsynced.push({
      undo: () => this.blobs.delete(name),
      tear: () => this.blobs.set(name, copy.slice(0, copy.byteLength >>> 1)),
    });
  }

  deleteBlobs(names: readonly string[]): void {
    for (const name of names) {
      const before = this.blobs.get(name);
      if (before === undefined) continue;
      this.blobs.delete(name);
      this.#unsynced.push({ undo: () => this.blobs.set(name, before), tear: undefined });
    }
  }

  listBlobs(prefix: string): string[] {
    return [...this.blobs.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  commit(guards: readonly Guard[], ops: readonly StoreOp[]): CommitOutcome {
    const refused = guards.findIndex((guard) => !this.#holds(guard));
    if (refused >= 0) return { kind: "refused", guard: refused };
    const undo: (() => void)[] = [];
    for (const op of ops) {
      undo.push(this.#apply(op));
      if (op.kind === "put" && op.key.includes("/manifest/")) this.manifests++;
    }
    const undoAll = (): void => {
      for (const one of undo.reverse()) one();
    };
    this.#unsynced.push({ undo: undoAll, tear: undefined });
    return { kind: "committed" };
  }

  #holds(guard: Guard): boolean {
    switch (guard.kind) {
      case "absent":
        return !this.records.has(guard.key);
      case "equals": {
        const value = this.records.get(guard.key);
        return value !== undefined && equalBytes(value, guard.value);
      }
      case "counter_at_most":
        return (this.counters.get(guard.key) ?? 0) <= guard.value;
      case "counter_is":
        return (this.counters.get(guard.key) ?? 0) === guard.value;
    }
  }

  #apply(op: StoreOp): () => void {
    switch (op.kind) {
      case "put":
        return replace(this.records, op.key, new Uint8Array(op.value));
      case "put_counter":
        return replace(this.counters, op.key, op.value);
      case "delete":
        return replace(this.records, op.key, undefined);
    }
  }

  list(prefix: string, reverse: boolean, limit: number): MetadataEntry[] {
    const keys = [...this.records.keys()].filter((key) => key.startsWith(prefix)).sort();
    if (reverse) keys.reverse();
    return keys.slice(0, limit).map((key) => ({ key, value: this.records.get(key) as Bytes }));
  }
}

function replace<V>(map: Map<string, V>, key: string, value: V | undefined): () => void {
  const before = map.get(key);
  if (value === undefined) map.delete(key);
  else map.set(key, value);
  return () => {
    if (before === undefined) map.delete(key);
    else map.set(key, before);
  };
}
