// Top-N: the best rows of each key, which change as rows arrive. What a batch changes leaves as rows taken back and rows
// given, so what follows sees an updating stream.

import type { TopTable } from "../state/top_table.ts";
import type { KeyedState } from "./keyed_state.ts";
import type { OperatorContext, Receiver } from "./operator.ts";

export interface TopNWiring {
  readonly table: TopTable;
  /** They read the table's output. */
  readonly next: readonly Receiver[];
  readonly context: OperatorContext;
}

export class TopNOperator implements Receiver {
  readonly tables: readonly KeyedState[];
  readonly #wiring: TopNWiring;

  constructor(wiring: TopNWiring) {
    this.#wiring = wiring;
    this.tables = [wiring.table];
  }

  process(): void {
    const { table, next, context } = this.#wiring;
    table.update(context.epoch(), () => {
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
