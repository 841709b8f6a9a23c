// The job spec: what a user posts, what the builder produces, what the engine runs. Plain JSON, no code.
// These types are the complete form, with every default filled in; `validate_job_spec.ts` makes it from anything.

import type { DataType } from "../batch/schema.ts";
import type { ExpressionSpec } from "../expression/expression_spec.ts";

export interface JobSpec {
  /** The version of this format. */
  readonly millrace: 1;
  readonly name: string;
  /** Count of key groups; fixed for the life of the job's state. */
  readonly maxParallelism: number;
  readonly checkpoint: { readonly intervalMs: number };
  readonly restart: RestartSpec;
  readonly operators: readonly OperatorSpec[];
}

export type RestartSpec =
  | { readonly strategy: "none" }
  /** At most `attempts` restarts, `delayMs` apart, then the job fails. */
  | { readonly strategy: "fixed_delay"; readonly attempts: number; readonly delayMs: number };

export type OperatorSpec = SourceSpec | FilterSpec | ProjectSpec | WindowSpec | SinkSpec;

export interface SourceSpec {
  readonly uid: string;
  readonly kind: "source";
  readonly connector: SourceConnectorSpec;
  readonly schema: readonly FieldSpec[];
  /** Needed by windows: the column that says when a row happened, and how far behind the newest row it may come. */
  readonly eventTime?: EventTimeSpec;
}

export interface FieldSpec {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}

export interface EventTimeSpec {
  readonly column: string;
  readonly boundMs: number;
}

export interface FilterSpec {
  readonly uid: string;
  readonly kind: "filter";
  readonly input: string;
  /** Rows stay where this is true; false and null drop them. */
  readonly where: ExpressionSpec;
}

export interface ProjectSpec {
  readonly uid: string;
  readonly kind: "project";
  readonly input: string;
  /** The output's columns, in this order. */
  readonly columns: Readonly<Record<string, ExpressionSpec>>;
}

export interface WindowSpec {
  readonly uid: string;
  readonly kind: "window";
  readonly input: string;
  readonly keyBy: readonly string[];
  readonly window: TumblingSpec;
  /** Output: `window_start`, `window_end`, the key columns, then these, in this order. */
  readonly aggregates: Readonly<Record<string, AggregateSpec>>;
}

/** Windows `[k * sizeMs + offsetMs, (k + 1) * sizeMs + offsetMs)`. */
export interface TumblingSpec {
  readonly kind: "tumbling";
  readonly sizeMs: number;
  readonly offsetMs: number;
}

export type AggregateSpec =
  /** Counts rows, or the values of a column that are not null. */
  | { readonly function: "count"; readonly column?: string }
  /** These skip nulls; over nothing but nulls they are null. */
  | { readonly function: "sum" | "min" | "max" | "avg"; readonly column: string };

export interface SinkSpec {
  readonly uid: string;
  readonly kind: "sink";
  /** `uid`, or a side output: `<window uid>#late`, `<source uid>#rejected`. */
  readonly input: string;
  readonly connector: SinkConnectorSpec;
}

export type SourceConnectorSpec = NdjsonFileSpec | ParquetFileSpec | GeneratorSpec | LogSourceSpec | MemorySourceSpec;

/** JSON objects, one a line. Each file is cut into `splits` byte ranges that are read independently. */
export interface NdjsonFileSpec {
  readonly kind: "ndjson_file";
  readonly paths: readonly string[];
  readonly splits: number;
}

/** One split a file. */
export interface ParquetFileSpec {
  readonly kind: "parquet_file";
  readonly paths: readonly string[];
}

/**
 * Rows made from a seed. The declared schema decides what each column holds: `timestamp` startMs + row * stepMs, moved
 * back by up to jitterMs; `utf8` key-0 … key-<keys - 1>; `i64` 0 … keys - 1; `f64` in [0, 1); `bool` evenly.
 */
export interface GeneratorSpec {
  readonly kind: "generator";
  readonly seed: number;
  readonly rows: number;
  readonly keys: number;
  readonly startMs: number;
  readonly stepMs: number;
  readonly jitterMs: number;
  readonly splits: number;
  /** Absent: as fast as it goes. */
  readonly ratePerSecond?: number;
}

/** A durable log of this deployment; it never ends, so neither does the job. */
export interface LogSourceSpec {
  readonly kind: "log";
  readonly name: string;
  readonly format: "json";
}

/** Batches that the embedding program hands over under this name; refused in a posted spec. */
export interface MemorySourceSpec {
  readonly kind: "memory";
  readonly name: string;
}

export type SinkConnectorSpec = TableSinkSpec | NdjsonFilesSpec | LogSinkSpec | PrintSinkSpec;

export interface TableSinkSpec {
  readonly kind: "table";
  /** Absent: the deployment's own database. */
  readonly database?: string;
  readonly table: string;
  /** `upsert`: one row per primary key, the newest wins. `append`: every row is inserted. */
  readonly mode: "upsert" | "append";
  /** Empty for `append`. */
  readonly primaryKey: readonly string[];
}

export interface NdjsonFilesSpec {
  readonly kind: "ndjson_files";
  readonly directory: string;
}

export interface LogSinkSpec {
  readonly kind: "log";
  readonly name: string;
}

export interface PrintSinkSpec {
  readonly kind: "print";
}
