// Keyed tables: random lives against the twin, epochs and deltas, restoring, collisions, exhausted memory.

import { type RecordBatch, rowOf, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { keyGroupOfHash } from "../../src/keygroup/key_group.ts";
import { hashOfInteger } from "../../src/keygroup/key_hash.ts";
import type { WindowTableConfig } from "../../src/state/window_table.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { LAST_WATERMARK, rowsOf, WindowFixture } from "../twins/window_fixture.ts";
import { runRandomLife } from "../twins/window_random.ts";
import { textOfRow } from "../twins/window_twin.ts";

const MEBIBYTE = 1024 * 1024;

const schema: Schema = [field("key", "i64"), field("time", "timestamp"), field("amount", "i64")];
const textSchema: Schema = [field("key", "utf8"), field("time", "timestamp"), field("amount", "i64")];

const config: WindowTableConfig = {
  keys: [0],
  timestamp: 1,
  sizeMs: 10,
  offsetMs: 0,
  aggregates: [
    { function: "count", name: "rows" },
    { function: "sum", column: 2, name: "sum" },
  ],
  maxParallelism: 128,
  keyGroups: { start: 0, end: 128 },
};

const row = (key: Value, time: bigint, amount = 1n): Value[] => [key, time, amount];
const range = (from: number, to: number): bigint[] =>
  Array.from({ length: to - from }, (_, index) => BigInt(from + index));
const sorted = (rows: readonly Value[][]): string[] => rows.map(textOfRow).sort();

function fixture(kernels: WebAssembly.Module, more: Partial<WindowTableConfig> = {}): WindowFixture {
  return new WindowFixture(new KernelInstance(kernels, 64 * MEBIBYTE), schema, { ...config, ...more });
}

/** Keys and windows of state rows. */
const addresses = (batches: readonly RecordBatch[]): string[] =>
  batches
    .flatMap(rowsOf)
    .map((one) => `${one[1]} ${one[2]}`)
    .sort();

function bytesOf(batches: readonly RecordBatch[]): number {
  let bytes = 0;
  for (const batch of batches) {
    for (const column of batch.columns) {
      ok(column.type === "i64" || column.type === "timestamp", "a state of integers");
      bytes += column.values.byteLength;
    }
  }
  return bytes;
}

/** Integer keys whose 32-bit hashes are all equal. */
function collidingKeys(count: number): bigint[] {
  const wanted = hashOfInteger(12_345n);
  const keys: bigint[] = [];
  // For a fixed low word the hash is a permutation of the high word: exactly one high word fits.
  for (let low = 0n; keys.length < count; low++) {
    const key = BigInt.asIntN(64, (highWordFor(wanted, low) << 32n) | low);
    equal(hashOfInteger(key), wanted, "hash of a constructed key");
    keys.push(key);
  }
  return keys;
}

const inverse32 = (odd: number): number => {
  let x = odd;
  for (let round = 0; round < 5; round++) x = Math.imul(x, 2 - Math.imul(odd, x));
  return x;
};
const undoShift = (value: number): number => {
  let x = value;
  for (let round = 0; round < 3; round++) x = value ^ (x >>> 15);
  return x;
};

/** The high word that gives a key with this low word the wanted hash. */
function highWordFor(wanted: number, low: bigint): bigint {
  const perWord = 0x9e3779b1;
  let hash = undoShift(wanted);
  hash = undoShift(Math.imul(hash, inverse32(0xd35a2d97)));
  hash = Math.imul(hash, inverse32(0x21f0aaad));
  hash = Math.imul(undoShift(hash), inverse32(perWord));
  let first = Math.imul(0x6d696c6c ^ Math.imul(8, perWord) ^ Number(low), perWord);
  first ^= first >>> 15;
  return BigInt((hash ^ first) >>> 0);
}

export const cases: readonly Case[] = [
  test("random lives of a window operator equal the twin's, whatever is checkpointed, aborted, lost and restored", (context) => {
    const kernel = new KernelInstance(context.kernels, 256 * MEBIBYTE);
    for (let seed = 1; seed <= 24; seed++) runRandomLife(kernel, seed, 10);
  }),

  test("a delta holds exactly the entries that changed after its epoch, ordered by key group", (context) => {
    const windows = fixture(context.kernels);
    windows.update(
      1,
      range(0, 3000).map((key) => row(key, 1n)),
    );
    windows.table.gather(0);
    windows.table.completed(1);
    equal(windows.table.gather(1), [], "nothing changed yet");
    windows.update(
      2,
      [5n, 6n, 5n, 7000n].map((key) => row(key, 1n)),
    );
    windows.update(3, [row(6n, 1n), row(6n, 11n)]);
    equal(addresses(windows.table.gather(1)), ["0 5", "0 6", "0 7000", "10 6"], "after epoch 1");
    equal(addresses(windows.table.gather(2)), ["0 6", "10 6"], "after epoch 2");
    equal(windows.table.gather(3), [], "after epoch 3");
    const groups = windows.table
      .gather(-1)
      .flatMap(rowsOf)
      .map((one) => Number(one[0]));
    equal(
      groups,
      [...groups].sort((left, right) => left - right),
      "key groups ascend",
    );
    windows.table
      .gather(-1)
      .flatMap(rowsOf)
      .forEach((one) => {
        equal(Number(one[0]), keyGroupOfHash(hashOfInteger(one[2] as bigint), 128), "key group");
      });
    equal(groups.length, 3002, "entries");
  }),

  test("a change in an aborted checkpoint's epoch is in the next delta too", (context) => {
    const windows = fixture(context.kernels);
    windows.update(1, [row(1n, 1n)]);
    windows.table.gather(0);
    windows.update(2, [row(2n, 1n)]);
    equal(addresses(windows.table.gather(0)), ["0 1", "0 2"], "after the abort of epoch 1");
    windows.table.completed(2);
    windows.update(3, [row(1n, 1n)]);
    equal(addresses(windows.table.gather(2)), ["0 1"], "after completion");
  }),

  test("completing an epoch leaves the changes made meanwhile in the next one", (context) => {
    const windows = fixture(context.kernels);
    windows.update(1, [row(1n, 1n), row(2n, 1n)]);
    windows.table.gather(0);
    windows.update(2, [row(2n, 1n), row(3n, 1n)]);
    windows.table.completed(1);
    equal(addresses(windows.table.gather(1)), ["0 2", "0 3"], "delta");
  }),

  test("a fired window leaves no change behind, also not one of an earlier epoch", (context) => {
    const windows = fixture(context.kernels);
    windows.update(1, [row(1n, 1n), row(1n, 11n)]);
    windows.update(2, [row(2n, 1n)]);
    windows.fire(10n);
    windows.update(
      3,
      range(0, 2000).map((key) => row(key, 21n)),
    ); // reuses the memory of the dropped pane
    equal(addresses(windows.table.gather(0)).length, 2001, "changes");
    equal(addresses(windows.table.gather(2)).length, 2000, "changes after epoch 2");
  }),

  test("a later row of the same key wins when state is restored", (context) => {
    const first = fixture(context.kernels);
    first.update(1, [row(1n, 1n, 5n), row(2n, 1n, 7n)]);
    const base = first.table.gather(0);
    first.update(2, [row(1n, 1n, 100n)]);
    const delta = first.table.gather(1);
    const second = fixture(context.kernels);
    for (const batch of [...base, ...delta]) second.table.restore(batch);
    equal(second.table.gather(0), [], "restored rows are no changes");
    equal(
      sorted(second.fire(LAST_WATERMARK)),
      sorted([
        [0n, 10n, 1n, 2n, 105n],
        [0n, 10n, 2n, 1n, 7n],
      ]),
      "rows",
    );
  }),

  test("restored rows that are marked with an epoch are in its delta", (context) => {
    const first = fixture(context.kernels);
    first.update(1, [row(1n, 1n), row(2n, 1n)]);
    const second = fixture(context.kernels);
    for (const batch of first.table.gather(0)) second.table.restore(batch, 4);
    equal(addresses(second.table.gather(3)), ["0 1", "0 2"], "delta");
  }),

  test("a key that is restored between two updates of an epoch is in its delta once", (context) => {
    const windows = fixture(context.kernels);
    windows.update(1, [row(1n, 1n, 5n), row(2n, 1n)]);
    const state = windows.table.gather(0);
    windows.table.completed(1);
    windows.update(2, [row(1n, 1n, 7n)]);
    for (const batch of state) windows.table.restore(batch);
    windows.update(2, [row(1n, 1n, 9n)]);
    equal(addresses(windows.table.gather(1)), ["0 1"], "delta");
    equal(
      sorted(windows.fire(LAST_WATERMARK)),
      sorted([
        [0n, 10n, 1n, 2n, 14n],
        [0n, 10n, 2n, 1n, 1n],
      ]),
      "rows",
    );
  }),

  test("keys that grow from few to many within one window are folded without a seam", (context) => {
    const windows = fixture(context.kernels);
    const keys = range(0, 1200);
    for (const key of keys) windows.update(1, [row(key * 977n, 1n), row(0n, 1n)]);
    windows.update(
      1,
      keys.map((key) => row(key * 977n, 1n)),
    );
    const wanted = keys.map((key) => [0n, 10n, key * 977n, key === 0n ? 1202n : 2n, key === 0n ? 1202n : 2n]);
    equal(sorted(windows.fire(LAST_WATERMARK)), sorted(wanted), "rows");
  }),

  test("a window that takes the memory of a fired one within the same epoch starts from nothing", (context) => {
    const windows = fixture(context.kernels);
    const keys = range(0, 50);
    for (let round = 0; round < 2; round++)
      windows.update(
        1,
        keys.map((key) => row(key, 1n, 100n)),
      );
    windows.fire(10n);
    const reversed = [...keys].reverse();
    for (let round = 0; round < 2; round++)
      windows.update(
        1,
        reversed.map((key) => row(key, 11n, key)),
      );
    equal(sorted(windows.fire(LAST_WATERMARK)), sorted(keys.map((key) => [10n, 20n, key, 2n, 2n * key])), "rows");
  }),

  test("a few keys changed again and again are in the delta of every epoch", (context) => {
    const windows = fixture(context.kernels);
    for (let epoch = 1; epoch <= 5; epoch++) {
      for (let round = 0; round < 3; round++) windows.update(epoch, [row(1n, 1n), row(2n, 1n), row(1n, 1n)]);
      equal(addresses(windows.table.gather(epoch - 1)), ["0 1", "0 2"], `delta of epoch ${epoch}`);
      windows.table.completed(epoch);
    }
  }),

  test("completing an epoch gives the memory of its marks back", (context) => {
    const kernel = new KernelInstance(context.kernels, 64 * MEBIBYTE);
    const windows = new WindowFixture(kernel, schema, config);
    windows.update(
      1,
      range(0, 3000).map((key) => row(key, 1n)),
    );
    windows.table.gather(0);
    const marked = kernel.heapUsedBytes;
    windows.table.completed(1);
    ok(kernel.heapUsedBytes <= marked - 3000 * 4, `${marked - kernel.heapUsedBytes} bytes were given back`);
  }),

  test("restoring leaves out closed windows and other tasks' key groups", (context) => {
    const first = fixture(context.kernels);
    first.update(
      1,
      range(0, 500).flatMap((key) => [row(key, 1n), row(key, 11n)]),
    );
    const state = first.table.gather(0);
    const second = fixture(context.kernels, { keyGroups: { start: 32, end: 64 } });
    second.table.firedWatermark = 10n;
    for (const batch of state) second.table.restore(batch);
    const kept = state
      .flatMap(rowsOf)
      .filter((one) => one[1] === 10n && (one[0] as bigint) >= 32n && (one[0] as bigint) < 64n);
    equal(second.table.entryCount, kept.length, "entries");
    equal(sorted(second.table.gather(-1).flatMap(rowsOf)), sorted(kept), "state");
  }),

  test("state rows that contradict themselves are refused as corrupt", async (context) => {
    const first = fixture(context.kernels);
    first.update(1, [row(1n, 1n), row(2n, 1n)]);
    const state = first.table.gather(0)[0] as RecordBatch;
    const change = (column: number, value: bigint): RecordBatch => ({
      ...state,
      columns: state.columns.map((one, index) => {
        if (index !== column || one.type === "utf8" || one.type === "bool" || one.type === "f64") return one;
        const values = one.values.slice();
        values[1] = value;
        return { ...one, values };
      }),
    });
    for (const [column, value] of [
      [0, 999n],
      [0, -1n],
      [1, 3n],
      [1, 2n ** 63n - 8n],
      [3, 0n],
      [3, -5n],
    ] as const) {
      const error = await rejects(() => fixture(context.kernels).table.restore(change(column, value)), "state_invalid");
      ok(error.where?.includes("state row 1"), `the row is named: ${error.where}`);
    }
    const other = fixture(context.kernels, { aggregates: [{ function: "count", name: "rows" }] });
    await rejects(() => other.table.restore(state), "state_schema_mismatch");
  }),

  test("keys whose hashes are all equal stay apart, grow their group and survive a restore", (context) => {
    const keys = collidingKeys(400);
    const windows = fixture(context.kernels);
    for (let round = 0; round < 2; round++)
      windows.update(
        1,
        keys.map((key, index) => row(key, 1n, BigInt(index))),
      );
    const restored = fixture(context.kernels);
    for (const batch of windows.table.gather(0)) restored.table.restore(batch);
    const wanted = sorted(keys.map((key, index) => [0n, 10n, key, 2n, 2n * BigInt(index)]));
    equal(sorted(windows.fire(LAST_WATERMARK)), wanted, "rows");
    equal(sorted(restored.fire(LAST_WATERMARK)), wanted, "restored rows");
  }),

  test("integer keys stay apart whether they lie close together, far apart, at both extremes or move on", (context) => {
    const least = -(2n ** 63n);
    const scattered = (count: number): bigint[] =>
      range(0, count).map((n) => BigInt.asIntN(64, n * 0x9e3779b97f4a7c15n));
    const sets: readonly (readonly bigint[])[] = [
      [least, -least - 1n, 0n, -1n, 1n],
      range(-700, 700),
      range(0, 2000).map((n) => n * 3n - 3000n),
      [...range(0, 600), ...range(0, 600).map((n) => BigInt.asIntN(64, -least - 300n + n))],
      [...range(0, 1000), ...scattered(800), ...range(900, 2500)],
      [...scattered(300), ...range(0, 3000).reverse()],
      range(0, 1500).map((n) => (n << 21n) + 5n),
      [least, ...range(0, 2500), -least - 1n],
    ];
    const windows = fixture(context.kernels);
    const wanted: Value[][] = [];
    sets.forEach((keys, window) => {
      const start = BigInt(window * 10);
      // Twice, in parts: entries are found again after the range has been made, widened, or inherited from another set.
      for (const part of [keys.slice(0, 7), keys.slice(7, 400), keys.slice(400), keys]) {
        windows.update(
          1 + window,
          part.map((key) => row(key, start, key % 1000n)),
        );
      }
      for (const key of new Set(keys)) {
        const times = BigInt(keys.filter((one) => one === key).length * 2);
        wanted.push([start, start + 10n, key, times, (key % 1000n) * times]);
      }
    });
    equal(windows.table.entryCount, wanted.length, "entries");
    const restored = fixture(context.kernels);
    for (const batch of windows.table.gather(0)) restored.table.restore(batch);
    for (const its of [windows, restored]) {
      its.update(
        20,
        (sets[7] as bigint[]).map((key) => row(key, 70n, 0n)),
      );
    }
    const last = new Set(sets[7]);
    for (const one of wanted) if (one[0] === 70n && last.has(one[2] as bigint)) one[3] = (one[3] as bigint) + 1n;
    const texts = sorted(wanted);
    equal(sorted(windows.fire(LAST_WATERMARK)), texts, "rows");
    equal(sorted(restored.fire(LAST_WATERMARK)), texts, "restored rows");
  }),

  test("exhausted memory in the middle of a range of keys leaves no entry without a row", async (context) => {
    for (const limit of [2, 3, 5]) {
      const kernel = new KernelInstance(context.kernels, limit * MEBIBYTE);
      const windows = new WindowFixture(kernel, schema, config);
      let folded = 0;
      const keyOf = (index: number): bigint => BigInt((index * 7919) % 65_536) - 30_000n;
      await rejects(() => {
        for (let epoch = 1; ; epoch++) {
          const start = folded % 65_536;
          windows.update(
            epoch,
            range(start, start + 500).map((index) =>
              row(keyOf(Number(index)), BigInt(Math.floor(folded / 65_536)) * 10n),
            ),
          );
          folded += 500;
        }
      }, "state_budget_exceeded");
      const counts = windows.fire(LAST_WATERMARK).map((one) => one[3] as bigint);
      ok(
        counts.every((count) => count > 0n),
        "no entry without a row",
      );
      const total = counts.reduce((sum, count) => sum + count, 0n);
      equal(total, windows.rowsAggregated, "rows");
      ok(Number(total) >= folded && Number(total) < folded + 500, `${total} rows, ${folded} in whole batches`);
    }
  }),

  test("exhausted memory names the first row not folded, and everything before it is kept", async (context) => {
    for (const [its, keyOf] of [
      [schema, (index: number): Value => BigInt(index)],
      [textSchema, (index: number): Value => `a key that is longer than a view ${index}`],
    ] as const) {
      const kernel = new KernelInstance(context.kernels, 3 * MEBIBYTE);
      const windows = new WindowFixture(kernel, its, config);
      windows.table.gather(-1); // has its region before memory ends
      let folded = 0;
      await rejects(() => {
        for (;;) {
          windows.update(
            1,
            range(0, 1000).map((index) => row(keyOf(folded + Number(index)), 1n)),
          );
          folded += 1000;
        }
      }, "state_budget_exceeded");
      const total = Number(windows.rowsAggregated);
      ok(total >= folded && total < folded + 1000 && total > 2000, `${total} rows folded, ${folded} in whole batches`);
      equal(windows.table.entryCount, total, "entries");
      const found = sorted(windows.fire(LAST_WATERMARK));
      equal(found, sorted(Array.from({ length: total }, (_, index) => [0n, 10n, keyOf(index), 1n, 1n])), "rows");
      windows.update(
        2,
        range(0, 1000).map((index) => row(keyOf(Number(index)), 21n)),
      );
      equal(windows.fire(LAST_WATERMARK).length, 0, "late, because everything has fired");
    }
  }),

  test("memory of fired windows is used again", (context) => {
    const kernel = new KernelInstance(context.kernels, 4 * MEBIBYTE);
    const windows = new WindowFixture(kernel, schema, config);
    let used = 0;
    for (let window = 0; window < 50; window++) {
      const time = BigInt(window * 10);
      for (let part = 0; part < 4; part++) {
        windows.update(
          window + 1,
          range(part * 2000, part * 2000 + 2000).map((key) => row(key, time)),
        );
      }
      windows.table.completed(window);
      windows.fire(time + 10n);
      if (window === 0) used = kernel.heapUsedBytes;
      equal(kernel.heapUsedBytes, used, `heap after window ${window}`);
    }
  }),

  test("1 % of the keys touched makes a delta of at most 2 % of the state", (context) => {
    const keys = 100_000;
    const windows = fixture(context.kernels);
    for (let from = 0; from < keys; from += 4000)
      windows.update(
        1,
        range(from, from + 4000).map((key) => row(key, 1n)),
      );
    windows.table.gather(0);
    windows.table.completed(1);
    windows.update(
      2,
      range(0, keys / 100).map((key) => row(key * 97n, 1n)),
    );
    const delta = windows.table.gather(1);
    const rows = delta.reduce((sum, batch) => sum + batch.rowCount, 0);
    equal(rows, keys / 100, "rows");
    const share = bytesOf(delta) / windows.table.stateBytes;
    ok(share <= 0.02, `the delta is ${(share * 100).toFixed(2)} % of ${windows.table.stateBytes} bytes`);
    equal(rowOf(delta[0] as RecordBatch, 0).length, windows.table.stateSchema.length, "columns");
  }),

  test("hundreds of live windows are kept apart and fire in order", (context) => {
    const windows = fixture(context.kernels, { maxParallelism: 4, keyGroups: { start: 0, end: 4 } });
    const times = range(0, 3000).map((index) => (index * 7919n) % 3000n);
    windows.update(
      1,
      times.map((time) => row(time % 3n, time * 10n)),
    );
    const fired = windows.fire(LAST_WATERMARK);
    equal(
      fired.map((one) => one[0]),
      range(0, 3000).map((index) => index * 10n),
      "window starts",
    );
  }),
];
