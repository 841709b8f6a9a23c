// Seeded NDJSON for the differential tests: lines after JSON's grammar with everything the scanner has to know,
// lines that are slightly broken, and noise.

import { concatBytes } from "../../src/base/bytes.ts";
import type { Prng } from "../../src/base/prng.ts";
import { type Field, field, type Schema } from "../../src/batch/schema.ts";

export const schemas: readonly Schema[] = [
  [field("auction", "i64"), field("price", "f64"), field("channel", "utf8"), field("dateTime", "timestamp")],
  [
    field("a", "i64", true),
    field("b", "f64", true),
    field("c", "utf8", true),
    field("d", "bool", true),
    field("e", "timestamp", true),
  ],
  [
    field("", "utf8", true),
    field("é\u{1f600}", "i64", true),
    field('quote"back\\slash/', "bool", true),
    field("line\nfeed\u0001", "f64", true),
    field("__proto__", "utf8", true),
    field("constructor", "i64", true),
  ],
  [
    field("sixteen_bytes_ab", "utf8"),
    field("key_of_thirteen", "i64"),
    field("a_name_that_is_longer_than_one_block_of_bytes", "utf8", true),
    field("a_name_that_no_gap_record_can_hold_because_it_is_longer_than_sixty_four_bytes", "f64", true),
  ],
  Array.from({ length: 64 }, (_, index) =>
    field(`c${index}`, (["i64", "f64", "utf8", "bool"] as const)[index % 4] ?? "i64", index > 2),
  ),
  [],
];

export const strings: readonly string[] = [
  "",
  "a",
  "eleven byte",
  "twelve bytes",
  "thirteen byte",
  "sixteen bytes ab",
  "https://www.nexmark.example/item.htm?query=1&channel_id=1234567890123",
  "é",
  "naïve café",
  "東京都千代田区丸の内一丁目",
  "\u{1f600}\u{1f468}‍\u{1f469}",
  "\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}",
  "\u2028\u2029\ufeff",
];

export const escapes: readonly string[] = [
  ...['\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0000", "\\u001f", "\\u0041", "\\u00e9"],
  ...["\\u07ff", "\\u0800", "\\uFFFF", "\\uABCD", "\\uabcd", "\\ud83d\\ude00", "\\ud800", "\\udc00", "\\ud800\\ud800"],
  ...["\\ud800\\udc00", "\\udbff\\udfff", "\\ud800x", "\\ud800\\n", "\\u2028"],
];

const brokenEscapes: readonly string[] = [
  "\\",
  "\\x",
  "\\u",
  "\\u12",
  "\\u12g4",
  "\\U0041",
  "\\'",
  "\\u 123",
  "\\ud800\\u",
];

export const numbers: readonly string[] = [
  ...["0", "-0", "1", "-1", "9", "10", "12345678", "123456789", "1234567890123456", "12345678901234567"],
  ...[
    "999999999999999999",
    "1234567890123456789",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
  ],
  ...[
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
    "0.0",
    "1.0",
    "1.50e1",
  ],
  ...["1e3", "1E+3", "100e-2", "125e-2", "1e18", "1e19", "9.223372036854775807e18", "9.223372036854775808e18", "0e400"],
  ...[
    "1e400",
    "-1e400",
    "1e-400",
    "1e308",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "2.2250738585072014e-308",
  ],
  ...["2.2250738585072011e-308", "5e-324", "2e-324", "3e-324", "2.4703282292062327e-324", "2.4703282292062328e-324"],
  ...[
    "9007199254740993",
    "9007199254740992",
    "9007199254740991",
    "0.1",
    "0.30000000000000004",
    "123456.789",
    "1e23",
    "1e22",
  ],
  ...["8.5e-22", "6.02214076e23", "0.000001", "123456789012345678901234567890", "0.12345678901234567890123456789"],
  ...["1e00000000000000000000005", "1e-00000000000000000000005", "1e99999999999999999999", "1e-99999999999999999999"],
  ...["7.2057594037927933e16", "9007199254740992.5", "9007199254740993.0", "4503599627370496.5", "4503599627370497.5"],
];

export const brokenNumbers: readonly string[] = [
  ...[
    "01",
    "-",
    "-01",
    "+1",
    ".5",
    "1.",
    "1.e3",
    "1e",
    "1e+",
    "1e-",
    "--1",
    "1.2.3",
    "1e5.5",
    "0x10",
    "00",
    "1_000",
    "NaN",
  ],
  ...["Infinity", "-Infinity", "1,5", "１", "1a", "-a", "1-", "12345678x", "00000000", "0.e1"],
];

export const times: readonly string[] = [
  ...["2001-01-01T00:10:00Z", "2001-01-01 00:10:00", "1969-12-31T23:59:59.999Z", "2000-02-29T12:00:00.123456789Z"],
  ...["1900-02-29", "1900-02-28", "0000-02-29", "9999-12-31T23:59:59.999+23:59", "0001-01-01T00:00:00-0130"],
  ...[
    "2001-01-01T00:10",
    "2001-01-01T00:10Z",
    "2001-1-1",
    "2001-13-01",
    "2001-00-10",
    "2001-04-31",
    "2001-01-01T24:00:00Z",
  ],
  ...["2001-01-01T23:60:00Z", "2001-01-01T23:59:60Z", "2001-01-01T00:00:00.Z", "2001-01-01T00:00:00.1234567890Z"],
  ...[
    "2001-01-01T00:00:00+24:00",
    "2001-01-01T00:00:00+1:00",
    "2001-01-01T00:00:00z",
    "2001-01-01t00:00:00Z",
    "20010101",
  ],
  ...[
    "2001-01-01T00:00:00 ",
    " 2001-01-01",
    "2001-01-01T",
    "2001-01-01T0",
    "2001-01-01T00:00:0",
    "2001-01-01T00:00:00+0000",
  ],
  ...["2001-01-01T00:00:00+00000", "2001-01-01T00:00:00+0:000", "2001-01-01TZ", "2001-01-01Z", "2001-01-01T00:00:", ""],
];

const spaces: readonly string[] = [" ", "\t", "\r", "  ", "\r\t ", "                    "];

const space = (random: Prng, rate: number): string => (random.chance(rate) ? random.pick(spaces) : "");

function randomDigits(random: Prng, count: number): string {
  let text = String(1 + random.below(9));
  while (text.length < count) text += random.below(10);
  return text;
}

function randomNumber(random: Prng): string {
  const sign = random.chance(0.3) ? "-" : "";
  switch (random.below(6)) {
    case 0:
      return random.pick(numbers);
    case 1:
      return sign + randomDigits(random, 1 + random.below(22));
    case 2:
      return `${sign}${random.below(1000)}.${randomDigits(random, 1 + random.below(18))}`;
    case 3:
      return `${sign}${randomDigits(random, 1 + random.below(20))}e${random.below(700) - 350}`;
    case 4: {
      // The shortest text of a random bit pattern, as programs print doubles.
      const bits = new DataView(new ArrayBuffer(8));
      bits.setUint32(0, random.nextU32());
      bits.setUint32(4, random.nextU32());
      const value = bits.getFloat64(0);
      return Number.isFinite(value) ? String(value) : "0";
    }
    default:
      return String(random.below(100_000));
  }
}

function randomString(random: Prng, broken: number): string {
  let text = "";
  for (let parts = random.below(4); parts >= 0; parts--) {
    const kind = random.below(8);
    if (random.chance(broken)) text += random.chance(0.5) ? random.pick(brokenEscapes) : "\u0001";
    else if (kind < 4) text += random.pick(strings);
    else if (kind < 6) text += random.pick(escapes);
    else text += String.fromCodePoint(0x20 + random.below(2) * random.below(0xd000)).replace(/["\\]/, "_");
  }
  return `"${text}"`;
}

/** A string literal for a field's name: plain, or with some characters written as escapes. */
function keyText(random: Prng, name: string): string {
  if (!random.chance(0.15)) return JSON.stringify(name);
  let text = "";
  for (let index = 0; index < name.length; index++) {
    const unit = name.charCodeAt(index);
    const must = unit < 0x20 || name[index] === '"' || name[index] === "\\";
    text += must || random.chance(0.5) ? `\\u${unit.toString(16).padStart(4, "0")}` : name[index];
  }
  return text.isWellFormed() ? `"${text}"` : JSON.stringify(name);
}

function randomValue(random: Prng, depth: number, broken: number): string {
  const kind = random.below(depth > 0 ? 8 : 6);
  if (random.chance(broken))
    return random.pick([...brokenNumbers, "nul", "tru", "True", "", "[", "]", "{", "'a'", "undefined"]);
  if (random.chance(0.005)) {
    const levels = 60 + random.below(6);
    return random.chance(0.5)
      ? "[".repeat(levels) + "]".repeat(levels)
      : `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  }
  if (kind === 0) return random.pick(["true", "false", "null"]);
  if (kind < 3) return randomNumber(random);
  if (kind < 6) return randomString(random, broken);
  const items: string[] = [];
  const object = kind === 7;
  for (let count = random.below(4); count > 0; count--) {
    const key = object ? `${randomString(random, broken)}${space(random, 0.1)}:${space(random, 0.1)}` : "";
    items.push(space(random, 0.1) + key + randomValue(random, depth - 1, broken) + space(random, 0.1));
  }
  return object ? `{${items.join(",") || space(random, 0.2)}}` : `[${items.join(",") || space(random, 0.2)}]`;
}

function fittingValue(random: Prng, { type }: Field, broken: number): string {
  if (random.chance(0.02)) return randomValue(random, 3, broken);
  switch (type) {
    case "i64":
      if (random.chance(0.1)) return randomNumber(random);
      return (random.chance(0.2) ? "-" : "") + randomDigits(random, 1 + random.below(19));
    case "f64":
      return randomNumber(random);
    case "bool":
      return random.chance(0.5) ? "true" : "false";
    case "utf8":
      return randomString(random, broken);
    case "timestamp":
      if (random.chance(0.4)) return `${1_700_000_000_000 + random.below(1_000_000)}`;
      if (random.chance(0.7))
        return JSON.stringify(new Date(random.below(2 ** 32) * 1000 + random.below(1000)).toISOString());
      return random.chance(0.1)
        ? JSON.stringify(random.pick(times)).replace("-", "\\u002d")
        : JSON.stringify(random.pick(times));
  }
}

/** How much a line strays from what its schema wants. */
export interface Manner {
  /** Chance of white space at each place that allows some. */
  readonly space: number;
  /** Chance of each field being left out, doubled or preceded by an unknown one; and of the order changing. */
  readonly disorder: number;
  /** Chance of each value or string being malformed. */
  readonly broken: number;
}

export function randomLine(random: Prng, schema: Schema, manner: Manner): string {
  if (random.chance(manner.disorder / 8)) return randomValue(random, 3, manner.broken) + space(random, manner.space);
  const fields: string[] = [];
  const add = (key: string, value: string): void => {
    const gap = (): string => space(random, manner.space);
    fields.push(`${gap()}${key}${gap()}:${gap()}${value}${gap()}`);
  };
  for (const one of schema) {
    if (random.chance(manner.disorder / 2)) add(randomString(random, 0), randomValue(random, 4, manner.broken));
    if (random.chance(manner.disorder)) continue;
    add(keyText(random, one.name), fittingValue(random, one, manner.broken));
    if (random.chance(manner.disorder / 2)) add(keyText(random, one.name), fittingValue(random, one, manner.broken));
  }
  if (random.chance(manner.broken)) fields.push(random.pick(["", " ", ":1", '"a"', '"a":', "{}", "1"]));
  if (random.chance(manner.disorder)) fields.sort(() => random.below(3) - 1);
  return `${space(random, manner.space)}{${fields.join(",")}}${space(random, manner.space)}`;
}

/** A few bytes changed, inserted, removed, repeated or cut off. */
export function mutated(random: Prng, line: Uint8Array): Uint8Array {
  const bytes = Array.from(line);
  const hostile = [
    0x22, 0x5c, 0x2c, 0x3a, 0x7b, 0x7d, 0x5b, 0x5d, 0x00, 0x1f, 0x20, 0x0a, 0x0d, 0x30, 0x2d, 0x2e, 0x65,
  ];
  const hostileHigh = [0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff, 0x7f];
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(bytes.length + 1);
    const byte = random.pick([...hostile, ...hostileHigh, random.below(256)]);
    switch (random.below(5)) {
      case 0:
        bytes[Math.min(at, Math.max(bytes.length - 1, 0))] = byte;
        break;
      case 1:
        bytes.splice(at, 0, byte);
        break;
      case 2:
        bytes.splice(at, 1 + random.below(3));
        break;
      case 3:
        bytes.splice(at, 0, ...bytes.slice(at, at + 1 + random.below(20)));
        break;
      default:
        if (random.chance(0.3)) bytes.length = at;
        else bytes.splice(at, 1, byte, byte);
    }
  }
  return Uint8Array.from(bytes);
}

const noise = '{}[]:,"\\ntrue0123456789.eE+-u \t\r\n\u00e9a';

function randomNoise(random: Prng): Uint8Array {
  const length = random.below(40);
  if (random.chance(0.5)) return Uint8Array.from({ length }, () => random.below(256));
  return new TextEncoder().encode(Array.from({ length }, () => noise[random.below(noise.length)]).join(""));
}

/** A stream of `count` lines for the schema; `lines` counts what was generated, mutations may add line feeds. */
export function randomStream(random: Prng, schema: Schema, count: number): Uint8Array {
  const encoder = new TextEncoder();
  const manner: Manner = {
    space: random.pick([0, 0, 0.05, 0.5]),
    disorder: random.pick([0, 0.02, 0.2]),
    broken: random.pick([0, 0, 0.02]),
  };
  const mutations = random.pick([0, 0.05, 0.5]);
  const parts: Uint8Array[] = [];
  if (random.chance(0.1)) parts.push(Uint8Array.of(0xef, 0xbb, 0xbf));
  for (let index = 0; index < count; index++) {
    const line = encoder.encode(randomLine(random, schema, manner));
    const kind = random.chance(mutations) ? 1 : random.chance(0.02) ? 2 : 0;
    parts.push(kind === 0 ? line : kind === 1 ? mutated(random, line) : randomNoise(random));
    if (index < count - 1 || random.chance(0.7)) parts.push(encoder.encode(random.chance(0.1) ? "\r\n" : "\n"));
  }
  return concatBytes(parts);
}
