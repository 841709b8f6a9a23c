// Turns a valid spec into a plan: walks the chain backwards to learn which columns somebody reads, then forwards to
// give every operator its narrowed schemas, positions and expressions.

import { present } from "../base/assert.ts";
import { asOperatorUid } from "../base/ids.ts";
import { columnIndex, type Schema } from "../batch/schema.ts";
import { collectColumns, moveColumns, type TypedExpression } from "../expression/typed_expression.ts";
import type { JobSpec } from "../job/job_spec.ts";
import { rejectedSchema } from "../job/resolve_job.ts";
import type { ResolvedInput, ResolvedOperator, ResolvedWindow } from "../job/resolved_job.ts";
import { checkJob, specError } from "../job/validate_job_spec.ts";
import type {
  ChainPlan,
  InputPlan,
  JobPlan,
  OperatorNode,
  PlanNode,
  ProjectNode,
  SinkNode,
  SourceNode,
  WindowNode,
} from "./plan.ts";

/** Throws `spec_invalid` for a spec that did not come out of `validateJobSpec`. */
export function planJob(spec: JobSpec): JobPlan {
  const checked = checkJob(spec, { embedded: true });
  if (checked.kind === "invalid") throw specError(checked.problems);
  const { operators } = checked;
  const needs = neededColumns(operators);
  const narrowed = new Map<string, Schema>();
  const nodes: PlanNode[] = operators.map((one) => {
    const node = planOperator(one, operators, needs, narrowed);
    if (node.kind !== "sink") narrowed.set(node.uid, node.output);
    return node;
  });
  return { name: spec.name, maxParallelism: spec.maxParallelism, nodes, chains: [chainOf(nodes)] };
}

function chainOf(nodes: readonly PlanNode[]): ChainPlan {
  const source = present(
    nodes.find((one): one is SourceNode => one.kind === "source"),
    "the source of a valid job",
  );
  const operators = nodes.filter((one): one is OperatorNode => one.kind !== "source" && one.kind !== "sink");
  const sinks = nodes.filter((one): one is SinkNode => one.kind === "sink");
  return { source, operators, sinks };
}

/** By uid: the names of the output's columns that somebody reads. */
type Needs = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Readers are visited before what they read. A window's results are kept whole: they are few, and its state holds
 * them anyhow; so are columns that a sink writes.
 */
function neededColumns(operators: readonly ResolvedOperator[]): Needs {
  const needs = new Map<string, Set<string>>();
  for (const one of operators.toReversed()) {
    if (one.kind === "source") continue;
    const read = readColumns(one, needs);
    if (one.from.output === "rejected") continue;
    const uid = one.from.output === "late" ? windowOf(one.from, operators).from.uid : one.from.uid;
    const known = needs.get(uid) ?? new Set();
    for (const name of read) known.add(name);
    needs.set(uid, known);
  }
  return needs;
}

const windowOf = (from: ResolvedInput, operators: readonly ResolvedOperator[]): ResolvedWindow =>
  present(
    operators.find((one): one is ResolvedWindow => one.kind === "window" && one.spec.uid === from.uid),
    "the window of a late output",
  );

function readColumns(one: Exclude<ResolvedOperator, { kind: "source" }>, needs: Needs): readonly string[] {
  const own = needs.get(one.spec.uid) ?? new Set<string>();
  switch (one.kind) {
    case "sink":
      return one.input.map((column) => column.name);
    case "filter":
      return [...own, ...namesIn([one.where], one.input)];
    case "project":
      return namesIn(
        keptColumns(one.output, own).map((index) => one.columns[index] as TypedExpression),
        one.input,
      );
    case "window":
      return [
        one.timeColumn,
        ...one.spec.keyBy,
        ...Object.values(one.spec.aggregates).flatMap((it) => (it.column === undefined ? [] : [it.column])),
      ];
  }
}

const keptColumns = (schema: Schema, names: ReadonlySet<string>): readonly number[] =>
  [...schema.keys()].filter((index) => names.has((schema[index] as Schema[number]).name));

function namesIn(expressions: readonly TypedExpression[], input: Schema): string[] {
  const columns = new Set<number>();
  for (const one of expressions) collectColumns(one, columns);
  return [...columns].map((index) => (input[index] as Schema[number]).name);
}

function planOperator(
  one: ResolvedOperator,
  operators: readonly ResolvedOperator[],
  needs: Needs,
  narrowed: ReadonlyMap<string, Schema>,
): PlanNode {
  if (one.kind === "source") return planSource(one, operators, needs);
  const uid = asOperatorUid(one.spec.uid);
  const from: InputPlan = { uid: asOperatorUid(one.from.uid), output: one.from.output };
  const origin = one.from.output === "late" ? windowOf(one.from, operators).from.uid : one.from.uid;
  const input =
    one.from.output === "rejected"
      ? rejectedSchema
      : present(narrowed.get(origin), "the schema of an earlier operator");
  switch (one.kind) {
    case "sink":
      return { kind: "sink", uid, from, input, connector: one.spec.connector };
    case "filter":
      return {
        kind: "filter",
        uid,
        from,
        input,
        output: input,
        where: moveColumns(one.where, moves(one.input, input)),
      };
    case "project":
      return planProject(one, uid, from, input, needs.get(one.spec.uid) ?? new Set());
    case "window":
      return planWindow(one, uid, from, input, operators);
  }
}

const moves = (before: Schema, after: Schema): ReadonlyMap<number, number> =>
  new Map(after.map((column, index) => [columnIndex(before, column.name), index]));

const isRead = (uid: string, output: InputPlan["output"], operators: readonly ResolvedOperator[]): boolean =>
  operators.some((one) => one.kind === "sink" && one.from.uid === uid && one.from.output === output);

function planSource(
  one: ResolvedOperator & { kind: "source" },
  operators: readonly ResolvedOperator[],
  needs: Needs,
): SourceNode {
  const { uid, connector, eventTime } = one.spec;
  const read = new Set(needs.get(uid));
  if (eventTime !== undefined) read.add(eventTime.column);
  const output = one.output.filter((column) => read.has(column.name));
  const time = eventTime && { column: columnIndex(output, eventTime.column), boundMs: eventTime.boundMs };
  const rejectedConnected = isRead(uid, "rejected", operators);
  return {
    kind: "source",
    uid: asOperatorUid(uid),
    connector,
    declared: one.output,
    output,
    eventTime: time,
    rejectedConnected,
  };
}

function planProject(
  one: ResolvedOperator & { kind: "project" },
  uid: ProjectNode["uid"],
  from: InputPlan,
  input: Schema,
  needed: ReadonlySet<string>,
): ProjectNode {
  const kept = keptColumns(one.output, needed);
  const positions = moves(one.input, input);
  const output = kept.map((index) => one.output[index] as Schema[number]);
  const columns = kept.map((index) => ({
    name: (one.output[index] as Schema[number]).name,
    expression: moveColumns(one.columns[index] as TypedExpression, positions),
  }));
  return { kind: "project", uid, from, input, output, columns };
}

function planWindow(
  one: ResolvedWindow,
  uid: WindowNode["uid"],
  from: InputPlan,
  input: Schema,
  operators: readonly ResolvedOperator[],
): WindowNode {
  const at = (name: string): number => columnIndex(input, name);
  const aggregates = Object.entries(one.spec.aggregates).map(([name, it]) => ({
    name,
    function: it.function,
    column: it.column === undefined ? undefined : at(it.column),
  }));
  return {
    kind: "window",
    uid,
    from,
    input,
    output: one.output,
    window: one.spec.window,
    timeColumn: at(one.timeColumn),
    keyColumns: one.spec.keyBy.map(at),
    aggregates,
    lateConnected: isRead(one.spec.uid, "late", operators),
  };
}
