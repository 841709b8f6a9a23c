// Windows per key, of whatever kind: folds rows into the windows' state, emits what the watermark closes.
// Late rows, decided per row by the watermark of the row's own split, go to the side output and are counted.

import { asOperatorUid, type OperatorUid } from "../base/ids.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { WindowState } from "../state/window_state.ts";
import type { KeyedState } from "./keyed_state.ts";
import type { BatchReceiver, OperatorContext, Receiver } from "./operator.ts";
import { windowKeyedStates } from "./window_keyed_state.ts";

export interface WindowWiring {
  readonly uid: OperatorUid;
  readonly table: WindowState;
  readonly input: BatchRegion;
  readonly output: BatchRegion;
  readonly next: readonly Receiver[];
  /** Where late rows go; empty: they are only counted. */
  readonly late: readonly BatchReceiver[];
  readonly context: OperatorContext;
}

export class WindowOperator implements Receiver {
  readonly states: readonly KeyedState[];
  readonly #wiring: WindowWiring;

  constructor(wiring: WindowWiring) {
    this.#wiring = wiring;
    this.states = windowKeyedStates(asOperatorUid(wiring.uid), wiring.table);
  }

  process(): void {
    const { table, context, late, input } = this.#wiring;
    const updated = table.update(context.epoch());
    if (updated.lateCount === 0) return;
    context.countLate(updated.lateCount);
    if (late.length === 0) return;
    const rows = input.copyRows(updated.lateRows());
    for (const receiver of late) receiver.write(rows);
  }

  onWatermark(watermark: bigint): void {
    const { table, output, next, context } = this.#wiring;
    if (watermark <= table.firedWatermark) return;
    const emit = (rows: number): void => {
      output.rowCount = rows;
      for (const one of next) one.process();
    };
    table.fire(watermark, output, emit, context.epoch());
    for (const one of next) one.onWatermark(watermark);
  }

  onIdle(): void {
    for (const one of this.#wiring.next) one.onIdle();
  }
}
