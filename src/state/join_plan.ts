// What one side of a join keeps of each row and where it lies in the row's slot, and which rows join: the plan that
// the kernels of kernels/join are given.
//
//   kept   the key columns, then those that the joined rows show (the event time lies in the slot's header anyhow)
//   state  key_group | time | the kept columns | row_number
//
// Invariant: the plan depends on schema and configuration alone, so that state written under it can be read under it.

import { assert, present } from "../base/assert.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { COLUMNS_MAX } from "../base/limits.ts";
import { type Field, field, type Schema } from "../batch/schema.ts";
import type { KeyGroupRange } from "../keygroup/key_group.ts";
import { JOIN_NEVER_NULL, JOIN_SLOT_HEADER, JOIN_SLOT_TIME } from "../../kernels/join/abi.ts";

/** Which rows of equal keys join, and for how long they wait for each other. */
export type JoinTiming =
  /** Where `right.time - left.time` is in `[lowerMs, upperMs]`. */
  | { readonly kind: "interval"; readonly lowerMs: number; readonly upperMs: number }
  /** Where the event times are at most `ttlMs` apart. */
  | { readonly kind: "event_time"; readonly ttlMs: number }
  /** Where at most `ttlMs` of wall time has passed since the earlier one came. */
  | { readonly kind: "wall_time"; readonly ttlMs: number };

export interface JoinSideConfig {
  /** Names the side in errors. */
  readonly where: string;
  /** Positions of the key columns in the input; a null in any of them joins nothing. */
  readonly keys: readonly number[];
  /** Position of the event time, which is never null; undefined: rows get the wall time of their arrival. */
  readonly time: number | undefined;
  /** Positions of the columns that the joined rows show. */
  readonly columns: readonly number[];
  /** Rows are kept, and go, in buckets of this length of time. */
  readonly bucketMs: number;
  readonly maxParallelism: number;
  readonly keyGroups: KeyGroupRange;
}

export interface KeptColumn {
  /** Position in the input. */
  readonly column: number;
  readonly source: Field;
  /** Place in the slot. */
  readonly at: number;
  readonly nullBit: number;
}

export interface JoinSidePlan {
  readonly stateSchema: Schema;
  readonly keyKind: number;
  readonly keyFields: readonly Field[];
  readonly kept: readonly KeptColumn[];
  readonly slotBytes: number;
  /** 0 where no column needs it. */
  readonly nullsAt: number;
  readonly textAt: number;
  /** Bytes of a key's entry. */
  readonly entryBytes: number;
}

/** Codes of kernels/table/layout.ts. */
const keyKind = { fixed: 0, text: 2, composite: 3 } as const;
const KEY_COLUMNS_MAX = 16;
const BUCKET_MS_MIN = 1000;

/**
 * Long enough that a row looks into few buckets for its partners (two of an interval join, three of a regular one, five
 * by wall time), short enough that dead rows do not stay much longer than they must, and never tiny ones by the
 * thousand. Throws for an impossible timing; `where` names the join.
 */
export function bucketMsOf(timing: JoinTiming, where: string): number {
  checkTiming(timing, where);
  switch (timing.kind) {
    case "interval":
      return Math.max(BUCKET_MS_MIN, timing.upperMs - timing.lowerMs);
    case "event_time":
      return Math.max(BUCKET_MS_MIN, timing.ttlMs);
    case "wall_time":
      return Math.max(BUCKET_MS_MIN, Math.ceil(timing.ttlMs / 4));
  }
}

export function planJoinSide(input: Schema, config: JoinSideConfig): JoinSidePlan {
  checkConfig(input, config);
  const columns = [...config.keys];
  for (const one of [...new Set(config.columns)].sort((left, right) => left - right)) {
    if (one !== config.time && !config.keys.includes(one)) columns.push(one);
  }
  const fields = columns.map((column) => present(input[column], "a kept column"));
  const isNullable = (index: number): boolean =>
    index >= config.keys.length && present(fields[index], "field").nullable;
  let at = JOIN_SLOT_HEADER;
  const reserve = (bytes: number): number => {
    at += bytes;
    return at - bytes;
  };
  const nullsAt = columns.some((_, index) => isNullable(index)) ? reserve(8) : 0;
  const textAt = fields.some((one) => one.type === "utf8") ? reserve(8) : 0;
  const kept = columns.map((column, index) => {
    const source = present(fields[index], "field");
    const nullBit = isNullable(index) ? index : JOIN_NEVER_NULL;
    return { column, source, at: reserve(source.type === "utf8" ? 16 : 8), nullBit };
  });
  const keyFields = config.keys.map((column) => present(input[column], "a key column"));
  const kind = keyKindOf(keyFields);
  return {
    stateSchema: [
      field("key_group", "i64"),
      field("time", "timestamp"),
      ...fields.map((one, index) => field(nameOf(columns, index, config, one), one.type, isNullable(index))),
      field("row_number", "i64"),
    ],
    keyKind: kind,
    keyFields,
    kept,
    slotBytes: at,
    nullsAt,
    textAt,
    entryBytes: (kind === keyKind.fixed ? 8 : 16) + 16,
  };
}

/** A column may be a key twice: equal to two columns of the other side. */
function nameOf(columns: readonly number[], index: number, config: JoinSideConfig, source: Field): string {
  if (index >= config.keys.length) return `column:${source.name}`;
  const first = columns.indexOf(present(columns[index], "a kept column"));
  return first === index ? `key:${source.name}` : `key:${source.name}#${index}`;
}

function keyKindOf(keys: readonly Field[]): number {
  if (keys.length > 1) return keyKind.composite;
  return present(keys[0], "a key column").type === "utf8" ? keyKind.text : keyKind.fixed;
}

/** What a joined row needs of a column: its place in a slot of the side. */
export function placeOf(plan: JoinSidePlan, time: number | undefined, column: number): KeptColumn | undefined {
  const kept = plan.kept.find((one) => one.column === column);
  if (kept !== undefined || column !== time) return kept;
  return { column, source: field("time", "timestamp"), at: JOIN_SLOT_TIME, nullBit: JOIN_NEVER_NULL };
}

function checkTiming(timing: JoinTiming, where: string): void {
  const [lowerMs, upperMs] = timing.kind === "interval" ? [timing.lowerMs, timing.upperMs] : [0, timing.ttlMs];
  const whole = Number.isSafeInteger(lowerMs) && Number.isSafeInteger(upperMs);
  if (whole && lowerMs <= upperMs && Number.isSafeInteger(upperMs - lowerMs)) return;
  const found = timing.kind === "interval" ? `from ${lowerMs} to ${upperMs}` : `up to ${upperMs}`;
  const message = `rows join ${found} ms apart; these are whole numbers, the first not above the second`;
  throw userError("join_interval_invalid", where, message);
}

function checkConfig(input: Schema, config: JoinSideConfig): void {
  const refuse = (code: string, message: string): MillraceError => userError(code, config.where, message);
  if (config.keys.length < 1 || config.keys.length > KEY_COLUMNS_MAX) {
    throw refuse("join_key_invalid", `${config.keys.length} key columns; 1 to ${KEY_COLUMNS_MAX} are possible`);
  }
  for (const column of config.keys) {
    const key = input[column];
    if (key === undefined) throw refuse("join_key_invalid", `key column ${column} is not in the input`);
    if (key.type === "f64") {
      throw refuse("join_key_invalid", `column ${key.name} is f64; rows join on i64, timestamp, bool or utf8`);
    }
  }
  if (config.time !== undefined && input[config.time]?.type !== "timestamp") {
    const found = input[config.time]?.type ?? "missing";
    throw refuse("join_time_invalid", `the event time is ${found}; it must be a timestamp column`);
  }
  for (const column of config.columns) {
    if (input[column] === undefined) throw refuse("join_column_invalid", `column ${column} is not in the input`);
  }
  if (config.keys.length + config.columns.length > COLUMNS_MAX) {
    throw refuse("join_column_invalid", `keys and columns are more than ${COLUMNS_MAX}`);
  }
  assert(Number.isSafeInteger(config.bucketMs) && config.bucketMs >= 1, "a bucket is a whole number of ms long");
  const { start, end } = config.keyGroups;
  assert(start >= 0 && start < end && end <= config.maxParallelism, "the table owns at least one key group");
}
