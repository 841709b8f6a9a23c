// One operator as a node of the plan: names become positions in the narrowed columns of its inputs.

import { asOperatorUid } from "../base/ids.ts";
import { columnIndex, type Schema } from "../batch/schema.ts";
import { moveColumns, type TypedExpression } from "../expression/typed_expression.ts";
import type { AggregateSpec } from "../job/job_spec.ts";
import type * as resolved from "../job/resolved_job.ts";
import { rejectedSchema } from "../job/resolve_job.ts";
import { keptColumns } from "./needs.ts";
import type * as plan from "./plan.ts";

export interface NodeSite {
  readonly inputs: readonly plan.InputPlan[];
  /** Names of the columns of an output that somebody reads. */
  readonly read: (output: string) => ReadonlySet<string>;
  /** Side outputs that somebody reads. */
  readonly sides: readonly string[];
}

export function planNode(one: resolved.ResolvedOperator, site: NodeSite): plan.PlanNode {
  switch (one.kind) {
    case "source":
      return planSource(one, site);
    case "filter":
      return planFilter(one, site);
    case "project":
      return planProject(one, site);
    case "union":
      return planUnion(one, site);
    case "window":
      return planWindow(one, site);
    case "aggregate":
      return planAggregate(one, site);
    case "interval_join":
      return { ...joinBase(one, site), kind: one.kind, timeColumns: timesOf(one.timeColumns, site), ...spanOf(one) };
    case "join":
      return {
        ...joinBase(one, site),
        kind: one.kind,
        timeColumns: one.timeColumns && timesOf(one.timeColumns, site),
        ttlMs: one.spec.ttlMs,
      };
    case "top_n":
      return planTopN(one, site);
    case "process":
      return planProcess(one, site);
    case "sink":
      return { ...base(one, site, []), kind: "sink", connector: one.spec.connector };
  }
}

const inputSchema = (site: NodeSite, index = 0): Schema => site.inputs[index]?.schema ?? [];

function base(one: resolved.ResolvedOperator, site: NodeSite, output: Schema) {
  return {
    uid: asOperatorUid(one.spec.uid),
    parallelism: one.parallelism,
    inputs: site.inputs,
    output,
    updating: one.updating,
    sides: new Map(site.sides.map((name) => [name, sideSchema(one, name, site)])),
  };
}

/** Late rows are as the operator's input gave them. */
function sideSchema(one: resolved.ResolvedOperator, name: string, site: NodeSite): Schema {
  if (one.kind === "source") return rejectedSchema;
  if (one.kind === "process") return one.sides.get(name) ?? [];
  return inputSchema(site, name === "late_right" ? 1 : 0);
}

const moves = (before: Schema, after: Schema): ReadonlyMap<number, number> =>
  new Map(after.map((column, index) => [columnIndex(before, column.name), index]));

function planSource(one: resolved.ResolvedSource, site: NodeSite): plan.SourceNode {
  const { connector, eventTime } = one.spec;
  const read = site.read("main");
  const output = one.output.filter(({ name }) => read.has(name) || name === eventTime?.column);
  const time = eventTime && {
    column: columnIndex(output, eventTime.column),
    boundMs: eventTime.boundMs,
    idleTimeoutMs: eventTime.idleTimeoutMs,
  };
  return { ...base(one, site, output), kind: "source", connector, declared: one.output, eventTime: time };
}

function planFilter(one: resolved.ResolvedFilter, site: NodeSite): plan.FilterNode {
  const input = inputSchema(site);
  const where = moveColumns(one.where, moves(one.output, input));
  return { ...base(one, site, input), kind: "filter", where };
}

function planProject(one: resolved.ResolvedProject, site: NodeSite): plan.ProjectNode {
  const kept = keptColumns(one.output, site.read("main"));
  const positions = moves(one.inputs[0]?.schema ?? [], inputSchema(site));
  const output = kept.map((index) => one.output[index] as Schema[number]);
  const columns = kept.map((index) => ({
    name: (one.output[index] as Schema[number]).name,
    expression: moveColumns(one.columns[index] as TypedExpression, positions),
  }));
  return { ...base(one, site, output), kind: "project", columns };
}

function planUnion(one: resolved.ResolvedUnion, site: NodeSite): plan.UnionNode {
  const read = site.read("main");
  const output = one.output.filter(({ name }) => read.has(name));
  const columns = site.inputs.map(({ schema }) => output.map(({ name }) => columnIndex(schema, name)));
  return { ...base(one, site, output), kind: "union", columns };
}

function planWindow(one: resolved.ResolvedWindow, site: NodeSite): plan.WindowNode {
  const input = inputSchema(site);
  return {
    ...base(one, site, one.output),
    kind: "window",
    window: one.spec.window,
    timeColumn: columnIndex(input, one.timeColumn),
    keyColumns: positionsOf(one.spec.keyBy, input),
    aggregates: aggregatesOf(one.spec.aggregates, input),
  };
}

function planAggregate(one: resolved.ResolvedAggregate, site: NodeSite): plan.AggregateNode {
  const input = inputSchema(site);
  return {
    ...base(one, site, one.output),
    kind: "aggregate",
    keyColumns: positionsOf(one.spec.keyBy, input),
    aggregates: aggregatesOf(one.spec.aggregates, input),
  };
}

const positionsOf = (names: readonly string[], schema: Schema): readonly number[] =>
  names.map((name) => columnIndex(schema, name));

const aggregatesOf = (aggregates: Readonly<Record<string, AggregateSpec>>, input: Schema): plan.AggregatePlan[] =>
  Object.entries(aggregates).map(([name, it]) => ({
    name,
    function: it.function,
    column: it.column === undefined ? undefined : columnIndex(input, it.column),
  }));

function joinBase(one: resolved.ResolvedJoin | resolved.ResolvedIntervalJoin, site: NodeSite) {
  const [left, right] = [inputSchema(site, 0), inputSchema(site, 1)];
  const read = site.read("main");
  const { on } = one.spec;
  const keyColumns: readonly [readonly number[], readonly number[]] = [
    positionsOf(
      on.map((pair) => pair.left),
      left,
    ),
    positionsOf(
      on.map((pair) => pair.right),
      right,
    ),
  ];
  const columns = one.columns
    .filter(({ name }) => read.has(name))
    .map(({ name, input, column }) => ({ name, input, column: columnIndex(input === 0 ? left : right, column) }));
  const output = one.output.filter(({ name }) => read.has(name));
  return { ...base(one, site, output), keyColumns, columns };
}

const timesOf = (names: readonly [string, string], site: NodeSite): readonly [number, number] => [
  columnIndex(inputSchema(site, 0), names[0]),
  columnIndex(inputSchema(site, 1), names[1]),
];

const spanOf = ({ spec }: resolved.ResolvedIntervalJoin) => ({ lowerMs: spec.lowerMs, upperMs: spec.upperMs });

function planTopN(one: resolved.ResolvedTopN, site: NodeSite): plan.TopNNode {
  const input = inputSchema(site);
  const { keyBy, orderBy, limit, rank } = one.spec;
  return {
    ...base(one, site, one.output),
    kind: "top_n",
    keyColumns: positionsOf(keyBy, input),
    orderBy: orderBy.map(({ column, descending }) => ({ column: columnIndex(input, column), descending })),
    limit,
    rank,
  };
}

function planProcess(one: resolved.ResolvedProcess, site: NodeSite): plan.ProcessNode {
  const { keyBy, states, params } = one.spec;
  const at = (name: string | undefined, input: number): number | undefined =>
    name === undefined ? undefined : columnIndex(inputSchema(site, input), name);
  return {
    ...base(one, site, one.output),
    kind: "process",
    functionName: one.spec.function,
    keyColumns: keyBy.map((names, input) => positionsOf(names, inputSchema(site, input))),
    timeColumns: one.timeColumns.map(at),
    states,
    params,
  };
}
