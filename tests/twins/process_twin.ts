// The oracle of process functions: the same functions over plain lists that are searched from end to end, without
// tables, encoding, heaps, batches or key groups' ranges. Nothing in it is ever dropped for being dead.

import type { Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import type { ProcessFunction } from "../../src/job/define_process.ts";
import { keyGroupOfHash } from "../../src/keygroup/key_group.ts";
import { LAST_WATERMARK, NO_WATERMARK, type FixtureInput } from "./process_fixture.ts";
import { hashOfKey } from "./key_hash_twin.ts";

interface TwinEntry {
  readonly key: string;
  readonly state: string;
  /** Of a map; counted up where entries of a list stand. */
  readonly place: string | number;
  readonly value: unknown;
  readonly expiresAt: bigint;
}
interface TwinTimer {
  readonly key: string;
  readonly kind: "event" | "processing";
  readonly time: bigint;
}
interface TwinRow {
  readonly key: string;
  readonly input: number;
  readonly time: bigint;
  readonly values: readonly Value[];
}
/** What the call that is under way is about. */
interface TwinCall {
  readonly key: string;
  readonly timestamp: bigint;
  readonly watermark: bigint;
  readonly now: bigint;
  readonly inputEnded: boolean;
}

const NEVER = 2n ** 70n;
const max = (left: bigint, right: bigint): bigint => (left > right ? left : right);
const nameOf = (key: readonly Value[]): string => key.map((one) => `${typeof one} ${String(one)}`).join("|");

export class ProcessTwin {
  late = 0;
  readonly #main: { readonly row: unknown; readonly watermark: bigint }[] = [];
  readonly #sides: { readonly name: string; readonly row: unknown }[] = [];
  readonly #function: ProcessFunction;
  readonly #inputs: readonly FixtureInput[];
  readonly #maxParallelism: number;
  readonly #keys = new Map<string, readonly Value[]>();
  #entries: TwinEntry[] = [];
  #timers: TwinTimer[] = [];
  #waiting: TwinRow[] = [];
  #watermarks: bigint[];
  #reached = NO_WATERMARK;
  /** Up to when entries are dead for sure. */
  #dead = NO_WATERMARK;
  readonly #nowMs: () => number;

  constructor(its: ProcessFunction, inputs: readonly FixtureInput[], maxParallelism: number, nowMs: () => number) {
    this.#function = its;
    this.#inputs = inputs;
    this.#maxParallelism = maxParallelism;
    this.#watermarks = inputs.map(() => NO_WATERMARK);
    this.#nowMs = nowMs;
  }

  /** What it would be if it had been restored now: inputs have to say again how far they are. */
  clone(): ProcessTwin {
    const copy = new ProcessTwin(this.#function, this.#inputs, this.#maxParallelism, this.#nowMs);
    for (const [name, key] of this.#keys) copy.#keys.set(name, key);
    copy.#entries = [...this.#entries];
    copy.#timers = [...this.#timers];
    copy.#waiting = [...this.#waiting];
    copy.#reached = this.#reached;
    copy.#dead = this.#dead;
    copy.late = this.late;
    return copy;
  }

  get entryCount(): number {
    const alive = this.#entries.filter((one) => one.expiresAt > this.#dead).length;
    return alive + this.#timers.length + this.#waiting.length;
  }

  /** What was written since the last call, each row followed by its watermark. */
  takeMain(columns: Schema): Value[][] {
    return this.#main.splice(0).map(({ row, watermark }) => [...cellsOf(row, columns), watermark]);
  }
  takeSide(name: string, columns: Schema): Value[][] {
    const found = this.#sides.filter((one) => one.name === name).map(({ row }) => cellsOf(row, columns));
    this.#sides.splice(0, this.#sides.length, ...this.#sides.filter((one) => one.name !== name));
    return found;
  }

  get #eventTime(): boolean {
    return this.#inputs.every((one) => one.time !== undefined);
  }

  rows(input: number, rows: readonly (readonly Value[])[], watermarks: readonly bigint[]): void {
    const { keys, time: timeColumn } = this.#inputs[input] as FixtureInput;
    if (!this.#eventTime) this.#dead = BigInt(this.#nowMs());
    rows.forEach((values, index) => {
      const keyValues = keys.map((column) => values[column] as Value);
      const key = nameOf(keyValues);
      this.#keys.set(key, keyValues);
      const own = timeColumn === undefined ? NO_WATERMARK : (watermarks[index] as bigint);
      const time = this.#eventTime ? (values[timeColumn as number] as bigint) : BigInt(this.#nowMs());
      if (this.#function.order === "event_time") {
        if (time >= own) this.#waiting.push({ key, input, time, values });
        else {
          this.late++;
          const call = { key, timestamp: time, watermark: own, now: 0n, inputEnded: false };
          this.#function.hooks.onLate?.(this.#rowOf(input, values), this.#contextOf(call));
        }
        return;
      }
      const now = this.#eventTime ? max(time, own) : time;
      this.#callRow(input, values, { key, timestamp: time, watermark: own, now, inputEnded: false });
      this.#callTimers(this.#reached, now, own);
    });
  }

  #rowOf(input: number, values: readonly Value[]): Record<string, Value> {
    const { schema } = this.#inputs[input] as FixtureInput;
    const row: Record<string, Value> = {};
    for (const { name } of this.#function.inputs[input] ?? []) {
      row[name] = values[schema.findIndex((one) => one.name === name)] as Value;
    }
    return row;
  }

  #callRow(input: number, values: readonly Value[], call: TwinCall): void {
    const { hooks } = this.#function;
    if (input === 0) hooks.process(this.#rowOf(0, values), this.#contextOf(call));
    else hooks.processSecond?.(this.#rowOf(1, values), this.#contextOf(call));
  }

  watermark(input: number, watermark: bigint): void {
    this.#watermarks[input] = max(this.#watermarks[input] as bigint, watermark);
    const least = this.#watermarks.reduce((left, right) => (left < right ? left : right));
    if (least <= this.#reached) return;
    this.#reached = least;
    if (!this.#eventTime) return;
    this.#callDue(least, NO_WATERMARK);
    this.#dead = least;
  }

  #callDue(upTo: bigint, from: bigint): void {
    let clock = from;
    for (;;) {
      const timer = this.#firstTimer("event", upTo);
      const row = this.#firstRow(upTo);
      if (timer !== undefined && (row === undefined || timer.time <= row.time)) {
        clock = max(clock, timer.time);
        this.#callTimer(timer, clock, clock);
      } else if (row !== undefined) {
        this.#waiting = this.#waiting.filter((one) => one !== row);
        clock = max(clock, row.time);
        const { key, time } = row;
        this.#callRow(row.input, row.values, { key, timestamp: time, watermark: time, now: time, inputEnded: false });
      } else return;
    }
  }

  #callTimers(upTo: bigint, now: bigint, watermark: bigint): void {
    for (let timer = this.#firstTimer("event", upTo); timer; timer = this.#firstTimer("event", upTo)) {
      this.#callTimer(timer, max(now, timer.time), max(watermark, timer.time));
    }
  }

  #callTimer(timer: TwinTimer, now: bigint, watermark: bigint): void {
    this.#timers = this.#timers.filter((one) => one !== timer);
    const { key, kind, time } = timer;
    const inputEnded = this.#reached === LAST_WATERMARK;
    this.#function.hooks.onTimer?.(
      { kind, time },
      this.#contextOf({ key, timestamp: time, watermark, now, inputEnded }),
    );
  }

  onTime(nowMs: number): void {
    const now = BigInt(nowMs);
    for (let timer = this.#firstTimer("processing", now); timer; timer = this.#firstTimer("processing", now)) {
      this.#callTimer(timer, this.#eventTime ? this.#reached : now, this.#reached);
      this.#callDue(this.#reached, this.#reached);
    }
    if (!this.#eventTime) this.#dead = now;
  }

  #groupOf(key: string): number {
    return keyGroupOfHash(hashOfKey(this.#keys.get(key) as Value[]), this.#maxParallelism);
  }

  #firstTimer(kind: TwinTimer["kind"], upTo: bigint): TwinTimer | undefined {
    const due = this.#timers.filter((one) => one.kind === kind && one.time <= upTo);
    const order = (left: TwinTimer, right: TwinTimer): number =>
      Number(left.time - right.time) || this.#groupOf(left.key) - this.#groupOf(right.key);
    return firstBy(due, order);
  }

  #firstRow(upTo: bigint): TwinRow | undefined {
    const due = this.#waiting.filter((one) => one.time < upTo || upTo === LAST_WATERMARK);
    const order = (left: TwinRow, right: TwinRow): number =>
      Number(left.time - right.time) ||
      left.input - right.input ||
      compareRows(this.#rowOf(left.input, left.values), this.#rowOf(left.input, right.values));
    return firstBy(due, order);
  }

  #contextOf(call: TwinCall): never {
    const { key } = call;
    const its = this.#function.states.map(({ name, kind, ttlMs }) => {
      const expiresAt = ttlMs === undefined ? NEVER : call.now === NO_WATERMARK ? NEVER : call.now + BigInt(ttlMs);
      return [name, this.#handleOf(name, kind, call, expiresAt)];
    });
    const drop = (kind: TwinTimer["kind"], time: bigint): void => {
      this.#timers = this.#timers.filter((one) => one.key !== key || one.kind !== kind || one.time !== time);
    };
    const add = (kind: TwinTimer["kind"], time: bigint): void => {
      drop(kind, time);
      this.#timers.push({ key, kind, time });
    };
    const context = {
      key: this.#keys.get(key),
      timestamp: call.timestamp,
      watermark: call.watermark,
      inputEnded: call.inputEnded,
      processingTime: BigInt(this.#nowMs()),
      params: null,
      states: Object.fromEntries(its),
      emit: (row: unknown) => this.#main.push({ row: structuredClone(row), watermark: call.watermark }),
      sideOutput: (name: string, row: unknown) => this.#sides.push({ name, row: structuredClone(row) }),
      setEventTimer: (time: bigint | number) => add("event", BigInt(time)),
      deleteEventTimer: (time: bigint | number) => drop("event", BigInt(time)),
      setProcessingTimer: (time: bigint | number) => add("processing", BigInt(time)),
      deleteProcessingTimer: (time: bigint | number) => drop("processing", BigInt(time)),
    };
    return context as never;
  }

  #handleOf(state: string, kind: string, { key, now }: TwinCall, expiresAt: bigint): unknown {
    const mine = (one: TwinEntry): boolean => one.key === key && one.state === state;
    const seen = (): TwinEntry[] =>
      this.#entries.filter((one) => mine(one) && (now === NO_WATERMARK || now < one.expiresAt));
    const drop = (place?: string | number): void => {
      this.#entries = this.#entries.filter((one) => !mine(one) || (place !== undefined && one.place !== place));
    };
    const add = (place: string | number, value: unknown): void => {
      this.#entries.push({ key, state, place, value: structuredClone(value), expiresAt });
    };
    const valueAt = (place: string): unknown => structuredClone(seen().find((one) => one.place === place)?.value);
    const put = (place: string, value: unknown): void => {
      drop(place);
      add(place, value);
    };
    if (kind === "value")
      return { get: () => valueAt(""), put: (value: unknown) => put("", value), clear: () => drop() };
    const append = (value: unknown): void => add(this.#entries.length, value);
    const set = (values: readonly unknown[]): void => {
      drop();
      for (const value of values) append(value);
    };
    if (kind === "list") {
      return { get: () => structuredClone(seen().map((one) => one.value)), append, set, clear: () => drop() };
    }
    const inOrder = (): TwinEntry[] =>
      seen().sort((left, right) => compareBytes(String(left.place), String(right.place)));
    return {
      get: valueAt,
      has: (place: string) => seen().some((one) => one.place === place),
      put,
      delete: drop,
      keys: () => inOrder().map((one) => one.place),
      entries: () => structuredClone(inOrder().map((one) => [one.place, one.value])),
      get size() {
        return seen().length;
      },
      clear: () => drop(),
    };
  }
}

const cellsOf = (row: unknown, columns: Schema): Value[] =>
  columns.map(({ name }) => (row as Record<string, Value | undefined>)[name] ?? null);

const firstBy = <Item>(items: readonly Item[], order: (left: Item, right: Item) => number): Item | undefined =>
  items.length === 0 ? undefined : items.reduce((first, one) => (order(one, first) < 0 ? one : first));

/** As far as the order is defined: equal rows are interchangeable. Values compare as the texts that are stored. */
const compareRows = (left: Record<string, Value>, right: Record<string, Value>): number =>
  compareBytes(storedText(left), storedText(right));

const storedText = (row: Record<string, Value>): string =>
  Object.values(row)
    .map((one) => `${String(one)}"`)
    .join(",");

function compareBytes(left: string, right: string): number {
  const a = [...new TextEncoder().encode(left)];
  const b = [...new TextEncoder().encode(right)];
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? a.length - b.length : (a[at] as number) - (b[at] ?? -1);
}
