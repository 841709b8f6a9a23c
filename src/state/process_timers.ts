// Timers of process functions by key, as rows that checkpoints hold.
//
//   key_group  i64
//   key        utf8, the key's text (process_keys.ts)
//   kind       utf8: "event" or "processing"
//   time       timestamp
//
// Invariants:
// - A key has at most one timer of a kind and time.
// - Timers come due in the order of time, key group, key: the same whatever the parallelism and however often the job
//   was restored.

import { corruptionError } from "../base/errors.ts";
import { Heap } from "../base/heap.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { RecordBatch, Value } from "../batch/record_batch.ts";
import { field, type Schema } from "../batch/schema.ts";
import { WATERMARK_MIN } from "../time/window.ts";
import { ChangeJournal } from "./change_journal.ts";
import { compareKeys, type ProcessKeys } from "./process_keys.ts";
import type { KeyRecord, TimerEntry, TimerKind } from "./process_records.ts";
import { batchesOfRows, rowsOfBatch } from "./state_rows.ts";

const schema: Schema = [
  field("key_group", "i64"),
  field("key", "utf8"),
  field("kind", "utf8"),
  field("time", "timestamp"),
];

const TIMER_BYTES = 40;

const comesFirst = (left: TimerEntry, right: TimerEntry): boolean =>
  left.time === right.time ? compareKeys(left.key, right.key) < 0 : left.time < right.time;

class TimerQueue {
  readonly #heap = new Heap<TimerEntry>(comesFirst);
  #liveCount = 0;

  get liveCount(): number {
    return this.#liveCount;
  }

  add(timer: TimerEntry): void {
    this.#heap.push(timer);
    this.#liveCount++;
    // Deleted timers stay behind in the heap; there are many where a function moves its timers with every row.
    if (this.#heap.size > 2 * this.#liveCount + 1024) this.#heap.retain((one) => one.live);
  }

  deleted(): void {
    this.#liveCount--;
  }

  first(): TimerEntry | undefined {
    for (;;) {
      const first = this.#heap.peek();
      if (first === undefined || first.live) return first;
      this.#heap.pop();
    }
  }
}

export class ProcessTimers {
  readonly uid: OperatorUid;
  readonly name = "timers";
  readonly schema: Schema = schema;
  readonly #keys: ProcessKeys;
  readonly #journal = new ChangeJournal<TimerEntry>();
  readonly #queues: Readonly<Record<TimerKind, TimerQueue>> = { event: new TimerQueue(), processing: new TimerQueue() };
  #stateBytes = 0;

  constructor(uid: OperatorUid, keys: ProcessKeys) {
    this.uid = uid;
    this.#keys = keys;
  }

  /** A timer's tombstone may stand in a later part than the timer, so no part is dead before they are merged. */
  get watermark(): bigint {
    return WATERMARK_MIN;
  }
  get entryCount(): number {
    return this.#queues.event.liveCount + this.#queues.processing.liveCount;
  }
  get stateBytes(): number {
    return this.#stateBytes;
  }

  /** The next of its kind to come due. */
  first(kind: TimerKind): TimerEntry | undefined {
    return this.#queues[kind].first();
  }

  register(key: KeyRecord, kind: TimerKind, time: bigint, epoch: number, chained: number): void {
    if (timersOf(key, kind)?.has(time) !== true)
      this.#journal.changed(this.#add(key, kind, time, epoch, chained), epoch);
  }

  #add(key: KeyRecord, kind: TimerKind, time: bigint, bornEpoch: number, chained: number): TimerEntry {
    this.#keys.hold(key);
    const journaled = { keyGroup: key.keyGroup, bornEpoch, changedEpoch: -1, live: true };
    const timer: TimerEntry = { key, kind, time, chained, ...journaled };
    if (kind === "event") key.eventTimers = (key.eventTimers ?? new Map()).set(time, timer);
    else key.processingTimers = (key.processingTimers ?? new Map()).set(time, timer);
    this.#queues[kind].add(timer);
    this.#stateBytes += TIMER_BYTES + key.text.length;
    return timer;
  }

  delete(key: KeyRecord, kind: TimerKind, time: bigint, epoch: number): void {
    const timer = timersOf(key, kind)?.get(time);
    if (timer === undefined) return;
    this.#forget(timer);
    this.#journal.changed(timer, epoch);
  }

  #forget(timer: TimerEntry): void {
    const { key, kind, time } = timer;
    timersOf(key, kind)?.delete(time);
    timer.live = false;
    this.#queues[kind].deleted();
    this.#stateBytes -= TIMER_BYTES + key.text.length;
    this.#keys.release(key);
  }

  gather(afterEpoch: number): readonly RecordBatch[] {
    return batchesOfRows(schema, afterEpoch === -1 ? this.#all() : this.#journal.since(afterEpoch), cellsOf);
  }

  #all(): TimerEntry[] {
    const found: TimerEntry[] = [];
    for (const { eventTimers, processingTimers } of this.#keys.all()) {
      if (eventTimers !== undefined) found.push(...eventTimers.values());
      if (processingTimers !== undefined) found.push(...processingTimers.values());
    }
    return found.sort((left, right) => left.keyGroup - right.keyGroup);
  }

  scalars(): PlainData {
    return {};
  }
  completed(epoch: number): void {
    this.#journal.completed(epoch);
  }
  restoreScalars(): void {
    // A timer says by itself when it is due.
  }

  restore(batch: RecordBatch): void {
    const where = `operator ${this.uid}, timers`;
    for (const { cells, live } of rowsOfBatch(batch, schema, where)) {
      const [keyGroup, keyText, kind, time] = cells as [bigint, string, string, bigint];
      if (kind !== "event" && kind !== "processing") {
        throw corruptionError("state_invalid", where, `a state row holds a timer of the unknown kind ${kind}`);
      }
      const key = this.#keys.restored(keyText, keyGroup, where);
      if (key === undefined) continue;
      const known = timersOf(key, kind)?.get(time);
      if (live && known === undefined) this.#add(key, kind, time, 0, 0);
      if (!live && known !== undefined) this.#forget(known);
    }
  }

  expiryOf(): bigint | undefined {
    return undefined;
  }
}

const timersOf = (key: KeyRecord, kind: TimerKind): Map<bigint, TimerEntry> | undefined =>
  kind === "event" ? key.eventTimers : key.processingTimers;

const cellsOf = ({ key, kind, time }: TimerEntry): Value[] => [BigInt(key.keyGroup), key.text, kind, time];
