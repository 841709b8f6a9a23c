// Running aggregate: one result row a key, which changes as rows arrive. What a batch changes leaves as the old row
// taken back and the new one given, so what follows sees an updating stream. A key without rows has no result.

import type { BatchRegion } from "../kernel/batch_region.ts";
import type { RunningTable } from "../state/running_table.ts";
import type { KeyedState } from "./keyed_state.ts";
import type { OperatorContext, Receiver } from "./operator.ts";

export interface AggregateWiring {
  readonly table: RunningTable;
  readonly output: BatchRegion;
  readonly next: readonly Receiver[];
  readonly context: OperatorContext;
}

export class AggregateOperator implements Receiver {
  readonly tables: readonly KeyedState[];
  readonly #wiring: AggregateWiring;

  constructor(wiring: AggregateWiring) {
    this.#wiring = wiring;
    this.tables = [wiring.table];
  }

  process(): void {
    const { table, output, next, context } = this.#wiring;
    table.update(context.epoch(), output, () => {
      for (const one of next) one.process();
    });
  }

  onWatermark(watermark: bigint): void {
    for (const one of this.#wiring.next) one.onWatermark(watermark);
  }

  onIdle(): void {
    for (const one of this.#wiring.next) one.onIdle();
  }
}
