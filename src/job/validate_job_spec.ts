// From anything to a complete job spec, or to the list of everything that is wrong with it.
// Invariants: a valid result, validated again, gives itself; hostile input (deep, huge, cyclic) is refused before
// anything recurses into it; the same input gives the same problems in the same order.

import * as v from "valibot";
import { present } from "../base/assert.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { type Problem, problemText, show } from "../expression/problem.ts";
import type { JobSpec, OperatorSpec, RestartSpec, SourceConnectorSpec, SourceSpec } from "./job_spec.ts";
import { embeddedOperator, job, postedOperator } from "./operator_shapes.ts";
import * as resolve from "./resolve_job.ts";
import type { ResolvedOperator } from "./resolved_job.ts";
import { isPlainObject, problemsOf } from "./shape.ts";
import { type WiredOperator, type Wiring, wire } from "./wiring.ts";

export type { Problem } from "../expression/problem.ts";

export type Validation =
  | { readonly kind: "valid"; readonly spec: JobSpec }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

export interface ValidationOptions {
  /** The program embeds Millrace: batches in memory are a source too. Never for a spec that came over HTTP. */
  readonly embedded?: boolean;
}

const DEPTH_MAX = 100;
const VALUES_MAX = 100_000;
const PROBLEMS_MAX = 200;

export function validateJobSpec(input: unknown, options: ValidationOptions = {}): Validation {
  const checked = checkJob(input, options);
  return checked.kind === "valid" ? { kind: "valid", spec: checked.spec } : checked;
}

/** The error that a caller gets for an invalid spec: the first problem in words, all of them in the message. */
export function specError(problems: readonly Problem[], where = "job spec"): MillraceError {
  return userError("spec_invalid", where, problems.map(problemText).join("\n"));
}

export type CheckedJob =
  | { readonly kind: "valid"; readonly spec: JobSpec; readonly operators: readonly ResolvedOperator[] }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/** Validation and resolution in one; operators come in an order in which each reads from earlier ones. */
export function checkJob(input: unknown, options: ValidationOptions = {}): CheckedJob {
  const hostile = refuseHostile(input);
  if (hostile !== undefined) return { kind: "invalid", problems: [hostile] };
  const problems: Problem[] = [];
  const parsed = v.safeParse(job, input);
  problems.push(...problemsOf(parsed.issues ?? [], ""));
  const listed = isPlainObject(input) && Array.isArray(input["operators"]) ? (input["operators"] as unknown[]) : [];
  const unlisted = problems.some((one) => one.path === "operators" || one.path === "");
  const shaped = unlisted ? [] : listed.map((one, at) => shapeOperator(one, `operators[${at}]`, options, problems));
  const wiring = unlisted ? { order: [], inputs: [] } : wire(shaped, problems);
  const operators = resolveAll(shaped, wiring, problems);
  if (problems.length > 0 || !parsed.success) return { kind: "invalid", problems: inOrder(problems) };
  const { name, maxParallelism, checkpoint } = parsed.output;
  const restart = restartOf(parsed.output.restart, problems);
  if (problems.length > 0) return { kind: "invalid", problems: inOrder(problems) };
  const specs = shaped.map((one) => one.fields as unknown as OperatorSpec);
  return {
    kind: "valid",
    spec: { millrace: 1, name, maxParallelism, checkpoint, restart, operators: specs },
    operators,
  };
}

/** By operator, so that a reader goes through the spec once; within one, in the order of discovery. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const rank = (one: Problem): number => Number(/^operators\[(\d+)\]/.exec(one.path)?.[1] ?? -1);
  const sorted = problems.toSorted((left, right) => rank(left) - rank(right));
  if (sorted.length <= PROBLEMS_MAX) return sorted;
  const rest = {
    path: "",
    found: `${sorted.length - PROBLEMS_MAX} more problems`,
    expected: "fewer: mend these first",
  };
  return [...sorted.slice(0, PROBLEMS_MAX), rest];
}

function refuseHostile(input: unknown): Problem | undefined {
  let level: unknown[] = [input];
  let values = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEPTH_MAX) return { path: "", found: "deeper nesting", expected: `at most ${DEPTH_MAX} levels` };
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue;
      const below = Array.isArray(value) ? value : Object.values(value);
      values += below.length;
      if (values > VALUES_MAX) return { path: "", found: "more values", expected: `at most ${VALUES_MAX} values` };
      for (const one of below) next.push(one);
    }
    level = next;
  }
  return undefined;
}

interface Shaped extends WiredOperator {
  /** Some of its columns or aggregates are wrong and left out, so what it gives is not known. */
  readonly partial: boolean;
  readonly fields: resolve.Sound<Record<string, unknown>>;
}

function shapeOperator(input: unknown, path: string, options: ValidationOptions, problems: Problem[]): Shaped {
  const parsed = v.safeParse(options.embedded === true ? embeddedOperator : postedOperator, input);
  const issues = parsed.issues ?? [];
  problems.push(...problemsOf(issues, path));
  const output: Record<string, unknown> = isPlainObject(parsed.output) ? { ...parsed.output } : {};
  const partial = dropUnsound(output, issues);
  const kind = output["kind"] as Shaped["kind"];
  if (kind === "source" && output["connector"] !== undefined)
    normalizePaths(output as unknown as SourceSpec, path, problems);
  return {
    path,
    kind,
    partial,
    fields: output,
    uid: output["uid"] as string | undefined,
    input: output["input"] as string | undefined,
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

const RESTART_DEFAULT = { attempts: 3, delayMs: 1000 };

function restartOf(given: { strategy: string; attempts?: number; delayMs?: number }, problems: Problem[]): RestartSpec {
  const { strategy, ...rest } = given;
  if (strategy === "fixed_delay") return { strategy, ...RESTART_DEFAULT, ...rest };
  for (const key of Object.keys(rest)) {
    problems.push({
      path: `restart.${key}`,
      found: show(rest[key as "attempts"]),
      expected: 'nothing: strategy "none" has no such field',
    });
  }
  return { strategy: "none" };
}

function resolveAll(shaped: readonly Shaped[], wiring: Wiring, problems: Problem[]): ResolvedOperator[] {
  const done = new Map<number, resolve.Resolution>();
  const resolved: ResolvedOperator[] = [];
  const directories = new Map<string, string>();
  for (const position of wiring.order) {
    const one = present(shaped[position], "an operator at its own position");
    const from = wiring.inputs[position];
    const upstream = from === undefined ? undefined : done.get(from.position);
    const outcome = resolveOne(one, from, streamOf(upstream, from?.output), problems);
    done.set(position, one.partial ? { ...outcome, main: resolve.UNKNOWN } : outcome);
    if (outcome.operator !== undefined) resolved.push(outcome.operator);
    if (outcome.operator?.kind === "sink") refuseSharedDirectory(outcome.operator, one.path, directories, problems);
  }
  return resolved;
}

function streamOf(upstream: resolve.Resolution | undefined, output: string | undefined): resolve.Stream {
  if (upstream === undefined) return resolve.UNKNOWN;
  if (output === "late") return upstream.late;
  if (output === "rejected")
    return { schema: resolve.rejectedSchema, eventTime: { kind: "none", reason: "rejected rows have none" } };
  return upstream.main;
}

function resolveOne(
  one: Shaped,
  from: Wiring["inputs"][number],
  input: resolve.Stream,
  problems: Problem[],
): resolve.Resolution {
  const { fields, path } = one;
  const at = from ?? { uid: "", output: "main" as const };
  const origin = { uid: at.uid, output: at.output };
  switch (one.kind) {
    case "source":
      return resolve.resolveSource(fields, path, problems);
    case "filter":
      return resolve.resolveFilter(fields, origin, input, path, problems);
    case "project":
      return resolve.resolveProject(fields, origin, input, path, problems);
    case "window":
      return resolve.resolveWindow(fields, origin, input, path, problems);
    case "sink":
      return resolve.resolveSink(fields, origin, input, path, problems);
    case undefined:
      return { main: resolve.UNKNOWN, late: resolve.UNKNOWN, operator: undefined };
  }
}

function refuseSharedDirectory(
  sink: ResolvedOperator & { readonly kind: "sink" },
  path: string,
  directories: Map<string, string>,
  problems: Problem[],
): void {
  const { connector } = sink.spec;
  if (connector.kind !== "ndjson_files") return;
  const directory = connector.directory.replace(/\/+$/, "");
  const other = directories.get(directory);
  if (other !== undefined) {
    problems.push({
      path: `${path}.connector.directory`,
      found: show(connector.directory),
      expected: `a directory of its own: ${other} writes there`,
    });
  }
  directories.set(directory, path);
}
