// What windows do to be fast must not be seen: bounds in place of a watermark a row, one loop for finding and folding,
// sums checked after the fact, state gathered into its encoding, rows shown where they are.

import { batchOfRows, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { encodeBatches } from "../../src/batch/wire.ts";
import { decodePart } from "../../src/checkpoint/part_batches.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { type Prng, seededPrng } from "../../src/base/prng.ts";
import { attachWatermarks, type SplitTime } from "../../src/state/attach_watermarks.ts";
import type { WindowAggregate, WindowTableConfig } from "../../src/state/window_table.ts";
import { WATERMARK_MIN } from "../../src/time/window.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { LAST_WATERMARK, rowsOf, WindowFixture } from "../twins/window_fixture.ts";
import { textOfRow, WindowTwin } from "../twins/window_twin.ts";

const I64_MAX = 2n ** 63n - 1n;
const schema: Schema = [field("key", "i64"), field("time", "timestamp"), field("amount", "i64")];
const over = (...names: WindowAggregate["function"][]): WindowAggregate[] =>
  names.map((name) => (name === "count" ? { function: name, name } : { function: name, column: 2, name }));

const config = (aggregates: readonly WindowAggregate[], sizeMs = 100): WindowTableConfig => ({
  keys: [0],
  timestamp: 1,
  sizeMs,
  offsetMs: 0,
  aggregates,
  maxParallelism: 128,
  keyGroups: { start: 0, end: 128 },
});

const fixture = (kernels: WebAssembly.Module, one: WindowTableConfig, batchRows = 4096): WindowFixture =>
  new WindowFixture(new KernelInstance(kernels, 64 * 1024 * 1024), schema, one, batchRows);

const sorted = (rows: readonly (readonly Value[])[]): string[] => rows.map(textOfRow).sort();

/** Rows whose times go forward in steps and fall back by up to `jitter`, now and then by much more. */
function someRows(random: Prng, count: number, keys: number, startMs: bigint, jitter: number): Value[][] {
  return Array.from({ length: count }, (_, row) => {
    const back = random.below(40) === 0 ? random.below(jitter * 10 + 1) : random.below(jitter + 1);
    const time = startMs + BigInt(Math.floor(row / 4) - back);
    return [
      BigInt(random.below(keys)) - 5n,
      time < WATERMARK_MIN + 2000n ? WATERMARK_MIN + 2000n : time,
      BigInt(random.below(2000) - 1000),
    ];
  });
}

interface Outcome {
  readonly late: string[];
  readonly results: string[];
  readonly maxTimestamp: bigint;
}

/** The late rows, counted from the first row of all, and the results. */
function run(windows: WindowFixture, rows: readonly Value[][], batchRows: number, boundMs: number): Outcome {
  const split: SplitTime = { maxTimestamp: WATERMARK_MIN };
  const late: string[] = [];
  const results: Value[][] = [];
  for (let start = 0; start < rows.length; start += batchRows) {
    windows.input.load(batchOfRows(schema, rows.slice(start, start + batchRows)));
    attachWatermarks(windows.input, 1, split, BigInt(boundMs));
    for (const row of windows.table.update(1).lateRows()) late.push(String(start + row));
    if (start % (batchRows * 3) === 0 && split.maxTimestamp > WATERMARK_MIN + BigInt(boundMs)) {
      results.push(...windows.fire(split.maxTimestamp - BigInt(boundMs)));
    }
  }
  results.push(...windows.fire(LAST_WATERMARK));
  return { late, results: sorted(results), maxTimestamp: split.maxTimestamp };
}

export const cases: readonly Case[] = [
  test("bounds in place of watermarks leave results and late rows as they are", (context) => {
    const random = seededPrng(15);
    const starts = [1_700_000_000_000n, 0n, -3000n, WATERMARK_MIN + 2000n, I64_MAX - 7000n, 0x7ff0000000000000n - 800n];
    let lateRows = 0;
    for (const startMs of starts) {
      for (const [batchRows, jitter, boundMs, sizeMs] of [
        [4096, 20, 30, 100],
        [700, 300, 10, 100],
        [64, 50, 0, 1000],
        [1, 5, 2, 7],
      ] as const) {
        const rows = someRows(random, batchRows === 1 ? 300 : 6000, 50, startMs, jitter);
        const one = config(over("count", "sum", "min", "max"), sizeMs);
        const each = fixture(context.kernels, one, batchRows);
        const bounded = fixture(context.kernels, one, batchRows);
        bounded.input.useTimeBounds();
        const wanted = run(each, rows, batchRows, boundMs);
        equal(run(bounded, rows, batchRows, boundMs), wanted, `from ${startMs}, ${batchRows} rows a batch`);
        lateRows += wanted.late.length;
        each.free();
        bounded.free();
      }
    }
    ok(lateRows > 100, `${lateRows} late rows are too few to prove anything`);
  }),

  test("every set of aggregates over one column, and none, gives what the twin gives, with few keys and many new ones", (context) => {
    const random = seededPrng(16);
    const names = ["sum", "min", "max"] as const;
    for (let flags = 0; flags < 8; flags++) {
      const one = config(over("count", ...names.filter((_, bit) => (flags & (1 << bit)) !== 0)));
      const windows = fixture(context.kernels, one);
      const twin = new WindowTwin(schema, one);
      for (const keys of [3, 2000, 40, 40]) {
        const rows = someRows(random, 3001, keys, 10_000n, 20);
        const watermarks = rows.map(() => WATERMARK_MIN);
        windows.update(1, rows, watermarks);
        twin.update(rows, watermarks);
      }
      equal(sorted(windows.fire(LAST_WATERMARK)), sorted(twin.fire(LAST_WATERMARK)), `flags ${flags}`);
      windows.free();
    }
  }),

  test("the row at which a sum leaves 64 bits is named wherever it stands", async (context) => {
    for (const end of [I64_MAX, -I64_MAX - 1n]) {
      const step = end > 0n ? 1n : -1n;
      for (const position of [2, 3, 254, 511, 512, 777]) {
        const windows = fixture(context.kernels, config(over("sum", "max"), 1000));
        const rows = Array.from({ length: 1000 }, (_, row): Value[] => [BigInt(row % 7), 5n, 0n]);
        // The rows before are folded once already, so that all keys are known.
        windows.update(1, rows);
        rows[1] = [3n, 5n, end];
        rows[position] = [3n, 5n, step];
        const error = await rejects(() => windows.update(1, rows), "sum_overflow");
        equal(error.where, `window, row ${position}`, "where");
        windows.free();
      }
    }
  }),

  test("a sum that overflows for a moment only is refused all the same", async (context) => {
    const windows = fixture(context.kernels, config(over("sum"), 1000));
    const warm = [0n, 1n].flatMap((key): Value[][] => [[key, 1n, 0n]]);
    windows.update(1, warm);
    const rows: Value[][] = [I64_MAX, 1n, -1n, -5n].map((value) => [0n, 1n, value]);
    equal((await rejects(() => windows.update(1, rows), "sum_overflow")).where, "window, row 1", "where");
  }),

  test("each epoch's changes hold every key of it once, also keys that an earlier epoch had marked", (context) => {
    const random = seededPrng(17);
    for (const keyCounts of [[40], [3000], [40, 3000, 40, 3000], [3000, 40, 40, 40]]) {
      const one = config(over("count", "sum", "min"), 1_000_000);
      const windows = fixture(context.kernels, one);
      const copy = fixture(context.kernels, one);
      let durable = 0;
      let waiting = new Set<string>();
      for (let epoch = 1; epoch <= 8; epoch++) {
        const keys = keyCounts[epoch % keyCounts.length] as number;
        for (let batch = 0; batch < 3; batch++) {
          const rows = someRows(random, 1000, keys, 10_000n, 20);
          windows.update(epoch, rows);
          for (const [key] of rows) waiting.add(String(key));
        }
        const batches = windows.table.gather(durable);
        const found = batches.flatMap(rowsOf).map((row) => String(row[2]));
        equal(found.sort(), [...waiting].sort(), `keys changed in epoch ${epoch} since ${durable}`);
        // Every third checkpoint is abandoned: its changes are the next one's too.
        if (epoch % 3 === 0) continue;
        for (const batch of batches) copy.table.restore(batch);
        windows.table.completed(epoch);
        durable = epoch;
        waiting = new Set();
      }
      equal(sorted(copy.fire(LAST_WATERMARK)), sorted(windows.fire(LAST_WATERMARK)), "results of the restored copy");
      windows.free();
      copy.free();
    }
  }),

  test("changes take few bytes in a part, and come back from it", (context) => {
    for (const rowCount of [1, 4094, 4095, 10_000]) {
      const windows = fixture(context.kernels, config(over("count", "sum"), 1_000_000));
      for (let start = 0; start < rowCount; start += 4000) {
        const count = Math.min(4000, rowCount - start);
        windows.update(
          1,
          Array.from({ length: count }, (_, row): Value[] => [BigInt((start + row) * 3), 1n, BigInt(row)]),
        );
      }
      const batches = windows.table.gather(0);
      const copies = batches.map((batch) => batchOfRows(batch.schema, rowsOf(batch)));
      equal(
        batches.reduce((sum, batch) => sum + batch.rowCount, 0),
        rowCount,
        "rows",
      );
      const bytes = encodeBatches(batches);
      equal(decodePart(bytes, "here").flatMap(rowsOf), copies.flatMap(rowsOf), `${rowCount} rows`);
      // A key of 2 bytes, a sum of 2, at most 1 of the key group; window and count are equal everywhere.
      if (rowCount > 4000) ok(bytes.byteLength < rowCount * 6, `${bytes.byteLength} bytes for ${rowCount} rows`);
      if (batches.length > 1) {
        equal(decodePart(encodeBatches(batches.slice(1)), "here").flatMap(rowsOf), copies.slice(1).flatMap(rowsOf));
      }
      equal(windows.table.gather(1), [], "nothing changed since");
      windows.free();
    }
  }),

  test("rows shown in place are the rows that a copy has", (context) => {
    const kernel = new KernelInstance(context.kernels, 4 * 1024 * 1024);
    const all: Schema = [
      field("id", "i64"),
      field("ratio", "f64", true),
      field("on", "bool", true),
      field("name", "utf8", true),
      field("at", "timestamp", true),
    ];
    const region = new BatchRegion(kernel, all, 64);
    const rows = Array.from({ length: 21 }, (_, row): Value[] => [
      BigInt(row),
      row % 3 === 0 ? null : row / 4,
      row % 4 === 0 ? null : row % 2 === 0,
      row % 5 === 0 ? null : "x".repeat(row),
      row % 2 === 0 ? null : BigInt(-row),
    ]);
    region.load(batchOfRows(all, rows));
    equal(rowsOf(region.view()), rowsOf(region.copyOut()), "without weights");
    region.load({ ...batchOfRows(all, rows), weights: Int8Array.from(rows, (_, row) => (row % 3) - 1) });
    equal(region.view().weights, region.copyOut().weights, "weights");
    equal(encodeBatches([region.view()]), encodeBatches([region.copyOut()]), "encoded");
  }),

  test("thousands of windows are open at once, and rows that jump between them find their own", (context) => {
    const random = seededPrng(17);
    const one = config(over("count", "sum"), 60);
    const windows = fixture(context.kernels, one);
    const twin = new WindowTwin(schema, one);
    const open = 5000;
    let closed = 0;
    for (let round = 0; round < 6; round++) {
      // Runs of rows in places far apart, as splits of one file give them, and single rows anywhere.
      const places = Array.from({ length: 8 }, () => closed + random.below(open - closed));
      const rows = Array.from({ length: 4000 }, (_, row): Value[] => {
        const near = (places[Math.floor(row / 50) % 8] as number) + random.below(3);
        const window = random.below(4) === 0 ? closed + random.below(open - closed) : near;
        return [BigInt(random.below(5)), BigInt(window * 60 + random.below(60)), BigInt(random.below(100))];
      });
      const watermarks = rows.map(() => WATERMARK_MIN);
      equal(windows.update(1, rows, watermarks), twin.update(rows, watermarks), `late rows of round ${round}`);
      closed += random.below(700);
      const watermark = BigInt(closed * 60);
      equal(sorted(windows.fire(watermark)), sorted(twin.fire(watermark)), `results of round ${round}`);
    }
    equal(sorted(windows.fire(LAST_WATERMARK)), sorted(twin.fire(LAST_WATERMARK)), "results at the end");
    windows.free();
  }),

  test("memory that has grown is seen by every reader of the instance", (context) => {
    const kernel = new KernelInstance(context.kernels, 64 * 1024 * 1024);
    const before = kernel.buffer;
    const address = kernel.allocate(8 * 1024 * 1024);
    kernel.writeU32(address, 77);
    ok(kernel.buffer !== before && kernel.buffer.byteLength > address, "the buffer is the grown one");
    equal(kernel.readU32(address), 77, "a word in what was added");
    equal(kernel.bytes()[address], 77, "a byte of it");
  }),
];
