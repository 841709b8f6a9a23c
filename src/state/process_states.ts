// The state of process functions: value, list and map state by key, as rows that checkpoints hold.
//
//   key_group  i64
//   key        utf8, the key's text (process_keys.ts)
//   state      utf8, the state's name
//   subkey     utf8: value state "", list state the element's position in 16 digits, map state the map's key
//   value      utf8, the encoded value (state_text.ts)
//   expires_at timestamp; null where the state has no time to live
//
// Invariants:
// - Values are encoded when they are put, or cannot be changed: no object of a function is ever kept.
// - An entry is invisible to a call from the time `expires_at` on. It is dropped only when no call can see it any
//   more, so that nobody can tell when that was.
// - In event time the restored watermark says which rows are dead, so what it drops leaves no tombstone. In processing
//   time nothing that is stored says so: there it does.

import { corruptionError } from "../base/errors.ts";
import { Heap } from "../base/heap.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import { compareText } from "../base/text_order.ts";
import type { RecordBatch, Value } from "../batch/record_batch.ts";
import { field, type Schema } from "../batch/schema.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../time/window.ts";
import { ChangeJournal } from "./change_journal.ts";
import type { ProcessKeys } from "./process_keys.ts";
import type { KeyRecord, ProcessCall, StateEntry, StateSlot } from "./process_records.ts";
import { batchesOfRows, rowsOfBatch, type StoredRow, watermarkOf } from "./state_rows.ts";
import { decodeStateValue, encodeStateValue, type StateValue } from "./state_text.ts";

export type StateKind = "value" | "list" | "map";

export interface StateDeclaration {
  readonly name: string;
  readonly kind: StateKind;
  readonly ttlMs: number | undefined;
}

export interface ProcessStatesConfig {
  readonly uid: OperatorUid;
  readonly keys: ProcessKeys;
  readonly states: readonly StateDeclaration[];
  /** Time to live is counted in event time; else in processing time. */
  readonly eventTime: boolean;
}

const schema: Schema = [
  field("key_group", "i64"),
  field("key", "utf8"),
  field("state", "utf8"),
  field("subkey", "utf8"),
  field("value", "utf8"),
  field("expires_at", "timestamp", true),
];

/** What an entry weighs beside its texts: key group, offsets, time, and a value that is a number. */
const ENTRY_BYTES = 48;

const POSITION_DIGITS = 16;

/** The name of the table. */
export const PROCESS_STATES = "states";

/** The names and kinds of the states that subtasks kept, as their scalars say. */
export function storedStates(scalars: readonly PlainData[]): ReadonlyMap<string, string> {
  const kinds = scalars.map(
    (one) => (one as { readonly states?: Readonly<Record<string, unknown>> } | null)?.states ?? {},
  );
  return new Map(kinds.flatMap((one) => Object.entries(one).map(([name, kind]) => [name, String(kind)])));
}

export class ProcessStates {
  readonly uid: OperatorUid;
  readonly name = PROCESS_STATES;
  readonly schema: Schema = schema;
  readonly #keys: ProcessKeys;
  readonly #states: readonly StateDeclaration[];
  readonly #eventTime: boolean;
  readonly #journal = new ChangeJournal<StateEntry>();
  readonly #expiring = new Heap<{ readonly at: bigint; readonly entry: StateEntry }>(
    (left, right) => left.at < right.at,
  );
  #watermark = WATERMARK_MIN;
  #entryCount = 0;
  #stateBytes = 0;

  constructor({ uid, keys, states, eventTime }: ProcessStatesConfig) {
    this.uid = uid;
    this.#keys = keys;
    this.#states = states;
    this.#eventTime = eventTime;
  }

  get watermark(): bigint {
    return this.#watermark;
  }
  get entryCount(): number {
    return this.#entryCount;
  }
  get stateBytes(): number {
    return this.#stateBytes;
  }

  /** The entry, where the call can see it. */
  find(call: ProcessCall, state: number, subkey: string): StateEntry | undefined {
    const entry = call.key.slots[state]?.entries.get(subkey);
    return entry !== undefined && isVisible(entry, call.now) ? entry : undefined;
  }

  /** What the call can see, ordered by subkey. */
  entriesOf(call: ProcessCall, state: number): readonly StateEntry[] {
    const slot = call.key.slots[state];
    if (slot === undefined) return [];
    slot.sorted ??= [...slot.entries.values()].sort((left, right) => compareText(left.subkey, right.subkey));
    const { now } = call;
    return slot.sorted.every((entry) => isVisible(entry, now))
      ? slot.sorted
      : slot.sorted.filter((entry) => isVisible(entry, now));
  }

  /** The value, made anew unless it cannot be changed. */
  valueOf(entry: StateEntry): StateValue {
    return entry.text === undefined ? entry.plain : decodeStateValue(entry.text, this.#placeOf(entry.state));
  }

  #placeOf = (state: number): string => `operator ${this.uid}, state "${this.#states[state]?.name}"`;

  put(call: ProcessCall, state: number, subkey: string, value: unknown): void {
    const constant = typeof value === "object" ? value === null : typeof value !== "string";
    const plain = constant && isPlain(value);
    const text = plain ? undefined : encodeStateValue(value, `state "${this.#states[state]?.name}"`);
    const entry = call.key.slots[state]?.entries.get(subkey) ?? this.#create(call.key, state, subkey, call.epoch);
    entry.text = text;
    entry.plain = plain ? value : null;
    const ttlMs = this.#states[state]?.ttlMs;
    entry.expiresAt = ttlMs === undefined || call.now === undefined ? undefined : laterBy(call.now, ttlMs);
    this.#weigh(entry);
    this.#journal.changed(entry, call.epoch);
    this.#awaitExpiry(entry);
  }

  #create(key: KeyRecord, state: number, subkey: string, epoch: number): StateEntry {
    this.#keys.hold(key);
    const { keyGroup } = key;
    const journaled = { keyGroup, bornEpoch: epoch, changedEpoch: -1, live: true };
    const value = { text: undefined, plain: null, expiresAt: undefined, queuedAt: undefined, bytes: 0 };
    const entry: StateEntry = { key, state, subkey, ...value, ...journaled };
    key.slots[state] ??= { entries: new Map(), sorted: undefined, next: 0 };
    this.#insert(key.slots[state], entry);
    this.#entryCount++;
    return entry;
  }

  #insert(slot: StateSlot, entry: StateEntry): void {
    slot.entries.set(entry.subkey, entry);
    if (this.#states[entry.state]?.kind !== "list") {
      slot.sorted = undefined;
      return;
    }
    const position = Number(entry.subkey);
    if (position < slot.next) slot.sorted = undefined;
    else slot.sorted?.push(entry);
    slot.next = Math.max(slot.next, position + 1);
  }

  /** Adds an element behind all that the key's list has. */
  append(call: ProcessCall, state: number, value: unknown): void {
    const position = call.key.slots[state]?.next ?? 0;
    this.put(call, state, String(position).padStart(POSITION_DIGITS, "0"), value);
  }

  #weigh(entry: StateEntry): void {
    const bytes = ENTRY_BYTES + entry.key.text.length + entry.subkey.length + (entry.text?.length ?? 0);
    this.#stateBytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  #awaitExpiry(entry: StateEntry): void {
    const { expiresAt, queuedAt } = entry;
    if (expiresAt === undefined || (queuedAt !== undefined && queuedAt <= expiresAt)) return;
    entry.queuedAt = expiresAt;
    this.#expiring.push({ at: expiresAt, entry });
    // Entries that were removed or queued again stay behind in the heap.
    if (this.#expiring.size > 2 * this.#entryCount + 1024) {
      this.#expiring.retain(({ at, entry: one }) => one.live && one.queuedAt === at);
    }
  }

  remove(entry: StateEntry, epoch: number): void {
    this.#forget(entry);
    this.#journal.changed(entry, epoch);
  }

  /** Empties one state of one key. */
  clear(call: ProcessCall, state: number): void {
    const slot = call.key.slots[state];
    if (slot !== undefined) for (const entry of [...slot.entries.values()]) this.remove(entry, call.epoch);
  }

  #forget(entry: StateEntry): void {
    const { key, state, subkey } = entry;
    const slot = key.slots[state] as StateSlot;
    slot.entries.delete(subkey);
    slot.sorted = undefined;
    if (slot.entries.size === 0) key.slots[state] = undefined;
    entry.live = false;
    this.#entryCount--;
    this.#stateBytes -= entry.bytes;
    this.#keys.release(key);
  }

  /** Event time has come up to here: what no call can see any more is dropped. */
  advance(watermark: bigint): void {
    this.#watermark = watermark;
    if (this.#eventTime) this.#dropDead(watermark, (entry) => this.#forget(entry));
  }

  /** The same where time to live is counted in processing time. */
  expire(now: bigint, epoch: number): void {
    if (!this.#eventTime) this.#dropDead(now, (entry) => this.remove(entry, epoch));
  }

  #dropDead(now: bigint, drop: (entry: StateEntry) => void): void {
    for (let first = this.#expiring.peek(); first !== undefined && first.at <= now; first = this.#expiring.peek()) {
      this.#expiring.pop();
      const { at, entry } = first;
      if (!entry.live || entry.queuedAt !== at) continue;
      entry.queuedAt = undefined;
      if (entry.expiresAt === undefined || entry.expiresAt > now) this.#awaitExpiry(entry);
      else drop(entry);
    }
  }

  gather(afterEpoch: number): readonly RecordBatch[] {
    const rows = afterEpoch === -1 ? this.#all() : this.#journal.since(afterEpoch);
    return batchesOfRows(schema, rows, this.#cellsOf);
  }

  #all(): StateEntry[] {
    const found: StateEntry[] = [];
    for (const key of this.#keys.all()) for (const slot of key.slots) if (slot) found.push(...slot.entries.values());
    return found.sort((left, right) => left.keyGroup - right.keyGroup);
  }

  #cellsOf = ({ key, state, subkey, text, plain, expiresAt, live }: StateEntry): Value[] => {
    const name = this.#states[state]?.name as string;
    const value = live ? (text ?? encodeStateValue(plain, name)) : "";
    return [BigInt(key.keyGroup), key.text, name, subkey, value, live ? (expiresAt ?? null) : null];
  };

  scalars(): PlainData {
    const states = Object.fromEntries(this.#states.map(({ name, kind }) => [name, kind]));
    return { watermark: String(this.#watermark), states };
  }

  completed(epoch: number): void {
    this.#journal.completed(epoch);
  }

  restoreScalars(scalars: readonly PlainData[]): void {
    const where = `operator ${this.uid}`;
    this.#watermark = watermarkOf(scalars, where);
    const kinds = storedStates(scalars);
    for (const { name, kind } of this.#states) {
      const stored = kinds.get(name);
      if (stored === undefined || stored === kind) continue;
      const message = `the checkpoint holds "${name}" as ${stored} state, the job declares it as ${kind} state`;
      throw corruptionError("state_schema_mismatch", where, `${message}; give the new state another name`);
    }
  }

  restore(batch: RecordBatch): void {
    const where = `operator ${this.uid}, states`;
    for (const row of rowsOfBatch(batch, schema, where)) this.#restoreRow(row, where);
  }

  #restoreRow({ cells, live }: StoredRow, where: string): void {
    const [keyGroup, keyText, name, subkey, text, expiresAt] = cells as [
      bigint,
      string,
      string,
      string,
      string,
      bigint,
    ];
    const state = this.#states.findIndex((one) => one.name === name);
    // The job does not declare the state any more.
    if (state < 0) return;
    const key = this.#keys.restored(keyText, keyGroup, where);
    if (key === undefined) return;
    const known = key.slots[state]?.entries.get(subkey);
    if (!live || (this.#eventTime && expiresAt !== null && expiresAt <= this.#watermark)) {
      if (known !== undefined) this.#forget(known);
      return;
    }
    checkSubkey(subkey, this.#states[state] as StateDeclaration, where);
    decodeStateValue(text, where);
    const entry = known ?? this.#create(key, state, subkey, 0);
    entry.text = text;
    entry.expiresAt = expiresAt ?? undefined;
    this.#weigh(entry);
    this.#awaitExpiry(entry);
  }

  /** A part is never dead as a whole: a later row may have been written with an earlier time. */
  expiryOf(): bigint | undefined {
    return undefined;
  }
}

function checkSubkey(subkey: string, { name, kind }: StateDeclaration, where: string): void {
  const fits = kind === "map" || (kind === "value" ? subkey === "" : /^\d{16}$/.test(subkey));
  if (!fits)
    throw corruptionError("state_invalid", where, `a row of the ${kind} state "${name}" has the subkey ${subkey}`);
}

const isPlain = (value: unknown): value is null | boolean | number | bigint =>
  value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "bigint";

const isVisible = (entry: StateEntry, now: bigint | undefined): boolean =>
  entry.expiresAt === undefined || now === undefined || now < entry.expiresAt;

function laterBy(time: bigint, ms: number): bigint {
  const sum = time + BigInt(ms);
  return sum > WATERMARK_MAX ? WATERMARK_MAX : sum;
}
