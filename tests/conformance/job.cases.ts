// The job spec on every runtime: what is valid, what is refused and in which words, and the builder that produces it.

import { problemText } from "../../src/expression/problem.ts";
import type { JobSpec } from "../../src/job/job_spec.ts";
import * as build from "../../src/job/mod.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { functions, orders } from "./job_orders.ts";
import { invalidSpecs } from "./job_problems.ts";
import { invalidOrders } from "./job_problems_orders.ts";
import { flights } from "./job_specs.ts";

const { validateJobSpec } = build;

const textsOf = (input: unknown): string[] => {
  const outcome = validateJobSpec(input, { functions });
  return outcome.kind === "valid" ? ["valid"] : outcome.problems.map(problemText);
};

const specOf = (input: unknown, embedded = false): JobSpec => {
  const outcome = validateJobSpec(input, { embedded, functions });
  if (outcome.kind === "valid") return outcome.spec;
  throw new Error(outcome.problems.map(problemText).join("\n"));
};

const texts = test("an invalid spec is refused with path, what was found and what would be right", () => {
  for (const { name, spec, problems } of invalidSpecs) equal(textsOf(spec(flights())), problems, name);
  for (const { name, spec, problems } of invalidOrders) equal(textsOf(spec(orders())), problems, name);
});

const defaults = test("a valid spec is completed with every default", () => {
  const spec = specOf(flights());
  equal(spec.maxParallelism, 128, "maxParallelism");
  equal(spec.parallelism, 1, "parallelism");
  equal(
    spec.checkpoint,
    { intervalMs: 1000, timeoutMs: 600_000, minPauseMs: 0, tolerableFailures: null, retained: 2 },
    "checkpoint",
  );
  equal(spec.restart, { strategy: "fixed_delay", attempts: 3, delayMs: 1000 }, "restart");
  const [source] = spec.operators;
  ok(source?.kind === "source", "the first operator is the source");
  equal(source.connector, { kind: "ndjson_file", paths: ["flights.ndjson"], splits: 1 }, "connector");
  equal(source.schema[0], { name: "date", type: "timestamp", nullable: false }, "field");
  const window = spec.operators[3];
  equal(window?.kind === "window" && window.window, { kind: "tumbling", sizeMs: 3600000, offsetMs: 0 }, "window");
});

const strategies = test("every restart strategy is completed", () => {
  const restartOf = (restart: object) => specOf({ ...flights(), restart }).restart;
  equal(restartOf({ strategy: "none" }), { strategy: "none" }, "none");
  equal(
    restartOf({ strategy: "exponential", attempts: 7 }),
    { strategy: "exponential", initialMs: 1000, maxMs: 60_000, multiplier: 2, resetAfterMs: 3_600_000, attempts: 7 },
    "exponential",
  );
  equal(
    restartOf({ strategy: "failure_rate", failures: 5 }),
    { strategy: "failure_rate", failures: 5, intervalMs: 60_000, delayMs: 1000 },
    "failure_rate",
  );
});

const shortProcess = test("a process with one input is short for lists of one", () => {
  const spec = specOf(orders());
  const [alerts, match] = [spec.operators[8], spec.operators[9]];
  ok(alerts?.kind === "process" && match?.kind === "process", "two processes");
  equal([alerts.inputs, alerts.keyBy, "input" in alerts], [["all"], [["customer"]], false], "alerts");
  equal([match.states, match.outputs, match.params], [{}, {}, null], "defaults");
});

const noFunctions = test("a deployment without functions runs no process, and checks them only where it runs", () => {
  const texts = validateJobSpec(orders());
  ok(texts.kind === "invalid", "refused");
  equal(
    texts.problems.map(problemText),
    ["alerts", "match"].map(
      (name, index) =>
        `operators[${8 + index}].function: found "${name}", expected a function that the deployment registers; it registers none`,
    ),
    "problems",
  );
  equal(validateJobSpec(orders(), { functions: "any" }).kind, "valid", "whoever runs it checks");
});

const fixpoint = test("a complete spec, as JSON and back, is itself", () => {
  for (const input of [flights(), orders()]) {
    const spec = specOf(input);
    equal(specOf(JSON.parse(JSON.stringify(spec))), spec, "spec");
  }
});

const untouched = test("validation does not change what it is given", () => {
  const input = flights();
  specOf(input);
  equal(input, flights(), "input");
});

const hostile = test("hostile input is refused before anything recurses into it", () => {
  let deep: unknown = {};
  for (let level = 0; level < 200_000; level++) deep = [deep];
  const cyclic: Record<string, unknown> = { ...flights() };
  cyclic["self"] = cyclic;
  const deepWhere = flights();
  Object.assign(deepWhere.operators[1] as object, { where: deep });
  for (const [what, input] of Object.entries({ deep, cyclic, deepWhere })) {
    equal(textsOf(input), ["the spec: found deeper nesting, expected at most 100 levels"], what);
  }
  const wide = { ...flights(), operators: Array.from({ length: 200_000 }, () => null) };
  equal(textsOf(wide), ["the spec: found more values, expected at most 100000 values"], "wide");
  for (const input of [null, undefined, 1, "{}", true, 1n, () => ({})])
    ok(textsOf(input)[0] !== "valid", String(input));
});

const many = test("a great many problems are cut off", () => {
  const fields = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`f${index}`, 1]));
  const unknown = textsOf({ ...flights(), ...fields });
  equal(unknown.length, 21, "unknown fields");
  equal(unknown[20]?.endsWith("expected no such fields: 19980 more unknown fields"), true, String(unknown[20]));

  const job = flights();
  Object.assign(job.operators[0] as object, { schema: Array.from({ length: 30_000 }, () => ({ nmae: 1 })) });
  equal(
    textsOf(job),
    ["operators[0].schema: found a list of 30000, expected a list of 1 to 64 columns"],
    "a long list",
  );

  const wrong = {
    op: "and",
    args: Array.from({ length: 31 }, () => ({ op: "or", args: Array(28).fill({ col: "orgin" }) })),
  };
  const filters = Array.from({ length: 50 }, (_, index) => ({
    uid: `f${index}`,
    kind: "filter",
    input: "arrivals",
    where: wrong,
  }));
  const columns = textsOf({ ...flights(), operators: [...flights().operators, ...filters] });
  equal(columns.length, 201, "wrong columns");
  ok(
    /^the spec: found \d+ more problems, expected fewer: mend these first$/.test(columns[200] ?? ""),
    String(columns[200]),
  );
});

const prototypes = test("names of object prototypes are ordinary names or refused, never special", () => {
  const job = flights();
  const schema = (job.operators[0] as { schema: unknown[] }).schema;
  schema.push({ name: "constructor", type: "i64" }, { name: "toString", type: "i64" });
  const columns = {
    date: { col: "date" },
    origin: { col: "origin" },
    constructor: { col: "toString" },
    delay: { col: "constructor" },
  };
  Object.assign(job.operators[2] as object, { columns });
  const project = specOf(job).operators[2];
  equal(
    project?.kind === "project" && Object.keys(project.columns),
    ["date", "origin", "constructor", "delay"],
    "columns",
  );
  const input = JSON.parse(
    '{"millrace":1,"name":"x","__proto__":{"a":1},"operators":[{"kind":"toString","uid":"constructor"}]}',
  );
  const found = textsOf(input);
  ok(
    found.some((text) => text.startsWith("__proto__: found")),
    found.join("\n"),
  );
  ok(
    found.some((text) => text.startsWith('operators[0].kind: found "toString"')),
    found.join("\n"),
  );
});

const several = test("several sinks may read one output, and rows may be filtered and projected after a window", () => {
  const job = flights();
  const connector = { kind: "print" };
  job.operators.push(
    { uid: "show", kind: "sink", input: "arrivals", connector },
    { uid: "again", kind: "sink", input: "hourly", connector },
    { uid: "busy", kind: "filter", input: "hourly", where: { op: "gt", args: [{ col: "departures" }, 10] } },
    { uid: "busy_out", kind: "sink", input: "busy", connector },
  );
  equal(specOf(job).operators.length, 11, "operators");
});

const builderJob = () =>
  build
    .job("flights")
    .source("arrivals", build.ndjsonFile({ path: "flights.ndjson" }), {
      schema: { date: "timestamp", origin: "utf8", delay: "i64?", distance: "f64" },
      eventTime: { column: "date", bound: { minutes: 60 } },
    })
    .rejected("bad", build.ndjsonFiles({ directory: "bad" }))
    .filter("only", ({ delay }) => delay.gt(15))
    .project("shape", ({ origin, date, delay, distance }) => ({ origin, date, delay, distance }))
    .keyBy("origin")
    .window("hourly", build.tumbling({ hours: 1 }), { departures: build.count(), mean_delay: build.avg("delay") })
    .sink("table", build.table({ table: "hourly_delays", mode: "upsert", primaryKey: ["origin", "window_start"] }))
    .late("late", build.ndjsonFiles({ directory: "late" }));

const sameJson = test("the builder gives exactly the JSON that can be posted", () => {
  const built = builderJob().toSpec();
  const byUid = (spec: JobSpec): JobSpec => ({
    ...spec,
    operators: spec.operators.toSorted((left, right) => (left.uid < right.uid ? -1 : 1)),
  });
  equal(byUid(built), byUid(specOf(flights())), "spec");
  equal(specOf(JSON.parse(JSON.stringify(built))), built, "the spec, as JSON and back");
});

const ordersBuilt = (): JobSpec => {
  const j = build.job("orders");
  const upsert = <const Key extends string>(name: string, ...primaryKey: Key[]) =>
    build.table({ table: name, mode: "upsert", primaryKey });
  const orders = j.source("orders", build.readLog("orders"), {
    schema: { time: "timestamp", id: "i64", customer: "utf8", amount: "f64", note: "utf8?" },
    eventTime: { column: "time", bound: { seconds: 1 }, idleTimeout: { seconds: 5 } },
  });
  const web = j.source("web", build.readLog("web"), {
    schema: { customer: "utf8", id: "i64", time: "timestamp", note: "utf8?", amount: "f64" },
    eventTime: { column: "time", bound: 0 },
  });
  const payments = j.source("payments", build.readLog("payments"), {
    schema: { at: "timestamp", order_id: "i64", paid: "f64", payer: "utf8" },
    eventTime: { column: "at", bound: { seconds: 1 } },
  });
  const all = orders.union("all", [web]);
  const paid = all
    .keyBy("id")
    .intervalJoin("paid", payments.keyBy("order_id"), { lower: -1000, upper: { hours: 1 } }, (left, right) => ({
      id: left.id,
      customer: left.customer,
      paid: right.paid,
      payer: right.payer,
    }));
  const totals = paid
    .keyBy("customer")
    .aggregate("totals", { n: build.count(), total: build.sum("paid"), most: build.max("paid") });
  totals
    .keyBy("n")
    .topN("best", { orderBy: [build.descending("total")], limit: 3, rank: "place" })
    .sink("best_table", upsert("best", "n", "place"));
  const sessions = all
    .keyBy("customer")
    .window("sessions", build.session({ minutes: 1 }), { orders: build.countDistinct("id") })
    .sink("sessions_out", build.print());
  const alerts = all.keyBy("customer").process("alerts", "alerts", {
    columns: { customer: "utf8" },
    states: { seen: { kind: "map", ttl: { seconds: 1 } } },
    outputs: { odd: { why: "utf8?" } },
    params: { least: 3 },
  });
  alerts.sink("alerts_out", build.ndjsonFiles({ directory: "alerts" }));
  alerts.side("odd").sink("odd_out", build.ndjsonFiles({ directory: "odd" }));
  paid
    .side("late_left")
    .keyBy("customer")
    .connect(payments.keyBy("payer"))
    .process("match", "match", { columns: { n: "i64" } })
    .sink("match_out", build.table({ table: "matched", mode: "append" }));
  totals
    .sink("totals_table", upsert("totals", "customer"))
    .keyBy("customer")
    .join("enriched", paid.keyBy("payer"), { ttl: 1000 }, (left, right) => ({
      customer: left.customer,
      n: left.n,
      id: right.id,
    }))
    .sink("enriched_table", upsert("enriched", "customer", "id"));
  sessions
    .side("late")
    .keyBy("customer")
    .window("hops", build.hopping({ minutes: 1 }, { seconds: 10 }), { n: build.count() })
    .sink("hops_out", build.writeLog("hops"));
  paid.side("late_right").sink("late_right", build.print());
  return j.toSpec();
};

const everyOperator = test("the builder has every operator, side output and window", () => {
  const wanted = orders();
  // The builder unites streams of the very same columns.
  Object.assign((wanted.operators[1] as { schema: object[] }).schema[3] as object, { nullable: true });
  Object.assign((wanted.operators[1] as { schema: object[] }).schema[4] as object, { nullable: false });
  const byUid = (spec: JobSpec) => spec.operators.toSorted((left, right) => (left.uid < right.uid ? -1 : 1));
  equal(byUid(ordersBuilt()), byUid(specOf(wanted)), "operators");
});

const tuned = test("the builder sets parallelism, checkpoints and restarts", () => {
  const spec = build
    .job("tuned", {
      parallelism: 4,
      checkpoint: { interval: 500, timeout: { minutes: 1 }, minPause: 20, tolerableFailures: 3, retained: 5 },
      restart: { strategy: "exponential", maxMs: 5000 },
    })
    .source("in", build.readLog("events"), { schema: { n: "i64" }, parallelism: 2 })
    .filter("f", ({ n }) => n.gt(1), { parallelism: 3 })
    .sink("out", build.print(), { parallelism: 1 })
    .toSpec();
  equal([spec.parallelism, ...spec.operators.map((one) => one.parallelism)], [4, 2, 3, 1], "parallelism");
  equal(
    spec.checkpoint,
    { intervalMs: 500, timeoutMs: 60_000, minPauseMs: 20, tolerableFailures: 3, retained: 5 },
    "checkpoint",
  );
  equal(spec.restart.strategy === "exponential" && spec.restart.maxMs, 5000, "restart");
});

const lonely = test("keys that have no partner in a join are refused", async () => {
  const schema = { k: "i64", s: "utf8" } as const;
  const j = build.job("lonely");
  const left = j.source("a", build.readLog("a"), { schema });
  const right = j.source("b", build.readLog("b"), { schema });
  left
    .keyBy("k", "s")
    .join("j", right.keyBy("k"), { ttl: 5 }, (one) => ({ k: one.k }))
    .sink("out", build.print());
  const error = await rejects(() => j.toSpec(), "spec_invalid");
  ok(error.message.includes("operators[2].on[1].right: found nothing"), error.message);
});

const expressionJson = test("expressions of the builder are JSON that keeps every value", () => {
  const built = build
    .job("all", { maxParallelism: 4, checkpoint: { interval: { seconds: 2 } }, restart: { strategy: "none" } })
    .source("in", build.memory("rows"), { schema: { n: "i64?", x: "f64", t: "timestamp", s: "utf8", b: "bool" } })
    .project("out", ({ n, x, t, s, b }) => ({
      sum: n.add(9007199254740993n).mul(2).neg(),
      ratio: x.div(n.orElse(1)).add(-0).sub(Number.NaN),
      big: x.gt(2 ** 70).and(n.lt(2 ** 60)),
      age: t.sub(build.timestamp("2001-01-01T00:00:00Z")).div(1000),
      later: t.add(5),
      text: build.when(s.eq("x").or(b.not()), s, "other"),
      size: s.length(),
      none: build.nothing("i64"),
      one: build.f64(1),
      word: build.lit("w"),
      cast: n.cast("f64"),
      known: n.isNotNull(),
    }))
    .sink("show", build.print())
    .toSpec();
  const project = built.operators[1];
  ok(project?.kind === "project", "the second operator is the projection");
  const n = { col: "n" };
  const x = { col: "x" };
  const t = { col: "t" };
  equal(
    project.columns["sum"],
    { op: "neg", args: [{ op: "mul", args: [{ op: "add", args: [n, { i64: "9007199254740993" }] }, 2] }] },
    "sum",
  );
  const quotient = { op: "div", args: [x, { op: "coalesce", args: [n, 1] }] };
  equal(
    project.columns["ratio"],
    { op: "sub", args: [{ op: "add", args: [quotient, { f64: "-0" }] }, { f64: "NaN" }] },
    "ratio",
  );
  const below = { op: "lt", args: [n, { i64: "1152921504606846976" }] };
  equal(project.columns["big"], { op: "and", args: [{ op: "gt", args: [x, { f64: 2 ** 70 }] }, below] }, "big");
  equal(
    project.columns["age"],
    { op: "div", args: [{ op: "sub", args: [t, { timestamp: "2001-01-01T00:00:00Z" }] }, 1000] },
    "age",
  );
  equal(project.columns["one"], { f64: 1 }, "one");
  equal(built.checkpoint.intervalMs, 2000, "checkpoint");
  equal(built.restart, { strategy: "none" }, "restart");
  equal(specOf(JSON.parse(JSON.stringify(built)), true), built, "the spec, as JSON and back");
});

const builderErrors = test("the builder refuses what TypeScript could not, with all problems", async () => {
  const error = await rejects(
    () =>
      build
        .job("no sink")
        .source("in", build.readLog("events"), { schema: { n: "i64" } })
        .toSpec(),
    "spec_invalid",
  );
  ok(error.message.includes('name: found "no sink"'), error.message);
  ok(error.message.includes("operators: found no sink"), error.message);
});

export const cases: readonly Case[] = [
  texts,
  defaults,
  strategies,
  shortProcess,
  noFunctions,
  fixpoint,
  untouched,
  hostile,
  many,
  prototypes,
  several,
  sameJson,
  everyOperator,
  tuned,
  lonely,
  expressionJson,
  builderErrors,
];
