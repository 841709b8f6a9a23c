// Makes connectors from the nodes of a plan. A deployment supplies what its runtime can do.

import type { OperatorUid } from "../base/ids.ts";
import { asOperatorUid } from "../base/ids.ts";
import type { SinkConnector } from "../connectors/sink.ts";
import type { SourceConnector } from "../connectors/source.ts";
import type { ChainPlan, SinkNode, SourceNode } from "../graph/plan.ts";
import type { TaskConnectors } from "../task/task.ts";

export interface ConnectorFactory {
  /** Throws a typed user error for a connector that this deployment does not have. */
  source(node: SourceNode): SourceConnector;
  sink(node: SinkNode): SinkConnector;
}

export function connectorsOf(factory: ConnectorFactory, chain: ChainPlan): TaskConnectors {
  const sinks = new Map<OperatorUid, SinkConnector>();
  for (const node of chain.sinks) sinks.set(asOperatorUid(node.uid), factory.sink(node));
  return { source: factory.source(chain.source), sinks };
}
