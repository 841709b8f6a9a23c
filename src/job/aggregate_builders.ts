// Aggregates in the builder: `count()`, `avg("delay")`, with the types of the columns that they give.

import type { CanBeNull, ColumnOf, Columns, KeyColumn, NamesOf, NumberColumn, OrderedColumn } from "./column_types.ts";
import type { AggregateSpec } from "./job_spec.ts";

export type Aggregates = Readonly<Record<string, AggregateSpec>>;

interface Over<Function extends string, Column extends string> {
  readonly function: Function;
  readonly column: Column;
}
interface CountRows {
  readonly function: "count";
}

/** Counts rows. */
export function count(): CountRows;
/** Counts the values of a column that are not null. */
export function count<const Column extends string>(column: Column): Over<"count", Column>;
export function count(column?: string): AggregateSpec {
  return column === undefined ? { function: "count" } : { function: "count", column };
}

type Make<Function extends string> = <const Column extends string>(column: Column) => Over<Function, Column>;
const over =
  <const Function extends string>(name: Function): Make<Function> =>
  (column) => ({ function: name, column });

/** These skip nulls; over nothing but nulls they are null. */
export const sum = over("sum");
export const min = over("min");
export const max = over("max");
export const avg = over("avg");
/** Counts the values that differ. */
export const countDistinct = over("count_distinct");

/** The aggregates that fit the columns `In`. */
export type AggregatesOver<In extends Columns> = Readonly<
  Record<
    string,
    | CountRows
    | Over<"count", keyof In & string>
    | Over<"sum" | "avg", NamesOf<In, NumberColumn>>
    | Over<"min" | "max", NamesOf<In, OrderedColumn>>
    | Over<"count_distinct", NamesOf<In, KeyColumn>>
  >
>;

type ResultOf<In extends Columns, Aggregate> = Aggregate extends { readonly function: "count" | "count_distinct" }
  ? "i64"
  : Aggregate extends Over<"avg", infer Column>
    ? ColumnOf<"f64", CanBeNull<In[Column]>>
    : Aggregate extends Over<string, infer Column>
      ? In[Column]
      : never;

export type ResultsOf<In extends Columns, Out> = { [Name in keyof Out]: ResultOf<In, Out[Name]> };
