// A job spec after checking: every operator with its input's and its output's columns and its typed expressions.
// The planner works on this, so that validation and planning can never disagree.

import type { Schema } from "../batch/schema.ts";
import type { TypedExpression } from "../expression/typed_expression.ts";
import type { FilterSpec, ProjectSpec, SinkSpec, SourceSpec, WindowSpec } from "./job_spec.ts";

export type ResolvedOperator = ResolvedSource | ResolvedFilter | ResolvedProject | ResolvedWindow | ResolvedSink;

/** Which stream of an operator: its rows, or one of its side outputs. */
export type OutputName = "main" | "late" | "rejected";

export interface ResolvedInput {
  readonly uid: string;
  readonly output: OutputName;
}

export interface ResolvedSource {
  readonly kind: "source";
  readonly spec: SourceSpec;
  readonly output: Schema;
}

export interface ResolvedFilter {
  readonly kind: "filter";
  readonly spec: FilterSpec;
  readonly from: ResolvedInput;
  readonly input: Schema;
  readonly output: Schema;
  readonly where: TypedExpression;
}

export interface ResolvedProject {
  readonly kind: "project";
  readonly spec: ProjectSpec;
  readonly from: ResolvedInput;
  readonly input: Schema;
  readonly output: Schema;
  /** One a column of `output`. */
  readonly columns: readonly TypedExpression[];
}

export interface ResolvedWindow {
  readonly kind: "window";
  readonly spec: WindowSpec;
  readonly from: ResolvedInput;
  readonly input: Schema;
  readonly output: Schema;
  readonly timeColumn: string;
}

export interface ResolvedSink {
  readonly kind: "sink";
  readonly spec: SinkSpec;
  readonly from: ResolvedInput;
  readonly input: Schema;
}
