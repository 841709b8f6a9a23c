// A job spec after checking: every operator with its inputs' and its outputs' columns and its typed expressions.
// The planner works on this, so that validation and planning can never disagree.

import type { Schema } from "../batch/schema.ts";
import type { TypedExpression } from "../expression/typed_expression.ts";
import type * as spec from "./job_spec.ts";

export type ResolvedOperator =
  | ResolvedSource
  | ResolvedFilter
  | ResolvedProject
  | ResolvedUnion
  | ResolvedWindow
  | ResolvedAggregate
  | ResolvedIntervalJoin
  | ResolvedJoin
  | ResolvedTopN
  | ResolvedProcess
  | ResolvedSink;

export interface ResolvedInput {
  readonly uid: string;
  /** `main`, or the name of a side output. */
  readonly output: string;
  readonly schema: Schema;
  /** Rows may take earlier ones back. */
  readonly updating: boolean;
}

interface ResolvedBase {
  readonly parallelism: number;
  readonly inputs: readonly ResolvedInput[];
  /** Columns of the main output; empty for a sink. */
  readonly output: Schema;
  /** Whether rows of the main output may take earlier ones back. */
  readonly updating: boolean;
  /** Columns of every side output that there is. */
  readonly sides: ReadonlyMap<string, Schema>;
}

export interface ResolvedSource extends ResolvedBase {
  readonly kind: "source";
  readonly spec: spec.SourceSpec;
}

export interface ResolvedFilter extends ResolvedBase {
  readonly kind: "filter";
  readonly spec: spec.FilterSpec;
  readonly where: TypedExpression;
}

export interface ResolvedProject extends ResolvedBase {
  readonly kind: "project";
  readonly spec: spec.ProjectSpec;
  /** One a column of `output`. */
  readonly columns: readonly TypedExpression[];
}

export interface ResolvedUnion extends ResolvedBase {
  readonly kind: "union";
  readonly spec: spec.UnionSpec;
}

export interface ResolvedWindow extends ResolvedBase {
  readonly kind: "window";
  readonly spec: spec.WindowSpec;
  readonly timeColumn: string;
}

export interface ResolvedAggregate extends ResolvedBase {
  readonly kind: "aggregate";
  readonly spec: spec.AggregateOperatorSpec;
}

/** Where a joined row's column comes from: input 0 or 1 and a name there. */
export interface JoinedName {
  readonly name: string;
  readonly input: 0 | 1;
  readonly column: string;
}

export interface ResolvedIntervalJoin extends ResolvedBase {
  readonly kind: "interval_join";
  readonly spec: spec.IntervalJoinSpec;
  readonly timeColumns: readonly [string, string];
  readonly columns: readonly JoinedName[];
}

export interface ResolvedJoin extends ResolvedBase {
  readonly kind: "join";
  readonly spec: spec.JoinSpec;
  /** Undefined where not both inputs have event time. */
  readonly timeColumns: readonly [string, string] | undefined;
  readonly columns: readonly JoinedName[];
}

export interface ResolvedTopN extends ResolvedBase {
  readonly kind: "top_n";
  readonly spec: spec.TopNSpec;
}

export interface ResolvedProcess extends ResolvedBase {
  readonly kind: "process";
  readonly spec: spec.ProcessSpec;
  /** By input; undefined where it has no event time. */
  readonly timeColumns: readonly (string | undefined)[];
}

export interface ResolvedSink extends ResolvedBase {
  readonly kind: "sink";
  readonly spec: spec.SinkSpec;
}
