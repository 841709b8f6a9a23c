// The rules of NDJSON out: exact bytes, and what goes out comes in again.

import { textOf } from "../../src/base/bytes.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { batchOfRows, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { NdjsonEncoder } from "../../src/formats/ndjson_encoder.ts";
import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";
import { cut, harness, scan } from "../twins/ndjson_compare.ts";
import { strings } from "../twins/ndjson_generator.ts";

const schema: Schema = [
  field("id", "i64", true),
  field("mean", "f64", true),
  field("late", "bool", true),
  field('città "x"', "utf8", true),
  field("at", "timestamp", true),
];

const encode = (type: Schema[number]["type"], values: readonly Value[]): string[] => {
  const one: Schema = [field("v", type, true)];
  const bytes = new NdjsonEncoder(one).encode(
    batchOfRows(
      one,
      values.map((value) => [value]),
    ),
  );
  return textOf(bytes)
    .split("\n")
    .slice(0, -1)
    .map((line) => line.slice('{"v":'.length, -1));
};

export const cases: readonly Case[] = [
  test("a batch becomes one object a row, all fields in the order of the schema", () => {
    const rows: Value[][] = [
      [1n, 1.5, true, "ab", 978307800000n],
      [null, null, null, null, null],
    ];
    equal(
      textOf(new NdjsonEncoder(schema).encode(batchOfRows(schema, rows))),
      '{"id":1,"mean":1.5,"late":true,"città \\"x\\"":"ab","at":"2001-01-01T00:10:00.000Z"}\n' +
        '{"id":null,"mean":null,"late":null,"città \\"x\\"":null,"at":null}\n',
    );
  }),

  test("a range of rows is written, and rows without columns are empty objects", () => {
    const one: Schema = [field("v", "i64")];
    const batch = batchOfRows(one, [[1n], [2n], [3n]]);
    equal(textOf(new NdjsonEncoder(one).encode(batch, 1, 2)), '{"v":2}\n');
    equal(textOf(new NdjsonEncoder([]).encode(batchOfRows([], [[], []]))), "{}\n{}\n");
  }),

  test("integers keep every digit", () => {
    const values = [0n, -1n, 9007199254740991n, 9007199254740992n, -9007199254740993n, 2n ** 63n - 1n, -(2n ** 63n)];
    equal(encode("i64", values), values.map(String));
  }),

  test("doubles are shortest, -0 keeps its sign, what JSON has not is null", () => {
    const values = [0.1, -0, 1e21, 5e-324, 1.7976931348623157e308, Number.NaN, Number.POSITIVE_INFINITY, 100];
    equal(encode("f64", values), ["0.1", "-0", "1e+21", "5e-324", "1.7976931348623157e+308", "null", "null", "100"]);
  }),

  test("times are ISO text within the years 0000 to 9999 and numbers outside", () => {
    const values = [0n, -1n, 951782400000n, -62167219200000n, 253402300799999n, 253402300800000n, -62167219200001n];
    equal(encode("timestamp", values), [
      ...['"1970-01-01T00:00:00.000Z"', '"1969-12-31T23:59:59.999Z"', '"2000-02-29T00:00:00.000Z"'],
      ...['"0000-01-01T00:00:00.000Z"', '"9999-12-31T23:59:59.999Z"', "253402300800000", "-62167219200001"],
    ]);
  }),

  test("text is escaped where JSON demands it and nowhere else", () => {
    equal(encode("utf8", ['"\\/\b\f\n\r\t\0\u001f\u007f', "é\u2028\u{1f600}"]), [
      '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007f"',
      '"é\u2028\u{1f600}"',
    ]);
  }),

  test("what is written is read back unchanged", ({ kernels }) => {
    const random = seededPrng(11);
    const word = new DataView(new ArrayBuffer(8));
    const bits = (): DataView => {
      word.setUint32(0, random.nextU32());
      word.setUint32(4, random.nextU32());
      return word;
    };
    const maybe = (value: Value): Value => (random.chance(0.2) ? null : value);
    const rows = Array.from({ length: 3000 }, (): Value[] => {
      const double = bits().getFloat64(0);
      return [
        maybe(bits().getBigInt64(0) >> BigInt(random.below(64))),
        maybe(Number.isFinite(double) ? double : -0),
        maybe(random.chance(0.5)),
        maybe(random.pick(strings) + String.fromCodePoint(random.below(0xd800)) + random.pick(strings)),
        maybe(bits().getBigInt64(0) >> BigInt(random.below(64))),
      ];
    });
    const bytes = new NdjsonEncoder(schema).encode(batchOfRows(schema, rows));
    const { rows: found, rejected } = scan(harness(kernels, schema).decoder(), cut(bytes, [100_000]), 1000);
    equal(rejected, []);
    equal(found, rows);
  }),
];
