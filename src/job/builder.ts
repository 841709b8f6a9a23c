// The typed builder: a job as a chain of calls that ends in the same JSON that can be posted.
// Column names and types are checked by TypeScript as far as they go; `toSpec` checks everything.
//
//   job("flights")
//     .source("arrivals", ndjsonFile({ path }), { schema: { date: "timestamp", origin: "utf8", delay: "i64?" }, eventTime: { column: "date", bound: { minutes: 60 } } })
//     .filter("late_only", ({ delay }) => delay.gt(15))
//     .keyBy("origin")
//     .window("hourly", tumbling({ hours: 1 }), { flights: count(), mean_delay: avg("delay") })
//     .sink("table", table({ table: "hourly_delays", mode: "upsert", primaryKey: ["origin", "window_start"] }))
//     .toSpec();
//
// Operators are numbered by nothing but their order; each has the uid that it is given, which names its state.

import type { Sink } from "./connector_builders.ts";
import type { Aggregates, AggregatesOver, WindowColumns } from "./aggregate_builders.ts";
import type { CanBeNull, ColumnOf, Columns, ColumnType, Flat, KeyColumn, NamesOf, TypeIn } from "./column_types.ts";
import { type Duration, durationMs } from "./duration.ts";
import type { FieldSpec, JobSpec, OperatorSpec, RestartSpec, SourceConnectorSpec, TumblingSpec } from "./job_spec.ts";
import { type NullOf, type Operand, specOf, type Typed, TypedColumn, type TypeOf } from "./typed_column.ts";
import { specError, validateJobSpec } from "./validate_job_spec.ts";
import type { DataType } from "../batch/schema.ts";

export interface JobOptions {
  readonly maxParallelism?: number;
  readonly checkpoint?: { readonly interval: Duration };
  readonly restart?: RestartSpec;
}

export interface SourceOptions<In extends Columns> {
  readonly schema: In;
  readonly eventTime?: { readonly column: NamesOf<In, "timestamp">; readonly bound: Duration };
}

/** The columns of a stream as expressions, by name. */
export type Row<In extends Columns> = {
  readonly [Name in keyof In]: TypedColumn<TypeIn<In[Name]>, CanBeNull<In[Name]>>;
};
type Projected<Given extends Readonly<Record<string, Operand>>> = Flat<{
  [Name in keyof Given]: ColumnOf<TypeOf<Given[Name]>, NullOf<Given[Name]>>;
}>;

export const job = (name: string, options: JobOptions = {}): JobBuilder => new JobBuilder(name, options);

/** Windows of a fixed length, side by side; `offset` moves their edges. */
export const tumbling = (size: Duration, offset: Duration = 0): TumblingSpec => ({
  kind: "tumbling",
  sizeMs: durationMs(size),
  offsetMs: durationMs(offset),
});

export class JobBuilder {
  readonly #name: string;
  readonly #options: JobOptions;
  readonly #operators: OperatorSpec[] = [];

  constructor(name: string, options: JobOptions) {
    this.#name = name;
    this.#options = options;
  }

  source<const In extends Columns>(
    uid: string,
    connector: SourceConnectorSpec,
    options: SourceOptions<In>,
  ): SourceStream<In> {
    const { schema, eventTime } = options;
    const fields: FieldSpec[] = Object.entries(schema).map(([name, type]) => fieldSpec(name, type));
    const time = eventTime && { eventTime: { column: eventTime.column, boundMs: durationMs(eventTime.bound) } };
    this.add({ uid, kind: "source", connector, schema: fields, ...time });
    return new SourceStream<In>(this, uid, Object.keys(schema));
  }

  add(operator: OperatorSpec): void {
    this.#operators.push(operator);
  }

  /** The complete spec. Throws `spec_invalid` with all that is wrong. */
  toSpec(): JobSpec {
    const { maxParallelism, checkpoint, restart } = this.#options;
    const checked = validateJobSpec(
      {
        millrace: 1,
        name: this.#name,
        ...(maxParallelism === undefined ? {} : { maxParallelism }),
        ...(checkpoint === undefined ? {} : { checkpoint: { intervalMs: durationMs(checkpoint.interval) } }),
        ...(restart === undefined ? {} : { restart }),
        operators: this.#operators,
      },
      { embedded: true },
    );
    if (checked.kind === "invalid") throw specError(checked.problems, `job ${this.#name}`);
    return checked.spec;
  }
}

function fieldSpec(name: string, type: ColumnType): FieldSpec {
  const nullable = type.endsWith("?");
  return { name, type: (nullable ? type.slice(0, -1) : type) as DataType, nullable };
}

/** Rows with the columns `In`. Any number of sinks and at most one further operator may read them. */
export class Stream<In extends Columns> {
  protected readonly job: JobBuilder;
  protected readonly uid: string;
  protected readonly names: readonly string[];

  constructor(builder: JobBuilder, uid: string, names: readonly string[]) {
    this.job = builder;
    this.uid = uid;
    this.names = names;
  }

  #row(): Row<In> {
    return Object.fromEntries(this.names.map((name) => [name, new TypedColumn({ col: name })])) as unknown as Row<In>;
  }

  /** Keeps the rows for which the condition is true. */
  filter(uid: string, where: (row: Row<In>) => boolean | Typed<"bool">): Stream<In> {
    this.job.add({ uid, kind: "filter", input: this.uid, where: specOf(where(this.#row())) });
    return new Stream<In>(this.job, uid, this.names);
  }

  /** Computes new columns from the old ones; what is not named is gone. */
  project<const Out extends Readonly<Record<string, Operand>>>(
    uid: string,
    columns: (row: Row<In>) => Out,
  ): Stream<Projected<Out>> {
    const out = columns(this.#row());
    const specs = Object.fromEntries(Object.entries(out).map(([name, one]) => [name, specOf(one)]));
    this.job.add({ uid, kind: "project", input: this.uid, columns: specs });
    return new Stream<Projected<Out>>(this.job, uid, Object.keys(out));
  }

  keyBy<const Keys extends NamesOf<In, KeyColumn>>(...keys: readonly Keys[]): KeyedStream<In, Keys> {
    return new KeyedStream<In, Keys>(this.job, this.uid, keys);
  }

  /** Writes the rows somewhere; the stream goes on. */
  sink(uid: string, to: Sink<keyof In & string>): this {
    this.job.add({ uid, kind: "sink", input: this.uid, connector: to.connector });
    return this;
  }

  toSpec(): JobSpec {
    return this.job.toSpec();
  }
}

export class SourceStream<In extends Columns> extends Stream<In> {
  /** Writes the rows that could not be decoded, with place and reason. */
  rejected(uid: string, to: Sink<"source" | "position" | "reason" | "raw">): this {
    this.job.add({ uid, kind: "sink", input: `${this.uid}#rejected`, connector: to.connector });
    return this;
  }
}

export class KeyedStream<In extends Columns, Keys extends string> {
  readonly #job: JobBuilder;
  readonly #input: string;
  readonly #keys: readonly Keys[];

  constructor(builder: JobBuilder, input: string, keys: readonly Keys[]) {
    this.#job = builder;
    this.#input = input;
    this.#keys = keys;
  }

  /** One row per key and window: `window_start`, `window_end`, the keys, the aggregates. */
  window<const Out extends AggregatesOver<In>>(
    uid: string,
    window: TumblingSpec,
    aggregates: Out,
  ): WindowStream<WindowColumns<In, Keys, Out>, In> {
    const specs: Aggregates = aggregates;
    this.#job.add({ uid, kind: "window", input: this.#input, keyBy: this.#keys, window, aggregates: specs });
    const names = ["window_start", "window_end", ...this.#keys, ...Object.keys(aggregates)];
    return new WindowStream<WindowColumns<In, Keys, Out>, In>(this.#job, uid, names);
  }
}

export class WindowStream<Out extends Columns, In extends Columns> extends Stream<Out> {
  /** Writes the rows that came after their window had closed. */
  late(uid: string, to: Sink<keyof In & string>): this {
    this.job.add({ uid, kind: "sink", input: `${this.uid}#late`, connector: to.connector });
    return this;
  }
}
