// Rows that wait for event time to pass them, for process functions in event-time order.
//
//   key_group  i64
//   key        utf8, the key's text (process_keys.ts)
//   number     i64, different for each waiting row of the key
//   time       timestamp, the row's event time
//   input      i64, 0 or 1
//   row        utf8, the values of the columns that the function reads, as an encoded list (state_text.ts)
//
// Invariant: rows leave in the order of time, key group, key, input, values. So it makes no difference in what order
// they arrived, and rows that are equal in all of these are interchangeable.

import { corruptionError } from "../base/errors.ts";
import { Heap } from "../base/heap.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import { compareText } from "../base/text_order.ts";
import type { RecordBatch, Value } from "../batch/record_batch.ts";
import { field, type Schema } from "../batch/schema.ts";
import { WATERMARK_MIN } from "../time/window.ts";
import { ChangeJournal } from "./change_journal.ts";
import { compareKeys, type ProcessKeys } from "./process_keys.ts";
import type { KeyRecord, WaitingRow } from "./process_records.ts";
import { batchesOfRows, rowsOfBatch } from "./state_rows.ts";
import { decodeStateValue, encodeRow } from "./state_text.ts";

const schema: Schema = [
  field("key_group", "i64"),
  field("key", "utf8"),
  field("number", "i64"),
  field("time", "timestamp"),
  field("input", "i64"),
  field("row", "utf8"),
];

const ROW_BYTES = 56;

function comesFirst(left: WaitingRow, right: WaitingRow): boolean {
  if (left.time !== right.time) return left.time < right.time;
  const order = compareKeys(left.key, right.key) || left.input - right.input;
  return (order || compareText(textOf(left), textOf(right))) < 0;
}

export class ProcessWaiting {
  readonly uid: OperatorUid;
  readonly name = "waiting";
  readonly schema: Schema = schema;
  readonly #keys: ProcessKeys;
  readonly #inputs: number;
  readonly #journal = new ChangeJournal<WaitingRow>();
  readonly #heap = new Heap<WaitingRow>(comesFirst);
  #entryCount = 0;
  #stateBytes = 0;

  constructor(uid: OperatorUid, keys: ProcessKeys, inputs: number) {
    this.uid = uid;
    this.#keys = keys;
    this.#inputs = inputs;
  }

  get watermark(): bigint {
    return WATERMARK_MIN;
  }
  get entryCount(): number {
    return this.#entryCount;
  }
  get stateBytes(): number {
    return this.#stateBytes;
  }

  first(): WaitingRow | undefined {
    for (;;) {
      const first = this.#heap.peek();
      if (first === undefined || first.live) return first;
      this.#heap.pop();
    }
  }

  add(key: KeyRecord, time: bigint, input: number, values: readonly Value[], epoch: number): void {
    const row = this.#add(key, { number: key.waiting?.next ?? 0, time, input, values, text: undefined }, epoch);
    this.#journal.changed(row, epoch);
  }

  #add(key: KeyRecord, what: WhatWaits, bornEpoch: number): WaitingRow {
    this.#keys.hold(key);
    const { number, time, input, values, text } = what;
    const { keyGroup } = key;
    const bytes = bytesOf(key, values);
    const row: WaitingRow = {
      key,
      keyGroup,
      number,
      time,
      input,
      values,
      text,
      bytes,
      bornEpoch,
      changedEpoch: -1,
      live: true,
    };
    key.waiting ??= { rows: new Map(), next: 0 };
    key.waiting.rows.set(number, row);
    key.waiting.next = Math.max(key.waiting.next, number + 1);
    this.#heap.push(row);
    this.#entryCount++;
    this.#stateBytes += bytes;
    return row;
  }

  remove(row: WaitingRow, epoch: number): void {
    this.#forget(row);
    this.#journal.changed(row, epoch);
  }

  #forget(row: WaitingRow): void {
    const { key, number } = row;
    key.waiting?.rows.delete(number);
    if (key.waiting?.rows.size === 0) key.waiting = undefined;
    row.live = false;
    this.#entryCount--;
    this.#stateBytes -= row.bytes;
    this.#keys.release(key);
  }

  gather(afterEpoch: number): readonly RecordBatch[] {
    return batchesOfRows(schema, afterEpoch === -1 ? this.#all() : this.#journal.since(afterEpoch), cellsOf);
  }

  #all(): WaitingRow[] {
    const found: WaitingRow[] = [];
    for (const { waiting } of this.#keys.all()) if (waiting !== undefined) found.push(...waiting.rows.values());
    return found.sort((left, right) => left.keyGroup - right.keyGroup);
  }

  scalars(): PlainData {
    return {};
  }
  completed(epoch: number): void {
    this.#journal.completed(epoch);
  }
  restoreScalars(): void {
    // A row waits until it is removed.
  }

  restore(batch: RecordBatch): void {
    const where = `operator ${this.uid}, waiting rows`;
    for (const { cells, live } of rowsOfBatch(batch, schema, where)) {
      const [keyGroup, keyText, number, time, input, text] = cells as [bigint, string, bigint, bigint, bigint, string];
      if (input < 0n || input >= BigInt(this.#inputs)) {
        const message = `a state row waits for input ${input}; the function has ${this.#inputs}`;
        throw corruptionError("state_invalid", where, message);
      }
      const key = this.#keys.restored(keyText, keyGroup, where);
      if (key === undefined) continue;
      const known = key.waiting?.rows.get(Number(number));
      if (known !== undefined) this.#forget(known);
      if (live) this.#add(key, { number: Number(number), time, input: Number(input), ...restored(text, where) }, 0);
    }
  }

  expiryOf(): bigint | undefined {
    return undefined;
  }
}

type WhatWaits = Pick<WaitingRow, "number" | "time" | "input" | "values" | "text">;

function restored(text: string, where: string): Pick<WaitingRow, "values" | "text"> {
  const values = decodeStateValue(text, where);
  if (Array.isArray(values)) return { values: values as Value[], text };
  throw corruptionError("state_invalid", where, "a state row holds a waiting row that is no list of values");
}

const textOf = (row: WaitingRow): string => (row.text ??= encodeRow(row.values));

const bytesOf = (key: KeyRecord, values: readonly Value[]): number =>
  values.reduce<number>((sum, one) => sum + (typeof one === "string" ? one.length : 8), ROW_BYTES + key.text.length);

const cellsOf = (row: WaitingRow): Value[] => [
  BigInt(row.keyGroup),
  row.key.text,
  BigInt(row.number),
  row.time,
  BigInt(row.input),
  textOf(row),
];
