// Flights as NDJSON, written byte by byte into a block: 3,000,000 calls of JSON.stringify would take most of the time.
// Invariant: every line is what JSON.stringify gives for the flight.

import { writeSync } from "node:fs";
import type { FlightsTable } from "./flights_table.ts";

const BLOCK_BYTES = 4 * 1024 * 1024;
const LINE_BYTES_MAX = 256;
const MINUTES_PER_DAY = 1440;
const ZERO = 48;
const MINUS = 45;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const DATE = bytesOf('{"date":"');
const DELAY = bytesOf(':00Z","delay":');
const DISTANCE = bytesOf(',"distance":');
const ORIGIN = bytesOf(',"origin":');
const DESTINATION = bytesOf(',"destination":');
const END = bytesOf("}\n");

export class LineWriter {
  readonly #table: FlightsTable;
  readonly #airports: readonly Uint8Array[];
  readonly #block: Uint8Array = new Uint8Array(BLOCK_BYTES);
  #length = 0;
  #written = 0;
  #day = -1;
  #dayText: Uint8Array = new Uint8Array(0);

  constructor(table: FlightsTable) {
    this.#table = table;
    this.#airports = table.airports.map((code) => bytesOf(JSON.stringify(code)));
  }

  /** Bytes that have gone to files. */
  get written(): number {
    return this.#written;
  }

  get full(): boolean {
    return this.#length > BLOCK_BYTES - LINE_BYTES_MAX;
  }

  flush(file: number): void {
    let start = 0;
    while (start < this.#length) start += writeSync(file, this.#block, start, this.#length - start);
    this.#written += this.#length;
    this.#length = 0;
  }

  write(row: number): void {
    const table = this.#table;
    this.#copy(DATE);
    this.#time(table.date[row] as number);
    this.#copy(DELAY);
    this.#integer(table.delay[row] as number);
    this.#copy(DISTANCE);
    this.#integer(table.distance[row] as number);
    this.#copy(ORIGIN);
    this.#copy(this.#airports[table.origin[row] as number] as Uint8Array);
    this.#copy(DESTINATION);
    this.#copy(this.#airports[table.destination[row] as number] as Uint8Array);
    this.#copy(END);
  }

  #copy(bytes: Uint8Array): void {
    // A loop is faster than `set` for so few bytes.
    for (let index = 0; index < bytes.length; index++) this.#block[this.#length + index] = bytes[index] as number;
    this.#length += bytes.length;
  }

  /** `2001-01-01T00:10`, from minutes since 1970. */
  #time(minutes: number): void {
    const day = Math.floor(minutes / MINUTES_PER_DAY);
    if (day !== this.#day) {
      this.#day = day;
      this.#dayText = bytesOf(`${new Date(day * MINUTES_PER_DAY * 60_000).toISOString().slice(0, 10)}T`);
    }
    this.#copy(this.#dayText);
    const minute = minutes - day * MINUTES_PER_DAY;
    this.#twoDigits(Math.floor(minute / 60));
    this.#block[this.#length++] = 58;
    this.#twoDigits(minute % 60);
  }

  #twoDigits(value: number): void {
    this.#block[this.#length++] = ZERO + Math.floor(value / 10);
    this.#block[this.#length++] = ZERO + (value % 10);
  }

  #integer(value: number): void {
    if (value < 0) this.#block[this.#length++] = MINUS;
    let rest = Math.abs(value);
    let digits = 1;
    for (let power = 10; power <= rest; power *= 10) digits++;
    this.#length += digits;
    for (let at = this.#length - 1; digits > 0; digits--, at--) {
      this.#block[at] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }
}
