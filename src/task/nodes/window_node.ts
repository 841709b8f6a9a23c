// Windows: which table a node's windows are kept in.

import { present } from "../../base/assert.ts";
import type { WindowNode } from "../../graph/plan.ts";
import { BatchRegion } from "../../kernel/batch_region.ts";
import { WindowOperator } from "../../operators/window.ts";
import { HoppingTable } from "../../state/hopping_table.ts";
import { SessionTable } from "../../state/session_table.ts";
import type { WindowState } from "../../state/window_state.ts";
import { WindowTable } from "../../state/window_table.ts";
import type { BuiltNode, NodeContext } from "./node_context.ts";

function tableOf(node: WindowNode, context: NodeContext, input: BatchRegion): WindowState {
  const { kernel, maxParallelism, keyGroups } = context;
  const { window } = node;
  const common = {
    where: node.uid,
    keys: node.keyColumns,
    timestamp: node.timeColumn,
    aggregates: node.aggregates.map(({ function: fold, name, column }) => ({
      function: fold,
      name,
      ...(column === undefined ? {} : { column }),
    })),
    maxParallelism,
    keyGroups,
  };
  switch (window.kind) {
    case "tumbling":
      return new WindowTable(kernel, input, { ...common, sizeMs: window.sizeMs, offsetMs: window.offsetMs });
    case "hopping": {
      const { sizeMs, slideMs, offsetMs } = window;
      return new HoppingTable(kernel, input, { ...common, sizeMs, slideMs, offsetMs });
    }
    case "session":
      return new SessionTable(kernel, input, { ...common, gapMs: window.gapMs });
  }
}

export function buildWindow(node: WindowNode, context: NodeContext): BuiltNode {
  const { kernel, inputs, next, side, operator: shared } = context;
  const input = present(inputs[0], "the input of a window");
  const table = tableOf(node, context, input);
  const output = new BatchRegion(kernel, table.outputSchema);
  const late = side("late");
  const operator = new WindowOperator({ uid: node.uid, table, input, output, next, late, context: shared });
  return { receivers: [operator], output, states: operator.states, timed: undefined };
}
