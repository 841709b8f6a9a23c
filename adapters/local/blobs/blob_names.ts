// Blob names as keys of objects and as paths of files: one to one, and such that names with a common beginning have
// keys with a common beginning, because lists are asked for by it.

import { textOf, utf8 } from "../../../src/base/bytes.ts";

/** A character at a time: what stands before a character decides how it is written, never what comes after it. */
function escaped(text: string, plain: RegExp, dotAfter: (before: string) => boolean): string {
  let out = "";
  let before = "/";
  for (const character of text) {
    if (plain.test(character) || (character === "." && dotAfter(before))) out += character;
    else for (const byte of utf8(character)) out += `~${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    before = character;
  }
  return out;
}

const unescaped = (text: string): string =>
  text.replace(/(~[0-9A-F]{2})+/g, (run) =>
    textOf(Uint8Array.from(run.slice(1).split("~"), (hex) => Number.parseInt(hex, 16))),
  );

/**
 * Letters, digits and `_ - . ~ /` only, so that neither URLs nor XML nor signatures write it in another way. A dot at
 * the beginning of a segment is escaped: `.` and `..` mean something in URLs.
 */
export const objectKey = (name: string): string => escaped(name, /^[A-Za-z0-9_/-]$/, (before) => before !== "/");

export const nameOfKey = (key: string): string => unescaped(key);

/** What file systems take as one name is at least this long. */
const SEGMENT_LENGTH_MAX = 200;
const ENDING = ".blob";
/** Ends a directory's name where a segment goes on in it. */
const GOES_ON = "+";
/** Stands for an empty segment. */
const EMPTY = "=";

/**
 * Below the store's directory. Capitals are escaped because some file systems do not tell them apart; dots, so that
 * only files end in `.blob` and `a` may be a blob beside `a/b`.
 */
export function filePath(name: string): string {
  return directoryPath(name) + ENDING;
}

/** The path without its ending: where the names that begin with `name` and a slash are. */
export function directoryPath(name: string): string {
  const safe = escaped(name, /^[a-z0-9_/-]$/, () => false);
  return safe
    .split("/")
    .map((segment) => (segment === "" ? EMPTY : cut(segment)))
    .join("/");
}

function cut(segment: string): string {
  const pieces: string[] = [];
  for (let at = 0; at < segment.length; at += SEGMENT_LENGTH_MAX) {
    pieces.push(segment.slice(at, at + SEGMENT_LENGTH_MAX));
  }
  return pieces.join(`${GOES_ON}/`);
}

/** Undefined where the path is none of a blob. */
export function nameOfPath(path: string): string | undefined {
  if (!path.endsWith(ENDING)) return undefined;
  const safe = path
    .slice(0, -ENDING.length)
    .replaceAll(`${GOES_ON}/`, "")
    .split("/")
    .map((segment) => (segment === EMPTY ? "" : segment))
    .join("/");
  return unescaped(safe);
}
