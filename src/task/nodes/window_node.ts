// Windows: which table a node's windows are kept in.

import { assert, present } from "../../base/assert.ts";
import type { WindowNode } from "../../graph/plan.ts";
import { BatchRegion } from "../../kernel/batch_region.ts";
import { WindowOperator } from "../../operators/window.ts";
import { WindowTable } from "../../state/window_table.ts";
import type { BuiltNode, NodeContext } from "./node_context.ts";

export function buildWindow(node: WindowNode, context: NodeContext): BuiltNode {
  const { kernel, maxParallelism, keyGroups, inputs, next, side, operator: shared } = context;
  const input = present(inputs[0], "the input of a window");
  assert(node.window.kind === "tumbling", "windows of other kinds are not built yet");
  const { sizeMs, offsetMs } = node.window;
  const table = new WindowTable(kernel, input, {
    where: node.uid,
    keys: node.keyColumns,
    timestamp: node.timeColumn,
    sizeMs,
    offsetMs,
    aggregates: node.aggregates.map(({ function: fold, name, column }) => {
      assert(fold !== "count_distinct", "distinct counts are not built yet");
      return { function: fold, name, ...(column === undefined ? {} : { column }) };
    }),
    maxParallelism,
    keyGroups,
  });
  const output = new BatchRegion(kernel, table.outputSchema);
  const late = side("late");
  const operator = new WindowOperator({ uid: node.uid, table, sizeMs, input, output, next, late, context: shared });
  return { receivers: [operator], output, states: [operator], timed: undefined };
}
