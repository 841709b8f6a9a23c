// Records out of JSON bodies: accepted exactly when JSON.parse accepts them, and kept byte for byte.

import { textOf, utf8 } from "../../src/base/bytes.ts";
import { JSON_DEPTH_MAX } from "../../src/base/limits.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { crc32 } from "../../src/log/crc32.ts";
import { splitBody } from "../../src/log/record_body.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";

const recordsOfJson = (text: string): string[] => splitBody("application/json", utf8(text), "body").map(textOf);
const recordsOfLines = (text: string): string[] => splitBody("application/x-ndjson", utf8(text), "body").map(textOf);

const valid = [
  '{"a":1}',
  " [ ] ",
  "[]",
  "[1,2]",
  '\t{"a" : [ {} , [ ] , null ] , "b":"\\u00e9\\"\\\\/"}\n',
  '"text"',
  "true",
  "-0",
  "1.5e+10",
  "[12345678901234567890, 1.0, 1E400]",
  '["\u2028\u{1d11e}", "\u007f"]',
  '{"":{"":{}}}',
  '[{"a":1,"a":2}]',
];

const invalid = [
  "",
  " ",
  "{",
  "}",
  "[1,]",
  "[,1]",
  "[1 2]",
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  "{a:1}",
  "{'a':1}",
  "01",
  "-",
  "+1",
  "1.",
  ".5",
  "1e",
  "tru",
  "nul1",
  "truee",
  "NaN",
  '"a',
  '"\\x"',
  '"\\u12g4"',
  '"\\u123',
  '"\n"',
  '"\u0000"',
  "1 1",
  "[1]]",
  "[1]x",
  "\ufeff1",
  "\u00a01",
  "/**/1",
  "[1}",
  '{"a":1]',
];

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const accepted = (text: string): boolean => {
  try {
    recordsOfJson(text);
    return true;
  } catch (error) {
    equal((error as { code: string }).code, "invalid_json", text);
    return false;
  }
};

export const cases: readonly Case[] = [
  test("log json: a list is one record an element, byte for byte; anything else is one record", () => {
    equal(recordsOfJson('[12345678901234567890, 1.0 ,{"a" : [1,  2]}]'), [
      "12345678901234567890",
      "1.0",
      '{"a" : [1,  2]}',
    ]);
    equal(recordsOfJson(' {"a":\n1} '), ['{"a":\n1}']);
    equal(recordsOfJson("[[1,2],[]]"), ["[1,2]", "[]"]);
    equal(recordsOfJson(" [ ] "), []);
  }),

  test("log json: one record a line, blank lines skipped, carriage returns taken for white space", () => {
    equal(recordsOfLines('{"a":1}\r\n\n  [1, 2] \n"x"'), ['{"a":1}', "[1, 2]", '"x"']);
    equal(recordsOfLines("\n \r\n"), []);
    for (const text of ["1 2", "{\n}", '{"a":1}\n{', "1\nx"]) {
      let code = "";
      try {
        recordsOfLines(text);
      } catch (error) {
        ({ code } = error as { code: string });
      }
      equal(code, "invalid_json", text);
    }
  }),

  test("log json: what JSON.parse accepts is accepted, what it refuses is refused, mutated texts included", () => {
    for (const text of valid) ok(parses(text) && accepted(text), `valid: ${text}`);
    for (const text of invalid) ok(!(text !== "" && parses(text)) && (text === "" || !accepted(text)), `bad: ${text}`);
    const random = seededPrng(5);
    const alphabet = '{}[],:"\\ue01-.5tfn \n';
    for (let round = 0; round < 3000; round++) {
      const text = Array.from(random.pick(valid));
      for (let edits = 1 + random.below(3); edits > 0; edits--) {
        const at = random.below(text.length);
        if (random.chance(0.5)) text[at] = random.pick(Array.from(alphabet));
        else text.splice(at, random.below(2), random.pick(Array.from(alphabet)));
      }
      const mutated = text.join("");
      equal(accepted(mutated), parses(mutated), JSON.stringify(mutated));
    }
  }),

  test("log json: bodies that are not UTF-8, and nesting beyond the limit, are refused without harm", async () => {
    const bodies = [Uint8Array.of(0x22, 0xc3, 0x22), Uint8Array.of(0xff), Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)];
    for (const body of bodies) await rejects(() => splitBody("application/json", body, "body"), "invalid_utf8");
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    equal(recordsOfJson(`[${nested(JSON_DEPTH_MAX)}]`).length, 1);
    await rejects(() => recordsOfJson(`[${nested(JSON_DEPTH_MAX + 1)}]`), "invalid_json");
    await rejects(() => recordsOfJson("[".repeat(1_000_000)), "invalid_json");
    await rejects(() => recordsOfJson('{"a":'.repeat(100_000)), "invalid_json");
  }),

  test("log json: CRC-32 has the known check values", () => {
    equal(crc32(utf8("123456789")), 0xcbf43926);
    equal(crc32(utf8("")), 0);
    equal(crc32(utf8("The quick brown fox jumps over the lazy dog")), 0x414fa339);
  }),
];
