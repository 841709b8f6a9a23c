// Packed columns: integers in fewer bytes than eight, as kernels make them, checkpoints keep them and readers see them.

import { seededPrng } from "../../src/base/prng.ts";
import { largestOf, PackedColumn } from "../../src/batch/packed_column.ts";
import { batchOfRows, type RecordBatch, rowOf, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { encodeBatch, WIRE_PACKED_ROWS_MAX } from "../../src/batch/wire.ts";
import { decodeBatch } from "../../src/batch/wire_decode.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";

const I64_MAX = 2n ** 63n - 1n;
const I64_MIN = -(2n ** 63n);

const rowsOf = (batch: RecordBatch): Value[][] =>
  Array.from({ length: batch.rowCount }, (_, row): Value[] => rowOf(batch, row));

function packed(kernels: WebAssembly.Module, batch: RecordBatch): RecordBatch {
  const kernel = new KernelInstance(kernels, 16 * 1024 * 1024);
  const region = new BatchRegion(kernel, batch.schema, Math.max(batch.rowCount, 1));
  region.load(batch);
  return region.packOut();
}

const bytesARow = (batch: RecordBatch, column = 0): number => {
  const found = batch.columns[column];
  return found instanceof PackedColumn ? found.width : 8;
};

const integers: Schema = [field("n", "i64")];
const integerBatch = (values: readonly bigint[]): RecordBatch =>
  batchOfRows(
    integers,
    values.map((value) => [value]),
  );

export const cases: readonly Case[] = [
  test("a column takes as few bytes a row as the distance from its least to its largest value needs", (context) => {
    const spreads: readonly (readonly [bigint, number])[] = [
      [0n, 0],
      [1n, 1],
      [255n, 1],
      [256n, 2],
      [65_535n, 2],
      [65_536n, 4],
      [2n ** 32n - 1n, 4],
      [2n ** 32n, 8],
      [2n ** 63n, 8],
      [2n ** 64n - 1n, 8],
    ];
    for (const [spread, width] of spreads) {
      for (const least of [I64_MIN, -(2n ** 32n) - 1n, -200n, -1n, 0n, 2n ** 32n - 1n, I64_MAX - spread]) {
        if (least + spread > I64_MAX || least < I64_MIN) continue;
        for (const count of [1, 2, 3, 17, 64, 67]) {
          const values = Array.from({ length: count }, (_, row) => least + (spread * BigInt(row)) / BigInt(count));
          if (count > 1) values[count >> 1] = least + spread;
          const batch = packed(context.kernels, integerBatch(values));
          const what = `${count} rows from ${least} to ${least + spread}`;
          equal(bytesARow(batch), count === 1 ? 0 : width, what);
          equal(rowsOf(batch).flat(), values, what);
          equal(rowsOf(decodeBatch(encodeBatch(batch))).flat(), values, `${what}, decoded`);
          const [column] = batch.columns;
          ok(column?.type === "i64", "an integer column");
          equal(largestOf(column), count === 1 ? least : least + spread, `${what}, the largest`);
        }
      }
    }
  }),

  test("values of any kind beside packed columns come back, with nulls and weights", (context) => {
    const schema: Schema = [
      field("id", "i64"),
      field("maybe", "i64", true),
      field("ratio", "f64", true),
      field("on", "bool", true),
      field("name", "utf8", true),
      field("at", "timestamp"),
    ];
    const random = seededPrng(3);
    const rows = Array.from({ length: 999 }, (_, row): Value[] => [
      BigInt(row),
      random.chance(0.3) ? null : BigInt(random.below(200)),
      random.chance(0.3) ? null : row / 7,
      random.chance(0.3) ? null : row % 2 === 0,
      random.chance(0.3) ? null : "ü".repeat(random.below(20)),
      1_700_000_000_000n,
    ]);
    const weights = Int8Array.from(rows, (_, row) => (row % 3 === 0 ? -1 : 1));
    const plain = { ...batchOfRows(schema, rows), weights };
    const batch = packed(context.kernels, plain);
    equal([bytesARow(batch, 0), bytesARow(batch, 1), bytesARow(batch, 5)], [2, 1, 0], "bytes a row");
    const bytes = encodeBatch(batch);
    const back = decodeBatch(bytes);
    for (const one of [batch, back]) {
      equal(rowsOf(one), rows, "rows");
      equal(one.weights, weights, "weights");
    }
    equal(encodeBatch(back), bytes, "encoded again");
    // Into a region and out again, as a restore does.
    equal(encodeBatch(packed(context.kernels, back)), bytes, "packed again");
    ok(bytes.byteLength < encodeBatch(plain).byteLength - rows.length * 18, "it is smaller");
  }),

  test("a batch without rows has no packed column", (context) => {
    const batch = packed(context.kernels, integerBatch([]));
    equal(bytesARow(batch), 8);
    equal(decodeBatch(encodeBatch(batch)).rowCount, 0);
  }),

  test("damage to a packed column is refused or gives a batch that can be read", async (context) => {
    const bytes = encodeBatch(packed(context.kernels, integerBatch([5n, 300n, 7n])));
    for (let length = 0; length < bytes.byteLength; length++) {
      await rejects(() => decodeBatch(bytes.slice(0, length)), "batch_corrupt");
    }
    for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >>> 3] = (damaged[bit >>> 3] as number) ^ (1 << (bit & 7));
      let batch: RecordBatch;
      try {
        batch = decodeBatch(damaged);
      } catch (error) {
        equal((error as { code?: unknown }).code, "batch_corrupt", `bit ${bit}`);
        continue;
      }
      equal(rowsOf(batch).length, batch.rowCount, `bit ${bit}`);
    }
  }),

  test("what no writer writes is refused: packed in version 1, of other types, of other widths, of too many rows", async () => {
    const column = (width: 0 | 1, rows: number): PackedColumn =>
      new PackedColumn("i64", rows, 5n, width, new Uint8Array(rows * width), undefined);
    const good = encodeBatch({ schema: integers, rowCount: 9, columns: [column(1, 9)], weights: undefined });
    const changed = async (at: number, value: number, what: string): Promise<void> => {
      const bytes = good.slice();
      bytes[at] = value;
      const error = await rejects(() => decodeBatch(bytes), "batch_corrupt");
      ok(error.message.includes(what), `${error.message} should say ${what}`);
    };
    equal(rowsOf(decodeBatch(good)).length, 9, "the batch as it was");
    await changed(4, 1, "unknown column flags 2");
    await changed(24, 2, "packed column of type f64");
    await changed(36, 3, "3 bytes a row");
    const many = encodeBatch({ schema: integers, rowCount: 3, columns: [column(0, 3)], weights: undefined });
    new DataView(many.buffer).setUint32(12, WIRE_PACKED_ROWS_MAX + 1, true);
    const error = await rejects(() => decodeBatch(many), "batch_corrupt");
    ok(error.message.includes(`${WIRE_PACKED_ROWS_MAX + 1} rows`), error.message);
  }),
];
