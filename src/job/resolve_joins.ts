// Checks the operators that join two inputs by key: interval_join and join.

import { columnIndex, type Field, field, type Schema } from "../batch/schema.ts";
import { columnHint } from "../expression/check_expression.ts";
import { show } from "../expression/problem.ts";
import type { IntervalJoinSpec, JoinPair, JoinSpec } from "./job_spec.ts";
import { keyField } from "./key_fields.ts";
import type { JoinedName } from "./resolved_job.ts";
import {
  failed,
  inputOf,
  knownInputs,
  neededTime,
  refuse,
  refuseUpdating,
  type Resolution,
  type Site,
  type Sound,
  type Stream,
  timeless,
} from "./stream.ts";

export function resolveIntervalJoin(spec: Sound<IntervalJoinSpec>, site: Site): Resolution {
  const before = site.problems.length;
  const { lowerMs, upperMs } = spec;
  if (lowerMs !== undefined && upperMs !== undefined && lowerMs > upperMs)
    refuse(site, `${site.path}.lowerMs`, show(lowerMs), `at most upperMs, which is ${upperMs}`);
  const [left, right] = [inputOf(site, 0), inputOf(site, 1)];
  const instead = "put the join before that operator, or use an operator of kind join";
  const times = [left, right].map((one) => (refuseUpdating(site, one, instead) ? undefined : neededTime(site, one)));
  const late = (one: Stream): Stream => ({ schema: one.schema, eventTime: one.eventTime, updating: undefined });
  const unknown: Resolution = {
    ...failed,
    sides: new Map([
      ["late_left", late(left)],
      ["late_right", late(right)],
    ]),
  };
  const columns = joinedColumns(spec, site);
  if (columns === undefined) return unknown;
  const output = columns.map((one) => one.field);
  const main: Stream = { schema: output, eventTime: timeless("interval_join", spec.uid), updating: undefined };
  const inputs = knownInputs(site);
  const [leftTime, rightTime] = times;
  const sound = site.problems.length === before && lowerMs !== undefined && upperMs !== undefined;
  if (!sound || !left.schema || !right.schema || inputs === undefined) return { ...unknown, main };
  if (leftTime === undefined || rightTime === undefined) return { ...unknown, main };
  const sides = new Map([
    ["late_left", left.schema],
    ["late_right", right.schema],
  ]);
  const known = { parallelism: site.parallelism, inputs, output, updating: false, sides };
  return {
    ...unknown,
    main,
    operator: {
      kind: "interval_join",
      spec: spec as IntervalJoinSpec,
      ...known,
      timeColumns: [leftTime, rightTime],
      columns: columns.map((one) => one.from),
    },
  };
}

export function resolveJoin(spec: Sound<JoinSpec>, site: Site): Resolution {
  const before = site.problems.length;
  const [left, right] = [inputOf(site, 0), inputOf(site, 1)];
  const columns = joinedColumns(spec, site);
  if (columns === undefined) return failed;
  const output = columns.map((one) => one.field);
  const updating = left.updating ?? right.updating;
  const main: Stream = { schema: output, eventTime: timeless("join", spec.uid), updating };
  const inputs = knownInputs(site);
  if (site.problems.length > before || inputs === undefined || spec.ttlMs === undefined) return { ...failed, main };
  if (left.eventTime.kind === "unknown" || right.eventTime.kind === "unknown") return { ...failed, main };
  const timed = left.eventTime.kind === "column" && right.eventTime.kind === "column";
  const known = { parallelism: site.parallelism, inputs, output, updating: updating !== undefined, sides: new Map() };
  return {
    ...failed,
    main,
    operator: {
      kind: "join",
      spec: spec as JoinSpec,
      ...known,
      timeColumns: timed ? [left.eventTime.name, right.eventTime.name] : undefined,
      columns: columns.map((one) => one.from),
    },
  };
}

interface Joined {
  readonly field: Field;
  readonly from: JoinedName;
}

/** The output's columns; undefined where one of them or of the pairs is wrong or cannot be known. */
function joinedColumns(spec: Sound<IntervalJoinSpec | JoinSpec>, site: Site): readonly Joined[] | undefined {
  const left = inputOf(site, 0).schema;
  const right = inputOf(site, 1).schema;
  const { on, columns } = spec;
  const paired = on?.map((pair, index) => checkPair(pair, index, left, right, site)) ?? [false];
  const entries = Object.entries(columns ?? {});
  const made = entries.flatMap(([name, text]) => joinedColumn(name, text, [left, right], site) ?? []);
  const sound = paired.every(Boolean) && made.length === entries.length && columns !== undefined;
  return sound ? made : undefined;
}

function checkPair(
  pair: JoinPair,
  index: number,
  left: Schema | undefined,
  right: Schema | undefined,
  site: Site,
): boolean {
  const path = `${site.path}.on[${index}]`;
  const leftField = left && keyField(site, pair.left, left, `${path}.left`);
  const rightField = right && keyField(site, pair.right, right, `${path}.right`);
  if (leftField === undefined || rightField === undefined) return false;
  if (leftField.type === rightField.type) return true;
  const found = `${show(pair.left)} of type ${leftField.type} and ${show(pair.right)} of type ${rightField.type}`;
  refuse(site, path, found, "columns of one type");
  return false;
}

function joinedColumn(
  name: string,
  text: string,
  schemas: readonly (Schema | undefined)[],
  site: Site,
): Joined | undefined {
  const input = text.startsWith("left.") ? 0 : 1;
  const column = text.slice(text.indexOf(".") + 1);
  const schema = schemas[input];
  if (schema === undefined) return undefined;
  const found = schema[columnIndex(schema, column)];
  if (found !== undefined)
    return { field: field(name, found.type, found.nullable), from: { name, input, column: found.name } };
  refuse(site, `${site.path}.columns.${name}`, show(text), columnHint(column, schema));
  return undefined;
}
