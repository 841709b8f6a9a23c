// The plan of a job: what a task runs, with every name resolved to a position and every expression typed.
// Invariants: nodes stand in an order in which each reads only from earlier ones; a node's schema lists exactly the
// columns that somebody after it reads, so a source decodes nothing that the job does not use.

import type { OperatorUid } from "../base/ids.ts";
import type { Schema } from "../batch/schema.ts";
import type { TypedExpression } from "../expression/typed_expression.ts";
import type { AggregateSpec, SinkConnectorSpec, SourceConnectorSpec, TumblingSpec } from "../job/job_spec.ts";

export interface JobPlan {
  readonly name: string;
  readonly maxParallelism: number;
  readonly nodes: readonly PlanNode[];
  /** Operators that run fused, batch by batch, in one task. This version plans exactly one chain. */
  readonly chains: readonly ChainPlan[];
}

export interface ChainPlan {
  readonly source: SourceNode;
  /** In the order in which a batch passes them. */
  readonly operators: readonly OperatorNode[];
  readonly sinks: readonly SinkNode[];
}

export type OperatorNode = FilterNode | ProjectNode | WindowNode;
export type PlanNode = SourceNode | OperatorNode | SinkNode;

/** Where a node reads from. */
export interface InputPlan {
  readonly uid: OperatorUid;
  readonly output: "main" | "late" | "rejected";
}

export interface SourceNode {
  readonly kind: "source";
  readonly uid: OperatorUid;
  readonly connector: SourceConnectorSpec;
  /** All that the user declared. */
  readonly declared: Schema;
  /** The declared columns that the job reads, in declared order: what is decoded. */
  readonly output: Schema;
  /** `column` is a position in `output`; the column is a timestamp and never null. */
  readonly eventTime: EventTimePlan | undefined;
  /** A sink reads the rejected rows; else they are only counted. */
  readonly rejectedConnected: boolean;
}

export interface EventTimePlan {
  readonly column: number;
  readonly boundMs: number;
}

export interface FilterNode {
  readonly kind: "filter";
  readonly uid: OperatorUid;
  readonly from: InputPlan;
  /** The output has the same columns: a filter works in place. */
  readonly input: Schema;
  readonly output: Schema;
  readonly where: TypedExpression;
}

export interface ProjectNode {
  readonly kind: "project";
  readonly uid: OperatorUid;
  readonly from: InputPlan;
  readonly input: Schema;
  readonly output: Schema;
  /** One a column of `output`, in its order. */
  readonly columns: readonly ProjectedColumn[];
}

export interface ProjectedColumn {
  readonly name: string;
  readonly expression: TypedExpression;
}

export interface WindowNode {
  readonly kind: "window";
  readonly uid: OperatorUid;
  readonly from: InputPlan;
  readonly input: Schema;
  /** `window_start`, `window_end`, the keys, the aggregates. */
  readonly output: Schema;
  readonly window: TumblingSpec;
  /** Position of the event time in `input`. */
  readonly timeColumn: number;
  /** Positions in `input`, in the order of `keyBy`. */
  readonly keyColumns: readonly number[];
  readonly aggregates: readonly AggregatePlan[];
  /** A sink reads the late rows (they have the schema `input`); else they are only counted. */
  readonly lateConnected: boolean;
}

export interface AggregatePlan {
  readonly name: string;
  readonly function: AggregateSpec["function"];
  /** Position in `input`; undefined where `count` counts rows. */
  readonly column: number | undefined;
}

export interface SinkNode {
  readonly kind: "sink";
  readonly uid: OperatorUid;
  readonly from: InputPlan;
  readonly input: Schema;
  readonly connector: SinkConnectorSpec;
}

/** The sinks that read one output of one operator. */
export const sinksOf = (chain: ChainPlan, uid: OperatorUid, output: InputPlan["output"]): readonly SinkNode[] =>
  chain.sinks.filter((sink) => sink.from.uid === uid && sink.from.output === output);
