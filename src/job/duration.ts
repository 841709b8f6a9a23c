// Lengths of time as people write them in the builder.

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
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
}

/** A member of a spec, which is left out where it is not said. */
export const milliseconds = (name: string, duration: Duration | undefined): Readonly<Record<string, number>> =>
  duration === undefined ? {} : { [name]: durationMs(duration) };
