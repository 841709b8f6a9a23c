// The scanner against JSON.parse, a little on every runtime; the long run is proof 1.6.

import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";
import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";
import { compare, harness } from "../twins/ndjson_compare.ts";
import { fuzz } from "../twins/ndjson_fuzz.ts";
import { brokenNumbers, escapes, numbers, schemas, strings, times } from "../twins/ndjson_generator.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { field } from "../../src/batch/schema.ts";

export const cases: readonly Case[] = [
  test("generated, broken and random lines become the same rows and rejections as by JSON.parse", ({ kernels }) => {
    equal(fuzz(kernels, 6_000, 6_000).differences, []);
  }),

  test("every value of the catalogue fits each type exactly when the twin says so", ({ kernels }) => {
    const made = harness(kernels, [
      field("i", "i64", true),
      field("f", "f64", true),
      field("t", "timestamp", true),
      field("s", "utf8", true),
    ]);
    const values = [...numbers, ...brokenNumbers, ...[...strings, ...escapes, ...times].map((one) => `"${one}"`)];
    const lines = ["i", "f", "t", "s"].flatMap((name) => values.map((value) => `{"${name}":${value}}`));
    equal(compare(made, utf8(lines.join("\n"))), undefined);
  }),

  test("doubles are the nearest ones for every power of ten", ({ kernels }) => {
    const made = harness(kernels, [field("f", "f64")]);
    const mantissas = ["1", "9007199254740993", "18014398509481985", "9999999999999999999", "4.9406564584124654"];
    const lines = mantissas.flatMap((mantissa) =>
      Array.from({ length: 690 }, (_, index) => `{"f":${mantissa}e${index - 365}}`),
    );
    equal(compare(made, utf8(lines.join("\n"))), undefined);
  }),

  test("a stream cut into two at any byte, or into single bytes, is decoded alike", ({ kernels }) => {
    const made = harness(kernels, schemas[1] ?? []);
    const text =
      '{"a":1,"b":0.25,"c":"été \\u00e9\\ud83d\\ude00","d":true,"e":"2001-01-01T00:10:00Z"}\r\n' +
      '\n{"a":12345678901234567890}\n{"c":"\u{1f600}","x":{"y":[1,{}]}}\nnoise\n{"b":1.7976931348623157e308}';
    const bytes = utf8(text);
    equal(compare(made, bytes, [1]), undefined);
    for (let at = 1; at < bytes.byteLength; at++) {
      for (const rowsMax of [1, 7, BATCH_ROWS_MAX]) {
        equal(compare(made, bytes, [at, bytes.byteLength], rowsMax), undefined, `cut at ${at}`);
      }
    }
  }),
];
