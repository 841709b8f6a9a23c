// The rules of the NDJSON decoder, with results written out; the twin stands behind the longer lists.

import { concatBytes, textOf, utf8 } from "../../src/base/bytes.ts";
import { BATCH_ROWS_MAX, JSON_DEPTH_MAX, LINE_BYTES_MAX, READ_CHUNK_BYTES } from "../../src/base/limits.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { NdjsonDecoder } from "../../src/formats/ndjson_decoder.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { VIEW_BYTES } from "../../kernels/abi.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { compare, cut, harness, KERNEL_BYTES, type Scanned, scan } from "../twins/ndjson_compare.ts";

const wide: Schema = [
  field("i", "i64", true),
  field("f", "f64", true),
  field("s", "utf8", true),
  field("b", "bool", true),
  field("t", "timestamp", true),
];

function scanned(kernels: WebAssembly.Module, schema: Schema, bytes: Uint8Array, rowsMax = BATCH_ROWS_MAX): Scanned {
  return scan(harness(kernels, schema).decoder(), cut(bytes, [READ_CHUNK_BYTES]), rowsMax);
}

/** The values of one column, where every line must be accepted. */
function column(kernels: WebAssembly.Module, type: Schema[number]["type"], values: readonly string[]): Value[] {
  const lines = values.map((value) => `{"v":${value}}`).join("\n");
  const { rows, rejected } = scanned(kernels, [field("v", type, true)], utf8(lines));
  equal(rejected, [], "rejected lines");
  return rows.map((row) => row[0] as Value);
}

function reasons(kernels: WebAssembly.Module, schema: Schema, lines: readonly string[]): string[] {
  const { rows, rejected } = scanned(kernels, schema, utf8(lines.join("\n")));
  equal(rows.length, 0, "accepted lines");
  return rejected.map((one) => one.reason);
}

export const cases: readonly Case[] = [
  test("integers keep every digit over the whole 64-bit range, and 1.0 and 2e3 are integers", ({ kernels }) => {
    const values = ["9223372036854775807", "-9223372036854775808", "9007199254740993", "-0", "1.0", "2e3", "120e-1"];
    equal(column(kernels, "i64", [...values, "null"]), [
      ...[9223372036854775807n, -9223372036854775808n, 9007199254740993n, 0n, 1n, 2000n, 12n],
      null,
    ]);
  }),

  test("doubles are the nearest ones, with the sign of zero and Infinity beyond the range", ({ kernels }) => {
    const values = ["0.1", "-0.0", "1e400", "5e-324", "9007199254740993", "123456789012345678901234567890", "1E2"];
    const wanted = [0.1, -0, Number.POSITIVE_INFINITY, 5e-324, 9007199254740992, 1.2345678901234568e29, 100];
    equal(column(kernels, "f64", values), wanted);
  }),

  test("times are whole milliseconds or ISO 8601 text, with and without T, fraction, seconds and offset", ({
    kernels,
  }) => {
    const values = [
      ...["978307800000", '"2001-01-01T00:10:00Z"', '"2001-01-01 00:10:00"', '"2001-01-01T00:10:00.1239Z"'],
      ...['"2001-01-01T01:10+01:00"', '"2000-12-31T23:10:00-0100"', '"2001-01-01"', '"1969-12-31T23:59:59.999Z"'],
      '"2001\\u002d01-01T00:10:00Z"',
    ];
    equal(column(kernels, "timestamp", values), [
      ...[978307800000n, 978307800000n, 978307800000n, 978307800123n],
      ...[978307800000n, 978307800000n, 978307200000n, -1n],
      978307800000n,
    ]);
  }),

  test("text is unescaped, and half a surrogate pair becomes U+FFFD", ({ kernels }) => {
    const values = [
      '""',
      '"twelve bytes"',
      '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000"',
      '"\\ud83d\\ude00 é 東京"',
      '"\\ud800x\\udc00"',
    ];
    const wanted = ["", "twelve bytes", '"\\/\b\f\n\r\t\0', "\u{1f600} é 東京", "\ufffdx\ufffd"];
    equal(column(kernels, "utf8", values), wanted);
  }),

  test("fields come in any order, unknown ones are skipped, missing ones are null, of duplicates the last wins", ({
    kernels,
  }) => {
    const lines = [
      '{"i":1,"f":2,"s":"x","b":true,"t":5}',
      '{"t":5,"x":{"i":[9,{"i":9}]},"b":false,"s":"y","f":2.5,"i":2}',
      '{"\\u0069":3,"y":[[],{},"]}"]}',
      '{"i":"wrong","i":4,"s":null,"s":"z","f":1,"f":null,"b":null,"b":true}',
      "{}",
    ];
    equal(scanned(kernels, wide, utf8(lines.join("\n"))).rows, [
      [1n, 2, "x", true, 5n],
      [2n, 2.5, "y", false, 5n],
      [3n, null, null, null, null],
      [4n, null, "z", true, null],
      [null, null, null, null, null],
    ]);
  }),

  test("a field that does not fit its column is a bad row that names field, finding and column type", ({ kernels }) => {
    const strict: Schema = [field("i", "i64"), field("t", "timestamp", true), field("s", "utf8", true)];
    const lines = ["{}", '{"i":null}', '{"i":"1"}', '{"i":1.5}', '{"i":9223372036854775808}', '{"i":1,"t":"noon"}'];
    equal(reasons(kernels, strict, [...lines, '{"i":1,"s":[1]}', '{"i":1,"t":true}']), [
      'field "i" is missing; the column is not nullable',
      'field "i" is null; the column is not nullable',
      'field "i" is not an integer; the column is i64',
      'field "i" is not a whole number; the column is i64',
      'field "i" is outside the range of 64-bit integers',
      'field "t" is no ISO 8601 time such as 2001-01-31T00:10:00Z',
      'field "s" is not a string; the column is utf8',
      'field "t" is not milliseconds since 1970 or an ISO 8601 time; the column is timestamp',
    ]);
  }),

  test("a line that is not JSON is a bad row that says what stands where", ({ kernels }) => {
    const lines = [
      '{"i":1',
      '{"i":1}}',
      '{"i":01}',
      '{"x":tru}',
      '{"x":"\t"}',
      '{"x":"\\q"}',
      "[1]",
      "7",
      "nul",
      '{"i":1,}',
    ];
    equal(reasons(kernels, wide, lines), [
      "not valid JSON: unexpected byte at byte 6 of the line",
      "not valid JSON: unexpected byte at byte 7 of the line",
      "not valid JSON: number that JSON does not allow at byte 5 of the line",
      "not valid JSON: word that is none of true, false and null at byte 5 of the line",
      "not valid JSON: raw control character in a string at byte 6 of the line",
      "not valid JSON: escape sequence that JSON does not have at byte 6 of the line",
      "not a JSON object",
      "not a JSON object",
      "not valid JSON: word that is none of true, false and null at byte 0 of the line",
      "not valid JSON: unexpected byte at byte 7 of the line",
    ]);
  }),

  test("bytes that are not UTF-8 make a bad row, in used, unknown and key strings", ({ kernels }) => {
    const made = harness(kernels, wide);
    const bad = [
      "80",
      "bf",
      "c0 80",
      "c1 bf",
      "c3",
      "e0 9f bf",
      "ed a0 80",
      "ef bf",
      "f0 8f bf bf",
      "f4 90 80 80",
      "f5 80 80 80",
      "ff",
    ];
    for (const hex of bad) {
      const wrong = Uint8Array.from(hex.split(" "), (one) => Number.parseInt(one, 16));
      for (const [front, back] of [
        ['{"s":"', '"}'],
        ['{"x":"', '"}'],
        ['{"', '":1}'],
        ['{"s":"0123456789abcdef', ' "}'],
      ] as const) {
        const line = concatBytes([utf8(front), wrong, utf8(back)]);
        const decoder = made.decoder();
        const { rejected } = scan(decoder, [line], 1);
        decoder.free();
        equal(
          rejected.map((one) => one.reason),
          [`not UTF-8 at byte ${front.length} of the line`],
          hex,
        );
        equal(compare(made, line), undefined, hex);
      }
    }
  }),

  test("a text view holds short text padded with zeros, else length, four bytes and an address", ({ kernels }) => {
    const made = harness(kernels, [field("s", "utf8")]);
    const text = "abcdefghijklmnopqrstuvwxyz";
    const lines = Array.from({ length: 24 }, (_, index) => {
      const value = text.slice(0, index >> 1);
      return `{"s":"${index % 2 === 0 ? value : value.replace("a", "\\u0061")}"}\n`;
    });
    const decoder = made.decoder();
    decoder.feed(utf8(lines.join("")));
    equal(decoder.decode(24).rows, 24);
    const data = made.region.dataAddress(0);
    for (let row = 0; row < 24; row++) {
      const view = made.kernel.bytes().subarray(data + row * VIEW_BYTES, data + (row + 1) * VIEW_BYTES);
      equal(
        view,
        concatBytes([Uint8Array.of(row >> 1, 0, 0, 0), utf8(text.slice(0, row >> 1).padEnd(12, "\0"))]),
        `row ${row}`,
      );
    }
    const long = `{"s":"${text}"}\n`;
    decoder.feed(utf8(long));
    equal(decoder.decode(1).rows, 1);
    const words = [0, 4, 8, 12].map((offset) => made.kernel.readU32(data + offset));
    equal(words.slice(0, 3), [26, 0x64636261, 0]);
    equal(textOf(made.kernel.bytes().slice(words[3] as number, (words[3] as number) + 26)), text);
  }),

  test("a key with half a surrogate pair is no column's name, not even that of U+FFFD", ({ kernels }) => {
    const lines = '{"\\ud800":1}\n{"\\ufffd":2}\n{"\ufffd":3}\n{"\\ud83d\\ude00":4}';
    const schema = [field("\ufffd", "i64", true), field("\u{1f600}", "i64", true)];
    equal(scanned(kernels, schema, utf8(lines)).rows, [
      [null, null],
      [2n, null],
      [3n, null],
      [null, 4n],
    ]);
  }),

  test("blank lines are skipped, CRLF is taken, the last line may lack its line feed", ({ kernels }) => {
    const text = '\n\r\n \t \n{"i":1}\r\n\n  {"i":2}  \r\n{"i":3}';
    equal(scanned(kernels, [field("i", "i64")], utf8(text)), { rows: [[1n], [2n], [3n]], rejected: [] });
  }),

  test("a byte order mark is skipped at the start of the stream and refused on any other line", ({ kernels }) => {
    const { rows, rejected } = scanned(kernels, [field("i", "i64")], utf8('\ufeff{"i":1}\n\ufeff{"i":2}\n'));
    equal(rows, [[1n]]);
    equal(
      rejected.map(({ offset, raw }) => [offset, raw]),
      [[11, '\ufeff{"i":2}']],
    );
  }),

  test("nesting is taken to the limit and refused beyond it", ({ kernels }) => {
    const nested = (levels: number): string => `{"x":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)},"i":1}`;
    const { rows, rejected } = scanned(
      kernels,
      [field("i", "i64")],
      utf8(`${nested(JSON_DEPTH_MAX)}\n${nested(JSON_DEPTH_MAX + 1)}`),
    );
    equal(rows, [[1n]]);
    equal(rejected[0]?.reason, `nested deeper than ${JSON_DEPTH_MAX} levels at byte 68 of the line`);
  }),

  test("a line of the greatest length is a row, and longer ones are bad rows that take no memory", ({ kernels }) => {
    const schema = [field("s", "utf8")];
    const line = (bytes: number): string => `{"s":"${"x".repeat(bytes - 8)}"}`;
    const texts = [
      line(LINE_BYTES_MAX),
      line(LINE_BYTES_MAX + 1),
      '{"s":"a"}',
      line(3 * LINE_BYTES_MAX),
      '{"s":"b"}',
      line(2 * LINE_BYTES_MAX),
    ];
    const bytes = utf8(texts.join("\n"));
    for (const length of [READ_CHUNK_BYTES, 100_003, bytes.byteLength]) {
      const made = harness(kernels, schema);
      const decoder = made.decoder();
      const usedBytes = made.kernel.heapUsedBytes;
      const { rows, rejected } = scan(decoder, cut(bytes, [length]), 2);
      equal(
        rows.map(([text]) => (text as string).length),
        [LINE_BYTES_MAX - 8, 1, 1],
      );
      const starts = [1, 3, 5].map((index) => texts.slice(0, index).reduce((sum, one) => sum + one.length + 1, 0));
      equal(
        rejected.map((one) => one.offset),
        starts,
      );
      ok(
        rejected.every(
          (one) => one.reason === `line is longer than ${LINE_BYTES_MAX} bytes` && one.raw.length === 1024,
        ),
        "says why",
      );
      equal(made.kernel.heapUsedBytes, usedBytes);
      equal(decoder.offset, bytes.byteLength);
    }
  }),

  test("a decoder started at `offset` yields the rest, row by row", ({ kernels }) => {
    const made = harness(kernels, wide);
    const bytes = utf8('{"i":1}\nbad\n{"i":2,"s":"long enough to point"}\n\n{"i":3}\nbad\n{"i":4}');
    const whole = scan(made.decoder(), [bytes], 1);
    const first = made.decoder();
    first.feed(bytes);
    first.finish();
    let taken = 0;
    let refused = 0;
    for (let ended = false; !ended; ) {
      const outcome = first.decode(1);
      taken += outcome.rows;
      refused += outcome.rejected.length;
      ended = outcome.ended;
      const second = made.decoder(first.offset);
      const rest = scan(second, [bytes.subarray(first.offset)], 7);
      second.free();
      equal(rest, { rows: whole.rows.slice(taken), rejected: whole.rejected.slice(refused) });
    }
    equal([taken, refused], [4, 2]);
  }),

  test("batches close at the wanted size, whatever the reads", ({ kernels }) => {
    const made = harness(kernels, [field("i", "i64")]);
    const bytes = utf8(Array.from({ length: 10_000 }, (_, index) => `{"i":${index}}\n`).join(""));
    for (const rowsMax of [1, 7, BATCH_ROWS_MAX]) {
      const decoder = made.decoder();
      decoder.feed(bytes);
      decoder.finish();
      const sizes = [];
      for (let ended = false; !ended; ) {
        const outcome = decoder.decode(rowsMax);
        sizes.push(outcome.rows);
        ended = outcome.ended;
      }
      ok(
        sizes.slice(0, Math.floor(10_000 / rowsMax)).every((one) => one === rowsMax),
        "full batches",
      );
      equal(
        sizes.reduce((sum, one) => sum + one, 0),
        10_000,
      );
      decoder.free();
    }
  }),

  test("more bad rows and more numbers for the host than the lists hold are all kept", ({ kernels }) => {
    const schema = [field("f", "f64")];
    const lines = Array.from({ length: 3000 }, (_, index) =>
      index % 3 === 0 ? "bad" : `{"f":0.1234567890123456789${index}}`,
    );
    equal(compare(harness(kernels, schema), utf8(lines.join("\n"))), undefined);
  }),

  test("escaped text beyond the arena ends the batch early and nothing is lost", ({ kernels }) => {
    const long = (index: number): string => `{"s":"${"\\u00e9".repeat(30_000)}${index}"}`;
    const whole = `{"s":"\\n${"y".repeat(LINE_BYTES_MAX - 10)}"}`;
    const lines = [...Array.from({ length: 30 }, (_, index) => long(index)), whole, whole, whole, long(31)];
    equal(compare(harness(kernels, [field("s", "utf8")]), utf8(lines.join("\n")), [READ_CHUNK_BYTES]), undefined);
    equal(compare(harness(kernels, [field("s", "utf8")]), utf8(lines.join("\n")), [1 << 21]), undefined);
  }),

  test("more different keys than the scanner remembers change nothing", ({ kernels }) => {
    const lines = Array.from(
      { length: 2000 },
      (_, index) => `{"k${index % 700}":{},"i":${index},"n${index % 300}":"","s":"é"}`,
    );
    equal(compare(harness(kernels, wide), utf8(lines.join("\n"))), undefined);
  }),

  test("accepted lines are counted in WASM memory, and `space` and `fed` read through the staging block", ({
    kernels,
  }) => {
    const kernel = new KernelInstance(kernels, KERNEL_BYTES);
    const region = new BatchRegion(kernel, [field("s", "utf8")]);
    const decoder = new NdjsonDecoder(kernel, region);
    const bytes = utf8('{"s":"a text of more than twelve bytes"}\nbad\n{"s":"short"}');
    decoder.space().set(bytes);
    decoder.fed(bytes.byteLength);
    equal(decoder.decode(10), {
      rows: 1,
      rejected: [{ offset: 41, reason: "not valid JSON: unexpected byte at byte 0 of the line", raw: "bad" }],
      needsInput: true,
      ended: false,
    });
    decoder.finish();
    equal(decoder.decode(10), { rows: 1, rejected: [], needsInput: false, ended: true });
    equal(kernel.rowsScanned, 2n);
    equal(decoder.decode(10), { rows: 0, rejected: [], needsInput: false, ended: true });
  }),

  test("a schema that no line could fill is refused with the column named", async ({ kernels }) => {
    const make = (schema: Schema) => () => harness(kernels, schema).decoder();
    await rejects(make([field("a", "i64"), field("a", "f64")]), "schema_invalid");
    await rejects(make([field("\ud800", "i64")]), "schema_invalid");
    const error = await rejects(make([field("é".repeat(513), "i64")]), "schema_invalid");
    ok(error.where?.includes("é"), "names the column");
  }),
];
