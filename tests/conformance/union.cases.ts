// Union: rows of all inputs, columns in the order of the output, the least watermark; nothing is copied.

import { batchOfRows, rowOf, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { FilterKernel } from "../../src/expression/filter_kernel.ts";
import type { TypedExpression } from "../../src/expression/typed_expression.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { FilterOperator } from "../../src/operators/filter.ts";
import { UnionOperator } from "../../src/operators/union.ts";
import { MinimumWatermark } from "../../src/time/minimum_watermark.ts";
import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";

const left: Schema = [field("name", "utf8"), field("keep", "bool"), field("other", "f64")];
const right: Schema = [field("keep", "bool"), field("name", "utf8", true)];
const output: Schema = [field("name", "utf8", true), field("keep", "bool")];

interface Unioned {
  readonly inputs: readonly BatchRegion[];
  readonly union: UnionOperator;
  readonly seen: unknown[];
}

function unionOf(kernels: WebAssembly.Module, filtered: boolean): Unioned {
  const kernel = new KernelInstance(kernels, 16 * 1024 * 1024);
  const inputs = [new BatchRegion(kernel, left, 100), new BatchRegion(kernel, right, 200)];
  const seen: unknown[] = [];
  const receiver = {
    process: () => {
      const batch = union.output.copyOut();
      for (let row = 0; row < batch.rowCount; row++) seen.push([batch.weights?.[row], ...rowOf(batch, row)]);
      if (filtered) seen.push(Array.from(union.output.watermarks().subarray(0, batch.rowCount)));
    },
    onWatermark: (watermark: bigint) => seen.push(watermark),
    onIdle: () => seen.push("idle"),
  };
  const next: (typeof receiver | FilterOperator)[] = [];
  const columns = [
    [0, 1],
    [1, 0],
  ];
  const union = new UnionOperator({ inputs, columns, schema: output, next });
  const keep: TypedExpression = { kind: "column", index: 1, name: "keep", type: "bool", nullable: false };
  next.push(filtered ? new FilterOperator(new FilterKernel(kernel, union.output, keep), [receiver]) : receiver);
  return { inputs, union, seen };
}

function send({ inputs, union }: Unioned, input: number, rows: readonly Value[][], weights?: readonly number[]): void {
  const region = inputs[input] as BatchRegion;
  const batch = batchOfRows(region.schema, rows);
  region.load({ ...batch, weights: weights === undefined ? undefined : Int8Array.from(weights) });
  region.watermarks().set(rows.map((_, row) => BigInt(row * 10)));
  union.receivers[input]?.process();
}

export const cases: readonly Case[] = [
  test("a union passes on the rows of each input with columns and weights in their places", (context) => {
    const made = unionOf(context.kernels, false);
    send(made, 0, [["a long name, beyond a view", true, 0.5]]);
    send(
      made,
      1,
      [
        [false, null],
        [true, "x"],
      ],
      [-1, 1],
    );
    send(made, 0, [["b", false, 1]]);
    equal(made.seen, [
      [undefined, "a long name, beyond a view", true],
      [-1, null, false],
      [1, "x", true],
      [undefined, "b", false],
    ]);
  }),

  test("a filter behind a union keeps rows, weights and watermarks together", (context) => {
    const made = unionOf(context.kernels, true);
    send(
      made,
      1,
      [
        [true, "a"],
        [false, "b"],
        [true, null],
      ],
      [1, 1, -1],
    );
    send(made, 0, [
      ["c", false, 0],
      ["d", true, 0],
    ]);
    equal(made.seen, [[1, "a", true], [-1, null, true], [0n, 20n], [undefined, "d", true], [10n]]);
  }),

  test("a union's watermark is the least of its inputs, and passes on only when it rises", (context) => {
    const { union, seen } = unionOf(context.kernels, false);
    const [first, second] = union.receivers;
    first?.onWatermark(5n);
    equal(seen, []);
    second?.onWatermark(3n);
    second?.onWatermark(3n);
    second?.onWatermark(9n);
    first?.onWatermark(4n);
    first?.onWatermark(7n);
    equal(seen, [3n, 5n, 7n]);
  }),

  test("the least of many watermarks never falls", () => {
    const watermarks = new MinimumWatermark(3);
    equal(
      [
        [0, 1n],
        [1, 2n],
        [2, 1n],
        [2, 5n],
        [0, 2n],
        [0, 9n],
        [1, 9n],
      ].map(([input, watermark]) => watermarks.advance(Number(input), BigInt(watermark as bigint))),
      [undefined, undefined, 1n, undefined, 2n, undefined, 5n],
    );
  }),

  test("an idle input of a union holds nothing back until it has rows again, and once all are idle that is passed on", (context) => {
    const made = unionOf(context.kernels, false);
    const [first, second] = made.union.receivers;
    second?.onWatermark(3n);
    first?.onWatermark(9n);
    second?.onIdle();
    equal(made.seen.splice(0), [3n, 9n]);
    first?.onWatermark(12n);
    equal(made.seen.splice(0), [12n]);
    first?.onIdle();
    first?.onIdle();
    equal(made.seen.splice(0), ["idle", "idle"], "an edge behind it may have forgotten it");
    send(made, 1, [[true, "a"]]);
    made.seen.splice(0);
    first?.onWatermark(20n);
    equal(made.seen, [], "the second is awake, and stands at 3");
    second?.onWatermark(15n);
    equal(made.seen, [15n]);
  }),
];
