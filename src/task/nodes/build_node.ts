// Makes the operator of a node: one line a kind.

import { assert, present } from "../../base/assert.ts";
import { equalSchemas } from "../../batch/schema.ts";
import { FilterKernel } from "../../expression/filter_kernel.ts";
import { ProjectKernel } from "../../expression/project_kernel.ts";
import type { FilterNode, OperatorNode, ProjectNode, UnionNode } from "../../graph/plan.ts";
import { FilterOperator } from "../../operators/filter.ts";
import { ProjectOperator } from "../../operators/project.ts";
import { UnionOperator } from "../../operators/union.ts";
import { buildAggregate } from "./aggregate_node.ts";
import { buildJoin } from "./join_node.ts";
import { type BuiltNode, type NodeContext, stateless } from "./node_context.ts";
import { buildProcess } from "./process_node.ts";
import { buildTopN } from "./top_n_node.ts";
import { buildWindow } from "./window_node.ts";

export function buildNode(node: OperatorNode, context: NodeContext): BuiltNode {
  node.inputs.forEach((input, index) => {
    const found = present(context.inputs[index], `input ${index} of ${node.uid}`);
    assert(equalSchemas(input.schema, found.schema), `operator ${node.uid} reads the columns that are there`);
  });
  const built = build(node, context);
  assert(equalSchemas(built.output.schema, node.output), `operator ${node.uid} emits the planned columns`);
  assert(built.receivers.length === node.inputs.length, `operator ${node.uid} reads each of its inputs`);
  return built;
}

function build(node: OperatorNode, context: NodeContext): BuiltNode {
  switch (node.kind) {
    case "filter":
      return buildFilter(node, context);
    case "project":
      return buildProject(node, context);
    case "union":
      return buildUnion(node, context);
    case "window":
      return buildWindow(node, context);
    case "aggregate":
      return buildAggregate(node, context);
    case "top_n":
      return buildTopN(node, context);
    case "interval_join":
    case "join":
      return buildJoin(node, context);
    case "process":
      return buildProcess(node, context);
  }
}

/** Works in place: the chain sees to it that nobody else reads the region afterwards. */
function buildFilter(node: FilterNode, { kernel, inputs, next }: NodeContext): BuiltNode {
  const region = present(inputs[0], "the input of a filter");
  return stateless(new FilterOperator(new FilterKernel(kernel, region, node.where, node.uid), next), region);
}

function buildProject(node: ProjectNode, { kernel, inputs, next }: NodeContext): BuiltNode {
  const region = present(inputs[0], "the input of a projection");
  const project = new ProjectKernel(kernel, region, node.columns, node.uid);
  return stateless(new ProjectOperator(project, next), project.output);
}

/** Shows its inputs' columns as its own: the chain sees to it that nobody else reads them afterwards. */
function buildUnion(node: UnionNode, { inputs, next }: NodeContext): BuiltNode {
  const union = new UnionOperator({ inputs, columns: node.columns, schema: node.output, next });
  return { receivers: union.receivers, output: union.output, states: [], timed: undefined };
}
