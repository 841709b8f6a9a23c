// What is wrong with something a user wrote, as data: where it stands, what was found, what would be right.

import { present } from "../base/assert.ts";

export interface Problem {
  /** `operators[3].window.sizeMs`; empty for the whole document. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

/** One line for people. */
export const problemText = (problem: Problem): string =>
  `${problem.path === "" ? "the spec" : problem.path}: found ${problem.found}, expected ${problem.expected}`;

const SHOWN_CHARACTERS = 80;

/** A short rendering of any value: never calls the value's own code beyond reading it, never grows large. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "string") return JSON.stringify(cut(value));
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object") {
    const keys = Object.keys(value);
    if (keys.length === 0) return "an empty object";
    return `an object with ${cut(
      keys
        .slice(0, 8)
        .map((key) => JSON.stringify(cut(key)))
        .join(", "),
    )}`;
  }
  return `a ${typeof value}`;
}

const cut = (text: string): string => (text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`);

function joined(words: readonly string[], last: string): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${last} ${words[words.length - 1]}`;
}

const quoted = (names: readonly string[]): string[] => names.map((name) => JSON.stringify(name));

/** `"a", "b" or "c"`. */
export const oneOf = (names: readonly string[]): string => joined(quoted(names), "or");
/** `"a", "b" and "c"`. */
export const allOf = (names: readonly string[]): string => joined(quoted(names), "and");
/** `i64, f64 or bool`: words that are no quotation. */
export const anyOf = (words: readonly string[]): string => joined(words, "or");

/** `; did you mean "sizeMs"?` where one of the names is near to what was found, else nothing. */
export function didYouMean(found: string, names: readonly string[]): string {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.min(3, Math.floor(found.length / 3))) + 1;
  for (const name of names) {
    const distance = isBeginning(found, name) ? 1 : editDistance(found.toLowerCase().slice(0, 64), name.toLowerCase());
    if (distance >= bestDistance) continue;
    best = name;
    bestDistance = distance;
  }
  return best === undefined ? "" : `; did you mean ${JSON.stringify(best)}?`;
}

/** One begins with the other: `column` for `col`, `ndjson` for `ndjson_file`. */
const isBeginning = (left: string, right: string): boolean =>
  Math.min(left.length, right.length) > 1 && left !== right && (left.startsWith(right) || right.startsWith(left));

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (swapped) cost = Math.min(cost, at(beforeLast, column - 2) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, right.length);
}

const at = (row: readonly number[], column: number): number => present(row[column], "a cell of the distance table");
