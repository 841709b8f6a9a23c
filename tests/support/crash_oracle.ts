// What a job of the crash tests must commit, computed in one pass over its input, without any part of the engine.
//
// A line is a JSON array of a row's values, so that a table, a file and this oracle can be compared as multisets.

export interface OracleRow {
  readonly key: string;
  readonly atMs: number;
  readonly units: number;
  /** A multiple of 1/8: sums and means of such are exact in doubles. */
  readonly price: number;
  /** False: a filter drops the row; it moves its split's event time all the same. */
  readonly kept: boolean;
}

export interface Expected {
  /** `[window start, window end, key, count, sum of units, min, max and mean of price]` */
  readonly windows: readonly string[];
  /** `[key, at, units, price]` */
  readonly late: readonly string[];
  /** `[source, position, reason, raw]` */
  readonly rejected: readonly string[];
}

interface Pane {
  count: number;
  units: number;
  min: number;
  max: number;
  total: number;
}

/** A row is late when its window ends at or before the highest event time that its own split had before it, less the bound. */
export function expectedOf(
  splits: readonly (readonly OracleRow[])[],
  { sizeMs, boundMs }: { readonly sizeMs: number; readonly boundMs: number },
): Pick<Expected, "windows" | "late"> {
  const late: string[] = [];
  const panes = new Map<string, Pane>();
  for (const split of splits) {
    let highest = Number.NEGATIVE_INFINITY;
    for (const { key, atMs, units, price, kept } of split) {
      const start = Math.floor(atMs / sizeMs) * sizeMs;
      const isLate = start + sizeMs <= highest - boundMs;
      highest = Math.max(highest, atMs);
      if (!kept) continue;
      if (isLate) {
        late.push(JSON.stringify([key, atMs, units, price]));
        continue;
      }
      const at = JSON.stringify([start, start + sizeMs, key]);
      const pane = panes.get(at) ?? { count: 0, units: 0, min: price, max: price, total: 0 };
      pane.count++;
      pane.units += units;
      pane.min = Math.min(pane.min, price);
      pane.max = Math.max(pane.max, price);
      pane.total += price;
      panes.set(at, pane);
    }
  }
  const windows = [...panes].map(([at, { count, units, min, max, total }]) =>
    JSON.stringify([...(JSON.parse(at) as unknown[]), count, units, min, max, total / count]),
  );
  return { windows, late };
}

export interface Difference {
  /** Expected lines that were not found, and found ones that were not expected, doubles included. */
  readonly lost: number;
  readonly wrong: number;
  /** The first few, for the person who has to find the cause. */
  readonly examples: readonly string[];
}

/** Compares as multisets. */
export function differenceOf(what: string, expected: readonly string[], found: readonly string[]): Difference {
  const left = new Map<string, number>();
  for (const line of expected) left.set(line, (left.get(line) ?? 0) + 1);
  const examples: string[] = [];
  let wrong = 0;
  for (const line of found) {
    const count = left.get(line) ?? 0;
    if (count > 0) left.set(line, count - 1);
    else if (wrong++ < 3) examples.push(`${what}: not expected, or once too often: ${line}`);
  }
  let lost = 0;
  for (const [line, count] of left) {
    if (count > 0 && lost < 3) examples.push(`${what}: missing: ${line}`);
    lost += count;
  }
  return { lost, wrong, examples };
}
