// One operator of a spec as far as it can be known without the others: its sound fields, short forms written out,
// and the names of its inputs and outputs.

import * as v from "valibot";
import { type Problem, show } from "../expression/problem.ts";
import { columnList } from "./field_shapes.ts";
import type { ProcessSpec, SourceConnectorSpec, SourceSpec } from "./job_spec.ts";
import { embeddedOperator, postedOperator } from "./operator_shapes.ts";
import { isPlainObject, listOf, problemsOf } from "./shape.ts";
import type { Sound } from "./stream.ts";
import type { Reference, WiredOperator } from "./wiring.ts";

export interface Shaped extends WiredOperator {
  /** Some of its columns or aggregates are wrong and left out, so what it gives is not known. */
  readonly partial: boolean;
  readonly fields: Sound<Record<string, unknown>>;
  /** `input` and a flat `keyBy` stood where lists could. */
  readonly short: boolean;
}

export function shapeOperator(input: unknown, path: string, embedded: boolean, problems: Problem[]): Shaped {
  const parsed = v.safeParse(embedded ? embeddedOperator : postedOperator, input);
  const issues = parsed.issues ?? [];
  problems.push(...problemsOf(issues, path));
  const fields: Record<string, unknown> = isPlainObject(parsed.output) ? { ...parsed.output } : {};
  const partial = dropUnsound(fields, issues);
  const kind = fields["kind"] as Shaped["kind"];
  if (kind === "source" && fields["connector"] !== undefined)
    normalizePaths(fields as unknown as SourceSpec, path, problems);
  const short = kind === "process" && normalizeProcess(fields, path, problems);
  return {
    path,
    kind,
    partial,
    fields,
    short,
    uid: fields["uid"] as string | undefined,
    references: referencesOf(kind, fields, path, short),
    sides: sidesOf(kind, fields),
  };
}

/** Leaves out what is wrong: one column or aggregate, or else the whole field; says whether it was only such entries. */
function dropUnsound(output: Record<string, unknown>, issues: readonly v.BaseIssue<unknown>[]): boolean {
  let partial = false;
  for (const { path } of issues) {
    const name = String(path?.[0]?.key);
    const entries = output[name];
    if ((name === "columns" || name === "aggregates") && path?.[1] !== undefined && isPlainObject(entries)) {
      delete entries[String(path[1].key)];
      partial = true;
    } else output[name] = undefined;
  }
  return partial;
}

function referencesOf(
  kind: Shaped["kind"],
  fields: Sound<Record<string, unknown>>,
  path: string,
  short: boolean,
): readonly Reference[] {
  const one = (name: string): Reference => ({ path: `${path}.${name}`, name: fields[name] as string | undefined });
  switch (kind) {
    case undefined:
    case "source":
      return [];
    case "union":
    case "process": {
      const inputs = fields["inputs"] as readonly string[] | undefined;
      const at = (index: number): string => (short ? `${path}.input` : `${path}.inputs[${index}]`);
      return inputs?.map((name, index) => ({ path: at(index), name })) ?? [one("inputs")];
    }
    case "interval_join":
    case "join":
      return [one("left"), one("right")];
    default:
      return [one("input")];
  }
}

function sidesOf(kind: Shaped["kind"], fields: Sound<Record<string, unknown>>): readonly string[] | undefined {
  if (kind === "source") return ["rejected"];
  if (kind === "window") return ["late"];
  if (kind === "interval_join") return ["late_left", "late_right"];
  if (kind !== "process") return [];
  const outputs = fields["outputs"] as ProcessSpec["outputs"] | undefined;
  return outputs && Object.keys(outputs);
}

/** `path` is short for a list of one. */
function normalizePaths(source: SourceSpec, path: string, problems: Problem[]): void {
  const { connector } = source;
  if (connector.kind !== "ndjson_file" && connector.kind !== "parquet_file") return;
  const { path: single, paths: several, ...rest } = connector as typeof connector & { readonly path?: string };
  const at = `${path}.connector`;
  if (single !== undefined && (several as unknown) !== undefined) {
    problems.push({ path: at, found: "both path and paths", expected: "one of them" });
  }
  const paths = (several as readonly string[] | undefined) ?? (single === undefined ? undefined : [single]);
  if (paths === undefined) problems.push({ path: at, found: "neither path nor paths", expected: "one of them" });
  else if (new Set(paths).size < paths.length)
    problems.push({ path: `${at}.paths`, found: "a path twice", expected: "each path once" });
  const { kind, ...others } = rest;
  Object.assign(source, { connector: { kind, paths: paths ?? [], ...others } as SourceConnectorSpec });
}

/** `input` with a flat `keyBy` is short for lists of one; says whether they stood there. */
function normalizeProcess(fields: Record<string, unknown>, path: string, problems: Problem[]): boolean {
  const { input, keyBy, ...rest } = fields;
  const both = "input" in fields && "inputs" in fields;
  const neither = !("input" in fields) && !("inputs" in fields);
  if (both || neither) {
    const found = both ? "both input and inputs" : "neither input nor inputs";
    problems.push({ path, found, expected: "one of them" });
  }
  const short = "input" in fields && !both;
  const inputs = short ? input && [input] : rest["inputs"];
  delete fields["input"];
  fields["inputs"] = both ? undefined : inputs;
  if (both || neither) fields["keyBy"] = undefined;
  else if (keyBy !== undefined) {
    const count = Array.isArray(inputs) ? inputs.length : undefined;
    const lists = listOf(columnList("group"), count ?? 1, count ?? 2, KEYS_EXPECTED);
    const parsed = v.safeParse(short ? columnList("group") : lists, keyBy);
    problems.push(...problemsOf(parsed.issues ?? [], `${path}.keyBy`));
    fields["keyBy"] = !parsed.success ? undefined : short ? [parsed.output] : parsed.output;
  }
  const { params } = fields;
  if (params !== undefined && !isPlain(params)) {
    problems.push({ path: `${path}.params`, found: show(params), expected: "plain JSON" });
    fields["params"] = undefined;
  }
  return short;
}

const KEYS_EXPECTED = "a list of columns to group by for each of the inputs";

/** Whether JSON keeps it as it is. Nesting was limited before. */
function isPlain(value: unknown): boolean {
  if (value === null || typeof value === "boolean" || typeof value === "string") return true;
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== "object") return false;
  return (Array.isArray(value) ? value : Object.values(value)).every(isPlain);
}
