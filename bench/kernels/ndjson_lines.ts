// Seeded NDJSON of two shapes: bids as the Nexmark generator makes them (about 270 bytes, mostly text), and flights
// as the example job reads them (about 100 bytes, mostly short numbers, times as ISO text).

import { utf8 } from "../../src/base/bytes.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { field, type Schema } from "../../src/batch/schema.ts";

export interface Lines {
  readonly name: string;
  readonly schema: Schema;
  readonly bytes: Uint8Array;
  readonly count: number;
}

const letters = "abcdefghijklmnopqrstuvwxyz";
const channels = ["Google", "Facebook", "Baidu", "Apple", "channel-4711", "channel-9042"];
const airports = ["SNA", "PHX", "LAX", "ORD", "ATL", "JFK", "SEA", "DEN", "BOS", "SFO"];

export function bidLines(count: number, seed = 1): Lines {
  const random = seededPrng(seed);
  const word = (length: number): string => Array.from({ length }, () => letters[random.below(letters.length)]).join("");
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      auction: 1000 + random.below(100_000),
      bidder: 1000 + random.below(100_000),
      price: 100 + random.below(10 ** (2 + random.below(6))),
      channel: random.pick(channels),
      url: `https://www.nexmark.com/${word(5)}/${word(5)}/${word(5)}/item.htm?query=1&channel_id=${random.nextU32()}`,
      dateTime: 1_700_000_000_000 + index,
      extra: word(65 + random.below(40)),
    }),
  );
  const schema = [
    field("auction", "i64"),
    field("bidder", "i64"),
    field("price", "i64"),
    field("channel", "utf8"),
    field("url", "utf8"),
    field("dateTime", "timestamp"),
    field("extra", "utf8"),
  ];
  return { name: "bids", schema, bytes: utf8(`${lines.join("\n")}\n`), count };
}

export function flightLines(count: number, seed = 2): Lines {
  const random = seededPrng(seed);
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      date: new Date(978_307_800_000 + index * 60_000).toISOString().replace(".000Z", "Z"),
      delay: random.below(120) - 20,
      distance: 100 + random.below(2500),
      origin: random.pick(airports),
      destination: random.pick(airports),
    }),
  );
  const schema = [
    field("date", "timestamp"),
    field("delay", "f64"),
    field("distance", "f64"),
    field("origin", "utf8"),
    field("destination", "utf8"),
  ];
  return { name: "flights", schema, bytes: utf8(`${lines.join("\n")}\n`), count };
}
