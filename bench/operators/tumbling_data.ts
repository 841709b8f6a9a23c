// The rows of the tumbling-aggregation benchmark: key i64, event time, value i64 in prebuilt columns.
// 10 windows of one minute with a tenth of the rows each; event times jitter backwards by up to 100 ms.

import { seededPrng } from "../../src/base/prng.ts";

export type Distribution = "uniform" | "zipf";

export interface TumblingCase {
  readonly rows: number;
  readonly keys: number;
  /** `zipf`: log-uniform rank, so that rank r is drawn with a probability in proportion to 1/r. */
  readonly distribution: Distribution;
}

export interface TumblingData extends TumblingCase {
  readonly key: BigInt64Array<ArrayBuffer>;
  readonly time: BigInt64Array<ArrayBuffer>;
  readonly value: BigInt64Array<ArrayBuffer>;
}

export const WINDOW_MS = 60_000;
export const WINDOWS = 10;
export const JITTER_MS = 100;
const START_MS = 1_700_000_040_000; // a multiple of the window size

/** What every contestant computes of its result, so that results can be compared. */
export interface Fingerprint {
  groups: number;
  rows: number;
  /** Sum over groups of (key mod 97 + 1) (window mod 89 + 1) ((count 7 + sum 5 + min 3 + max) mod 1000003), mod 2^52. */
  mix: bigint;
}

export interface Outcome {
  readonly seconds: number;
  readonly fingerprint: Fingerprint;
}

export const emptyFingerprint = (): Fingerprint => ({ groups: 0, rows: 0, mix: 0n });

/** Adds one group. All arguments are integers below 2^53. */
export function addGroup(
  into: Fingerprint,
  key: number,
  windowStart: number,
  count: number,
  sum: number,
  min: number,
  max: number,
): void {
  into.groups++;
  into.rows += count;
  const values = (count * 7 + sum * 5 + min * 3 + max) % 1_000_003;
  into.mix += BigInt(((key % 97) + 1) * (((windowStart / WINDOW_MS) % 89) + 1) * values);
}

export const textOfFingerprint = (one: Fingerprint): string => `${one.groups} groups, ${one.rows} rows, mix ${one.mix}`;

export function generate(its: TumblingCase): TumblingData {
  const random = seededPrng(its.keys + its.rows);
  const key = new BigInt64Array(its.rows);
  const time = new BigInt64Array(its.rows);
  const value = new BigInt64Array(its.rows);
  // Halves of 32 bits, because writing bigints would take longer than all contestants together.
  const keyWords = new Uint32Array(key.buffer);
  const timeWords = new Uint32Array(time.buffer);
  const valueWords = new Uint32Array(value.buffer);
  const msPerRow = (WINDOWS * WINDOW_MS) / its.rows;
  const logKeys = Math.log(its.keys);
  for (let row = 0; row < its.rows; row++) {
    const draw = random.nextU32() / 4294967296;
    keyWords[row * 2] =
      its.distribution === "zipf" ? Math.floor(Math.exp(draw * logKeys)) : Math.floor(draw * its.keys) + 1;
    const at = START_MS + Math.floor(row * msPerRow) - random.below(JITTER_MS + 1);
    const clamped = Math.max(at, START_MS);
    timeWords[row * 2] = clamped >>> 0;
    timeWords[row * 2 + 1] = Math.floor(clamped / 4294967296);
    valueWords[row * 2] = random.below(10_000);
  }
  return { ...its, key, time, value };
}
