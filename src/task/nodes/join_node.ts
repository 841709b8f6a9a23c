// Joins: the two tables of an interval join or of a regular one, and the operator between them.

import { present } from "../../base/assert.ts";
import type { IntervalJoinNode, JoinNode } from "../../graph/plan.ts";
import { BatchRegion } from "../../kernel/batch_region.ts";
import { JoinOperator } from "../../operators/join.ts";
import { JoinPair } from "../../state/join_pair.ts";
import { bucketMsOf, type JoinTiming } from "../../state/join_plan.ts";
import { JoinSide } from "../../state/join_side.ts";
import type { BuiltNode, NodeContext } from "./node_context.ts";

function timingOf(node: IntervalJoinNode | JoinNode): JoinTiming {
  if (node.kind === "interval_join") return { kind: "interval", lowerMs: node.lowerMs, upperMs: node.upperMs };
  return { kind: node.timeColumns === undefined ? "wall_time" : "event_time", ttlMs: node.ttlMs };
}

export function buildJoin(node: IntervalJoinNode | JoinNode, context: NodeContext): BuiltNode {
  const { kernel, maxParallelism, keyGroups, inputs, next, side, operator, clock } = context;
  const timing = timingOf(node);
  const bucketMs = bucketMsOf(timing, node.uid);
  const regions = [present(inputs[0], "the left input"), present(inputs[1], "the right input")] as const;
  const sideOf = (input: 0 | 1): JoinSide =>
    new JoinSide(kernel, regions[input].schema, regions[input].capacity, {
      where: `${node.uid}, ${input === 0 ? "left" : "right"} input`,
      keys: node.keyColumns[input],
      time: node.timeColumns?.[input],
      columns: node.columns.filter((one) => one.input === input).map((one) => one.column),
      bucketMs,
      maxParallelism,
      keyGroups,
    });
  const schemas = [regions[0].schema, regions[1].schema] as const;
  const pair = new JoinPair(sideOf(0), sideOf(1), schemas, timing, node.columns);
  const output = new BatchRegion(kernel, pair.outputSchema);
  const join = new JoinOperator({
    uid: node.uid,
    timing,
    pair,
    left: { region: regions[0], late: side("late_left") },
    right: { region: regions[1], late: side("late_right") },
    output,
    next,
    context: operator,
    nowMs: () => clock.nowMs(),
  });
  const timed = timing.kind === "wall_time" ? join : undefined;
  return { receivers: join.receivers, output, states: join.tables, timed };
}
