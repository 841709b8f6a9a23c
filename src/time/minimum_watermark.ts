// The watermark of several inputs together: the least of theirs, because each may still bring rows from there on.
//
// An input that is idle holds it back no more, until it brings rows or a watermark again. One whose time has ended holds
// nothing back either, but it does not speak for those that are idle: where no other is left, time stands still.
// Invariant: it never falls.

import { WATERMARK_MAX, WATERMARK_MIN } from "./window.ts";

export class MinimumWatermark {
  readonly #inputs: bigint[] = [];
  readonly #idle: boolean[] = [];
  #least = WATERMARK_MIN;

  constructor(inputCount: number) {
    for (let input = 0; input < inputCount; input++) this.add();
  }

  /** One more input; returns its number. */
  add(): number {
    this.#idle.push(false);
    return this.#inputs.push(WATERMARK_MIN) - 1;
  }

  /** The common watermark where that of one input makes it rise; undefined where it stays. */
  advance(input: number, watermark: bigint): bigint | undefined {
    const before = this.#inputs[input] ?? WATERMARK_MIN;
    if (watermark <= before) return undefined;
    this.#inputs[input] = watermark;
    this.#idle[input] = false;
    return before > this.#least ? undefined : this.#rise();
  }

  /** Nothing is expected of the input for now; answers as `advance` does. */
  idle(input: number): bigint | undefined {
    if (this.#idle[input] === true) return undefined;
    this.#idle[input] = true;
    return this.#rise();
  }

  /** The input has brought rows. */
  active(input: number): void {
    this.#idle[input] = false;
  }

  /** Nothing is expected of any input for now, though not all have ended. */
  get isIdle(): boolean {
    let open = false;
    for (let input = 0; input < this.#inputs.length; input++) {
      if (this.#inputs[input] === WATERMARK_MAX) continue;
      if (this.#idle[input] !== true) return false;
      open = true;
    }
    return open;
  }

  #rise(): bigint | undefined {
    if (this.isIdle) return undefined;
    let least = WATERMARK_MAX;
    for (let input = 0; input < this.#inputs.length; input++) {
      const one = this.#inputs[input] as bigint;
      if (this.#idle[input] !== true && one < least) least = one;
    }
    if (least <= this.#least) return undefined;
    this.#least = least;
    return least;
  }
}
