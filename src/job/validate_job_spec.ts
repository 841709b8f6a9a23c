// From anything to a complete job spec, or to the list of everything that is wrong with it.
// Invariants: a valid result, validated again, gives itself; hostile input (deep, huge, cyclic) is refused before
// anything recurses into it; the same input gives the same problems in the same order.

import * as v from "valibot";
import { type MillraceError, userError } from "../base/errors.ts";
import { MAX_PARALLELISM_LIMIT } from "../base/limits.ts";
import { type Problem, problemText, show } from "../expression/problem.ts";
import { job } from "./job_shape.ts";
import type { JobSpec, OperatorSpec } from "./job_spec.ts";
import type { KnownFunctions } from "./process_function.ts";
import { resolveAll } from "./resolve_job.ts";
import type { ResolvedOperator } from "./resolved_job.ts";
import { isPlainObject, problemsOf } from "./shape.ts";
import { shapeOperator } from "./shape_operator.ts";
import { wire } from "./wiring.ts";

export type { Problem } from "../expression/problem.ts";

export type Validation =
  | { readonly kind: "valid"; readonly spec: JobSpec }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

export interface ValidationOptions {
  /** The program embeds Millrace: batches in memory are a source too. Never for a spec that came over HTTP. */
  readonly embedded?: boolean;
  /** What a process may name; absent: nothing. */
  readonly functions?: KnownFunctions;
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
  const embedded = options.embedded === true;
  const shaped = unlisted ? [] : listed.map((one, at) => shapeOperator(one, `operators[${at}]`, embedded, problems));
  const wiring = unlisted ? { order: [], inputs: [] } : wire(shaped, problems);
  const operators = resolveAll(
    shaped,
    wiring,
    {
      // A wrong number was reported already, and is no reason to blame the operators.
      parallelism: parsed.success ? parsed.output.parallelism : 1,
      maxParallelism: parsed.success ? parsed.output.maxParallelism : MAX_PARALLELISM_LIMIT,
      functions: options.functions ?? new Map(),
    },
    problems,
  );
  if (parsed.success) checkJobFields(parsed.output, problems);
  if (problems.length > 0 || !parsed.success) return { kind: "invalid", problems: inOrder(problems) };
  const specs = shaped.map((one) => one.fields as unknown as OperatorSpec);
  return { kind: "valid", spec: { ...parsed.output, millrace: 1, operators: specs }, operators };
}

function checkJobFields(spec: v.InferOutput<typeof job>, problems: Problem[]): void {
  const { parallelism, maxParallelism, restart } = spec;
  if (parallelism > maxParallelism) {
    const expected = `at most maxParallelism, which is ${maxParallelism}`;
    problems.push({ path: "parallelism", found: show(parallelism), expected });
  }
  if (restart.strategy === "exponential" && restart.initialMs > restart.maxMs) {
    const expected = `at most maxMs, which is ${restart.maxMs}`;
    problems.push({ path: "restart.initialMs", found: show(restart.initialMs), expected });
  }
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
