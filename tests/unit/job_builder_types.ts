// Type tests of the job builder: the compiler is the test. Every `@ts-expect-error` line is a mistake that a user can
// make and that must not compile; nothing here runs.

import * as build from "../../src/job/mod.ts";

type Equal<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;
/** Compiles only for `true`. */
const holds = <_Condition extends true>(): void => {};

const source = build.job("types").source("in", build.readLog("events"), {
  schema: { date: "timestamp", origin: "utf8", delay: "i64?", distance: "f64", cancelled: "bool" },
  eventTime: { column: "date", bound: { minutes: 60 } },
});

type ColumnsOf<Given> = Given extends build.Stream<infer Columns> ? Columns : never;

export function rightTypes(): void {
  const shaped = source.project("shape", ({ date, origin, delay, distance, cancelled }) => ({
    date,
    origin,
    sum: delay.add(1),
    speed: distance.div(delay.orElse(1)),
    share: delay.mul(1.5),
    late: build.when(delay.gt(15), 1, 0),
    ago: date.sub(build.timestamp("2001-01-01")),
    next: date.add(5),
    known: delay.isNotNull().and(cancelled.not()),
    size: origin.length(),
    word: "x",
    filled: delay.orElse(0),
    mixed: build.when(cancelled, 1, 0.5),
  }));
  holds<
    Equal<
      ColumnsOf<typeof shaped>,
      {
        readonly date: "timestamp";
        readonly origin: "utf8";
        readonly sum: "i64?";
        readonly speed: "f64";
        readonly share: "f64?";
        readonly late: "i64";
        readonly ago: "i64";
        readonly next: "timestamp";
        readonly known: "bool";
        readonly size: "i64";
        readonly word: "utf8";
        readonly filled: "i64";
        readonly mixed: "f64";
      }
    >
  >();
  const hourly = source.keyBy("origin").window("hourly", build.tumbling({ hours: 1 }), {
    departures: build.count(),
    known: build.count("delay"),
    mean: build.avg("delay"),
    most: build.max("delay"),
    far: build.sum("distance"),
    first: build.min("date"),
  });
  holds<
    Equal<
      ColumnsOf<typeof hourly>,
      {
        readonly window_start: "timestamp";
        readonly window_end: "timestamp";
        readonly origin: "utf8";
        readonly departures: "i64";
        readonly known: "i64";
        readonly mean: "f64?";
        readonly most: "i64?";
        readonly far: "f64";
        readonly first: "timestamp";
      }
    >
  >();
}

const right = build
  .job("types")
  .source("right", build.readLog("events"), { schema: { at: "timestamp", code: "utf8?", id: "i64" } });

export function rightKeyedTypes(): void {
  const totals = source.keyBy("origin", "cancelled").aggregate("totals", {
    n: build.count(),
    kinds: build.countDistinct("delay"),
    total: build.sum("delay"),
  });
  type Totals = {
    readonly origin: "utf8";
    readonly cancelled: "bool";
    readonly n: "i64";
    readonly kinds: "i64";
    readonly total: "i64?";
  };
  holds<Equal<ColumnsOf<typeof totals>, Totals>>();
  const top = totals.keyBy("origin").topN("top", { orderBy: ["n", build.descending("total")], limit: 3 });
  holds<Equal<ColumnsOf<typeof top>, Totals>>();
  const ranked = totals.keyBy("n").topN("ranked", { orderBy: ["n"], limit: 3, rank: "place" });
  ranked.filter("first", ({ place }) => place.eq(1));
  const joined = source
    .keyBy("origin")
    .intervalJoin("joined", right.keyBy("code"), { lower: -5, upper: { hours: 1 } }, (one, other) => ({
      origin: one.origin,
      delay: one.delay,
      code: other.code,
    }));
  holds<Equal<ColumnsOf<typeof joined>, { readonly origin: "utf8"; readonly delay: "i64?"; readonly code: "utf8?" }>>();
  joined.side("late_right").filter("late", ({ code }) => code.isNotNull());
  const processed = source
    .keyBy("origin")
    .process("p", "f", { columns: { n: "i64" }, outputs: { odd: { why: "utf8?" } } });
  processed.filter("n", ({ n }) => n.gt(1));
  processed.side("odd").filter("why", ({ why }) => why.isNotNull());
  const hops = source.keyBy("origin").window("hops", build.hopping(10, 5), { n: build.count() });
  hops.side("late").filter("again", ({ distance }) => distance.gt(1.5));
}

export function wrongKeyed(): void {
  // @ts-expect-error other columns
  source.union("u", [right]);
  // @ts-expect-error f64 has no distinct values
  source.keyBy("origin").aggregate("a", { n: build.countDistinct("distance") });
  // @ts-expect-error no such column to order by
  source.keyBy("origin").topN("t", { orderBy: ["dely"], limit: 1 });
  // @ts-expect-error no such column to order by
  source.keyBy("origin").topN("t", { orderBy: [build.descending("dely")], limit: 1 });
  // @ts-expect-error a join computes nothing
  source.keyBy("origin").join("j", right.keyBy("code"), { ttl: 1 }, (one) => ({ late: one.delay.gt(1) }));
  // @ts-expect-error no such column on this side
  source.keyBy("origin").join("j", right.keyBy("code"), { ttl: 1 }, (_, other) => ({ x: other.origin }));
  // @ts-expect-error a column of one side has a type
  source.keyBy("origin").join("j", right.keyBy("code"), { ttl: 1 }, () => ({ one: "left.origin" }));
  const windowed = source.keyBy("origin").window("w", build.session(5), { n: build.count() });
  // @ts-expect-error a window has no such output
  windowed.side("odd");
  const processed = source.keyBy("origin").process("p", "f", { columns: { n: "i64" } });
  // @ts-expect-error no such side output
  processed.side("odd");
  // @ts-expect-error no such type
  source.keyBy("origin").process("p", "f", { columns: { n: "int" } });
  // @ts-expect-error no such restart strategy
  build.job("j", { restart: { strategy: "always" } });
}

export function wrongColumns(): void {
  // @ts-expect-error no such column
  source.filter("f", ({ dely }) => dely.gt(15));
  // @ts-expect-error no such key
  source.keyBy("orign");
  // @ts-expect-error f64 is no key
  source.keyBy("distance");
  // @ts-expect-error no such column to aggregate
  source.keyBy("origin").window("w", build.tumbling(1000), { mean: build.avg("dely") });
  // @ts-expect-error texts have no mean
  source.keyBy("origin").window("w", build.tumbling(1000), { mean: build.avg("origin") });
  // @ts-expect-error texts have no greatest in a window
  source.keyBy("origin").window("w", build.tumbling(1000), { last: build.max("origin") });
  // @ts-expect-error no such column in the table's key
  source.sink("s", build.table({ table: "t", mode: "upsert", primaryKey: ["hour"] }));
  // @ts-expect-error an upsert has a key
  build.table({ table: "t", mode: "upsert" });
  // @ts-expect-error an append has none
  build.table({ table: "t", mode: "append", primaryKey: ["origin"] });
  // @ts-expect-error a window comes after keyBy
  source.window("w", build.tumbling(1000), {});
  // @ts-expect-error only windows have late rows
  source.late("l", build.print());
  // @ts-expect-error only sources have rejected rows
  source.filter("f", () => true).rejected("r", build.print());
  const narrowed = source.project("p", ({ date, origin }) => ({ date, origin }));
  // @ts-expect-error the projection dropped it
  narrowed.filter("f", ({ delay }) => delay.gt(15));
}

export function wrongTypes(): void {
  // @ts-expect-error a condition is a bool
  source.filter("f", ({ delay }) => delay);
  // @ts-expect-error a number and a text
  source.filter("f", ({ delay }) => delay.eq("15"));
  // @ts-expect-error a text and a number
  source.filter("f", ({ origin }) => origin.gt(15));
  // @ts-expect-error a time and a text: `timestamp("…")` makes it one
  source.filter("f", ({ date }) => date.lt("2001-01-01"));
  // @ts-expect-error bools have no order
  source.filter("f", ({ cancelled }) => cancelled.lt(true));
  // @ts-expect-error texts do not add
  source.project("p", ({ origin }) => ({ twice: origin.add("x") }));
  // @ts-expect-error times do not multiply
  source.project("p", ({ date }) => ({ twice: date.mul(2) }));
  // @ts-expect-error numbers have no length
  source.project("p", ({ delay }) => ({ size: delay.length() }));
  // @ts-expect-error texts are not cast
  source.project("p", ({ origin }) => ({ number: origin.cast("i64") }));
  // @ts-expect-error a number is no truth
  source.filter("f", ({ cancelled, delay }) => cancelled.and(delay));
  // @ts-expect-error null-handling keeps the type
  source.project("p", ({ delay }) => ({ filled: delay.orElse("none") }));
  // @ts-expect-error alternatives have one type
  source.project("p", ({ cancelled }) => ({ mixed: build.when(cancelled, "yes", 0) }));
}

export function wrongSources(): void {
  const log = build.readLog("events");
  // @ts-expect-error no such type
  build.job("j").source("in", log, { schema: { n: "int" } });
  // @ts-expect-error the event time is a timestamp
  build.job("j").source("in", log, { schema: { n: "i64" }, eventTime: { column: "n", bound: 0 } });
  // @ts-expect-error the event time is never null
  build.job("j").source("in", log, { schema: { t: "timestamp?" }, eventTime: { column: "t", bound: 0 } });
  // @ts-expect-error a sink is no source
  build.job("j").source("in", build.print(), { schema: { n: "i64" } });
}
