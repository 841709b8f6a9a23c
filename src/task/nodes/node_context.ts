// What the operator of one node is made from, and what it gives to its chain.

import type { ProcessFunctions } from "../../job/define_process.ts";
import type { KeyGroupRange } from "../../keygroup/key_group.ts";
import type { BatchRegion } from "../../kernel/batch_region.ts";
import type { KernelInstance } from "../../kernel/instance.ts";
import type { KeyedState, TimedOperator } from "../../operators/keyed_state.ts";
import type { BatchReceiver, OperatorContext, Receiver } from "../../operators/operator.ts";
import type { Clock } from "../../platform/ports.ts";

export interface NodeContext {
  readonly kernel: KernelInstance;
  readonly maxParallelism: number;
  /** The key groups that this task owns. */
  readonly keyGroups: KeyGroupRange;
  /** By input; filled by whoever produces them. */
  readonly inputs: readonly BatchRegion[];
  /** Readers of the main output, in their order; more may be added until the first batch. */
  readonly next: readonly Receiver[];
  /** Readers of a side output; likewise. */
  readonly side: (name: string) => readonly BatchReceiver[];
  readonly operator: OperatorContext;
  readonly clock: Clock;
  /** What the deployment registers. */
  readonly functions: ProcessFunctions;
  /** Room for what an operator keeps outside of the kernel's memory, in bytes. */
  readonly stateBudgetBytes: number;
}

export interface BuiltNode {
  /** One an input. */
  readonly receivers: readonly Receiver[];
  /** What the main output fills. */
  readonly output: BatchRegion;
  readonly states: readonly KeyedState[];
  readonly timed: TimedOperator | undefined;
}

/** Of an operator without state and timers. */
export const stateless = (receiver: Receiver, output: BatchRegion): BuiltNode => ({
  receivers: [receiver],
  output,
  states: [],
  timed: undefined,
});
