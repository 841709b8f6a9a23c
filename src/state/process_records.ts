// What the tables of one process function are made of: keys, and the state and timers of each.

import type { Value } from "../batch/record_batch.ts";
import type { Journaled } from "./change_journal.ts";

export interface KeyRecord {
  /** "" until something of a key of one column is kept. */
  text: string;
  values: readonly Value[];
  /** -1 until something of the key is kept. */
  keyGroup: number;
  /** Entries, timers and waiting rows that refer to it. */
  uses: number;
  /** By state; undefined where the key has nothing in it. */
  readonly slots: (StateSlot | undefined)[];
  eventTimers: Map<bigint, TimerEntry> | undefined;
  processingTimers: Map<bigint, TimerEntry> | undefined;
  /** By number, and the number of the next one. */
  waiting: { readonly rows: Map<number, WaitingRow>; next: number } | undefined;
}

/** A value state has one entry under the subkey "", a list one a position, a map one a key. */
export interface StateSlot {
  readonly entries: Map<string, StateEntry>;
  /** Ordered by subkey; undefined after an entry came or went. */
  sorted: StateEntry[] | undefined;
  /** Of a list: the position of the next element. */
  next: number;
}

export interface StateEntry extends Journaled {
  readonly key: KeyRecord;
  /** Position among the function's states. */
  readonly state: number;
  readonly subkey: string;
  /** The encoded value; undefined where `plain` holds one that cannot be changed from outside. */
  text: string | undefined;
  plain: null | boolean | number | bigint;
  expiresAt: bigint | undefined;
  /** The time for which it stands in the queue of what expires; undefined: it does not. */
  queuedAt: bigint | undefined;
  bytes: number;
}

export type TimerKind = "event" | "processing";

export interface TimerEntry extends Journaled {
  readonly key: KeyRecord;
  readonly kind: TimerKind;
  readonly time: bigint;
  /** How many timers, each set by the one before, led to it since the input ended. */
  readonly chained: number;
}

/** A row that waits for event time to pass it. */
export interface WaitingRow extends Journaled {
  readonly key: KeyRecord;
  /** Different for each waiting row of the key; it says nothing else. */
  readonly number: number;
  readonly time: bigint;
  /** The input that it came from. */
  readonly input: number;
  /** Of the columns that the function reads. */
  readonly values: readonly Value[];
  /** The values as an encoded list; undefined until somebody asks. */
  text: string | undefined;
  readonly bytes: number;
}

/** What the call of a function that is under way works on: one object, changed from call to call. */
export interface ProcessCall {
  key: KeyRecord;
  /** Stamped on what the call changes. */
  epoch: number;
  /** The time that time to live is counted from; undefined before the first watermark: nothing expires then. */
  now: bigint | undefined;
  /** False between calls. */
  open: boolean;
}
