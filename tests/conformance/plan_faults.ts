// What is wrong with a plan, found by looking at each promise of `plan.ts` by itself; empty for a right plan.

import { equalSchemas, type Schema } from "../../src/batch/schema.ts";
import { type InputPlan, isKeyed, type JobPlan, type PlanNode } from "../../src/graph/plan.ts";

export function planFaults(plan: JobPlan, updating: ReadonlySet<string>): string[] {
  const faults: string[] = [];
  const check = (holds: boolean, what: string): void => {
    if (!holds) faults.push(what);
  };
  const view = new View(plan);
  for (const [id, chain] of plan.chains.entries()) check(chain.id === id, `chain ${id} has id ${chain.id}`);
  for (const [id, edge] of plan.edges.entries()) {
    check(edge.id === id, `edge ${id} has id ${edge.id}`);
    check(edge.from.chain < edge.to.chain, `edge ${id} leads back`);
    const region = (chain: number) => plan.chains[chain]?.region;
    check(region(edge.from.chain) === region(edge.to.chain), `edge ${id} leads out of its region`);
    check(edge.watermarks === view.wantsWatermarks(id), `edge ${id}: watermarks`);
    const parallel = (plan.chains[edge.to.chain]?.parallelism ?? 0) > 1;
    check(!edge.updating || !parallel || edge.partition.kind === "hash", `edge ${id} parts rows that are taken back`);
  }
  for (const node of plan.nodes) {
    const homes = plan.chains.filter((chain) => chain.nodes.includes(node));
    check(homes.length === 1, `${node.uid} is in ${homes.length} chains`);
    check(homes[0]?.parallelism === node.parallelism, `${node.uid} has another parallelism than its chain`);
    check(node.kind === "sink" || node.updating === updating.has(node.uid), `${node.uid}: updating`);
    for (const [index, input] of node.inputs.entries()) inputFaults(view, node, input, index, check);
    for (const side of node.sides.keys()) check(view.isRead(node, side), `${node.uid}#${side} is not read`);
  }
  check(regionCount(plan) === new Set(plan.chains.map((one) => one.region)).size, "regions are too large or too small");
  const alone = plan.nodes.every((one) => one.parallelism === 1);
  check(!alone || plan.edges.length === 0, "with parallelism 1 there are edges");
  return faults;
}

type Check = (holds: boolean, what: string) => void;

function inputFaults(view: View, node: PlanNode, input: InputPlan, index: number, check: Check): void {
  const at = `${node.uid}, input ${index}`;
  const producer = view.node(input.uid);
  const home = view.chainOf(node);
  check(view.position(producer) < view.position(node), `${at} comes later`);
  const full = input.output === "main" ? producer.output : producer.sides.get(input.output);
  check(full !== undefined, `${at}: its side output is not listed`);
  check(input.updating === (input.output === "main" && producer.updating), `${at}: updating`);
  const edge = input.edge === undefined ? undefined : view.plan.edges[input.edge];
  if (edge === undefined) {
    check(view.chainOf(producer) === home, `${at} comes from another chain without an edge`);
    check(equalSchemas(input.schema, full ?? []), `${at} has other columns than what it reads`);
  } else {
    const { from, to, schema } = edge;
    check(from.uid === input.uid && from.output === input.output, `${at}: edge from elsewhere`);
    check(from.chain === view.chainOf(producer) && to.chain === home, `${at}: edge between other chains`);
    check(equalSchemas(input.schema, schema), `${at} has other columns than its edge`);
    const kept = (full ?? []).filter((one) => schema.some((other) => other.name === one.name));
    check(equalSchemas(kept, schema), `${at}: the edge's columns are no part of the output`);
  }
  if (node.parallelism === 1) return;
  const columns = edge?.partition.kind === "hash" ? edge.partition.columns : undefined;
  if (isKeyed(node)) check(same(columns, keysOf(node, index)), `${at} does not come by key`);
  if (node.kind === "sink" && node.connector.kind === "table" && node.connector.mode === "upsert" && input.updating) {
    const keys = node.connector.primaryKey;
    const hashed = columns?.map((column) => input.schema[column]?.name);
    check(same(hashed, keys) || view.isTogether(input, keys), `${at}: rows of one primary key come to several tasks`);
  }
}

function keysOf(node: PlanNode, input: number): readonly number[] | undefined {
  if (node.kind === "interval_join" || node.kind === "join" || node.kind === "process") return node.keyColumns[input];
  if (node.kind === "window" || node.kind === "aggregate" || node.kind === "top_n") return node.keyColumns;
  return undefined;
}

const same = (left: readonly unknown[] | undefined, right: readonly unknown[] | undefined): boolean =>
  left !== undefined && right !== undefined && JSON.stringify(left) === JSON.stringify(right);

/** Chains reached from each other over edges, counted by walking. */
function regionCount(plan: JobPlan): number {
  const seen = new Set<number>();
  let count = 0;
  for (const { id } of plan.chains) {
    if (seen.has(id)) continue;
    count++;
    const open = [id];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      for (const { from, to } of plan.edges) {
        if (from.chain === at) open.push(to.chain);
        if (to.chain === at) open.push(from.chain);
      }
    }
  }
  return count;
}

class View {
  readonly plan: JobPlan;

  constructor(plan: JobPlan) {
    this.plan = plan;
  }

  node(uid: string): PlanNode {
    const found = this.plan.nodes.find((one) => one.uid === uid);
    if (found === undefined) throw new Error(`no node ${uid}`);
    return found;
  }

  position(node: PlanNode): number {
    return this.plan.nodes.indexOf(node);
  }

  chainOf(node: PlanNode): number {
    return this.plan.chains.findIndex((chain) => chain.nodes.includes(node));
  }

  isRead(node: PlanNode, output: string): boolean {
    return this.plan.nodes.some((one) => one.inputs.some((input) => input.uid === node.uid && input.output === output));
  }

  wantsWatermarks(edge: number): boolean {
    return this.plan.nodes.some((one) =>
      one.inputs.some((input, index) => input.edge === edge && this.#decides(one, index)),
    );
  }

  #decides(node: PlanNode, input: number): boolean {
    if (node.kind === "window" || node.kind === "interval_join") return true;
    if (node.kind === "join") return node.timeColumns !== undefined;
    if (node.kind === "process") return node.timeColumns[input] !== undefined;
    if (node.kind !== "filter" && node.kind !== "project" && node.kind !== "union") return false;
    return this.plan.nodes.some((one) =>
      one.inputs.some((from, index) => from.uid === node.uid && from.output === "main" && this.#decides(one, index)),
    );
  }

  /** Whether rows that are equal in these columns are in one task: back through fused operators to one with such keys. */
  isTogether(input: InputPlan, names: readonly string[]): boolean {
    if (input.edge !== undefined || input.output !== "main") return false;
    const node = this.node(input.uid);
    if (node.kind === "filter" || node.kind === "project") {
      const [from] = node.inputs;
      return from !== undefined && this.isTogether(from, names);
    }
    if (node.kind === "join") {
      const [left = []] = node.keyColumns;
      return nameList(node.inputs[0]?.schema ?? [], left).every((name) => names.includes(name));
    }
    const keys = keysOf(node, 0);
    return keys !== undefined && nameList(node.inputs[0]?.schema ?? [], keys).every((name) => names.includes(name));
  }
}

const nameList = (schema: Schema, columns: readonly number[]): string[] =>
  columns.map((column) => schema[column]?.name ?? "");
