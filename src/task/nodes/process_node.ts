// Process functions: the operator of a node, and its tables by themselves, for which no function is needed.

import { asOperatorUid } from "../../base/ids.ts";
import { present } from "../../base/assert.ts";
import type { ProcessNode } from "../../graph/plan.ts";
import { BatchRegion } from "../../kernel/batch_region.ts";
import { allKeyGroups } from "../../keygroup/key_group.ts";
import type { KeyedState } from "../../operators/keyed_state.ts";
import { ProcessOperator } from "../../operators/process.ts";
import { processTables } from "../../operators/process_tables.ts";
import type { StateDeclaration } from "../../state/process_states.ts";
import type { BuiltNode, NodeContext } from "./node_context.ts";

export function buildProcess(node: ProcessNode, context: NodeContext): BuiltNode {
  const { kernel, maxParallelism, keyGroups, inputs, next, side, clock } = context;
  const output = new BatchRegion(kernel, node.output);
  const operator = new ProcessOperator({
    uid: node.uid,
    function: context.functions.get(node.functionName, `operator ${node.uid}`),
    params: node.params,
    states: declarationsOf(node),
    inputs: inputs.map((region, input) => ({
      region,
      keyColumns: node.keyColumns[input] ?? [],
      timeColumn: node.timeColumns[input],
    })),
    output,
    next,
    sides: new Map([...node.sides].map(([name, schema]) => [name, { schema, receivers: side(name) }])),
    maxParallelism,
    keyGroups,
    budgetBytes: context.stateBudgetBytes,
    context: context.operator,
    nowMs: () => clock.nowMs(),
  });
  return { receivers: operator.inputs, output, states: operator.tables, timed: operator };
}

/** Empty tables of a process, apart from any running task: for merging parts and reading schemas. */
export function processStates(node: ProcessNode, maxParallelism: number): readonly KeyedState[] {
  const first = present(node.inputs[0], "the input of a process").schema;
  const keys = present(node.keyColumns[0], "the key of a process");
  const { states, timers, waiting } = processTables({
    uid: asOperatorUid(node.uid),
    keyTypes: keys.map((position) => present(first[position], "a key column").type),
    states: declarationsOf(node),
    inputCount: node.inputs.length,
    eventTime: node.timeColumns.every((one) => one !== undefined),
    maxParallelism,
    keyGroups: allKeyGroups(maxParallelism),
  });
  return [states, timers, waiting];
}

const declarationsOf = (node: ProcessNode): StateDeclaration[] =>
  Object.entries(node.states).map(([name, { kind, ttlMs }]) => ({ name, kind, ttlMs }));
