// Makes connectors from the nodes of a plan. A deployment supplies what its runtime can do.

import { present } from "../base/assert.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { SinkConnector } from "../connectors/sink.ts";
import type { SourceConnector } from "../connectors/source.ts";
import type { JobPlan, SinkNode, SourceNode } from "../graph/plan.ts";
import type { SourceSnapshot } from "../protocol/snapshot.ts";
import type { TaskConnectors } from "../task/task.ts";

export interface ConnectorFactory {
  /** Throws a typed user error for a connector that this deployment does not have. */
  source(node: SourceNode): SourceConnector;
  sink(node: SinkNode): SinkConnector;
}

export function connectorsOf(factory: ConnectorFactory, plan: JobPlan, chain: number): TaskConnectors {
  const sources = new Map<OperatorUid, SourceConnector>();
  const sinks = new Map<OperatorUid, SinkConnector>();
  for (const node of present(plan.chains[chain], "a chain of the plan").nodes) {
    if (node.kind === "source") sources.set(node.uid, factory.source(node));
    else if (node.kind === "sink") sinks.set(node.uid, factory.sink(node));
  }
  return { sources, sinks };
}

/** Refuses, with a typed user error, a job that uses what this deployment does not have. */
export function checkConnectors(factory: ConnectorFactory, plan: JobPlan): void {
  for (const chain of plan.chains) connectorsOf(factory, plan, chain.id);
}

/** The splits of every source of the job, none read yet: what a first start is given. */
export async function enumerateSplits(factory: ConnectorFactory, plan: JobPlan): Promise<readonly SourceSnapshot[]> {
  const found: SourceSnapshot[] = [];
  for (const node of plan.nodes) {
    if (node.kind !== "source") continue;
    const splits = await factory.source(node).enumerate();
    const unread = { position: null, finished: false, timestampMax: null };
    found.push({ uid: node.uid, splits: splits.map(({ id, detail }) => ({ id, detail, ...unread })) });
  }
  return found;
}
