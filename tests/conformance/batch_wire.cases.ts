// The wire format of batches: what goes in comes out, and no damaged bytes get through as a broken batch.

import { MillraceError } from "../../src/base/errors.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { batchOfRows, type RecordBatch, rowOf, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { encodeBatch, WIRE_HEADER_BYTES } from "../../src/batch/wire.ts";
import { decodeBatch } from "../../src/batch/wire_decode.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";

const schema: Schema = [
  field("id", "i64"),
  field("mean", "f64", true),
  field("late", "bool", true),
  field("città", "utf8", true),
  field("at", "timestamp"),
];

const rows: readonly (readonly Value[])[] = [
  [9007199254740993n, -0, true, "Zürich", 1546300800000n],
  [-9223372036854775808n, null, false, null, -1n],
  [0n, Number.NaN, null, "", 0n],
  [1n, 1e-320, true, "\ufeff𝄞 a longer text than twelve bytes", 9223372036854775807n],
];

const everyRow = (batch: RecordBatch): Value[][] =>
  Array.from({ length: batch.rowCount }, (_unused, row) => rowOf(batch, row));

const sample = (): RecordBatch => ({ ...batchOfRows(schema, rows), weights: Int8Array.of(1, -1, 1, 1) });

/** Decodes damaged bytes: a well-formed batch, or `batch_corrupt`, or this throws. Returns whether it was accepted. */
function survives(bytes: Uint8Array, what: string): boolean {
  let batch: RecordBatch;
  try {
    batch = decodeBatch(bytes);
  } catch (error) {
    ok(error instanceof MillraceError && error.code === "batch_corrupt", `${what}: threw ${String(error)}`);
    return false;
  }
  ok(batch.rowCount <= 8 * bytes.byteLength || batch.columns.length === 0, `${what}: more rows than bytes can hold`);
  everyRow(batch);
  return true;
}

export const cases: readonly Case[] = [
  test("a batch comes back from the wire with every value, null and weight", () => {
    const back = decodeBatch(encodeBatch(sample()));
    equal(back.schema, schema, "schema");
    equal(everyRow(back), rows, "rows");
    equal(back.weights, Int8Array.of(1, -1, 1, 1), "weights");
  }),

  test("batches of any size come back, aligned in their buffer or not", () => {
    const random = seededPrng(7);
    for (const count of [0, 1, 7, 8, 9, 63, 64, 65, 4096]) {
      const many = Array.from({ length: count }, (_unused, row): Value[] => [
        BigInt(row) * 1_000_003n,
        random.chance(0.2) ? null : random.nextU32() / 7,
        random.chance(0.2) ? null : random.chance(0.5),
        random.chance(0.2) ? null : "ü".repeat(random.below(20)),
        BigInt(random.nextU32()),
      ]);
      const bytes = encodeBatch(batchOfRows(schema, many));
      equal(bytes.byteLength % 8, 0, "length is aligned");
      const shifted = new Uint8Array(bytes.byteLength + 3);
      shifted.set(bytes, 3);
      equal(everyRow(decodeBatch(bytes)), many, `${count} rows`);
      equal(everyRow(decodeBatch(shifted.subarray(3))), many, `${count} rows, not aligned`);
    }
  }),

  test("a batch without columns keeps its row count", () => {
    equal(decodeBatch(encodeBatch({ schema: [], rowCount: 5, columns: [], weights: undefined })).rowCount, 5);
  }),

  test("a batch has one encoding, whatever its unused bits and the start of its offsets are", () => {
    const clean = batchOfRows(
      [field("b", "bool"), field("t", "utf8")],
      [
        [true, "ab"],
        [false, "c"],
      ],
    );
    const messy: RecordBatch = {
      ...clean,
      columns: [
        { type: "bool", bits: Uint8Array.of(0xf1), validity: undefined },
        {
          type: "utf8",
          offsets: Int32Array.of(2, 4, 5),
          bytes: new TextEncoder().encode("xxabc"),
          validity: undefined,
        },
      ],
    };
    equal(encodeBatch(messy), encodeBatch(clean));
  }),

  test("bytes cut anywhere are refused as a corrupt batch", () => {
    const bytes = encodeBatch(sample());
    for (let length = 0; length < bytes.byteLength; length++) {
      ok(!survives(bytes.subarray(0, length), `cut to ${length}`), `cut to ${length} bytes was accepted`);
    }
  }),

  test("every flipped bit is refused or gives a batch that can be read", () => {
    const bytes = encodeBatch(sample());
    for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >>> 3] = (damaged[bit >>> 3] as number) ^ (1 << (bit & 7));
      const accepted = survives(damaged, `bit ${bit}`);
      ok(!accepted || bit >= WIRE_HEADER_BYTES * 8, `bit ${bit} of the header was flipped and accepted`);
    }
  }),

  test("random damage and random bytes are refused or give a batch that can be read", () => {
    const random = seededPrng(11);
    const bytes = encodeBatch(sample());
    for (let round = 0; round < 2000; round++) {
      const damaged = bytes.slice();
      for (let hits = 1 + random.below(4); hits > 0; hits--) {
        const at = random.below(damaged.byteLength);
        damaged[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
      }
      survives(damaged, `round ${round}`);
    }
  }),

  test("trailing bytes, an unknown version and foreign bytes are named in the error", async () => {
    const bytes = encodeBatch(sample());
    const longer = new Uint8Array(bytes.byteLength + 8);
    longer.set(bytes);
    await rejects(() => decodeBatch(longer), "batch_corrupt");
    const newer = bytes.slice();
    newer[4] = 9;
    const error = await rejects(() => decodeBatch(newer, "part p1"), "batch_corrupt");
    ok(error.message.includes("version 9") && (error.where ?? "").includes("part p1"), error.message);
    await rejects(() => decodeBatch(new TextEncoder().encode('{"this":"is not a batch at all"}')), "batch_corrupt");
  }),

  test("text that is not UTF-8, or is split inside a character, is refused", async () => {
    const text = (offsets: Int32Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>): RecordBatch => ({
      schema: [field("t", "utf8")],
      rowCount: offsets.length - 1,
      columns: [{ type: "utf8", offsets, bytes, validity: undefined }],
      weights: undefined,
    });
    await rejects(
      () => decodeBatch(encodeBatch(text(Int32Array.of(0, 2), Uint8Array.of(0xc3, 0x28)))),
      "batch_corrupt",
    );
    await rejects(() => decodeBatch(encodeBatch(text(Int32Array.of(0, 1), Uint8Array.of(0xc3)))), "batch_corrupt");
    await rejects(
      () => decodeBatch(encodeBatch(text(Int32Array.of(0, 1, 2), Uint8Array.of(0xc3, 0xa4)))),
      "batch_corrupt",
    );
  }),
];
