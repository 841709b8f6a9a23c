// All nondeterminism enters Millrace through these ports, and through nothing else.
// An adapter implements them for a runtime; the simulator implements them from one seed.
// Every port is a plain interface: no runtime type appears here.

import type { Bytes } from "../base/bytes.ts";

export interface Clock {
  /** Wall time in ms since the Unix epoch. May jump. Never used for fencing. */
  nowMs(): number;
  /** Milliseconds since some fixed instant; never goes back. Used for intervals only. */
  monotonicMs(): number;
}

export interface Timers {
  /** Resolves after `delayMs`, or rejects with the signal's reason when it is aborted first. */
  sleep(delayMs: number, signal?: AbortSignalLike): Promise<void>;
}

/** The part of the web AbortSignal that Millrace uses. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export interface Yield {
  /** Lets other work of the event loop (requests, I/O completions) run before it resolves. */
  yield(): Promise<void>;
}

export interface Entropy {
  bytes(count: number): Bytes;
}

/** Synchronous, incremental SHA-256. */
export interface Digest {
  sha256(): DigestStream;
}

export interface DigestStream {
  update(bytes: Uint8Array): void;
  /** 32 bytes; the stream is spent afterwards. */
  finish(): Bytes;
}

/** The compiled kernel module is handed in: Workers cannot compile WASM while serving. */
export interface Modules {
  readonly kernels: WebAssembly.Module;
}

/** Immutable blobs under unique names. A name is never reused for other bytes. */
export interface BlobStore {
  /** Durable when it resolves. Refuses (`blob_exists`) a name that holds other bytes; the same bytes are fine. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** The bytes, or undefined where the name holds none. */
  get(name: string): Promise<Bytes | undefined>;
  delete(names: readonly string[]): Promise<void>;
  /** Names that start with `prefix`, in ascending order. */
  list(prefix: string): Promise<readonly string[]>;
}

/** Conditions and changes of one atomic call. Keys are text, compared by UTF-8 bytes. */
export type Guard =
  | { readonly kind: "absent"; readonly key: string }
  | { readonly kind: "equals"; readonly key: string; readonly value: Uint8Array }
  /** The counter at `key` (0 where absent) is at most `value`. */
  | { readonly kind: "counter_at_most"; readonly key: string; readonly value: number }
  /** The counter at `key` (0 where absent) is exactly `value`. */
  | { readonly kind: "counter_is"; readonly key: string; readonly value: number };

export type StoreOp =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "put_counter"; readonly key: string; readonly value: number }
  | { readonly kind: "delete"; readonly key: string };

export type CommitOutcome =
  | { readonly kind: "committed" }
  /** Nothing was changed; `guard` is the index of a guard that did not hold. */
  | { readonly kind: "refused"; readonly guard: number };

/**
 * Small records with atomic, guarded changes. Every resolved call is durable. Values and counters are two name
 * spaces: one key may hold both, `absent` and `equals` regard values only, and `delete` removes both.
 */
export interface MetadataStore {
  commit(guards: readonly Guard[], ops: readonly StoreOp[]): Promise<CommitOutcome>;
  get(key: string): Promise<Bytes | undefined>;
  getCounter(key: string): Promise<number>;
  /** Entries whose key starts with `prefix`, ascending by key; counters are not among them. */
  list(
    prefix: string,
    options?: { readonly reverse?: boolean; readonly limit?: number },
  ): Promise<readonly MetadataEntry[]>;
}

/**
 * Leases on the store's own clock: whether one has run out is decided by no other clock. Each call is atomic, and a
 * resolved change is durable. The epoch is the counter `leaseEpochKey(name)` of the MetadataStore beside it, so that
 * a commit can be guarded by it. A lease gives liveness only: a holder may be paused between any look at it and an
 * act, so every act is fenced inside the store that it changes.
 */
export interface LeaseStore {
  read(name: string): Promise<LeaseRecord>;
  /**
   * Takes a lease that is free, has run out, or is this holder's already, and whose epoch is `claim.epoch`; the epoch
   * becomes one more. False: refused, and nothing changed.
   */
  take(claim: LeaseClaim): Promise<boolean>;
  /** Lets the lease run for `ttlMs` from now; false where another has taken it, or it was released. */
  renew(claim: LeaseClaim): Promise<boolean>;
  /** Frees the lease at once; false where it is not this holder's. The epoch stays. */
  release(claim: LeaseClaim): Promise<boolean>;
}

export interface LeaseClaim {
  readonly name: string;
  /** Unique to one life of one process. */
  readonly holder: string;
  readonly epoch: number;
  readonly ttlMs: number;
}

export interface LeaseRecord {
  /** 0 where nobody ever held it; goes up at every take. */
  readonly epoch: number;
  /** Empty where it is free. */
  readonly holder: string;
  /** By the store's clock; 0 where it is free or has run out. */
  readonly remainingMs: number;
}

export interface MetadataEntry {
  readonly key: string;
  readonly value: Bytes;
}

export type SqlValue = null | string | number | bigint | Uint8Array;
export interface SqlStatement {
  readonly sql: string;
  readonly args: readonly SqlValue[];
}
export type SqlRow = readonly SqlValue[];

/**
 * A SQLite-dialect database. What holds wherever it is implemented, and so all that shared statements may rely on:
 * - A number is bound as REAL; only a column's INTEGER affinity makes an integer of it. Text and bytes are themselves.
 * - A bigint is bound as INTEGER or as its decimal text (a Durable Object cannot bind 64 bits), so it belongs where
 *   the affinity is INTEGER, or in `CAST(? AS INTEGER)`; there it is exact.
 * - Integers come back as number; beyond 2^53 as bigint where the platform can, so shared code that must have every
 *   digit selects `CAST(… AS TEXT)`.
 * - NaN is stored as NULL and -0 as 0, as SQLite does; infinities belong in columns of REAL affinity.
 * - No BEGIN, SAVEPOINT or PRAGMA; a statement has at most `parametersMax` parameters and 100,000 bytes of text, a
 *   value at most 2,000,000 bytes.
 */
export interface SqlDatabase {
  /** Parameters that one statement may bind; 100, what a Durable Object takes, where it is not stated. */
  readonly parametersMax?: number;
  /**
   * One write transaction: all statements or none. Durable when it resolves. Rejects with `sql_constraint` where a
   * constraint of a table is broken, `sql_invalid` where the database does not understand a statement, and
   * `store_…` where the store itself fails.
   */
  batch(statements: readonly SqlStatement[]): Promise<void>;
  query(statement: SqlStatement): Promise<readonly SqlRow[]>;
}

/** Files below the roots that the deployment allows; other paths are refused with `path_not_allowed`. */
export interface Files {
  open(path: string): Promise<FileHandle>;
  list(directory: string): Promise<readonly string[]>;
  /** Writes beside the target, syncs, renames, syncs the directory: the file appears whole or not at all. */
  writeAtomically(path: string, bytes: Uint8Array): Promise<void>;
  remove(path: string): Promise<void>;
}

export interface FileHandle {
  readonly sizeBytes: number;
  /** Fills `into` from `offset` as far as the file goes; returns the count of bytes read. */
  read(offset: number, into: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** One structured log line; ids (job, operator, checkpoint…) go into `fields`. */
export interface LogSink {
  write(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
}
export type LogLevel = "debug" | "info" | "warning" | "error";

/** Text for the person at the terminal (the print sink); never used for logs. */
export interface Console {
  print(line: string): void;
}

/**
 * Told when the engine passes a named stage of a protocol (`reading`, `gathering`, `uploading`, `publishing`,
 * `committing`…). Traces and fault injection listen here; the engine behaves the same whoever listens.
 */
export interface StageObserver {
  enter(stage: string, detail: Readonly<Record<string, unknown>>): void;
}
