// Computes the columns of its output from those of its input, row for row.

import type { ProjectKernel } from "../expression/project_kernel.ts";
import type { Receiver } from "./operator.ts";

export class ProjectOperator implements Receiver {
  readonly #kernel: ProjectKernel;
  readonly #next: readonly Receiver[];

  constructor(kernel: ProjectKernel, next: readonly Receiver[]) {
    this.#kernel = kernel;
    this.#next = next;
  }

  process(): void {
    this.#kernel.apply();
    for (const one of this.#next) one.process();
  }

  onWatermark(watermark: bigint): void {
    for (const one of this.#next) one.onWatermark(watermark);
  }

  onIdle(): void {
    for (const one of this.#next) one.onIdle();
  }
}
