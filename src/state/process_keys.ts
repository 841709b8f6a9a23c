// The keys of one process function that have state, timers or waiting rows now.
//
// Text of a key: a JSON list of its columns' values; 64-bit integers stand in it as their digits in quotes.
//   (7, "a", null, true)  ->  ["7","a",null,true]
//
// Invariant: a key is held while anything uses it, and its record is one and the same object for as long.

import { assert, present } from "../base/assert.ts";
import { corruptionError } from "../base/errors.ts";
import { compareText } from "../base/text_order.ts";
import type { Value } from "../batch/record_batch.ts";
import type { DataType } from "../batch/schema.ts";
import { inRange, type KeyGroupRange } from "../keygroup/key_group.ts";
import { keyGroupOfValues } from "../keygroup/key_values.ts";
import type { KeyRecord } from "./process_records.ts";

export class ProcessKeys {
  readonly types: readonly DataType[];
  readonly range: KeyGroupRange;
  readonly #maxParallelism: number;
  /** By the value where the key is one column, which saves making the text; else by the text. */
  readonly #held = new Map<Value, KeyRecord>();

  constructor(types: readonly DataType[], maxParallelism: number, range: KeyGroupRange) {
    this.types = types;
    this.range = range;
    this.#maxParallelism = maxParallelism;
  }

  get count(): number {
    return this.#held.size;
  }

  /** The record of a key of one column. */
  ofValue(value: Value): KeyRecord {
    return this.#held.get(value) ?? newRecord("", [value]);
  }

  /** The record of a key of several columns. */
  ofValues(values: readonly Value[]): KeyRecord {
    const text = textOfKey(values);
    return this.#held.get(text) ?? newRecord(text, values);
  }

  /** The key of a stored row; undefined where another task owns its key group. */
  restored(text: string, keyGroup: bigint, where: string): KeyRecord | undefined {
    if (!inRange(this.range, Number(keyGroup))) return undefined;
    const values = valuesOfKey(text, this.types, where);
    const key = this.types.length === 1 ? this.ofValue(values[0] as Value) : this.ofValues(values);
    if (key.keyGroup < 0) key.keyGroup = keyGroupOfValues(values, this.#maxParallelism);
    if (key.keyGroup === Number(keyGroup)) return key;
    const message = `a state row of key ${text.slice(0, 100)} names key group ${keyGroup}, the key's own is ${key.keyGroup}`;
    throw corruptionError("state_invalid", where, message);
  }

  hold(key: KeyRecord): void {
    if (key.uses++ > 0) return;
    if (key.text === "") key.text = textOfKey(key.values);
    if (key.keyGroup < 0) {
      key.keyGroup = keyGroupOfValues(key.values, this.#maxParallelism);
      assert(inRange(this.range, key.keyGroup), "rows reach the task that owns their key group");
      key.values = key.values.map(apart);
    }
    this.#held.set(this.#nameOf(key), key);
  }

  release(key: KeyRecord): void {
    assert(key.uses > 0, "what is released was held");
    if (--key.uses === 0) this.#held.delete(this.#nameOf(key));
  }

  #nameOf(key: KeyRecord): Value {
    return this.types.length === 1 ? (key.values[0] as Value) : key.text;
  }

  all(): Iterable<KeyRecord> {
    return this.#held.values();
  }
}

const newRecord = (text: string, values: readonly Value[]): KeyRecord => ({
  text,
  values,
  keyGroup: -1,
  uses: 0,
  slots: [],
  eventTimers: undefined,
  processingTimers: undefined,
  waiting: undefined,
});

/** Text of a row may be a piece of its batch's text, which it would keep in memory for as long as the key is held. */
const apart = (value: Value): Value =>
  typeof value === "string" ? (JSON.parse(JSON.stringify(value)) as string) : value;

/** Key group, then the text's bytes: an order that no parallelism and no restart changes. */
export const compareKeys = (left: KeyRecord, right: KeyRecord): number =>
  left.keyGroup - right.keyGroup || compareText(left.text, right.text);

export function textOfKey(values: readonly Value[]): string {
  let text = "[";
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as Value;
    if (index > 0) text += ",";
    text += typeof value === "bigint" ? `"${value}"` : JSON.stringify(value);
  }
  return `${text}]`;
}

export function valuesOfKey(text: string, types: readonly DataType[], where: string): Value[] {
  const wrong = (cause?: unknown) =>
    corruptionError(
      "state_invalid",
      where,
      `a state row holds the key ${text.slice(0, 100)}, not one of this operator`,
      {
        cause,
      },
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw wrong(cause);
  }
  if (!Array.isArray(parsed) || parsed.length !== types.length) throw wrong();
  const values = parsed.map((one: unknown, index): Value => {
    if (one === null) return null;
    const type = present(types[index], "the key column's type");
    if (type === "bool" && typeof one === "boolean") return one;
    if (type === "utf8" && typeof one === "string") return one;
    const integer = type === "i64" || type === "timestamp";
    if (integer && typeof one === "string" && /^-?\d{1,19}$/.test(one)) return BigInt(one);
    throw wrong();
  });
  // One key has one text: another spelling of it would be a second key in the same state.
  if (textOfKey(values) !== text || !values.every(fitsColumn)) throw wrong();
  return values;
}

const fitsColumn = (value: Value): boolean => typeof value !== "bigint" || BigInt.asIntN(64, value) === value;
