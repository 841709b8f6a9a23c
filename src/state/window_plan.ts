// What a window table keeps of each key and how results and state rows are made of it: the plan that the
// kernels of kernels/window are given.
//
//   entry | key 8 or 16 | epoch u32 | hash u32 | rows u64 | per folded column: present u64 (nullable only), sum, min, max |
//         | per column whose different values are counted: their number u64, which is not part of the state rows |
//   f64 sums take two columns (running sum and rounding errors), all other accumulators one of 8 bytes.
//
// Aggregates over the same column share accumulators: avg and sum keep one sum.
// Invariant: the plan depends on schema and configuration alone, so that state written under it can be read under it.

import { assert, present } from "../base/assert.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { type DataType, type Field, field, type Schema } from "../batch/schema.ts";
import { KEY_COLUMNS_MAX, keyKind, keyKindOf } from "../kernel/key_kind.ts";
import type { KeyGroupRange } from "../keygroup/key_group.ts";

export interface WindowAggregate {
  readonly function: "count" | "sum" | "min" | "max" | "avg" | "count_distinct";
  /** Index of the input column; absent only for count(*). */
  readonly column?: number;
  /** Name of the output column. */
  readonly name: string;
}

export interface WindowTableConfig {
  /** Names the operator in errors. */
  readonly where?: string;
  /** Indices of the key columns in the input (i64, timestamp, bool, utf8; nullable or not); at least one. */
  readonly keys: readonly number[];
  /** Index of the event-time column; its rows are never null. */
  readonly timestamp: number;
  readonly sizeMs: number;
  readonly offsetMs: number;
  readonly aggregates: readonly WindowAggregate[];
  /** Entries keep the first and the last of their event times. */
  readonly keepsTimes?: boolean;
  /** Tells the state tables of one operator apart. */
  readonly stateName?: string;
  readonly setPrefix?: string;
  /** How long after the window's start a state row is dead; the window's size unless it is part of larger windows. */
  readonly livesMs?: number;
  readonly maxParallelism: number;
  readonly keyGroups: KeyGroupRange;
}

/** Codes of kernels/table/layout.ts. */
export const foldFlag = { sum: 1, min: 2, max: 4, float: 8, nullable: 16 } as const;
export const operation = {
  copy: 0,
  count: 1,
  orderedFloat: 2,
  sumFloat: 3,
  averageInteger: 4,
  averageFloat: 5,
} as const;

/** Length of the kernels' list. */
export const AGGREGATES_MAX = 128;
const SETS_MAX = 16;

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

export interface FoldPlan {
  readonly column: number;
  readonly flags: number;
  readonly at: number;
}
export interface ValuePlan {
  readonly operation: number;
  readonly at: number;
  readonly countAt: number;
  readonly nullable: boolean;
  /** What a new entry holds there; of state columns only. */
  readonly initial: bigint;
}
/** The different values of one column are counted, in the entry at `at`. */
export interface SetPlan {
  readonly column: number;
  readonly at: number;
}
export interface WindowPlan {
  readonly outputSchema: Schema;
  readonly stateSchema: Schema;
  readonly keyKind: number;
  readonly entryBytes: number;
  /** Bytes of an entry from its row count on. */
  readonly valueBytes: number;
  readonly folds: readonly FoldPlan[];
  readonly outputs: readonly ValuePlan[];
  readonly states: readonly ValuePlan[];
  readonly sets: readonly SetPlan[];
  /** Where entries keep their first and last event time, if they do. */
  readonly times: { readonly firstAt: number; readonly lastAt: number } | undefined;
}

/** Where one column's accumulators lie; -1 = not kept. */
export interface Accumulators {
  readonly source: Field;
  readonly countAt: number;
  readonly sumAt: number;
  readonly minAt: number;
  readonly maxAt: number;
}

export function planWindowTable(input: Schema, config: WindowTableConfig): WindowPlan {
  checkConfig(input, config);
  const keys = config.keys.map((column) => present(input[column], "key column"));
  const kind = keyKindOf(keys);
  const keyBytes = kind === keyKind.fixed ? 8 : 16;
  const rowsAt = keyBytes + 8;
  const folds: FoldPlan[] = [];
  const stateFields: Field[] = [field("rows", "i64")];
  const states = [value(operation.count, rowsAt, rowsAt)];
  const accumulators = new Map<number, Accumulators>();
  let at = rowsAt + 8;
  for (const [column, flags] of foldedColumns(input, config)) {
    const source = present(input[column], "folded column");
    folds.push({ column, flags, at });
    const kept = placeAccumulators(source, flags, at, rowsAt, stateFields, states);
    accumulators.set(column, kept.accumulators);
    at = kept.end;
  }
  const sets: SetPlan[] = countedColumns(config.aggregates).map((column, index) => ({ column, at: at + index * 8 }));
  at += sets.length * 8;
  const outputs = config.aggregates.map((one) => {
    const set = one.function === "count_distinct" ? sets.find(({ column }) => column === one.column) : undefined;
    if (set !== undefined) return value(operation.count, set.at, rowsAt);
    return outputOf(one, accumulators.get(one.column ?? -1), rowsAt);
  });
  const times = config.keepsTimes === true ? accumulators.get(config.timestamp) : undefined;
  return {
    outputSchema: [
      field("window_start", "timestamp"),
      field("window_end", "timestamp"),
      ...keys,
      ...config.aggregates.map((one, index) =>
        field(one.name, resultType(input, one), present(outputs[index], "output").nullable),
      ),
    ],
    stateSchema: [
      field("key_group", "i64"),
      field("window_start", "timestamp"),
      ...keys.map((key) => field(`key:${key.name}`, key.type, key.nullable)),
      ...stateFields,
    ],
    keyKind: kind,
    entryBytes: at,
    valueBytes: at - rowsAt,
    folds,
    outputs,
    states,
    sets,
    times: times === undefined ? undefined : { firstAt: times.minAt, lastAt: times.maxAt },
  };
}

/** Columns that need accumulators, in order of column, with their flags. */
export function foldedColumns(
  input: Schema,
  config: Pick<WindowTableConfig, "aggregates" | "keepsTimes" | "timestamp">,
): [number, number][] {
  const flags = new Map<number, number>();
  if (config.keepsTimes === true) flags.set(config.timestamp, foldFlag.min | foldFlag.max);
  for (const { function: name, column } of config.aggregates) {
    if (column === undefined || name === "count_distinct") continue;
    const source = present(input[column], "aggregated column");
    let wanted = flags.get(column) ?? 0;
    if (name === "sum" || name === "avg") wanted |= foldFlag.sum;
    if (name === "min") wanted |= foldFlag.min;
    if (name === "max") wanted |= foldFlag.max;
    if (source.nullable) wanted |= foldFlag.nullable;
    if (source.type === "f64" && wanted !== 0) wanted |= foldFlag.float;
    if (wanted !== 0) flags.set(column, wanted);
  }
  return [...flags].sort(([left], [right]) => left - right);
}

/** Columns whose different values are counted, each once, in ascending order. */
function countedColumns(aggregates: readonly WindowAggregate[]): number[] {
  const columns = aggregates.flatMap((one) => (one.function === "count_distinct" ? [one.column ?? -1] : []));
  return [...new Set(columns)].sort((left, right) => left - right);
}

export function placeAccumulators(
  source: Field,
  flags: number,
  from: number,
  rowsAt: number,
  fields: Field[],
  states: ValuePlan[],
): { accumulators: Accumulators; end: number } {
  let at = from;
  const isFloat = source.type === "f64";
  const countAt = (flags & foldFlag.nullable) !== 0 ? at : rowsAt;
  const keep = (name: string, type: DataType, kind: number, initial: bigint): number => {
    fields.push(field(`${name}:${source.name}`, type));
    states.push(value(kind, at, countAt, false, initial));
    at += 8;
    return at - 8;
  };
  const extreme = isFloat ? operation.orderedFloat : operation.copy;
  if (countAt !== rowsAt) keep("present", "i64", operation.count, 0n);
  const sumAt = (flags & foldFlag.sum) !== 0 ? keep("sum", source.type, operation.copy, 0n) : -1;
  if (sumAt !== -1 && isFloat) keep("sum_errors", "f64", operation.copy, 0n);
  const minAt = (flags & foldFlag.min) !== 0 ? keep("min", source.type, extreme, I64_MAX) : -1;
  const maxAt = (flags & foldFlag.max) !== 0 ? keep("max", source.type, extreme, I64_MIN) : -1;
  return { accumulators: { source, countAt, sumAt, minAt, maxAt }, end: at };
}

export const value = (kind: number, at: number, countAt: number, nullable = false, initial = 0n): ValuePlan => ({
  operation: kind,
  at,
  countAt,
  nullable,
  initial,
});

export function outputOf(aggregate: WindowAggregate, kept: Accumulators | undefined, rowsAt: number): ValuePlan {
  assert(aggregate.function !== "count_distinct", "different values are counted in their set");
  if (aggregate.function === "count") {
    const countAt = kept?.countAt ?? rowsAt;
    return value(operation.count, countAt, rowsAt);
  }
  assert(kept !== undefined, "an aggregate over a column has accumulators");
  const { source, countAt, sumAt, minAt, maxAt } = kept;
  const isFloat = source.type === "f64";
  switch (aggregate.function) {
    case "sum":
      return value(isFloat ? operation.sumFloat : operation.copy, sumAt, countAt, source.nullable);
    case "avg":
      return value(isFloat ? operation.averageFloat : operation.averageInteger, sumAt, countAt, source.nullable);
    case "min":
    case "max": {
      const extremeAt = aggregate.function === "min" ? minAt : maxAt;
      return value(isFloat ? operation.orderedFloat : operation.copy, extremeAt, countAt, source.nullable);
    }
  }
}

export function resultType(input: Schema, aggregate: WindowAggregate): DataType {
  if (aggregate.function === "count" || aggregate.function === "count_distinct") return "i64";
  if (aggregate.function === "avg") return "f64";
  return present(input[aggregate.column ?? -1], "aggregated column").type;
}

function checkConfig(input: Schema, config: WindowTableConfig): void {
  const where = config.where ?? "window";
  const refuse = (code: string, message: string): MillraceError => userError(code, where, message);
  if (config.keys.length < 1 || config.keys.length > KEY_COLUMNS_MAX) {
    throw refuse("window_key_invalid", `${config.keys.length} key columns; 1 to ${KEY_COLUMNS_MAX} are possible`);
  }
  for (const column of config.keys) {
    const key = input[column];
    if (key === undefined) throw refuse("window_key_invalid", `key column ${column} is not in the input`);
    if (key.type === "f64") {
      throw refuse("window_key_invalid", `column ${key.name} is f64; keys are i64, timestamp, bool or utf8`);
    }
  }
  const time = input[config.timestamp];
  if (time?.type !== "timestamp") {
    throw refuse("window_time_invalid", `the event time is ${time?.type ?? "missing"}; it must be a timestamp column`);
  }
  if (!Number.isSafeInteger(config.sizeMs) || config.sizeMs < 1) {
    throw refuse("window_size_invalid", `window size ${config.sizeMs}; it must be a whole number of ms, 1 or more`);
  }
  if (!Number.isSafeInteger(config.offsetMs)) {
    throw refuse("window_size_invalid", `window offset ${config.offsetMs}; it must be a whole number of ms`);
  }
  if (config.aggregates.length > AGGREGATES_MAX) {
    throw refuse("window_aggregate_invalid", `${config.aggregates.length} aggregates; at most ${AGGREGATES_MAX}`);
  }
  for (const aggregate of config.aggregates) checkAggregate(input, aggregate, refuse);
  const sets = countedColumns(config.aggregates).length;
  if (sets > SETS_MAX) {
    throw refuse("window_aggregate_invalid", `count_distinct over ${sets} columns; at most ${SETS_MAX}`);
  }
  const { start, end } = config.keyGroups;
  assert(start >= 0 && start < end && end <= config.maxParallelism, "the table owns at least one key group");
}

export function checkAggregate(
  input: Schema,
  aggregate: WindowAggregate,
  refuse: (code: string, message: string) => MillraceError,
): void {
  const { function: name, column } = aggregate;
  if (column === undefined) {
    if (name === "count") return;
    throw refuse("window_aggregate_invalid", `${name} as ${aggregate.name} names no column; only count may do so`);
  }
  const source = input[column];
  if (source === undefined) throw refuse("window_aggregate_invalid", `column ${column} of ${name} is not in the input`);
  if (name === "count" || name === "count_distinct") return;
  const possible = name === "min" || name === "max" ? ["i64", "f64", "timestamp"] : ["i64", "f64"];
  if (!possible.includes(source.type)) {
    const message = `${name}(${source.name}) over ${source.type}; ${name} takes ${possible.join(", ")}`;
    throw refuse("window_aggregate_invalid", message);
  }
}
