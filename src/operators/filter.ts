// Keeps the rows for which a condition is true; false and null drop them.

import type { FilterKernel } from "../expression/filter_kernel.ts";
import type { Receiver } from "./operator.ts";

export class FilterOperator implements Receiver {
  readonly #kernel: FilterKernel;
  readonly #next: readonly Receiver[];

  constructor(kernel: FilterKernel, next: readonly Receiver[]) {
    this.#kernel = kernel;
    this.#next = next;
  }

  process(): void {
    if (this.#kernel.apply() === 0) return;
    for (const one of this.#next) one.process();
  }

  onWatermark(watermark: bigint): void {
    for (const one of this.#next) one.onWatermark(watermark);
  }

  onIdle(): void {
    for (const one of this.#next) one.onIdle();
  }
}
