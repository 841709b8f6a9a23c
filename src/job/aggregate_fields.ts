// Aggregates of windows and running aggregates: over which columns each may go, and the column that it gives.

import { columnIndex, type DataType, type Field, field, type Schema } from "../batch/schema.ts";
import { columnHint } from "../expression/check_expression.ts";
import { anyOf, oneOf, show } from "../expression/problem.ts";
import type { AggregateSpec } from "./job_spec.ts";
import { refuse, type Site } from "./stream.ts";

const ALLOWED: Readonly<Record<AggregateSpec["function"], readonly DataType[]>> = {
  count: ["i64", "f64", "bool", "utf8", "timestamp"],
  count_distinct: ["i64", "bool", "utf8", "timestamp"],
  sum: ["i64", "f64"],
  avg: ["i64", "f64"],
  min: ["i64", "f64", "timestamp"],
  max: ["i64", "f64", "timestamp"],
};

export interface AggregateSite {
  readonly schema: Schema;
  /** Columns that stand before the aggregates. */
  readonly before: readonly string[];
  /** Other columns that the operator adds itself, for the message. */
  readonly added: readonly string[];
  /** Rows may take earlier ones back: which operator does that. */
  readonly updating: string | undefined;
  /** What to use instead where distinct values are not counted. */
  readonly insteadOfDistinct: string | undefined;
}

/** The output's columns of all aggregates; undefined where one is wrong. */
export function aggregateFields(
  site: Site,
  aggregates: Readonly<Record<string, AggregateSpec>>,
  over: AggregateSite,
): readonly Field[] | undefined {
  const entries = Object.entries(aggregates);
  const fields = entries.flatMap(([name, one]) => {
    const path = `${site.path}.aggregates.${name}`;
    const taken = over.before.includes(name);
    const none =
      over.added.length === 0 ? "a name that is no key" : `a name that is neither a key nor ${oneOf(over.added)}`;
    if (taken) refuse(site, path, show(name), none);
    const made = aggregateField(site, name, one, over, path);
    return made === undefined || taken ? [] : [made];
  });
  return fields.length === entries.length ? fields : undefined;
}

function aggregateField(
  site: Site,
  name: string,
  spec: AggregateSpec,
  { schema, updating, insteadOfDistinct }: AggregateSite,
  path: string,
): Field | undefined {
  if (spec.column === undefined) {
    if (spec.function === "count") return field(name, "i64");
    refuse(site, `${path}.column`, "nothing", `the column to take the ${spec.function} of`);
    return undefined;
  }
  if (updating !== undefined && !TAKEN_BACK.includes(spec.function)) {
    const found = `${show(spec.function)} over rows that are taken back later: ${updating}`;
    refuse(site, `${path}.function`, found, `${oneOf(TAKEN_BACK)}, or this aggregate before that operator`);
    return undefined;
  }
  if (spec.function === "count_distinct" && insteadOfDistinct !== undefined) {
    refuse(site, `${path}.function`, `"count_distinct" without a window`, insteadOfDistinct);
    return undefined;
  }
  const allowed = ALLOWED[spec.function];
  const column = schema[columnIndex(schema, spec.column)];
  if (column !== undefined && allowed.includes(column.type)) return resultField(name, spec.function, column);
  const expected = `a column of type ${anyOf(allowed)} for ${spec.function}`;
  if (column === undefined) refuse(site, `${path}.column`, show(spec.column), columnHint(spec.column, schema));
  else refuse(site, `${path}.column`, `${show(spec.column)} of type ${column.type}`, expected);
  return undefined;
}

/** Aggregates from which a row can be taken out again without keeping all the others. */
const TAKEN_BACK: readonly AggregateSpec["function"][] = ["count", "sum", "avg"];

function resultField(name: string, of: AggregateSpec["function"], column: Field): Field {
  if (of === "count" || of === "count_distinct") return field(name, "i64");
  return field(name, of === "avg" ? "f64" : column.type, column.nullable);
}
