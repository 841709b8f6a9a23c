// The plan of a job: what its tasks run, with every name resolved to a position and every expression typed.
//
//   nodes   operators, in an order in which each reads only from earlier ones
//   chains  nodes that run fused, batch by batch, in each of `parallelism` tasks; every node is in exactly one chain
//   edges   from a node of one chain to nodes of another: rows cross between tasks
//
// Invariants:
// - A node's schema lists exactly the columns that somebody after it reads, so a source decodes nothing that the job
//   does not use.
// - Chains and edges form no cycle. A keyed node whose chain has more than one task gets its rows through hash edges
//   over its key columns only, so that every row reaches the task that owns its key group.
// - Rows that take others back never change places with them: an edge for such rows sends equal rows the same way, and
//   a table's primary key is written by one task.

import { present } from "../base/assert.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { Schema } from "../batch/schema.ts";
import type { TypedExpression } from "../expression/typed_expression.ts";
import type { AggregateSpec, SinkConnectorSpec, SourceConnectorSpec, StateSpec, WindowSpec } from "../job/job_spec.ts";

export interface JobPlan {
  readonly name: string;
  readonly maxParallelism: number;
  readonly nodes: readonly PlanNode[];
  /** Each after the chains that it reads from. */
  readonly chains: readonly ChainPlan[];
  readonly edges: readonly EdgePlan[];
}

export interface ChainPlan {
  /** Position in `JobPlan.chains`. */
  readonly id: number;
  readonly parallelism: number;
  /** In an order in which each reads only from earlier ones, or from edges. */
  readonly nodes: readonly PlanNode[];
  /** Chains that are connected by edges, in whatever direction, share a region: they fail over together. */
  readonly region: number;
}

/** One output of one node on its way to another chain; read there by every node that names it with `edge`. */
export interface EdgePlan {
  /** Position in `JobPlan.edges`. */
  readonly id: number;
  readonly from: { readonly chain: number; readonly uid: OperatorUid; readonly output: OutputName };
  readonly to: { readonly chain: number };
  readonly partition: Partition;
  readonly schema: Schema;
  readonly updating: boolean;
  /** Somebody behind it decides lateness: the rows' own watermarks travel with them. */
  readonly watermarks: boolean;
}

export type Partition =
  /** To the task that owns the key group of these columns (positions in the edge's schema). */
  | { readonly kind: "hash"; readonly columns: readonly number[] }
  /** Whole batches, to the tasks in turn. */
  | { readonly kind: "rebalance" };

/** `main`, or the name of a side output: `late`, `late_left`, `rejected`, a name of a process function's own. */
export type OutputName = string;

/** Where a node reads from. */
export interface InputPlan {
  readonly uid: OperatorUid;
  readonly output: OutputName;
  /** The edge that the rows come over; undefined: from a node of the same chain. */
  readonly edge: number | undefined;
  readonly schema: Schema;
  /** Rows may take earlier ones back (weight -1). */
  readonly updating: boolean;
}

export type PlanNode = SourceNode | OperatorNode | SinkNode;
export type OperatorNode =
  | FilterNode
  | ProjectNode
  | UnionNode
  | WindowNode
  | AggregateNode
  | IntervalJoinNode
  | JoinNode
  | TopNNode
  | ProcessNode;

interface NodeBase {
  readonly uid: OperatorUid;
  readonly parallelism: number;
  /** None for a source, two for joins, one or two for processes, two or more for unions, else one. */
  readonly inputs: readonly InputPlan[];
  /** Columns of the main output. */
  readonly output: Schema;
  /** Whether the main output may hold weights of -1. */
  readonly updating: boolean;
  /** Side outputs that somebody reads, with their columns; the others are only counted. */
  readonly sides: ReadonlyMap<OutputName, Schema>;
}

export interface SourceNode extends NodeBase {
  readonly kind: "source";
  readonly connector: SourceConnectorSpec;
  /** All that the user declared; `output` has the declared columns that the job reads, in declared order. */
  readonly declared: Schema;
  /** `column` is a position in `output`; the column is a timestamp and never null. */
  readonly eventTime: EventTimePlan | undefined;
}

export interface EventTimePlan {
  readonly column: number;
  readonly boundMs: number;
  /** A split without rows for this long (wall time) holds the watermark back no more; undefined: for ever. */
  readonly idleTimeoutMs: number | undefined;
}

/** The output has the same columns as the input. */
export interface FilterNode extends NodeBase {
  readonly kind: "filter";
  readonly where: TypedExpression;
}

export interface ProjectNode extends NodeBase {
  readonly kind: "project";
  /** One a column of `output`, in its order. */
  readonly columns: readonly ProjectedColumn[];
}

export interface ProjectedColumn {
  readonly name: string;
  readonly expression: TypedExpression;
}

/** The inputs may list further columns, and in another order. */
export interface UnionNode extends NodeBase {
  readonly kind: "union";
  /** By input: the position there of each column of `output`. */
  readonly columns: readonly (readonly number[])[];
}

/** Side output `late`. Output: `window_start`, `window_end`, the keys, the aggregates. */
export interface WindowNode extends NodeBase {
  readonly kind: "window";
  readonly window: WindowSpec["window"];
  /** Position of the event time in the input. */
  readonly timeColumn: number;
  /** Positions in the input, in the order of `keyBy`. */
  readonly keyColumns: readonly number[];
  readonly aggregates: readonly AggregatePlan[];
}

export interface AggregatePlan {
  readonly name: string;
  readonly function: AggregateSpec["function"];
  /** Position in the input; undefined where `count` counts rows. */
  readonly column: number | undefined;
}

/** Output, always updating: the keys, the aggregates. */
export interface AggregateNode extends NodeBase {
  readonly kind: "aggregate";
  readonly keyColumns: readonly number[];
  readonly aggregates: readonly AggregatePlan[];
}

/** Where a joined row's column comes from: input 0 or 1 and a position there. */
export interface JoinedColumn {
  readonly name: string;
  readonly input: 0 | 1;
  readonly column: number;
}

/** Side outputs `late_left`, `late_right`. Inputs: left, right. */
export interface IntervalJoinNode extends NodeBase {
  readonly kind: "interval_join";
  /** Positions in the left and in the right input, pair by pair of equal types. */
  readonly keyColumns: readonly [readonly number[], readonly number[]];
  readonly timeColumns: readonly [number, number];
  /** right.time - left.time lies in [lowerMs, upperMs]. */
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly columns: readonly JoinedColumn[];
}

export interface JoinNode extends NodeBase {
  readonly kind: "join";
  readonly keyColumns: readonly [readonly number[], readonly number[]];
  /** Undefined where not both inputs have event time: then the time to live is wall time. */
  readonly timeColumns: readonly [number, number] | undefined;
  readonly ttlMs: number;
  readonly columns: readonly JoinedColumn[];
}

/** Output, always updating: the input's columns, then the rank where it is named. */
export interface TopNNode extends NodeBase {
  readonly kind: "top_n";
  readonly keyColumns: readonly number[];
  readonly orderBy: readonly { readonly column: number; readonly descending: boolean }[];
  readonly limit: number;
  readonly rank: string | undefined;
}

/** Side outputs of the function's own names. */
export interface ProcessNode extends NodeBase {
  readonly kind: "process";
  readonly functionName: string;
  /** By input. */
  readonly keyColumns: readonly (readonly number[])[];
  /** By input; undefined where an input has no event time. */
  readonly timeColumns: readonly (number | undefined)[];
  readonly states: Readonly<Record<string, StateSpec>>;
  readonly params: PlainData;
}

/** `output` is empty. */
export interface SinkNode extends NodeBase {
  readonly kind: "sink";
  readonly connector: SinkConnectorSpec;
}

/** The nodes of a chain that read one output of one node of the same chain, or one edge. */
export const readersOf = (
  chain: ChainPlan,
  from: { readonly uid: OperatorUid; readonly output: OutputName } | { readonly edge: number },
): readonly { readonly node: OperatorNode | SinkNode; readonly input: number }[] =>
  chain.nodes.flatMap((node) =>
    node.kind === "source"
      ? []
      : node.inputs.flatMap((one, input) => {
          const reads =
            "edge" in from
              ? one.edge === from.edge
              : one.edge === undefined && one.uid === from.uid && one.output === from.output;
          return reads ? [{ node, input }] : [];
        }),
  );

/** Whether a node keeps state by key, and so needs its rows by key group. */
export const isKeyed = (node: PlanNode): boolean =>
  node.kind !== "source" &&
  node.kind !== "sink" &&
  node.kind !== "filter" &&
  node.kind !== "project" &&
  node.kind !== "union";

/** What a sink writes: its one input. */
export const sinkInput = (node: SinkNode): InputPlan => present(node.inputs[0], "the input of a sink");
