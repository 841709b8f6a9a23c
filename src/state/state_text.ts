// State values of process functions as text: JSON, with what JSON lacks written as an object of one `$` member.
//
//   {"$bigint":"123"}   a bigint
//   {"$number":"NaN"}   NaN, Infinity, -Infinity and -0
//   {"$$name":…}        a member whose own name begins with `$`: it gets one `$` more
//
// Invariant: decoding what was encoded gives an equal value, made anew; nothing of the value that was given is kept.

import { corruptionError, userError } from "../base/errors.ts";
import { JSON_DEPTH_MAX } from "../base/limits.ts";

/** What a process function may keep: plain data, and bigints and all numbers besides. `undefined` is not a value. */
export type StateValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly StateValue[]
  | { readonly [name: string]: StateValue };

/** Longest text of one value: a part of a checkpoint holds thousands of them, and is read as a whole. */
export const STATE_VALUE_CHARACTERS_MAX = 1024 * 1024;

/** @param what the place of the value, for errors: `state "seen"`. */
export function encodeStateValue(value: unknown, what: string): string {
  // The engine's own encoder is several times as fast, where it loses nothing.
  const text = isJson(value, 0) ? JSON.stringify(value) : encode(value, what, 0);
  if (text.length <= STATE_VALUE_CHARACTERS_MAX) return text;
  const limit = `a value takes at most ${STATE_VALUE_CHARACTERS_MAX}; keep many small ones in a list or map state`;
  throw userError("state_value_too_long", "", `${what}: the value takes ${text.length} characters as text; ${limit}`);
}

function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth === JSON_DEPTH_MAX) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) if (!isJson(value[index], depth + 1)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  const object = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(object)) {
    if (name.startsWith("$") || !isJson(object[name], depth + 1)) return false;
  }
  return true;
}

/** A row of values, which need no check. */
export const encodeRow = (values: readonly StateValue[]): string =>
  isJson(values, 0) ? JSON.stringify(values) : encodeList(values, "a row", 0);

function encode(value: unknown, what: string, depth: number): string {
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "bigint":
      return `{"$bigint":"${value}"}`;
    case "number":
      if (Number.isFinite(value) && !Object.is(value, -0)) return String(value);
      return `{"$number":"${Object.is(value, -0) ? "-0" : value}"}`;
    case "object":
      if (value === null) return "null";
      if (depth === JSON_DEPTH_MAX) throw refused(what, `a value nested deeper than ${JSON_DEPTH_MAX} levels`);
      return Array.isArray(value) ? encodeList(value, what, depth) : encodeObject(value, what, depth);
    default:
      throw refused(what, value === undefined ? "undefined" : `a ${typeof value}`);
  }
}

function encodeList(list: readonly unknown[], what: string, depth: number): string {
  let text = "[";
  for (let index = 0; index < list.length; index++) {
    if (index > 0) text += ",";
    text += encode(list[index], what, depth + 1);
  }
  return `${text}]`;
}

function encodeObject(value: object, what: string, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refused(what, `an instance of ${value.constructor?.name ?? "a class"}`);
  }
  let text = "{";
  for (const [name, one] of Object.entries(value)) {
    if (text.length > 1) text += ",";
    text += `${JSON.stringify(name.startsWith("$") ? `$${name}` : name)}:${encode(one, what, depth + 1)}`;
  }
  return `${text}}`;
}

const refused = (what: string, found: string) =>
  userError(
    "state_value_invalid",
    "",
    `${what}: found ${found}; state keeps null, booleans, numbers, bigints, text, lists and plain objects of these`,
  );

/** @param what the place of the text, for errors about stored bytes. */
export function decodeStateValue(text: string, what: string): StateValue {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw corruptionError("state_invalid", what, "a state row holds a value that is no JSON", { cause });
  }
  return (text.includes('"$') ? decode(parsed, what, 0) : parsed) as StateValue;
}

/** What was parsed belongs to nobody else: it is changed in place. */
function decode(value: unknown, what: string, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > JSON_DEPTH_MAX) throw corruptionError("state_invalid", what, "a state row holds a value nested too deep");
  if (Array.isArray(value)) {
    value.forEach((one, index) => {
      value[index] = decode(one, what, depth + 1);
    });
    return value;
  }
  const object = value as Record<string, unknown>;
  const names = Object.keys(object);
  const [first] = names;
  if (first?.startsWith("$") && !first.startsWith("$$")) return decodeSpecial(first, object[first], names.length, what);
  for (const name of names) {
    const one = object[name];
    if (typeof one !== "object" || one === null) continue;
    const decoded = decode(one, what, depth + 1);
    // Assigning to a member called __proto__ would change the prototype.
    if (decoded !== one) Object.defineProperty(object, name, { value: decoded });
  }
  return names.some((name) => name.startsWith("$$")) ? unescaped(object) : object;
}

const unescaped = (object: object): unknown =>
  Object.fromEntries(Object.entries(object).map(([name, one]) => [name.startsWith("$$") ? name.slice(1) : name, one]));

const specialNumbers: ReadonlyMap<string, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["-0", -0],
]);

function decodeSpecial(name: string, digits: unknown, members: number, what: string): bigint | number {
  if (members === 1 && typeof digits === "string") {
    if (name === "$bigint" && /^-?\d+$/.test(digits)) return BigInt(digits);
    const number = name === "$number" ? specialNumbers.get(digits) : undefined;
    if (number !== undefined) return number;
  }
  throw corruptionError("state_invalid", what, `a state row holds a value with the unknown marker ${name}`);
}
