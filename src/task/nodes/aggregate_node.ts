// Running aggregates: the table and the output of a node.

import { assert, present } from "../../base/assert.ts";
import type { AggregateNode } from "../../graph/plan.ts";
import { BatchRegion } from "../../kernel/batch_region.ts";
import { AggregateOperator } from "../../operators/aggregate.ts";
import { RunningTable } from "../../state/running_table.ts";
import type { BuiltNode, NodeContext } from "./node_context.ts";

export function buildAggregate(node: AggregateNode, context: NodeContext): BuiltNode {
  const { kernel, maxParallelism, keyGroups, inputs, next, operator: shared } = context;
  const table = new RunningTable(node.uid, kernel, present(inputs[0], "the input of an aggregate"), {
    where: node.uid,
    keys: node.keyColumns,
    aggregates: node.aggregates.map(({ function: fold, name, column }) => {
      assert(fold !== "count_distinct", "a running aggregate counts no distinct values");
      return { function: fold, name, ...(column === undefined ? {} : { column }) };
    }),
    updating: present(node.inputs[0], "the input of an aggregate").updating,
    maxParallelism,
    keyGroups,
  });
  const output = new BatchRegion(kernel, table.outputSchema);
  const operator = new AggregateOperator({ table, output, next, context: shared });
  return { receivers: [operator], output, states: operator.tables, timed: undefined };
}
