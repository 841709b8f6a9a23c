// What the scanner is measured against: fatal TextDecoder and JSON.parse a line, values into typed columns.
// It is made as fast as it was found to get: decoding line by line beats whole reads on V8, fields are read by name in
// code written for the one schema, and 64-bit integers are stored as two halves instead of BigInts.
// `text: "utf8"` fills the same columns as the scanner; `text: "strings"` spares JSON.parse the way back to bytes.

import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";
import type { Lines } from "./ndjson_lines.ts";

export type TextColumns = "utf8" | "strings";

const TEXT_BYTES = 4 * 1024 * 1024;
const HIGH = 4_294_967_296;
const LINE_FEED = 10;

const encoder = new TextEncoder();

type StoreRow = (row: number, parsed: unknown) => void;

class TextColumn {
  readonly #encode: boolean;
  readonly #strings: string[] = new Array<string>(BATCH_ROWS_MAX).fill("");
  readonly #bytes = new Uint8Array(TEXT_BYTES);
  readonly #offsets = new Int32Array(BATCH_ROWS_MAX + 1);

  constructor(text: TextColumns) {
    this.#encode = text === "utf8";
  }

  put(row: number, value: string): void {
    if (typeof value !== "string") throw new TypeError("not text");
    if (!this.#encode) {
      this.#strings[row] = value;
      return;
    }
    const from = row === 0 ? 0 : (this.#offsets[row] as number);
    this.#offsets[row + 1] = from + encoder.encodeInto(value, this.#bytes.subarray(from)).written;
  }
}

class IntegerColumn {
  readonly #halves = new Int32Array(BATCH_ROWS_MAX * 2);

  put(row: number, value: number): void {
    if (!Number.isSafeInteger(value)) throw new TypeError("not an integer");
    this.#halves[row * 2] = value | 0;
    this.#halves[row * 2 + 1] = Math.floor(value / HIGH);
  }
}

class DoubleColumn {
  readonly #values = new Float64Array(BATCH_ROWS_MAX);

  put(row: number, value: number): void {
    if (typeof value !== "number") throw new TypeError("not a number");
    this.#values[row] = value;
  }
}

interface Bid {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  readonly dateTime: number;
  readonly extra: string;
}

function bidStore(text: TextColumns): StoreRow {
  const [auction, bidder, price, dateTime] = [1, 2, 3, 4].map(() => new IntegerColumn()) as [
    IntegerColumn,
    IntegerColumn,
    IntegerColumn,
    IntegerColumn,
  ];
  const [channel, url, extra] = [new TextColumn(text), new TextColumn(text), new TextColumn(text)];
  return (row, parsed) => {
    const bid = parsed as Bid;
    auction.put(row, bid.auction);
    bidder.put(row, bid.bidder);
    price.put(row, bid.price);
    channel.put(row, bid.channel);
    url.put(row, bid.url);
    dateTime.put(row, bid.dateTime);
    extra.put(row, bid.extra);
  };
}

interface Flight {
  readonly date: string;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

function flightStore(text: TextColumns): StoreRow {
  const date = new IntegerColumn();
  const [delay, distance] = [new DoubleColumn(), new DoubleColumn()];
  const [origin, destination] = [new TextColumn(text), new TextColumn(text)];
  return (row, parsed) => {
    const flight = parsed as Flight;
    date.put(row, Date.parse(flight.date));
    delay.put(row, flight.delay);
    distance.put(row, flight.distance);
    origin.put(row, flight.origin);
    destination.put(row, flight.destination);
  };
}

/** Parses all lines; the number of rows. */
export function parseLines({ bytes, name }: Lines, text: TextColumns): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const storeRow = name === "bids" ? bidStore(text) : flightStore(text);
  let rows = 0;
  for (let start = 0; start < bytes.byteLength; rows++) {
    const feed = bytes.indexOf(LINE_FEED, start);
    storeRow(rows % BATCH_ROWS_MAX, JSON.parse(decoder.decode(bytes.subarray(start, feed))));
    start = feed + 1;
  }
  return rows;
}
