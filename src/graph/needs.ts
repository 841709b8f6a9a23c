// Which columns somebody reads: readers are visited before what they read.
// Results of windows and aggregates are kept whole: they are few, and their state holds them anyhow. So are columns
// that a sink writes, a function may look at, or a top-N breaks ties by.

import type { Schema } from "../batch/schema.ts";
import { collectColumns, type TypedExpression } from "../expression/typed_expression.ts";
import type { AggregateSpec } from "../job/job_spec.ts";
import type { ResolvedIntervalJoin, ResolvedJoin, ResolvedOperator } from "../job/resolved_job.ts";

export interface Needs {
  /** Names of the columns of an output that somebody reads. */
  of(uid: string, output: string): ReadonlySet<string>;
  /** Names of the columns that an operator wants from one of its inputs. */
  from(uid: string, input: number): ReadonlySet<string>;
}

export function neededColumns(operators: readonly ResolvedOperator[]): Needs {
  const outputs = new Map<string, Set<string>>();
  const inputs = new Map<string, ReadonlySet<string>>();
  const of = (uid: string, output: string): ReadonlySet<string> => outputs.get(`${uid}#${output}`) ?? new Set();
  for (const one of operators.toReversed()) {
    for (const [index, from] of one.inputs.entries()) {
      const read = new Set(readColumns(one, index, (output) => of(one.spec.uid, output)));
      inputs.set(`${one.spec.uid}#${index}`, read);
      outputs.set(`${from.uid}#${from.output}`, new Set([...of(from.uid, from.output), ...read]));
    }
  }
  return { of, from: (uid, input) => inputs.get(`${uid}#${input}`) ?? new Set() };
}

type Own = (output: string) => ReadonlySet<string>;

function readColumns(one: ResolvedOperator, input: number, own: Own): Iterable<string> {
  const schema = one.inputs[input]?.schema ?? [];
  switch (one.kind) {
    case "source":
      return [];
    case "sink":
    case "top_n":
    case "process":
      return schema.map((column) => column.name);
    case "filter":
      return [...own("main"), ...namesIn([one.where], schema)];
    case "project":
      return namesIn(
        keptColumns(one.output, own("main")).map((index) => one.columns[index] as TypedExpression),
        schema,
      );
    case "union":
      return own("main");
    case "window":
      return [one.timeColumn, ...one.spec.keyBy, ...aggregated(one.spec.aggregates), ...own("late")];
    case "aggregate":
      return [...one.spec.keyBy, ...aggregated(one.spec.aggregates)];
    case "interval_join":
      return [...joinColumns(one, input, own), ...own(input === 0 ? "late_left" : "late_right")];
    case "join":
      return joinColumns(one, input, own);
  }
}

const aggregated = (aggregates: Readonly<Record<string, AggregateSpec>>): readonly string[] =>
  Object.values(aggregates).flatMap((one) => one.column ?? []);

function joinColumns(one: ResolvedJoin | ResolvedIntervalJoin, input: number, own: Own): readonly string[] {
  const keys = one.spec.on.map((pair) => (input === 0 ? pair.left : pair.right));
  const written = one.columns.filter((column) => column.input === input && own("main").has(column.name));
  return [...keys, ...(one.timeColumns?.slice(input, input + 1) ?? []), ...written.map((column) => column.column)];
}

/** Positions of the named columns. */
export const keptColumns = (schema: Schema, names: ReadonlySet<string>): readonly number[] =>
  [...schema.keys()].filter((index) => names.has((schema[index] as Schema[number]).name));

function namesIn(expressions: readonly TypedExpression[], input: Schema): string[] {
  const columns = new Set<number>();
  for (const one of expressions) collectColumns(one, columns);
  return [...columns].map((index) => (input[index] as Schema[number]).name);
}
