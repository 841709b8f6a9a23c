// Short views of plans, for the tests of planning.

import type { JobPlan, PlanNode } from "../../src/graph/plan.ts";
import { planJob } from "../../src/graph/plan_job.ts";
import { problemText } from "../../src/expression/problem.ts";
import { validateJobSpec } from "../../src/job/mod.ts";

/** Throws with every problem where the spec is not valid. */
export function planOf(input: unknown): JobPlan {
  const outcome = validateJobSpec(input, { functions: "any" });
  if (outcome.kind === "valid") return planJob(outcome.spec);
  throw new Error(outcome.problems.map(problemText).join("\n"));
}

export const namesOf = (schema: readonly { readonly name: string }[]): string[] => schema.map((one) => one.name);

export function nodeOf<const Kind extends PlanNode["kind"]>(
  plan: JobPlan,
  uid: string,
  kind: Kind,
): Extract<PlanNode, { readonly kind: Kind }> {
  const found = plan.nodes.find((one) => one.uid === uid);
  if (found?.kind !== kind) throw new Error(`${uid} is ${found?.kind ?? "not there"}, not ${kind}`);
  return found as Extract<PlanNode, { readonly kind: Kind }>;
}

/** `0 x2: orders, web` for a chain of two tasks. */
export const chainTexts = (plan: JobPlan): string[] =>
  plan.chains.map(({ id, parallelism, nodes }) => `${id} x${parallelism}: ${nodes.map((one) => one.uid).join(", ")}`);

/** `0 -> 1: all by id, customer` for an edge; with ` ~` where the rows' watermarks travel, ` -` where rows go back. */
export const edgeTexts = (plan: JobPlan): string[] =>
  plan.edges.map(({ from, to, partition, schema, watermarks, updating }) => {
    const name = from.output === "main" ? from.uid : `${from.uid}#${from.output}`;
    const names = partition.kind === "hash" ? partition.columns.map((at) => schema[at]?.name).join(", ") : "turns";
    return `${from.chain} -> ${to.chain}: ${name} by ${names}${watermarks ? " ~" : ""}${updating ? " -" : ""}`;
  });
