// Checks the operators that look at one row at a time: filter, project, union.

import { columnIndex, type Field, field, type Schema } from "../batch/schema.ts";
import { checkExpression } from "../expression/check_expression.ts";
import { show } from "../expression/problem.ts";
import type { TypedExpression } from "../expression/typed_expression.ts";
import type { FilterSpec, ProjectSpec, UnionSpec } from "./job_spec.ts";
import {
  type EventTime,
  failed,
  type InputStream,
  inputOf,
  knownInputs,
  refuse,
  type Resolution,
  type Site,
  type Sound,
  type Stream,
} from "./stream.ts";

const sides: ReadonlyMap<string, never> = new Map<string, never>();

export function resolveFilter(spec: Sound<FilterSpec>, site: Site): Resolution {
  const inputs = knownInputs(site);
  const { schema, eventTime, updating } = inputOf(site);
  if (inputs === undefined || schema === undefined) return failed;
  const main: Stream = { schema, eventTime, updating };
  if (spec.where === undefined) return { ...failed, main };
  const where = checkExpression(spec.where, schema, `${site.path}.where`, site.problems);
  if (where === undefined) return { ...failed, main };
  if (where.type !== "bool") {
    refuse(site, `${site.path}.where`, `an expression of type ${where.type}`, "one of type bool");
    return { ...failed, main };
  }
  const { parallelism } = site;
  const known = { parallelism, inputs, output: schema, updating: updating !== undefined, sides };
  return { main, sides, operator: { kind: "filter", spec: spec as FilterSpec, ...known, where } };
}

export function resolveProject(spec: Sound<ProjectSpec>, site: Site): Resolution {
  const inputs = knownInputs(site);
  const { schema, eventTime, updating } = inputOf(site);
  if (inputs === undefined || schema === undefined || spec.columns === undefined) return failed;
  const output: Field[] = [];
  const columns: TypedExpression[] = [];
  const entries = Object.entries(spec.columns);
  for (const [name, expression] of entries) {
    const typed = checkExpression(expression, schema, `${site.path}.columns.${name}`, site.problems);
    if (typed === undefined) continue;
    output.push(field(name, typed.type, typed.nullable));
    columns.push(typed);
  }
  if (columns.length < entries.length) return failed;
  const main: Stream = { schema: output, eventTime: projectedTime(spec, columns, output, eventTime), updating };
  const { parallelism } = site;
  const known = { parallelism, inputs, output, updating: updating !== undefined, sides };
  return { main, sides, operator: { kind: "project", spec: spec as ProjectSpec, ...known, columns } };
}

/** A projection keeps the event time where it passes the column on unchanged, under whatever name. */
function projectedTime(
  spec: Sound<ProjectSpec>,
  columns: readonly TypedExpression[],
  output: Schema,
  time: EventTime,
): EventTime {
  if (time.kind !== "column") return time;
  const kept = columns.findIndex((one) => one.kind === "column" && one.name === time.name);
  const name = output[kept]?.name;
  if (name !== undefined) return { kind: "column", name };
  const reason = `project ${show(spec.uid)} drops the event time; add "${time.name}": {"col": "${time.name}"} to its columns`;
  return { kind: "none", reason };
}

/** The columns stand in the order of the first input; one is nullable where it is so in any input. */
export function resolveUnion(spec: Sound<UnionSpec>, site: Site): Resolution {
  refuseRepeats(site);
  const inputs = knownInputs(site);
  const first = inputs?.[0];
  if (inputs === undefined || first === undefined) return failed;
  const differing = site.inputs.slice(1).filter((one) => differs(site, first.schema, one));
  if (differing.length > 0) return failed;
  const output = first.schema.map((one) =>
    field(
      one.name,
      one.type,
      inputs.some(({ schema }) => schema[columnIndex(schema, one.name)]?.nullable === true),
    ),
  );
  const updating = site.inputs.find((one) => one.updating !== undefined)?.updating;
  const main: Stream = { schema: output, eventTime: commonTime(spec, site.inputs), updating };
  const { parallelism } = site;
  const known = { parallelism, inputs, output, updating: updating !== undefined, sides };
  return { main, sides, operator: { kind: "union", spec: spec as UnionSpec, ...known } };
}

function refuseRepeats(site: Site): void {
  const seen = new Set<string>();
  for (const { uid, output, path } of site.inputs) {
    const name = output === "main" ? uid : `${uid}#${output}`;
    if (uid !== "" && seen.has(name)) refuse(site, path, show(name), "each input once");
    seen.add(name);
  }
}

function differs(site: Site, wanted: Schema, { schema = [], path, uid }: InputStream): boolean {
  const textOf = ({ name, type }: Field): string => `${show(name)} of type ${type}`;
  const lacking = wanted.filter((one) => schema[columnIndex(schema, one.name)]?.type !== one.type);
  const extra = schema.filter((one) => columnIndex(wanted, one.name) < 0);
  if (lacking.length === 0 && extra.length === 0) return false;
  const found = schema.map(textOf).join(", ");
  const expected = `the columns of the first input: ${wanted.map(textOf).join(", ")}; a project before it can make them`;
  refuse(site, path, `${show(uid)} with ${found}`, expected);
  return true;
}

function commonTime(spec: Sound<UnionSpec>, inputs: readonly InputStream[]): EventTime {
  const times = inputs.map((one) => one.eventTime);
  if (times.some((one) => one.kind === "unknown")) return { kind: "unknown" };
  const [first] = times;
  const none = times.find((one) => one.kind === "none");
  if (first === undefined || none !== undefined) return none ?? { kind: "unknown" };
  const same = times.every((one) => one.kind === "column" && first.kind === "column" && one.name === first.name);
  const reason = `the inputs of union ${show(spec.uid)} carry it in different columns; give them one name with a project`;
  return same ? first : { kind: "none", reason };
}
