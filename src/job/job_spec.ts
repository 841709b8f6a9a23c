// The job spec: what a user posts, what the builder produces, what the engine runs. Plain JSON, no code.
// These types are the complete form, with every default filled in; `validate_job_spec.ts` makes it from anything.
// The parallelism of an operator stays away where it is not given, so that it follows that of the job.

import type { PlainData } from "../base/plain.ts";
import type { DataType } from "../batch/schema.ts";
import type { ExpressionSpec } from "../expression/expression_spec.ts";
import type { SinkConnectorSpec, SourceConnectorSpec } from "./connector_spec.ts";

export type * from "./connector_spec.ts";

export interface JobSpec {
  /** The version of this format. */
  readonly millrace: 1;
  readonly name: string;
  /** Tasks of each operator that does not say otherwise. */
  readonly parallelism: number;
  /** Count of key groups; fixed for the life of the job's state. */
  readonly maxParallelism: number;
  readonly checkpoint: CheckpointSpec;
  readonly restart: RestartSpec;
  readonly operators: readonly OperatorSpec[];
}

export interface CheckpointSpec {
  /** From the start of one checkpoint to that of the next. */
  readonly intervalMs: number;
  /** A checkpoint that takes longer is given up. */
  readonly timeoutMs: number;
  /** At least so long from the end of one to the start of the next. */
  readonly minPauseMs: number;
  /** More failed checkpoints in a row than this fail the job; null: none ever does. */
  readonly tolerableFailures: number | null;
  /** Completed checkpoints that are kept. */
  readonly retained: number;
}

/** What happens after a failure that another try may mend. */
export type RestartSpec =
  | { readonly strategy: "none" }
  /** At most `attempts` restarts, `delayMs` apart, then the job fails. */
  | { readonly strategy: "fixed_delay"; readonly attempts: number; readonly delayMs: number }
  | ExponentialRestartSpec
  /** The job fails after more than `failures` within `intervalMs`. */
  | {
      readonly strategy: "failure_rate";
      readonly failures: number;
      readonly intervalMs: number;
      readonly delayMs: number;
    };

/** The delay grows by `multiplier` up to `maxMs`, and begins again after `resetAfterMs` without a failure. */
export interface ExponentialRestartSpec {
  readonly strategy: "exponential";
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
  readonly resetAfterMs: number;
  /** Restarts since the delay last began; absent: any number. */
  readonly attempts?: number;
}

export type OperatorSpec =
  | SourceSpec
  | FilterSpec
  | ProjectSpec
  | UnionSpec
  | WindowSpec
  | AggregateOperatorSpec
  | IntervalJoinSpec
  | JoinSpec
  | TopNSpec
  | ProcessSpec
  | SinkSpec;

interface OperatorBase {
  readonly uid: string;
  /** Absent: the job's; for a sink, that of the operator that it reads. */
  readonly parallelism?: number;
}

export interface SourceSpec extends OperatorBase {
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
  /** A split without rows for this long (wall time) holds the watermark back no more; absent: it does for ever. */
  readonly idleTimeoutMs?: number;
}

export interface FilterSpec extends OperatorBase {
  readonly kind: "filter";
  readonly input: string;
  /** Rows stay where this is true; false and null drop them. */
  readonly where: ExpressionSpec;
}

export interface ProjectSpec extends OperatorBase {
  readonly kind: "project";
  readonly input: string;
  /** The output's columns, in this order. */
  readonly columns: Readonly<Record<string, ExpressionSpec>>;
}

/** The rows of all inputs, which have columns of the same names and types. */
export interface UnionSpec extends OperatorBase {
  readonly kind: "union";
  readonly inputs: readonly string[];
}

export interface WindowSpec extends OperatorBase {
  readonly kind: "window";
  readonly input: string;
  readonly keyBy: readonly string[];
  readonly window: TumblingSpec | HoppingSpec | SessionSpec;
  /** Output: `window_start`, `window_end`, the key columns, then these, in this order. */
  readonly aggregates: Readonly<Record<string, AggregateSpec>>;
}

/** Windows `[k * sizeMs + offsetMs, (k + 1) * sizeMs + offsetMs)`. */
export interface TumblingSpec {
  readonly kind: "tumbling";
  readonly sizeMs: number;
  readonly offsetMs: number;
}

/** Windows `[k * slideMs + offsetMs, k * slideMs + offsetMs + sizeMs)`; sizeMs is a multiple of slideMs. */
export interface HoppingSpec {
  readonly kind: "hopping";
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
}

/** Rows of one key that are less than gapMs apart share a window `[first, last + gapMs)`. */
export interface SessionSpec {
  readonly kind: "session";
  readonly gapMs: number;
}

export type AggregateSpec =
  /** Counts rows, or the values of a column that are not null. */
  | { readonly function: "count"; readonly column?: string }
  /** These skip nulls; over nothing but nulls they are null, and count_distinct is 0. */
  | { readonly function: "sum" | "min" | "max" | "avg" | "count_distinct"; readonly column: string };

/** Running aggregates. Output, which takes rows back: the key columns, then the aggregates. */
export interface AggregateOperatorSpec extends OperatorBase {
  readonly kind: "aggregate";
  readonly input: string;
  readonly keyBy: readonly string[];
  readonly aggregates: Readonly<Record<string, AggregateSpec>>;
}

/** Columns that are equal in rows that join; null equals nothing. */
export interface JoinPair {
  readonly left: string;
  readonly right: string;
}

/** Rows join where `right.time` is in `[left.time + lowerMs, left.time + upperMs]`. */
export interface IntervalJoinSpec extends OperatorBase {
  readonly kind: "interval_join";
  readonly left: string;
  readonly right: string;
  readonly on: readonly JoinPair[];
  readonly lowerMs: number;
  readonly upperMs: number;
  /** The output's columns, each `left.<column>` or `right.<column>`. */
  readonly columns: Readonly<Record<string, string>>;
}

/** Rows join where they are at most ttlMs apart: in event time if both inputs have it, else in wall time. */
export interface JoinSpec extends OperatorBase {
  readonly kind: "join";
  readonly left: string;
  readonly right: string;
  readonly on: readonly JoinPair[];
  readonly ttlMs: number;
  readonly columns: Readonly<Record<string, string>>;
}

/** The first `limit` rows of each key. Output, which takes rows back: the input's columns, then the rank if named. */
export interface TopNSpec extends OperatorBase {
  readonly kind: "top_n";
  readonly input: string;
  readonly keyBy: readonly string[];
  /** Ties are broken by all other columns, in order. */
  readonly orderBy: readonly OrderSpec[];
  readonly limit: number;
  /** The column that says 1, 2, 3, …; absent: there is none. */
  readonly rank?: string;
}

export interface OrderSpec {
  readonly column: string;
  readonly descending: boolean;
}

/** A TypeScript function that the deployment registers under this name, with state by key. */
export interface ProcessSpec extends OperatorBase {
  readonly kind: "process";
  /** One or two. */
  readonly inputs: readonly string[];
  /** One list of columns an input. */
  readonly keyBy: readonly (readonly string[])[];
  readonly function: string;
  readonly columns: readonly FieldSpec[];
  readonly states: Readonly<Record<string, StateSpec>>;
  /** Side outputs, each with its columns. */
  readonly outputs: Readonly<Record<string, readonly FieldSpec[]>>;
  /** Handed to the function as it is. */
  readonly params: PlainData;
}

export interface StateSpec {
  readonly kind: "value" | "list" | "map";
  /** An entry that nobody wrote for this long is gone; absent: it stays. */
  readonly ttlMs?: number;
}

export interface SinkSpec extends OperatorBase {
  readonly kind: "sink";
  /** `uid`, or a side output: `<window uid>#late`, `<source uid>#rejected`. */
  readonly input: string;
  readonly connector: SinkConnectorSpec;
}
