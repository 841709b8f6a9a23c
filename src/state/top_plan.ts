// What a table of best rows keeps, and where the columns of its input stand in rows, results and state: the plan that
// the kernels of kernels/top are given.
//
// Rows are compared by the columns of `orderBy`, then by all other columns that are no keys, in the order of the input
// and ascending, so that the order of any two different rows is known. Null comes last, ascending or descending.
//
// Invariant: the plan depends on schema and configuration alone, so that state written under it can be read under it.

import { assert, present } from "../base/assert.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { type Field, field, type Schema } from "../batch/schema.ts";
import { KEY_COLUMNS_MAX, keyKindOf } from "../kernel/key_kind.ts";
import type { KeyGroupRange } from "../keygroup/key_group.ts";

export interface TopOrder {
  /** Index of the column in the input. */
  readonly column: number;
  readonly descending: boolean;
}

export interface TopTableConfig {
  /** Names the operator in errors. */
  readonly where: string;
  /** Indices of the key columns in the input (i64, timestamp, bool, utf8; nullable or not); at least one. */
  readonly keys: readonly number[];
  readonly orderBy: readonly TopOrder[];
  /** Rows a key. */
  readonly limit: number;
  /** Name of a last column of the results, with the rank from 1 on; without it a row that only moves is no change. */
  readonly rank?: string;
  /** The input takes rows back: all rows are kept then. */
  readonly updating: boolean;
  readonly maxParallelism: number;
  readonly keyGroups: KeyGroupRange;
}

/** Every change of a key copies and compares so many rows. */
export const TOP_LIMIT_MAX = 10_000;

/** Codes of kernels/top/layout.ts. */
const columnFlag = { nullable: 1, descending: 2 } as const;

export interface TopColumn {
  readonly column: number;
  readonly flags: number;
}

export interface TopPlan {
  readonly outputSchema: Schema;
  readonly stateSchema: Schema;
  /** What the kernels write: the keys, the row columns, the rank. */
  readonly resultSchema: Schema;
  /** Where each column of the output stands in the result. */
  readonly positions: readonly number[];
  readonly keyKind: number;
  /** The columns that are no keys, those of the order first. */
  readonly columns: readonly TopColumn[];
}

export function planTopTable(input: Schema, config: TopTableConfig): TopPlan {
  checkTop(input, config);
  const { keys, orderBy, rank } = config;
  const ordered = orderBy.filter((one) => !keys.includes(one.column));
  const others = [...input.keys()].filter(
    (column) => !keys.includes(column) && !ordered.some((one) => one.column === column),
  );
  const columns = [...ordered, ...others.map((column) => ({ column, descending: false }))].map(
    ({ column, descending }) => {
      const nullable = present(input[column], "row column").nullable ? columnFlag.nullable : 0;
      return { column, flags: nullable | (descending ? columnFlag.descending : 0) };
    },
  );
  const stored = [...keys, ...columns.map((one) => one.column)];
  const fieldOf = (column: number): Field => present(input[column], "input column");
  const ranks = rank === undefined ? [] : [field(rank, "i64")];
  const named = (prefix: string, list: readonly number[]): Field[] =>
    list.map((column) => ({ ...fieldOf(column), name: `${prefix}:${fieldOf(column).name}` }));
  return {
    outputSchema: [...input, ...ranks],
    stateSchema: [
      field("key_group", "i64"),
      ...named("key", keys),
      ...named(
        "row",
        columns.map((one) => one.column),
      ),
      field("copies", "i64"),
    ],
    resultSchema: [...stored.map(fieldOf), ...ranks],
    positions: [...[...input.keys()].map((column) => stored.indexOf(column)), ...ranks.map(() => stored.length)],
    keyKind: keyKindOf(keys.map(fieldOf)),
    columns,
  };
}

function checkTop(input: Schema, config: TopTableConfig): void {
  const { keys, orderBy, limit, rank, keyGroups, maxParallelism } = config;
  const refuse = (code: string, message: string): MillraceError => userError(code, config.where, message);
  if (keys.length < 1 || keys.length > KEY_COLUMNS_MAX) {
    throw refuse("top_key_invalid", `${keys.length} key columns; 1 to ${KEY_COLUMNS_MAX} are possible`);
  }
  for (const column of keys) {
    const key = input[column];
    if (key === undefined) throw refuse("top_key_invalid", `key column ${column} is not in the input`);
    if (key.type !== "f64") continue;
    throw refuse("top_key_invalid", `column ${key.name} is f64; keys are i64, timestamp, bool or utf8`);
  }
  if (new Set(keys).size !== keys.length) throw refuse("top_key_invalid", "a key column is named twice");
  if (orderBy.length === 0) throw refuse("top_order_invalid", "no column to order by; at least one is needed");
  if (new Set(orderBy.map((one) => one.column)).size !== orderBy.length) {
    throw refuse("top_order_invalid", "a column of the order is named twice");
  }
  for (const { column } of orderBy) {
    if (input[column] === undefined) throw refuse("top_order_invalid", `order column ${column} is not in the input`);
  }
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > TOP_LIMIT_MAX) {
    throw refuse("top_limit_invalid", `limit ${limit}; it must be a whole number from 1 to ${TOP_LIMIT_MAX}`);
  }
  if (rank !== undefined && input.some((one) => one.name === rank)) {
    throw refuse("top_rank_invalid", `the rank is to be column ${rank}, which the input has already`);
  }
  const { start, end } = keyGroups;
  assert(start >= 0 && start < end && end <= maxParallelism, "the table owns at least one key group");
}
