// Follows the columns from the source through every operator and checks each one's rules against its input.
// Where an operator is wrong its output is unknown, and nothing that reads it is blamed for columns it cannot know.

import { columnIndex, type DataType, type Field, field, type Schema } from "../batch/schema.ts";
import { checkExpression, columnHint } from "../expression/check_expression.ts";
import { anyOf, oneOf, type Problem, show } from "../expression/problem.ts";
import type { TypedExpression } from "../expression/typed_expression.ts";
import type { AggregateSpec, FilterSpec, ProjectSpec, SinkSpec, SourceSpec, WindowSpec } from "./job_spec.ts";
import type { ResolvedInput, ResolvedOperator } from "./resolved_job.ts";

/** The columns that a window adds before its keys. */
export const WINDOW_START = "window_start";
export const WINDOW_END = "window_end";

/** Rows that could not be decoded, as the side output `<source uid>#rejected` gives them. */
export const rejectedSchema: Schema = [
  field("source", "utf8"),
  field("position", "utf8"),
  field("reason", "utf8"),
  field("raw", "utf8"),
];

/** Where a stream's rows carry their event time. */
export type EventTime =
  | { readonly kind: "column"; readonly name: string }
  /** No time, and the reason in words. */
  | { readonly kind: "none"; readonly reason: string }
  | { readonly kind: "unknown" };

/** What an operator hands on. An unknown schema or time means that a problem was reported already. */
export interface Stream {
  readonly schema: Schema | undefined;
  readonly eventTime: EventTime;
}

export const UNKNOWN: Stream = { schema: undefined, eventTime: { kind: "unknown" } };

/** The fields of a spec that have the right shape; a wrong one is there but undefined. */
export type Sound<Spec> = { readonly [Name in keyof Spec]?: Spec[Name] | undefined };

export interface Resolution {
  readonly main: Stream;
  /** Only for windows. */
  readonly late: Stream;
  readonly operator: ResolvedOperator | undefined;
}

const failed: Resolution = { main: UNKNOWN, late: UNKNOWN, operator: undefined };

export function resolveSource(spec: Sound<SourceSpec>, path: string, problems: Problem[]): Resolution {
  const before = problems.length;
  const { schema, eventTime } = spec;
  if (schema === undefined) return failed;
  const names = schema.map((one) => one.name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    const place = `${path}.schema[${index}].name`;
    problems.push({ path: place, found: show(name), expected: "a name that no column before it has" });
  }
  if (problems.length > before) return failed;
  if (eventTime !== undefined) checkEventTime(eventTime.column, schema, `${path}.eventTime.column`, problems);
  const none: EventTime = { kind: "none", reason: `source ${show(spec.uid)} has no eventTime` };
  const time: EventTime = eventTime === undefined ? none : { kind: "column", name: eventTime.column };
  // Present but not sound: its problem is known, so windows need not complain of a lack.
  const unsound = problems.length > before || ("eventTime" in spec && eventTime === undefined);
  if (unsound) return { ...failed, main: { schema, eventTime: { kind: "unknown" } } };
  return {
    main: { schema, eventTime: time },
    late: UNKNOWN,
    operator: { kind: "source", spec: spec as SourceSpec, output: schema },
  };
}

function checkEventTime(name: string, schema: Schema, path: string, problems: Problem[]): void {
  const column = schema[columnIndex(schema, name)];
  const times = schema.filter((one) => one.type === "timestamp" && !one.nullable).map((one) => one.name);
  const hint = times.length === 0 ? "; the schema has none" : `: ${oneOf(times)}`;
  const expected = `a column of type timestamp that is not nullable${hint}`;
  if (column === undefined) problems.push({ path, found: show(name), expected });
  else if (column.type !== "timestamp" || column.nullable) {
    const found = `${show(name)} of type ${column.type}${column.nullable ? ", nullable" : ""}`;
    problems.push({ path, found, expected });
  }
}

export function resolveFilter(
  spec: Sound<FilterSpec>,
  from: ResolvedInput,
  input: Stream,
  path: string,
  problems: Problem[],
): Resolution {
  if (input.schema === undefined) return failed;
  const main: Stream = input;
  if (spec.where === undefined) return { ...failed, main };
  const where = checkExpression(spec.where, input.schema, `${path}.where`, problems);
  if (where === undefined) return { ...failed, main };
  if (where.type !== "bool") {
    problems.push({
      path: `${path}.where`,
      found: `an expression of type ${where.type}`,
      expected: "one of type bool",
    });
    return { ...failed, main };
  }
  const schema = input.schema;
  return {
    main,
    late: UNKNOWN,
    operator: { kind: "filter", spec: spec as FilterSpec, from, input: schema, output: schema, where },
  };
}

export function resolveProject(
  spec: Sound<ProjectSpec>,
  from: ResolvedInput,
  input: Stream,
  path: string,
  problems: Problem[],
): Resolution {
  if (input.schema === undefined || spec.columns === undefined) return failed;
  const output: Field[] = [];
  const columns: TypedExpression[] = [];
  let sound = true;
  for (const [name, expression] of Object.entries(spec.columns)) {
    const typed = checkExpression(expression, input.schema, `${path}.columns.${name}`, problems);
    sound = sound && typed !== undefined;
    if (typed === undefined) continue;
    output.push(field(name, typed.type, typed.nullable));
    columns.push(typed);
  }
  if (!sound) return failed;
  const main: Stream = { schema: output, eventTime: projectedTime(spec, columns, output, input.eventTime) };
  return {
    main,
    late: UNKNOWN,
    operator: { kind: "project", spec: spec as ProjectSpec, from, input: input.schema, output, columns },
  };
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

export function resolveWindow(
  spec: Sound<WindowSpec>,
  from: ResolvedInput,
  input: Stream,
  path: string,
  problems: Problem[],
): Resolution {
  const before = problems.length;
  const { window, aggregates, keyBy } = spec;
  if (window !== undefined && window.offsetMs >= window.sizeMs) {
    problems.push({
      path: `${path}.window.offsetMs`,
      found: show(window.offsetMs),
      expected: `less than sizeMs, which is ${window.sizeMs}`,
    });
  }
  if (input.eventTime.kind === "none") {
    const expected = "an input with event time: a source with eventTime, no window in between";
    problems.push({ path: `${path}.input`, found: `no event time: ${input.eventTime.reason}`, expected });
  }
  const late: Stream = { schema: input.schema, eventTime: { kind: "none", reason: "late rows have none" } };
  if (input.schema === undefined || keyBy === undefined || aggregates === undefined) return { ...failed, late };
  const keys = keyBy.map((name, index) =>
    keyField(name, keyBy.indexOf(name) < index, input.schema as Schema, `${path}.keyBy[${index}]`, problems),
  );
  const output: (Field | undefined)[] = [field(WINDOW_START, "timestamp"), field(WINDOW_END, "timestamp"), ...keys];
  for (const [name, one] of Object.entries(aggregates)) {
    if (output.some((other) => other?.name === name)) {
      const expected = `a name that is neither a key nor ${oneOf([WINDOW_START, WINDOW_END])}`;
      problems.push({ path: `${path}.aggregates.${name}`, found: show(name), expected });
    }
    output.push(aggregateField(name, one, input.schema, `${path}.aggregates.${name}`, problems));
  }
  if (problems.length > before || output.includes(undefined)) return { ...failed, late };
  const schema = output as Field[];
  const main: Stream = {
    schema,
    eventTime: { kind: "none", reason: `window ${show(spec.uid)} comes before, and its results have none` },
  };
  if (window === undefined || input.eventTime.kind !== "column") return { ...failed, late, main };
  const timeColumn = input.eventTime.name;
  return {
    main,
    late,
    operator: { kind: "window", spec: spec as WindowSpec, from, input: input.schema, output: schema, timeColumn },
  };
}

function keyField(
  name: string,
  repeated: boolean,
  schema: Schema,
  path: string,
  problems: Problem[],
): Field | undefined {
  const refuse = (found: string, expected: string): undefined => {
    problems.push({ path, found, expected });
  };
  const column = schema[columnIndex(schema, name)];
  if (column === undefined) return refuse(show(name), columnHint(name, schema));
  if (repeated) return refuse(show(name), "each key once");
  if (column.type === "f64")
    return refuse(
      `${show(name)} of type f64`,
      "a key of type i64, utf8, bool or timestamp: f64 values do not compare exactly",
    );
  if (name === WINDOW_START || name === WINDOW_END)
    return refuse(show(name), "another name: the window adds a column of this name");
  return column;
}

const ANY: readonly DataType[] = ["i64", "f64", "bool", "utf8", "timestamp"];
const AGGREGATED: Readonly<Record<AggregateSpec["function"], readonly DataType[]>> = {
  count: ANY,
  sum: ["i64", "f64"],
  avg: ["i64", "f64"],
  min: ["i64", "f64", "timestamp"],
  max: ["i64", "f64", "timestamp"],
};

function aggregateField(
  name: string,
  spec: AggregateSpec,
  schema: Schema,
  path: string,
  problems: Problem[],
): Field | undefined {
  const refuse = (found: string, expected: string): undefined => {
    problems.push({ path: `${path}.column`, found, expected });
  };
  if (spec.column === undefined) {
    if (spec.function === "count") return field(name, "i64");
    return refuse("nothing", `the column to take the ${spec.function} of`);
  }
  const allowed = AGGREGATED[spec.function];
  const column = schema[columnIndex(schema, spec.column)];
  if (column === undefined) return refuse(show(spec.column), columnHint(spec.column, schema));
  if (!allowed.includes(column.type)) {
    return refuse(
      `${show(spec.column)} of type ${column.type}`,
      `a column of type ${anyOf(allowed)} for ${spec.function}`,
    );
  }
  if (spec.function === "count") return field(name, "i64");
  return field(name, spec.function === "avg" ? "f64" : column.type, column.nullable);
}

export function resolveSink(
  spec: Sound<SinkSpec>,
  from: ResolvedInput,
  input: Stream,
  path: string,
  problems: Problem[],
): Resolution {
  const before = problems.length;
  const { connector } = spec;
  const at = `${path}.connector.primaryKey`;
  if (connector?.kind === "table") {
    const { mode, primaryKey } = connector;
    if (mode === "upsert" && primaryKey.length === 0)
      problems.push({
        path: at,
        found: "no column",
        expected: "the columns that tell one row from another, for mode upsert",
      });
    if (mode === "append" && primaryKey.length > 0)
      problems.push({
        path: at,
        found: show(primaryKey),
        expected: "no primaryKey for mode append: every row is inserted",
      });
    if (input.schema !== undefined) checkTable(primaryKey, input.schema, path, at, problems);
  }
  if (problems.length > before || input.schema === undefined || connector === undefined) return failed;
  return { ...failed, operator: { kind: "sink", spec: spec as SinkSpec, from, input: input.schema } };
}

function checkTable(
  primaryKey: readonly string[],
  schema: Schema,
  path: string,
  at: string,
  problems: Problem[],
): void {
  for (const [index, name] of primaryKey.entries()) {
    const refuse = (found: string, expected: string): unknown =>
      problems.push({ path: `${at}[${index}]`, found, expected });
    const column = schema[columnIndex(schema, name)];
    if (column === undefined) refuse(show(name), columnHint(name, schema));
    else if (primaryKey.indexOf(name) < index) refuse(show(name), "each column once");
    else if (column.nullable)
      refuse(`${show(name)}, nullable`, "a column that is never null: nulls are never the same row");
    else if (column.type === "f64")
      refuse(`${show(name)} of type f64`, "a column of type i64, utf8, bool or timestamp");
  }
  const folded = new Map<string, string>();
  for (const { name } of schema) {
    const other = folded.get(name.toLowerCase());
    if (other !== undefined) {
      const expected = "names that differ in more than case: a table's columns are not told apart by it";
      problems.push({ path: `${path}.input`, found: `columns ${show(other)} and ${show(name)}`, expected });
    }
    folded.set(name.toLowerCase(), name);
  }
}
