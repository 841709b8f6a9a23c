// Contestant: the fastest plain TypeScript we know how to write for it: per window one open-addressing hash table on
// typed arrays, one pass over the rows, linear probing, growth at half full. It reads the columns in place.

import { startCoreClock } from "./core_seconds.ts";
import { addGroup, emptyFingerprint, JITTER_MS, type Outcome, type TumblingData, WINDOW_MS } from "./tumbling_data.ts";

class TypedTable {
  readonly windowStart: number;
  #mask = 1023;
  #size = 0;
  #used = new Uint8Array(1024);
  #keyLow = new Int32Array(1024);
  #keyHigh = new Int32Array(1024);
  /** count, sum, min, max side by side, so that a group is one cache line. */
  #values = new Float64Array(4096);

  constructor(windowStart: number) {
    this.windowStart = windowStart;
  }

  fold(keyLow: number, keyHigh: number, value: number): void {
    let slot = (hashOf(keyLow, keyHigh) & this.#mask) >>> 0;
    while (this.#used[slot] !== 0) {
      if (this.#keyLow[slot] === keyLow && this.#keyHigh[slot] === keyHigh) {
        const at = slot * 4;
        const values = this.#values;
        values[at] = (values[at] as number) + 1;
        values[at + 1] = (values[at + 1] as number) + value;
        if (value < (values[at + 2] as number)) values[at + 2] = value;
        if (value > (values[at + 3] as number)) values[at + 3] = value;
        return;
      }
      slot = (slot + 1) & this.#mask;
    }
    this.#used[slot] = 1;
    this.#keyLow[slot] = keyLow;
    this.#keyHigh[slot] = keyHigh;
    this.#values.fill(value, slot * 4 + 1, slot * 4 + 4);
    this.#values[slot * 4] = 1;
    if (++this.#size * 2 > this.#mask) this.#grow();
  }

  #grow(): void {
    const used = this.#used;
    const keyLow = this.#keyLow;
    const keyHigh = this.#keyHigh;
    const values = this.#values;
    const slots = used.length * 2;
    this.#mask = slots - 1;
    this.#used = new Uint8Array(slots);
    this.#keyLow = new Int32Array(slots);
    this.#keyHigh = new Int32Array(slots);
    this.#values = new Float64Array(slots * 4);
    for (let old = 0; old < used.length; old++) {
      if (used[old] === 0) continue;
      let slot = hashOf(keyLow[old] as number, keyHigh[old] as number) & this.#mask;
      while (this.#used[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#used[slot] = 1;
      this.#keyLow[slot] = keyLow[old] as number;
      this.#keyHigh[slot] = keyHigh[old] as number;
      for (let field = 0; field < 4; field++) this.#values[slot * 4 + field] = values[old * 4 + field] as number;
    }
  }

  emit(visit: (key: number, count: number, sum: number, min: number, max: number) => void): void {
    const values = this.#values;
    for (let slot = 0; slot < this.#used.length; slot++) {
      if (this.#used[slot] === 0) continue;
      const key = (this.#keyHigh[slot] as number) * 4294967296 + ((this.#keyLow[slot] as number) >>> 0);
      const at = slot * 4;
      visit(key, values[at] as number, values[at + 1] as number, values[at + 2] as number, values[at + 3] as number);
    }
  }
}

function hashOf(low: number, high: number): number {
  const hash = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

/** The first `rows` rows. */
export function runTyped(data: TumblingData, rows: number, check: boolean): Outcome {
  const keyWords = new Int32Array(data.key.buffer);
  const timeWords = new Uint32Array(data.time.buffer);
  const valueWords = new Int32Array(data.value.buffer);
  const fingerprint = emptyFingerprint();
  let live: TypedTable[] = [];
  let latest = 0;
  const close = (watermark: number): void => {
    for (const table of live) {
      if (table.windowStart + WINDOW_MS > watermark) continue;
      table.emit((key, count, sum, min, max) => {
        if (check) addGroup(fingerprint, key, table.windowStart, count, sum, min, max);
        else fingerprint.groups++;
      });
    }
    live = live.filter((table) => table.windowStart + WINDOW_MS > watermark);
  };
  const tableAt = (windowStart: number): TypedTable => {
    let table = live.find((one) => one.windowStart === windowStart);
    if (table === undefined) {
      table = new TypedTable(windowStart);
      live.push(table);
    }
    return table;
  };
  const seconds = startCoreClock();
  let current = new TypedTable(-WINDOW_MS);
  let nextEnd = Number.MAX_SAFE_INTEGER;
  for (let row = 0; row < rows; row++) {
    const at = row * 2;
    const time = (timeWords[at + 1] as number) * 4294967296 + (timeWords[at] as number);
    const into = time - current.windowStart;
    if (into < 0 || into >= WINDOW_MS) {
      const windowStart = time - (time % WINDOW_MS);
      if (windowStart + WINDOW_MS <= latest - JITTER_MS) continue;
      current = tableAt(windowStart);
      nextEnd = Math.min(...live.map((one) => one.windowStart)) + WINDOW_MS;
    }
    const value = (valueWords[at + 1] as number) * 4294967296 + ((valueWords[at] as number) >>> 0);
    current.fold(keyWords[at] as number, keyWords[at + 1] as number, value);
    if (time > latest) {
      latest = time;
      if (latest - JITTER_MS >= nextEnd) {
        close(latest - JITTER_MS);
        nextEnd = Number.MAX_SAFE_INTEGER;
        for (const one of live) nextEnd = Math.min(nextEnd, one.windowStart + WINDOW_MS);
      }
    }
  }
  close(Number.MAX_SAFE_INTEGER);
  return { seconds: seconds(), fingerprint };
}
