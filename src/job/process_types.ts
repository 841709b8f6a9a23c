// What a process function sees: rows, its state, its timers, and where it may write. These are the types of the
// functions that users write; src/operators/process.ts stands behind them.

import type { PlainData } from "../base/plain.ts";
import type { Value } from "../batch/record_batch.ts";
import type { DataType } from "../batch/schema.ts";
import type { StateValue } from "../state/state_text.ts";
import type { CanBeNull, Columns, TypeIn } from "./column_types.ts";

interface ValueOfType {
  readonly i64: bigint;
  readonly timestamp: bigint;
  readonly f64: number;
  readonly bool: boolean;
  readonly utf8: string;
}
/** A whole number may be written as a number, where it is below 2^53. */
interface WritableOfType extends Omit<ValueOfType, "i64" | "timestamp"> {
  readonly i64: bigint | number;
  readonly timestamp: bigint | number;
}
type OrNull<Type, Null extends boolean> = true extends Null ? Type | null : Type;
type NullableNames<In extends Columns> = {
  [Name in keyof In]: true extends CanBeNull<In[Name]> ? Name : never;
}[keyof In];

/** A row as a function reads it. 64-bit integers and timestamps (milliseconds) are bigints. */
export type RowOf<In extends Columns> = {
  readonly [Name in keyof In]: OrNull<ValueOfType[TypeIn<In[Name]> & DataType], CanBeNull<In[Name]>>;
};
type Cell<Column> = OrNull<WritableOfType[TypeIn<Column> & DataType], CanBeNull<Column>>;
/** A row as a function writes it. Columns that can be null may be left out. */
export type NewRowOf<Out extends Columns> = {
  readonly [Name in Exclude<keyof Out, NullableNames<Out>>]: Cell<Out[Name]>;
} & {
  readonly [Name in NullableNames<Out>]?: Cell<Out[Name]>;
};

/** One value by key. */
export interface ValueState<Kept> {
  /** The value as it was put, made anew; undefined where there is none. */
  get(): Kept | undefined;
  put(value: Kept): void;
  clear(): void;
}

/** A list by key, in the order in which its elements were appended. */
export interface ListState<Kept> {
  get(): Kept[];
  append(value: Kept): void;
  /** Puts these elements in the place of all that are there. */
  set(values: readonly Kept[]): void;
  clear(): void;
}

/** A map from text by key. Its entries come in the order of their keys' UTF-8 bytes. */
export interface MapState<Kept> {
  get(key: string): Kept | undefined;
  has(key: string): boolean;
  put(key: string, value: Kept): void;
  delete(key: string): void;
  keys(): string[];
  entries(): [key: string, value: Kept][];
  readonly size: number;
  clear(): void;
}

/** A state of a function, made by `valueState`, `listState` or `mapState`. `Handle` is what the function gets. */
export interface StateOf<Handle> {
  readonly kind: "value" | "list" | "map";
  readonly ttlMs?: number;
  /** Never there; it carries the type. */
  readonly handle?: Handle;
}
export type States = Readonly<Record<string, StateOf<unknown>>>;
export type HandlesOf<Declared extends States> = {
  readonly [Name in keyof Declared]: Declared[Name] extends StateOf<infer Handle> ? Handle : never;
};
export type SideOutputs = Readonly<Record<string, Columns>>;

/** What holds for a row that came too late for a function in event-time order: it may be written, and no more. */
export interface LateContext<Out extends Columns, Sides extends SideOutputs> {
  /** The key's values, in the order of `keyBy`. */
  readonly key: readonly Value[];
  /**
   * The time of the call in milliseconds: a row's event time, or a timer's own time. For rows without event time,
   * the time of day at which their batch arrived.
   */
  readonly timestamp: bigint;
  /** How far event time had come when the row was read; in an event-time timer, its own time. */
  readonly watermark: bigint;
  /** What the job spec gives the function, as it stands there. */
  readonly params: PlainData;
  emit(row: NewRowOf<Out>): void;
  sideOutput<Name extends keyof Sides & string>(name: Name, row: NewRowOf<Sides[Name]>): void;
}

/** What a call of a function works with. It is of no use after the call. */
export interface ProcessContext<Out extends Columns, Declared extends States, Sides extends SideOutputs>
  extends LateContext<Out, Sides> {
  /** The function's states, for the key of this call. */
  readonly states: HandlesOf<Declared>;
  /** The time of day in milliseconds. What depends on it differs from run to run. */
  readonly processingTime: bigint;
  /** In timers: no more rows will come. A timer that always sets the next one must stop here. */
  readonly inputEnded: boolean;
  /**
   * Calls `onTimer` for this key once no rows before `time` are to come. Setting it twice has no further effect; a
   * time that has been reached calls at once, when this call is over.
   */
  setEventTimer(time: bigint | number): void;
  deleteEventTimer(time: bigint | number): void;
  /** Calls `onTimer` for this key once it is that time of day. */
  setProcessingTimer(time: bigint | number): void;
  deleteProcessingTimer(time: bigint | number): void;
}

export interface Timer {
  readonly kind: "event" | "processing";
  /** Milliseconds. */
  readonly time: bigint;
}

/** A state value's type has to be plain data. */
export type Keepable = StateValue;
