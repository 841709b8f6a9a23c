// The middle one of several measurements; of an even count the upper of the two.

export const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0;
