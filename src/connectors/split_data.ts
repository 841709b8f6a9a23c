// Reading what a checkpoint or savepoint says about a split. A savepoint may come from anybody, so nothing is taken
// for granted: what does not have the form that the connector itself writes is refused with `split_invalid`.

import { type MillraceError, userError } from "../base/errors.ts";
import type { PlainData } from "../base/plain.ts";

type PlainObject = { readonly [key: string]: PlainData };

export const splitInvalid = (where: string, why: string): MillraceError =>
  userError(
    "split_invalid",
    where,
    `the position of this split cannot be used: ${why}; it was not written by this source`,
  );

export function plainObject(data: PlainData, where: string): PlainObject {
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw splitInvalid(where, "it is no object");
  return data as PlainObject;
}

export function textField(data: PlainObject, name: string, where: string): string {
  const value = data[name];
  if (typeof value !== "string") throw splitInvalid(where, `its ${name} is no text`);
  return value;
}

/** A whole number in `[min, max]`. */
export function countField(
  data: PlainObject,
  name: string,
  where: string,
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
): number {
  const value = data[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
    throw splitInvalid(where, `its ${name} is ${JSON.stringify(value)}, not a whole number from ${min} to ${max}`);
  }
  return value;
}
