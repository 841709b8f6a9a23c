// Lengths of time as people write them in the builder.

import { assert } from "../base/assert.ts";

/** Milliseconds, or a sum of parts: `{ minutes: 60 }`, `{ hours: 1, minutes: 30 }`. */
export type Duration =
  | number
  | {
      readonly days?: number;
      readonly hours?: number;
      readonly minutes?: number;
      readonly seconds?: number;
      readonly milliseconds?: number;
    };

export function durationMs(duration: Duration): number {
  if (typeof duration === "number") return duration;
  const { days = 0, hours = 0, minutes = 0, seconds = 0, milliseconds = 0 } = duration;
  const total = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
  assert(!Number.isNaN(total), "a duration is made of numbers");
  return total;
}
