// The tasks of a job as the coordinator sees them: where each stands in the plan, and what it is connected to.

import type { OperatorUid } from "../base/ids.ts";
import type { ChainPlan, JobPlan } from "../graph/plan.ts";
import { type TaskAddress, taskKey } from "../protocol/messages.ts";

export interface JobLayout {
  readonly maxParallelism: number;
  readonly chains: readonly ChainLayout[];
}

export interface ChainLayout {
  readonly id: number;
  readonly parallelism: number;
  readonly region: number;
  readonly sources: readonly OperatorUid[];
  /** Whatever is neither source nor sink; only some of them keep state. */
  readonly operators: readonly OperatorUid[];
  readonly sinks: readonly OperatorUid[];
}

/** One task's place in the layout. */
export interface TaskPlace {
  readonly key: string;
  readonly address: TaskAddress;
  readonly region: number;
  /** It has sources: barriers start here, and reach every other task through its inputs. */
  readonly triggered: boolean;
}

export const layoutOf = (plan: JobPlan): JobLayout => ({
  maxParallelism: plan.maxParallelism,
  chains: plan.chains.map(chainLayout),
});

function chainLayout({ id, parallelism, region, nodes }: ChainPlan): ChainLayout {
  const uids = (wanted: (kind: string) => boolean): OperatorUid[] =>
    nodes.filter((node) => wanted(node.kind)).map((node) => node.uid);
  return {
    id,
    parallelism,
    region,
    sources: uids((kind) => kind === "source"),
    operators: uids((kind) => kind !== "source" && kind !== "sink"),
    sinks: uids((kind) => kind === "sink"),
  };
}

/** Every task, by chain and subtask. */
export const placesOf = (layout: JobLayout): TaskPlace[] =>
  layout.chains.flatMap((chain) =>
    Array.from({ length: chain.parallelism }, (_none, subtask) => {
      const address = { chain: chain.id, subtask };
      return { key: taskKey(address), address, region: chain.region, triggered: chain.sources.length > 0 };
    }),
  );
