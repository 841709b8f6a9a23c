// A join in plain TypeScript: every row is compared with every row of the other side. It is the oracle of property
// tests, so it is written for obviousness: rows with event time are kept for ever, because what joins depends on the
// rows alone and not on what an operator may already have dropped.

import type { Value } from "../../src/batch/record_batch.ts";
import type { Joined, JoinJob } from "./join_fixture.ts";
import { textOfRow } from "./window_twin.ts";

interface TwinRow {
  readonly values: readonly Value[];
  readonly time: bigint;
  readonly key: string;
  /** Only what joined rows show, keys and event time tell rows apart. */
  readonly identity: string;
}

export interface TwinAnswer {
  readonly joined: Joined[];
  /** Numbers of the rows that are late, and of retractions of rows that are not there. */
  readonly late: number[];
}

export class JoinTwin {
  readonly #job: JoinJob;
  #rows: [TwinRow[], TwinRow[]] = [[], []];

  constructor(job: JoinJob) {
    this.#job = job;
  }

  clone(): JoinTwin {
    const copy = new JoinTwin(this.#job);
    copy.#rows = [[...this.#rows[0]], [...this.#rows[1]]];
    return copy;
  }

  /** Rows of a side that are at least so new. */
  countSince(input: 0 | 1, time: bigint): number {
    return this.#rows[input].filter((one) => one.time >= time).length;
  }

  update(
    input: 0 | 1,
    rows: readonly (readonly Value[])[],
    weights: readonly number[],
    watermarks: readonly bigint[],
    nowMs: number,
  ): TwinAnswer {
    const joined: Joined[] = [];
    const late: number[] = [];
    rows.forEach((values, index) => {
      const { times } = this.#job;
      const time = times === undefined ? BigInt(nowMs) : (values[times[input]] as bigint);
      if (times !== undefined && time < (watermarks[index] as bigint)) {
        late.push(index);
        return;
      }
      if (this.#key(input, values).includes(null)) return;
      const key = textOfRow(this.#key(input, values));
      const row = { values, time, key, identity: this.#identity(input, values) };
      const weight = weights[index] as number;
      if (weight > 0) this.#rows[input].push(row);
      else if (!this.#takeBack(input, row, nowMs)) {
        late.push(index);
        return;
      }
      for (const other of this.#rows[1 - input] as TwinRow[]) {
        if (this.#joins(input, row, other, nowMs)) joined.push({ row: this.#shown(input, row, other), weight });
      }
    });
    return { joined, late };
  }

  #key(input: 0 | 1, values: readonly Value[]): Value[] {
    return this.#job.keys[input].map((column) => values[column] as Value);
  }

  #isDead(row: TwinRow, nowMs: number): boolean {
    const { timing } = this.#job;
    return timing.kind === "wall_time" && row.time < BigInt(nowMs - timing.ttlMs);
  }

  #identity(input: 0 | 1, values: readonly Value[]): string {
    const { keys, times, columns } = this.#job;
    const shown = columns.filter((one) => one.input === input).map((one) => one.column);
    const all = [...keys[input], ...(times === undefined ? [] : [times[input]]), ...shown];
    return textOfRow(all.map((column) => values[column] as Value));
  }

  #takeBack(input: 0 | 1, row: TwinRow, nowMs: number): boolean {
    const rows = this.#rows[input];
    let found = -1;
    rows.forEach((one, index) => {
      if (one.identity !== row.identity || this.#isDead(one, nowMs)) return;
      if (found < 0 || one.time < (rows[found] as TwinRow).time) found = index;
    });
    if (found >= 0) rows.splice(found, 1);
    return found >= 0;
  }

  #joins(input: 0 | 1, row: TwinRow, other: TwinRow, nowMs: number): boolean {
    const { timing } = this.#job;
    if (row.key !== other.key) return false;
    const [left, right] = input === 0 ? [row, other] : [other, row];
    const apart = right.time - left.time;
    switch (timing.kind) {
      case "interval":
        return apart >= BigInt(timing.lowerMs) && apart <= BigInt(timing.upperMs);
      case "event_time":
        return apart >= BigInt(-timing.ttlMs) && apart <= BigInt(timing.ttlMs);
      case "wall_time":
        return !this.#isDead(other, nowMs);
    }
  }

  #shown(input: 0 | 1, row: TwinRow, other: TwinRow): Value[] {
    return this.#job.columns.map((one) => (one.input === input ? row : other).values[one.column] as Value);
  }
}
