// What a running aggregate keeps of each key and how results and state rows are made of it: the plan that the kernels
// of kernels/running are given. Layout of an entry: kernels/running/layout.ts.
//
// An append-only input is folded as windows fold theirs. An input that takes rows back needs more: each column has a
// count of its own, and a sum of f64 counts what is not finite instead of adding it, so that it can be taken back.
//
// Invariant: the plan depends on schema and configuration alone, so that state written under it can be read under it.

import { assert, present } from "../base/assert.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { type DataType, type Field, field, type Schema } from "../batch/schema.ts";
import { KEY_COLUMNS_MAX, keyKind, keyKindOf } from "../kernel/key_kind.ts";
import type { KeyGroupRange } from "../keygroup/key_group.ts";
import {
  type Accumulators,
  AGGREGATES_MAX,
  checkAggregate,
  type FoldPlan,
  foldedColumns,
  foldFlag,
  operation,
  outputOf,
  placeAccumulators,
  resultType,
  type ValuePlan,
  value,
} from "./window_plan.ts";

export interface RunningAggregate {
  readonly function: "count" | "sum" | "min" | "max" | "avg";
  /** Index of the input column; absent only for count(*). */
  readonly column?: number;
  /** Name of the output column. */
  readonly name: string;
}

export interface RunningTableConfig {
  /** Names the operator in errors. */
  readonly where: string;
  /** Indices of the key columns in the input (i64, timestamp, bool, utf8; nullable or not); at least one. */
  readonly keys: readonly number[];
  readonly aggregates: readonly RunningAggregate[];
  /** The input takes rows back; min and max are then impossible. */
  readonly updating: boolean;
  readonly maxParallelism: number;
  readonly keyGroups: KeyGroupRange;
}

export interface RunningPlan {
  readonly outputSchema: Schema;
  readonly stateSchema: Schema;
  readonly keyKind: number;
  readonly entryBytes: number;
  /** Bytes of an entry from its row count to its last accumulator. */
  readonly valueBytes: number;
  readonly folds: readonly FoldPlan[];
  readonly outputs: readonly ValuePlan[];
  readonly states: readonly ValuePlan[];
}

/** Codes of kernels/running/layout.ts. */
const takenBack = { sum: 6, average: 7, raw: 8 } as const;

/** Place among the changes and number of the batch. */
const TAIL_BYTES = 24;

export function planRunningTable(input: Schema, config: RunningTableConfig): RunningPlan {
  checkRunning(input, config);
  const keys = config.keys.map((column) => present(input[column], "key column"));
  const kind = keyKindOf(keys);
  const keyBytes = kind === keyKind.fixed ? 8 : 16;
  const rowsAt = keyBytes + 8;
  const folds: FoldPlan[] = [];
  const fields: Field[] = [field("rows", "i64")];
  const states = [value(operation.count, rowsAt, rowsAt)];
  const kept = new Map<number, Accumulators>();
  let at = rowsAt + 8;
  for (const [column, flags] of foldedColumns(input, { aggregates: config.aggregates, timestamp: -1 })) {
    const source = present(input[column], "folded column");
    folds.push({ column, flags, at });
    const place = config.updating ? placeTakenBack : placeAccumulators;
    const { accumulators, end } = place(source, flags, at, rowsAt, fields, states);
    kept.set(column, accumulators);
    at = end;
  }
  const outputs = config.aggregates.map((one) => {
    const planned = outputOf(one, kept.get(one.column ?? -1), rowsAt);
    return config.updating ? asTakenBack(planned) : planned;
  });
  const nullable = (index: number): boolean => present(outputs[index], "output").nullable;
  return {
    outputSchema: [
      ...keys,
      ...config.aggregates.map((one, index) => field(one.name, resultType(input, one), nullable(index))),
    ],
    stateSchema: [
      field("key_group", "i64"),
      ...keys.map((key) => field(`key:${key.name}`, key.type, key.nullable)),
      ...fields,
    ],
    keyKind: kind,
    entryBytes: at + TAIL_BYTES,
    valueBytes: at - rowsAt,
    folds,
    outputs,
    states,
  };
}

/** As `placeAccumulators`, for a column whose values may be taken back. */
function placeTakenBack(
  source: Field,
  flags: number,
  from: number,
  _rowsAt: number,
  fields: Field[],
  states: ValuePlan[],
): { accumulators: Accumulators; end: number } {
  let at = from;
  const keep = (name: string, type: DataType): void => {
    fields.push(field(`${name}:${source.name}`, type));
    states.push(value(takenBack.raw, at, from));
    at += 8;
  };
  keep("present", "i64");
  const summed = (flags & foldFlag.sum) !== 0;
  if (summed) keep("sum", source.type);
  if (summed && source.type === "f64") {
    keep("sum_errors", "f64");
    for (const name of ["nans", "infinities", "negative_infinities"]) keep(name, "i64");
  }
  const sumAt = summed ? from + 8 : -1;
  return { accumulators: { source, countAt: from, sumAt, minAt: -1, maxAt: -1 }, end: at };
}

function asTakenBack(plan: ValuePlan): ValuePlan {
  if (plan.operation === operation.sumFloat) return { ...plan, operation: takenBack.sum };
  if (plan.operation === operation.averageFloat) return { ...plan, operation: takenBack.average };
  return plan;
}

function checkRunning(input: Schema, config: RunningTableConfig): void {
  const refuse = (code: string, message: string): MillraceError => userError(code, config.where, message);
  if (config.keys.length < 1 || config.keys.length > KEY_COLUMNS_MAX) {
    throw refuse("aggregate_key_invalid", `${config.keys.length} key columns; 1 to ${KEY_COLUMNS_MAX} are possible`);
  }
  for (const column of config.keys) {
    const key = input[column];
    if (key === undefined) throw refuse("aggregate_key_invalid", `key column ${column} is not in the input`);
    if (key.type !== "f64") continue;
    throw refuse("aggregate_key_invalid", `column ${key.name} is f64; keys are i64, timestamp, bool or utf8`);
  }
  if (config.aggregates.length > AGGREGATES_MAX) {
    throw refuse("aggregate_invalid", `${config.aggregates.length} aggregates; at most ${AGGREGATES_MAX}`);
  }
  for (const aggregate of config.aggregates) {
    checkAggregate(input, aggregate, (_code, message) => refuse("aggregate_invalid", message));
    if (!config.updating || (aggregate.function !== "min" && aggregate.function !== "max")) continue;
    const message = `${aggregate.function} as ${aggregate.name} over a stream that takes rows back; count, sum and avg are possible`;
    throw refuse("aggregate_needs_append_only", message);
  }
  const { start, end } = config.keyGroups;
  assert(start >= 0 && start < end && end <= config.maxParallelism, "the table owns at least one key group");
}
