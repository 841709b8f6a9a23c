// What TypeScript knows of streams in the builder: the columns that each operator gives, and the options that it takes.

import type { AggregatesOver, ResultsOf } from "./aggregate_builders.ts";
import type { CanBeNull, ColumnOf, Columns, ColumnType, Flat, NamesOf, TypeIn } from "./column_types.ts";
import type { Duration } from "./duration.ts";
import type { CheckpointSpec, OrderSpec, RestartSpec, StateSpec } from "./job_spec.ts";
import type { NullOf, Operand, TypedColumn, TypeOf } from "./typed_column.ts";
import type { PlainData } from "../base/plain.ts";

export interface JobOptions {
  readonly parallelism?: number;
  readonly maxParallelism?: number;
  readonly checkpoint?: {
    readonly interval?: Duration;
    readonly timeout?: Duration;
    readonly minPause?: Duration;
  } & Partial<Pick<CheckpointSpec, "tolerableFailures" | "retained">>;
  readonly restart?: RestartOptions;
}

type Defaulted<Restart> = Restart extends { readonly strategy: infer Strategy }
  ? { readonly strategy: Strategy } & Partial<Omit<Restart, "strategy">>
  : never;
/** As in the spec; what is left out has a default. */
export type RestartOptions = Defaulted<RestartSpec>;

export interface OperatorOptions {
  /** Of this operator alone; else the job's. */
  readonly parallelism?: number;
}

export interface SourceOptions<In extends Columns> extends OperatorOptions {
  readonly schema: In;
  readonly eventTime?: {
    readonly column: NamesOf<In, "timestamp">;
    readonly bound: Duration;
    /** A split without rows for this long holds the watermark back no more. */
    readonly idleTimeout?: Duration;
  };
}

/** The columns of a stream as expressions, by name. */
export type Row<In extends Columns> = {
  readonly [Name in keyof In]: TypedColumn<TypeIn<In[Name]>, CanBeNull<In[Name]>>;
};
export type Projected<Given extends Readonly<Record<string, Operand>>> = Flat<{
  [Name in keyof Given]: ColumnOf<TypeOf<Given[Name]>, NullOf<Given[Name]>>;
}>;

export type WindowColumns<In extends Columns, Keys extends string, Out> = Flat<
  { window_start: "timestamp"; window_end: "timestamp" } & AggregateColumns<In, Keys, Out>
>;
export type AggregateColumns<In extends Columns, Keys extends string, Out> = Flat<
  { [Name in Keys]: In[Name] } & ResultsOf<In, Out>
>;

/** A column of one side of a join; joins pass columns on and compute nothing. */
export class JoinColumn<Column extends ColumnType> {
  /** For TypeScript alone. */
  declare protected readonly column: Column;
  /** `left.id` */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
export type JoinRow<In extends Columns> = { readonly [Name in keyof In]: JoinColumn<In[Name]> };
export type JoinOutput = Readonly<Record<string, JoinColumn<ColumnType>>>;
export type Joined<Out extends JoinOutput> = Flat<{
  [Name in keyof Out]: Out[Name] extends JoinColumn<infer Column> ? Column : never;
}>;

export interface TopNOptions<In extends Columns, Rank extends string> extends OperatorOptions {
  /** The first decides first; ties are broken by all other columns. */
  readonly orderBy: readonly ((keyof In & string) | Ordered<keyof In & string>)[];
  readonly limit: number;
  /** The name of a column that says 1, 2, 3, … */
  readonly rank?: Rank;
}
export interface Ordered<Name extends string> extends OrderSpec {
  readonly column: Name;
}
export type Ranked<In extends Columns, Rank extends string> = Flat<In & { [Name in Rank]: "i64" }>;

export interface ProcessOptions<Out extends Columns, Sides extends SideColumns> extends OperatorOptions {
  /** What the function emits. */
  readonly columns: Out;
  readonly states?: Readonly<Record<string, { readonly kind: StateSpec["kind"]; readonly ttl?: Duration }>>;
  readonly outputs?: Sides;
  readonly params?: PlainData;
}
export type SideColumns = Readonly<Record<string, Columns>>;
/** Of a function that says itself what it emits and keeps. */
export interface FunctionOptions extends OperatorOptions {
  readonly params?: PlainData;
}
/** Streams that have the columns that a function reads; a column that may be null may be one that never is. */
export type Readable<Reads extends Columns> = {
  readonly [Name in keyof Reads]: Reads[Name] extends `${infer Type}?` ? Type | Reads[Name] : Reads[Name];
};

export type { AggregatesOver };
