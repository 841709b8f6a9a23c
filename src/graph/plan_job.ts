// Turns a valid spec into a plan: walks the operators backwards to learn which columns somebody reads, decides which of
// them run fused, then walks forwards to give every operator its narrowed columns and positions.

import { present } from "../base/assert.ts";
import { asOperatorUid } from "../base/ids.ts";
import type { Schema } from "../batch/schema.ts";
import type { JobSpec } from "../job/job_spec.ts";
import { checkJob, specError } from "../job/validate_job_spec.ts";
import { chainsOf, regionsOf } from "./chains.ts";
import { Edges } from "./edges.ts";
import { linksOf } from "./links.ts";
import { neededColumns } from "./needs.ts";
import type { EdgePlan, InputPlan, JobPlan, PlanNode } from "./plan.ts";
import { planNode } from "./plan_node.ts";

/** Throws `spec_invalid` for a spec that did not come out of `validateJobSpec`. */
export function planJob(spec: JobSpec): JobPlan {
  const checked = checkJob(spec, { embedded: true, functions: "any" });
  if (checked.kind === "invalid") throw specError(checked.problems);
  const { operators } = checked;
  const needs = neededColumns(operators);
  const links = linksOf(operators);
  const chainOf = chainsOf(operators, links);
  const crossings = new Edges(operators, links, chainOf, needs);
  const outputs = new Map<string, Schema>();
  const edges: EdgePlan[] = [];
  const nodes = operators.map((one, position) => {
    const inputs = links
      .filter((link) => link.to === position)
      .map((link): InputPlan => {
        const uid = present(operators[link.from], "an operator that is read").spec.uid;
        const output = present(outputs.get(`${uid}#${link.output}`), "the columns of an earlier operator's output");
        const edge = crossings.over(link, output);
        if (edge !== undefined) edges[edge.id] = edge;
        const { output: name, updating } = link;
        return { uid: asOperatorUid(uid), output: name, edge: edge?.id, schema: edge?.schema ?? output, updating };
      });
    const { uid } = one.spec;
    const sides = [...new Set(links.filter((link) => link.from === position).map((link) => link.output))];
    const node = planNode(one, {
      inputs,
      read: (output) => needs.of(uid, output),
      sides: sides.filter((name) => name !== "main"),
    });
    outputs.set(`${uid}#main`, node.output);
    for (const [name, schema] of node.sides) outputs.set(`${uid}#${name}`, schema);
    return node;
  });
  return { name: spec.name, maxParallelism: spec.maxParallelism, nodes, edges, chains: gather(nodes, chainOf, edges) };
}

function gather(nodes: readonly PlanNode[], chainOf: readonly number[], edges: readonly EdgePlan[]) {
  const count = new Set(chainOf).size;
  const regions = regionsOf(
    count,
    edges.map((one) => [one.from.chain, one.to.chain] as const),
  );
  return Array.from({ length: count }, (_, id) => {
    const own = nodes.filter((_node, position) => chainOf[position] === id);
    const [first] = own;
    return { id, parallelism: first?.parallelism ?? 1, nodes: own, region: regions[id] ?? 0 };
  });
}
