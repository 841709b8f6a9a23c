// Top-N: the table of a node, which brings its own output.

import { present } from "../../base/assert.ts";
import type { TopNNode } from "../../graph/plan.ts";
import { TopNOperator } from "../../operators/top_n.ts";
import { TopTable } from "../../state/top_table.ts";
import type { BuiltNode, NodeContext } from "./node_context.ts";

export function buildTopN(node: TopNNode, context: NodeContext): BuiltNode {
  const { kernel, maxParallelism, keyGroups, inputs, next, operator: shared } = context;
  const table = new TopTable(node.uid, kernel, present(inputs[0], "the input of a top-N"), {
    where: node.uid,
    keys: node.keyColumns,
    orderBy: node.orderBy,
    limit: node.limit,
    ...(node.rank === undefined ? {} : { rank: node.rank }),
    updating: present(node.inputs[0], "the input of a top-N").updating,
    maxParallelism,
    keyGroups,
  });
  const operator = new TopNOperator({ table, next, context: shared });
  return { receivers: [operator], output: table.output, states: operator.tables, timed: undefined };
}
