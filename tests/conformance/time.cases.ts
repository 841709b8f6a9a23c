// Event time: watermarks of a split attached to its rows, window arithmetic.

import { batchOfRows, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { attachWatermarks, type SplitTime } from "../../src/state/attach_watermarks.ts";
import { WATERMARK_MAX, WATERMARK_MIN, watermarkAfter, windowStart } from "../../src/time/window.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";

const schema: Schema = [field("key", "i64"), field("time", "timestamp")];

function attach(kernels: WebAssembly.Module, times: readonly bigint[], batchRows: number, boundMs: number): bigint[] {
  const region = new BatchRegion(new KernelInstance(kernels, 4 * 1024 * 1024), schema, 64);
  const split: SplitTime = { maxTimestamp: WATERMARK_MIN };
  const watermarks: bigint[] = [];
  for (let start = 0; start < times.length; start += batchRows) {
    const rows = times.slice(start, start + batchRows).map((time): Value[] => [0n, time]);
    region.load(batchOfRows(schema, rows));
    attachWatermarks(region, 1, split, BigInt(boundMs));
    watermarks.push(...region.watermarks().subarray(0, rows.length));
  }
  return watermarks;
}

export const cases: readonly Case[] = [
  test("a row's watermark is the largest time before it in its split minus the bound", (context) => {
    equal(attach(context.kernels, [100n, 90n, 120n, 110n, 119n], 64, 20), [WATERMARK_MIN, 80n, 80n, 100n, 100n]);
  }),

  test("watermarks do not depend on how a split is cut into batches", (context) => {
    const random = seededPrng(4);
    const times = Array.from({ length: 200 }, () => BigInt(random.below(1000) - 500));
    const whole = attach(context.kernels, times, 64, 7);
    for (const batchRows of [1, 3, 50])
      equal(attach(context.kernels, times, batchRows, 7), whole, `batches of ${batchRows}`);
    let latest = WATERMARK_MIN;
    times.forEach((time, row) => {
      equal(whole[row], row === 0 ? WATERMARK_MIN : watermarkAfter(latest, 7), `row ${row}`);
      if (time > latest) latest = time;
    });
  }),

  test("watermarks stay at the smallest i64 instead of wrapping", (context) => {
    const smallest = WATERMARK_MIN;
    equal(attach(context.kernels, [smallest, smallest + 5n, 0n], 64, 5), [smallest, smallest, smallest], "watermarks");
    equal(attach(context.kernels, [smallest + 6n, WATERMARK_MAX, 0n], 64, 5), [
      smallest,
      smallest + 1n,
      WATERMARK_MAX - 5n,
    ]);
    equal(watermarkAfter(smallest + 4n, 5), smallest, "on the host");
  }),

  test("the host's window start floors towards the past", () => {
    equal(
      [-11n, -10n, -1n, 0n, 9n, 10n].map((time) => windowStart(time, 10, 0)),
      [-20n, -10n, -10n, 0n, 0n, 10n],
    );
    equal(
      [-8n, -7n, 2n, 3n].map((time) => windowStart(time, 10, 3)),
      [-17n, -7n, -7n, 3n],
      "with an offset",
    );
    equal(
      [-8n, -7n, 2n, 3n].map((time) => windowStart(time, 10, -7)),
      [-17n, -7n, -7n, 3n],
      "with a negative offset",
    );
  }),
];
