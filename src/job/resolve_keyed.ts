// Checks the operators that keep state by key over one input: window, aggregate, top_n.

import { COLUMNS_MAX } from "../base/limits.ts";
import { columnIndex, type Field, field, type Schema } from "../batch/schema.ts";
import { columnHint } from "../expression/check_expression.ts";
import { show } from "../expression/problem.ts";
import { aggregateFields } from "./aggregate_fields.ts";
import type { AggregateOperatorSpec, TopNSpec, WindowSpec } from "./job_spec.ts";
import { keyFields } from "./key_fields.ts";
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

/** The columns that a window adds before its keys. */
export const WINDOW_START = "window_start";
export const WINDOW_END = "window_end";
const BOUNDS: readonly string[] = [WINDOW_START, WINDOW_END];
/** Windows that one row may belong to. */
const OVERLAP_MAX = 10_000;

export function resolveWindow(spec: Sound<WindowSpec>, site: Site): Resolution {
  const before = site.problems.length;
  const { window, aggregates, keyBy } = spec;
  if (window !== undefined) checkWindow(window, site);
  const input = inputOf(site);
  const instead = "put the window before that operator, or use an operator of kind aggregate";
  const timeColumn = refuseUpdating(site, input, instead) ? undefined : neededTime(site, input);
  const { schema } = input;
  // A late row is as its input gave it, time and all.
  const late: Stream = { schema, eventTime: input.eventTime, updating: undefined };
  const unknown: Resolution = { ...failed, sides: new Map([["late", late]]) };
  if (schema === undefined || keyBy === undefined || aggregates === undefined) return unknown;
  const keys = keyFields(site, keyBy, schema, `${site.path}.keyBy`);
  refuseBounds(keyBy, site);
  const names = [...BOUNDS, ...keyBy];
  const made = aggregateFields(site, aggregates, {
    schema,
    before: names,
    added: BOUNDS,
    updating: undefined,
    insteadOfDistinct: undefined,
  });
  if (site.problems.length > before || keys === undefined || made === undefined) return unknown;
  const output = [field(WINDOW_START, "timestamp"), field(WINDOW_END, "timestamp"), ...keys, ...made];
  const main: Stream = { schema: output, eventTime: timeless("window", spec.uid), updating: undefined };
  const inputs = knownInputs(site);
  if (window === undefined || timeColumn === undefined || inputs === undefined) return { ...unknown, main };
  const { parallelism } = site;
  const known = { parallelism, inputs, output, updating: false, sides: new Map([["late", schema]]) };
  return { ...unknown, main, operator: { kind: "window", spec: spec as WindowSpec, ...known, timeColumn } };
}

function checkWindow(window: WindowSpec["window"], site: Site): void {
  const at = `${site.path}.window`;
  if (window.kind === "session") return;
  const [period, name] = window.kind === "hopping" ? [window.slideMs, "slideMs"] : [window.sizeMs, "sizeMs"];
  if (window.offsetMs >= period)
    refuse(site, `${at}.offsetMs`, show(window.offsetMs), `less than ${name}, which is ${period}`);
  if (window.kind === "tumbling") return;
  if (window.sizeMs % period !== 0)
    refuse(site, `${at}.sizeMs`, show(window.sizeMs), `a multiple of slideMs, which is ${period}`);
  else if (window.sizeMs / period > OVERLAP_MAX)
    refuse(site, `${at}.sizeMs`, show(window.sizeMs), `at most ${OVERLAP_MAX} times slideMs, which is ${period}`);
}

function refuseBounds(keyBy: readonly string[], site: Site): void {
  for (const [index, name] of keyBy.entries()) {
    if (!BOUNDS.includes(name)) continue;
    const expected = "another name: the window adds a column of this name";
    refuse(site, `${site.path}.keyBy[${index}]`, show(name), expected);
  }
}

const DISTINCT_IN_TWO =
  "two aggregates: one by the keys and that column, and one of its rows that counts them by the keys";

export function resolveAggregate(spec: Sound<AggregateOperatorSpec>, site: Site): Resolution {
  const { aggregates, keyBy } = spec;
  const { schema, updating } = inputOf(site);
  const inputs = knownInputs(site);
  if (schema === undefined || keyBy === undefined || aggregates === undefined || inputs === undefined) return failed;
  const keys = keyFields(site, keyBy, schema, `${site.path}.keyBy`);
  const made = aggregateFields(site, aggregates, {
    schema,
    before: keyBy,
    added: [],
    updating,
    insteadOfDistinct: DISTINCT_IN_TWO,
  });
  if (keys === undefined || made === undefined) return failed;
  const output = [...keys, ...made];
  const main: Stream = {
    schema: output,
    eventTime: timeless("aggregate", spec.uid),
    updating: `aggregate ${show(spec.uid)} corrects its results`,
  };
  const known = { parallelism: site.parallelism, inputs, output, updating: true, sides: new Map() };
  return { ...failed, main, operator: { kind: "aggregate", spec: spec as AggregateOperatorSpec, ...known } };
}

export function resolveTopN(spec: Sound<TopNSpec>, site: Site): Resolution {
  const before = site.problems.length;
  const { keyBy, orderBy, rank, limit } = spec;
  const { schema } = inputOf(site);
  const inputs = knownInputs(site);
  if (schema === undefined || inputs === undefined) return failed;
  if (keyBy !== undefined) keyFields(site, keyBy, schema, `${site.path}.keyBy`);
  if (orderBy !== undefined) checkOrder(orderBy, schema, site);
  const ranks = rank === undefined ? [] : rankField(rank, schema, site);
  if (site.problems.length > before) return failed;
  const output = [...schema, ...ranks];
  const updating = `top_n ${show(spec.uid)} takes back rows that others push out`;
  const main: Stream = { schema: output, eventTime: timeless("top_n", spec.uid), updating };
  if (keyBy === undefined || orderBy === undefined || limit === undefined) return { ...failed, main };
  const known = { parallelism: site.parallelism, inputs, output, updating: true, sides: new Map() };
  return { ...failed, main, operator: { kind: "top_n", spec: spec as TopNSpec, ...known } };
}

function checkOrder(orderBy: TopNSpec["orderBy"], schema: Schema, site: Site): void {
  const names = orderBy.map((one) => one.column);
  for (const [index, name] of names.entries()) {
    const path = `${site.path}.orderBy[${index}].column`;
    if (columnIndex(schema, name) < 0) refuse(site, path, show(name), columnHint(name, schema));
    else if (names.indexOf(name) < index) refuse(site, path, show(name), "each column once");
  }
}

function rankField(rank: string, schema: Schema, site: Site): Field[] {
  if (columnIndex(schema, rank) >= 0)
    refuse(site, `${site.path}.rank`, show(rank), "a name that no column of the input has");
  else if (schema.length >= COLUMNS_MAX) {
    const expected = `no rank, or an input of fewer than ${COLUMNS_MAX} columns`;
    refuse(site, `${site.path}.rank`, `a rank after ${schema.length} columns`, expected);
  }
  return [field(rank, "i64")];
}
