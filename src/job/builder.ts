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

import type { AggregatesOver } from "./aggregate_builders.ts";
import * as types from "./builder_types.ts";
import type { Columns, ColumnType, KeyColumn, NamesOf } from "./column_types.ts";
import type { Sink } from "./connector_builders.ts";
import { type Duration, durationMs, milliseconds } from "./duration.ts";
import type { NoColumns, ProcessFunction, TypedProcessFunction } from "./define_process.ts";
import { fieldsOf } from "./field_specs.ts";
import type { FieldSpec, JobSpec, OperatorSpec, ProcessSpec, SourceConnectorSpec, WindowSpec } from "./job_spec.ts";
import { processFacts } from "./process_facts.ts";
import { type Operand, specOf, type Typed, TypedColumn } from "./typed_column.ts";
import { specError, validateJobSpec } from "./validate_job_spec.ts";

export const job = (name: string, options: types.JobOptions = {}): JobBuilder => new JobBuilder(name, options);

export class JobBuilder {
  readonly #name: string;
  readonly #options: types.JobOptions;
  readonly #operators: OperatorSpec[] = [];

  constructor(name: string, options: types.JobOptions) {
    this.#name = name;
    this.#options = options;
  }

  /** A job may have several sources; streams of one job can be joined and united. */
  source<const In extends Columns>(
    uid: string,
    connector: SourceConnectorSpec,
    options: types.SourceOptions<In>,
  ): SourceStream<In> {
    const { schema, eventTime } = options;
    const time = eventTime && {
      column: eventTime.column,
      boundMs: durationMs(eventTime.bound),
      ...milliseconds("idleTimeoutMs", eventTime.idleTimeout),
    };
    this.add({ uid, kind: "source", connector, schema: fieldsOf(schema), ...(time && { eventTime: time }) }, options);
    return new SourceStream<In>(this, uid, Object.keys(schema));
  }

  add(operator: OperatorSpec, { parallelism }: types.OperatorOptions = {}): void {
    this.#operators.push(parallelism === undefined ? operator : { ...operator, parallelism });
  }

  /** The complete spec. Throws `spec_invalid` with all that is wrong. */
  toSpec(): JobSpec {
    const { checkpoint, ...options } = this.#options;
    const { interval, timeout, minPause, ...counts } = checkpoint ?? {};
    const checkpoints = {
      ...milliseconds("intervalMs", interval),
      ...milliseconds("timeoutMs", timeout),
      ...milliseconds("minPauseMs", minPause),
      ...counts,
    };
    const checked = validateJobSpec(
      { millrace: 1, name: this.#name, ...options, checkpoint: checkpoints, operators: this.#operators },
      { embedded: true, functions: "any" },
    );
    if (checked.kind === "invalid") throw specError(checked.problems, `job ${this.#name}`);
    return checked.spec;
  }
}

/** Rows with the columns `In`. Any number of operators and sinks may read them. */
export class Stream<In extends Columns> {
  /** For TypeScript alone: streams of other columns are no streams of these. */
  declare protected readonly columns: (given: In) => In;
  protected readonly job: JobBuilder;
  protected readonly names: readonly string[];
  /** How other operators name it: `hourly`, `hourly#late`. */
  readonly output: string;

  constructor(builder: JobBuilder, output: string, names: readonly string[]) {
    this.job = builder;
    this.output = output;
    this.names = names;
  }

  #row(): types.Row<In> {
    const columns = this.names.map((name) => [name, new TypedColumn({ col: name })]);
    return Object.fromEntries(columns) as unknown as types.Row<In>;
  }

  /** Keeps the rows for which the condition is true. */
  filter(
    uid: string,
    where: (row: types.Row<In>) => boolean | Typed<"bool">,
    options?: types.OperatorOptions,
  ): Stream<In> {
    this.job.add({ uid, kind: "filter", input: this.output, where: specOf(where(this.#row())) }, options);
    return new Stream<In>(this.job, uid, this.names);
  }

  /** Computes new columns from the old ones; what is not named is gone. */
  project<const Out extends Readonly<Record<string, Operand>>>(
    uid: string,
    columns: (row: types.Row<In>) => Out,
    options?: types.OperatorOptions,
  ): Stream<types.Projected<Out>> {
    const out = columns(this.#row());
    const specs = Object.fromEntries(Object.entries(out).map(([name, one]) => [name, specOf(one)]));
    this.job.add({ uid, kind: "project", input: this.output, columns: specs }, options);
    return new Stream<types.Projected<Out>>(this.job, uid, Object.keys(out));
  }

  /** The rows of this and of the others, which have the same columns. */
  union(uid: string, others: readonly Stream<In>[], options?: types.OperatorOptions): Stream<In> {
    const inputs = [this.output, ...others.map((one) => one.output)];
    this.job.add({ uid, kind: "union", inputs }, options);
    return new Stream<In>(this.job, uid, this.names);
  }

  keyBy<const Keys extends NamesOf<In, KeyColumn>>(...keys: readonly Keys[]): KeyedStream<In, Keys> {
    return new KeyedStream<In, Keys>(this.job, this.output, this.names, keys);
  }

  /** Writes the rows somewhere; the stream goes on. */
  sink(uid: string, to: Sink<keyof In & string>, options?: types.OperatorOptions): this {
    this.job.add({ uid, kind: "sink", input: this.output, connector: to.connector }, options);
    return this;
  }

  toSpec(): JobSpec {
    return this.job.toSpec();
  }
}

/** A stream whose operator has side outputs: their columns by name. */
export class SidedStream<Out extends Columns, Sides extends types.SideColumns> extends Stream<Out> {
  readonly #sides: Readonly<Record<string, readonly string[]>>;

  constructor(
    builder: JobBuilder,
    uid: string,
    names: readonly string[],
    sides: Readonly<Record<string, readonly string[]>>,
  ) {
    super(builder, uid, names);
    this.#sides = sides;
  }

  /** The rows of a side output, for any operator. */
  side<const Name extends keyof Sides & string>(name: Name): Stream<Sides[Name]> {
    return new Stream<Sides[Name]>(this.job, `${this.output}#${name}`, this.#sides[name] ?? []);
  }
}

type Rejected = { readonly source: "utf8"; readonly position: "utf8"; readonly reason: "utf8"; readonly raw: "utf8" };

export class SourceStream<In extends Columns> extends SidedStream<In, { readonly rejected: Rejected }> {
  constructor(builder: JobBuilder, uid: string, names: readonly string[]) {
    super(builder, uid, names, { rejected: ["source", "position", "reason", "raw"] });
  }

  /** Writes the rows that could not be decoded, with place and reason. */
  rejected(uid: string, to: Sink<keyof Rejected>): this {
    this.side("rejected").sink(uid, to);
    return this;
  }
}

export class WindowStream<Out extends Columns, In extends Columns> extends SidedStream<Out, { readonly late: In }> {
  /** Writes the rows that came after their window had closed. */
  late(uid: string, to: Sink<keyof In & string>): this {
    this.side("late").sink(uid, to);
    return this;
  }
}

export class KeyedStream<In extends Columns, Keys extends string> {
  readonly #job: JobBuilder;
  readonly #input: string;
  readonly #names: readonly string[];
  readonly #keys: readonly Keys[];

  constructor(builder: JobBuilder, input: string, names: readonly string[], keys: readonly Keys[]) {
    this.#job = builder;
    this.#input = input;
    this.#names = names;
    this.#keys = keys;
  }

  /** One row per key and window: `window_start`, `window_end`, the keys, the aggregates. */
  window<const Out extends AggregatesOver<In>>(
    uid: string,
    window: WindowSpec["window"],
    aggregates: Out,
    options?: types.OperatorOptions,
  ): WindowStream<types.WindowColumns<In, Keys, Out>, In> {
    this.#job.add({ uid, kind: "window", input: this.#input, keyBy: this.#keys, window, aggregates }, options);
    const names = ["window_start", "window_end", ...this.#keys, ...Object.keys(aggregates)];
    const sides = { late: this.#names };
    return new WindowStream<types.WindowColumns<In, Keys, Out>, In>(this.#job, uid, names, sides);
  }

  /** One row per key: the keys, the aggregates over all rows so far. A change takes the row before it back. */
  aggregate<const Out extends AggregatesOver<In>>(
    uid: string,
    aggregates: Out,
    options?: types.OperatorOptions,
  ): Stream<types.AggregateColumns<In, Keys, Out>> {
    this.#job.add({ uid, kind: "aggregate", input: this.#input, keyBy: this.#keys, aggregates }, options);
    const names = [...this.#keys, ...Object.keys(aggregates)];
    return new Stream<types.AggregateColumns<In, Keys, Out>>(this.#job, uid, names);
  }

  /** The first rows of each key, and their rank if it has a name. A row that is pushed out is taken back. */
  topN<const Rank extends string = never>(
    uid: string,
    options: types.TopNOptions<In, Rank>,
  ): Stream<types.Ranked<In, Rank>> {
    const { limit, rank } = options;
    const orderBy = options.orderBy.map((one) => (typeof one === "string" ? { column: one, descending: false } : one));
    const ranked = rank === undefined ? {} : { rank };
    this.#job.add({ uid, kind: "top_n", input: this.#input, keyBy: this.#keys, orderBy, limit, ...ranked }, options);
    const names = rank === undefined ? this.#names : [...this.#names, rank];
    return new Stream<types.Ranked<In, Rank>>(this.#job, uid, names);
  }

  /** Rows with equal keys whose times are such that `right - left` is between `lower` and `upper`. */
  intervalJoin<Right extends Columns, RightKeys extends string, const Out extends types.JoinOutput>(
    uid: string,
    right: KeyedStream<Right, RightKeys>,
    span: { readonly lower: Duration; readonly upper: Duration } & types.OperatorOptions,
    columns: (left: types.JoinRow<In>, right: types.JoinRow<Right>) => Out,
  ): SidedStream<types.Joined<Out>, { readonly late_left: In; readonly late_right: Right }> {
    const joined = this.#joined(right, columns);
    const between = { lowerMs: durationMs(span.lower), upperMs: durationMs(span.upper) };
    this.#job.add({ uid, kind: "interval_join", ...joined, ...between }, span);
    const sides = { late_left: this.#names, late_right: right.#names };
    return new SidedStream(this.#job, uid, Object.keys(joined.columns), sides);
  }

  /** Rows with equal keys that are at most `ttl` apart, in event time if both have it, else in wall time. */
  join<Right extends Columns, RightKeys extends string, const Out extends types.JoinOutput>(
    uid: string,
    right: KeyedStream<Right, RightKeys>,
    { ttl, ...options }: { readonly ttl: Duration } & types.OperatorOptions,
    columns: (left: types.JoinRow<In>, right: types.JoinRow<Right>) => Out,
  ): Stream<types.Joined<Out>> {
    const joined = this.#joined(right, columns);
    this.#job.add({ uid, kind: "join", ...joined, ttlMs: durationMs(ttl) }, options);
    return new Stream<types.Joined<Out>>(this.#job, uid, Object.keys(joined.columns));
  }

  #joined<Right extends Columns, RightKeys extends string>(
    right: KeyedStream<Right, RightKeys>,
    columns: (left: types.JoinRow<In>, right: types.JoinRow<Right>) => types.JoinOutput,
  ) {
    const out = columns(joinRow<In>("left", this.#names), joinRow<Right>("right", right.#names));
    const longer: readonly string[] = this.#keys.length < right.#keys.length ? right.#keys : this.#keys;
    // A key without a partner is left for validation to find.
    const on = longer.map((_, index) => ({
      left: this.#keys[index] as string,
      right: right.#keys[index] as string,
    }));
    const texts = Object.entries(out).map(([name, one]) => [name, one.text] as const);
    return { left: this.#input, right: right.#input, on, columns: Object.fromEntries(texts) };
  }

  /** Another input of one process function, by keys of the same types. */
  connect<Right extends Columns, RightKeys extends string>(
    right: KeyedStream<Right, RightKeys>,
  ): ConnectedStreams<In, Right> {
    return new ConnectedStreams(this.#job, [this.#input, right.#input], [this.#keys, right.#keys]);
  }

  /** A function that the deployment registers, with state by key. */
  process<Reads extends Columns, Out extends Columns, Sides extends types.SideColumns>(
    uid: string,
    its: In extends types.Readable<Reads> ? TypedProcessFunction<Reads, NoColumns, Out, Sides> : never,
    options?: types.FunctionOptions,
  ): SidedStream<Out, Sides>;
  /** The same by its name, with what it emits and keeps. */
  process<const Out extends Columns, const Sides extends types.SideColumns = Readonly<Record<never, Columns>>>(
    uid: string,
    name: string,
    options: types.ProcessOptions<Out, Sides>,
  ): SidedStream<Out, Sides>;
  process(
    uid: string,
    its: string | ProcessFunction,
    options?: types.ProcessOptions<Columns, types.SideColumns> | types.FunctionOptions,
  ): SidedStream<Columns, types.SideColumns> {
    return addProcess(this.#job, { uid, inputs: [this.#input], keyBy: [this.#keys] }, its, options);
  }
}

const joinRow = <In extends Columns>(side: "left" | "right", names: readonly string[]): types.JoinRow<In> =>
  Object.fromEntries(
    names.map((name) => [name, new types.JoinColumn<ColumnType>(`${side}.${name}`)]),
  ) as unknown as types.JoinRow<In>;

/** The inputs of a process function. */
export class ConnectedStreams<In extends Columns, Second extends Columns> {
  /** For TypeScript alone. */
  declare protected readonly columns: (first: In, second: Second) => [In, Second];
  readonly #job: JobBuilder;
  readonly #inputs: readonly string[];
  readonly #keyBy: readonly (readonly string[])[];

  constructor(builder: JobBuilder, inputs: readonly string[], keyBy: readonly (readonly string[])[]) {
    this.#job = builder;
    this.#inputs = inputs;
    this.#keyBy = keyBy;
  }

  /** A function that the deployment registers, with state by key. */
  process<Reads extends Columns, ReadsSecond extends Columns, Out extends Columns, Sides extends types.SideColumns>(
    uid: string,
    its: [In, Second] extends [types.Readable<Reads>, types.Readable<ReadsSecond>]
      ? TypedProcessFunction<Reads, ReadsSecond, Out, Sides>
      : never,
    options?: types.FunctionOptions,
  ): SidedStream<Out, Sides>;
  /** The same by its name, with what it emits and keeps. */
  process<const Out extends Columns, const Sides extends types.SideColumns = Readonly<Record<never, Columns>>>(
    uid: string,
    name: string,
    options: types.ProcessOptions<Out, Sides>,
  ): SidedStream<Out, Sides>;
  process(
    uid: string,
    its: string | ProcessFunction,
    options?: types.ProcessOptions<Columns, types.SideColumns> | types.FunctionOptions,
  ): SidedStream<Columns, types.SideColumns> {
    return addProcess(this.#job, { uid, inputs: this.#inputs, keyBy: this.#keyBy }, its, options);
  }
}

type ProcessPlace = Pick<ProcessSpec, "uid" | "inputs" | "keyBy">;
function addProcess(
  builder: JobBuilder,
  place: ProcessPlace,
  its: string | ProcessFunction,
  options: types.ProcessOptions<Columns, types.SideColumns> | types.FunctionOptions = {},
): SidedStream<Columns, types.SideColumns> {
  const facts = processFacts(its, options);
  builder.add({ ...place, kind: "process", ...facts }, options);
  const namesOf = (fields: readonly FieldSpec[]): string[] => fields.map(({ name }) => name);
  const sides = Object.fromEntries(Object.entries(facts.outputs).map(([side, fields]) => [side, namesOf(fields)]));
  return new SidedStream<Columns, types.SideColumns>(builder, place.uid, namesOf(facts.columns), sides);
}
