// The watermark of several inputs together: the least of theirs, because each may still bring rows from there on.
// Invariant: it never falls.

import { WATERMARK_MIN } from "./window.ts";

export class MinimumWatermark {
  readonly #inputs: bigint[];
  #least = WATERMARK_MIN;

  constructor(inputCount: number) {
    this.#inputs = Array(inputCount).fill(WATERMARK_MIN);
  }

  /** The common watermark where that of one input makes it rise; undefined where it stays. */
  advance(input: number, watermark: bigint): bigint | undefined {
    const before = this.#inputs[input] ?? WATERMARK_MIN;
    if (watermark <= before) return undefined;
    this.#inputs[input] = watermark;
    if (before !== this.#least) return undefined;
    const least = this.#inputs.reduce((low, one) => (one < low ? one : low));
    if (least === this.#least) return undefined;
    this.#least = least;
    return least;
  }
}
