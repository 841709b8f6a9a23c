// One output of one operator inside a chain: the region that it fills, and who reads it.

import type { RecordBatch } from "../batch/record_batch.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { BatchReceiver, Receiver } from "../operators/operator.ts";

/** Receivers are called in their order; they are added while the chain is built, after the producer was made. */
export class Outlet {
  readonly region: BatchRegion;
  readonly receivers: Receiver[];

  /** @param receivers the very list that the producer calls, where it has one. */
  constructor(region: BatchRegion, receivers: Receiver[] = []) {
    this.region = region;
    this.receivers = receivers;
  }

  process(): void {
    for (const one of this.receivers) one.process();
  }
  onWatermark(watermark: bigint): void {
    for (const one of this.receivers) one.onWatermark(watermark);
  }
  onIdle(): void {
    for (const one of this.receivers) one.onIdle();
  }
}

/** Brings the rows of a side output, which are outside of WASM memory, into a region for operators and edges. */
export class SideLoader implements BatchReceiver {
  readonly outlet: Outlet;

  constructor(outlet: Outlet) {
    this.outlet = outlet;
  }

  write(batch: RecordBatch): void {
    const { region } = this.outlet;
    for (let start = 0; start < batch.rowCount; start += region.capacity) {
      region.load(batch, start, Math.min(start + region.capacity, batch.rowCount));
      region.watermarks().fill(NEVER_LATE, 0, region.rowCount);
      this.outlet.process();
    }
  }
}

/** Rows of a side output have no split of their own any more: nothing decides their lateness a second time. */
const NEVER_LATE = -(2n ** 63n);

/** Time passes in side outputs as it does in the main one. */
export class WatermarkTap implements Receiver {
  readonly #side: Outlet;

  constructor(side: Outlet) {
    this.#side = side;
  }

  process(): void {
    // Rows of the main output are none of the side output's.
  }
  onWatermark(watermark: bigint): void {
    this.#side.onWatermark(watermark);
  }
  onIdle(): void {
    this.#side.onIdle();
  }
}
