// Where a plan is cut into chains, how rows cross between them, and what fails over together.

import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { orders } from "./job_orders.ts";
import { type Flights, flights } from "./job_specs.ts";
import { chainTexts, edgeTexts, nodeOf, planOf } from "./plan_views.ts";
import { planFaults } from "./plan_faults.ts";
import { randomJob } from "./random_job.ts";

type Operators = readonly Record<string, unknown>[];

const upsert = (...primaryKey: string[]) => ({ kind: "table", table: "t", mode: "upsert", primaryKey });
const print = { kind: "print" };
const source = (uid: string, timed = true) => ({
  uid,
  kind: "source",
  connector: { kind: "log", name: uid },
  schema: [
    { name: "time", type: "timestamp" },
    { name: "k", type: "i64" },
    { name: "s", type: "utf8" },
    { name: "v", type: "f64" },
  ],
  ...(timed ? { eventTime: { column: "time", boundMs: 0 } } : {}),
});
const window = (uid: string, input: string, ...keyBy: string[]) => ({
  uid,
  kind: "window",
  input,
  keyBy,
  window: { kind: "tumbling", sizeMs: 1000 },
  aggregates: { n: { function: "count" } },
});
const aggregate = (uid: string, input: string, key: string) => ({
  uid,
  kind: "aggregate",
  input,
  keyBy: [key],
  aggregates: { n: { function: "count" }, sum: { function: "sum", column: "v" } },
});
const filter = (uid: string, input: string) => ({ uid, kind: "filter", input, where: true });
const sink = (uid: string, input: string, connector: object = print) => ({ uid, kind: "sink", input, connector });
const jobOf = (parallelism: number, operators: Operators): Flights => ({
  millrace: 1,
  name: "j",
  parallelism,
  operators: [...operators],
});

const one = test("with parallelism 1 all that is connected is one chain", () => {
  const plan = planOf(orders());
  equal([plan.chains.length, plan.edges.length], [1, 0], "one chain, no edges");
  const two = planOf(jobOf(1, [source("a"), sink("x", "a"), source("b"), sink("y", "b")]));
  equal(chainTexts(two), ["0 x1: a, x", "1 x1: b, y"], "two chains");
  equal(
    two.chains.map((chain) => chain.region),
    [0, 1],
    "regions",
  );
});

const keyed = test("parallel operators with keys get their rows by key, and everything behind them runs along", () => {
  const plan = planOf({ ...flights(), parallelism: 2 });
  equal(chainTexts(plan), ["0 x2: arrivals, only, shape, bad", "1 x2: hourly, table, late"], "chains");
  equal(edgeTexts(plan), ["0 -> 1: shape by origin ~"], "edges");
  equal(
    plan.chains.map((chain) => chain.region),
    [0, 0],
    "one region",
  );
});

const everything = test("every kind of operator is cut from what it reads where it wants rows by key", () => {
  const plan = planOf({ ...orders(), parallelism: 2 });
  equal(
    chainTexts(plan),
    [
      "0 x2: orders, web, all",
      "1 x2: payments",
      "2 x2: paid, late_right",
      "3 x2: totals, totals_table",
      "4 x2: best, best_table",
      "5 x2: sessions, sessions_out",
      "6 x2: alerts, alerts_out, odd_out",
      "7 x2: match, match_out",
      "8 x2: enriched, enriched_table",
      "9 x2: hops, hops_out",
    ],
    "chains",
  );
  equal(
    edgeTexts(plan),
    [
      "0 -> 2: all by id ~",
      "1 -> 2: payments by order_id ~",
      "2 -> 3: paid by customer",
      "3 -> 4: totals by n -",
      "0 -> 5: all by customer ~",
      "0 -> 6: all by customer ~",
      "2 -> 7: paid#late_left by customer ~",
      "1 -> 7: payments by payer ~",
      "3 -> 8: totals by customer -",
      "2 -> 8: paid by payer",
      "5 -> 9: sessions#late by customer ~",
    ],
    "edges",
  );
});

const parallelism = test("another parallelism cuts; without keys whole batches go in turns, to one task always", () => {
  const operators = [
    { ...source("a"), parallelism: 3 },
    { ...filter("f", "a"), parallelism: 2 },
    { ...window("w", "f", "k"), parallelism: 1 },
    sink("out", "w"),
    { ...sink("rows", "f"), parallelism: 1 },
  ];
  const plan = planOf(jobOf(2, operators));
  equal(chainTexts(plan), ["0 x3: a", "1 x2: f", "2 x1: w, out", "3 x1: rows"], "chains");
  equal(edgeTexts(plan), ["0 -> 1: a by turns ~", "1 -> 2: f by turns ~", "1 -> 3: f by turns"], "edges");
});

const shared =
  test("readers in one chain that want an output parted alike share an edge with the columns of both", () => {
    const join = {
      uid: "j",
      kind: "join",
      left: "a",
      right: "a",
      on: [{ left: "k", right: "k" }],
      ttlMs: 5,
      columns: { k: "left.k", v: "right.v" },
    };
    const plan = planOf(jobOf(2, [source("a"), join, sink("out", "j")]));
    equal(edgeTexts(plan), ["0 -> 1: a by k ~"], "edges");
    equal(
      plan.edges[0]?.schema.map((column) => column.name),
      ["time", "k", "v"],
      "columns",
    );
    const { keyColumns, timeColumns, columns, inputs } = nodeOf(plan, "j", "join");
    equal(
      [keyColumns, timeColumns],
      [
        [[1], [1]],
        [0, 0],
      ],
      "positions",
    );
    equal(columns[1], { name: "v", input: 1, column: 2 }, "v");
    equal(
      inputs.map((input) => input.edge),
      [0, 0],
      "both inputs",
    );
    const other = { ...join, on: [{ left: "k", right: "time" }] };
    const columnsOf = { ...source("a"), schema: [...source("a").schema, { name: "at", type: "timestamp" }] };
    const apart = planOf(jobOf(2, [columnsOf, { ...other, on: [{ left: "time", right: "at" }] }, sink("out", "j")]));
    equal(edgeTexts(apart), ["0 -> 1: a by time ~", "0 -> 1: a by at ~"], "another key, another edge");
  });

const diamond = test("what would make a cycle of chains is cut as well", () => {
  const shape = { uid: "shape", kind: "project", input: "w", columns: { k: { col: "k" }, n: { col: "n" } } };
  const counted = { uid: "counted", kind: "project", input: "a", columns: { k: { col: "k" }, n: { col: "k" } } };
  const both = { uid: "both", kind: "union", inputs: ["counted", "shape"] };
  const operators = [source("a"), counted, window("w", "a", "k"), shape, both, sink("out", "both")];
  const plan = planOf(jobOf(2, operators));
  equal(chainTexts(plan), ["0 x2: a, counted", "1 x2: w, shape, both, out"], "chains");
  equal(edgeTexts(plan), ["0 -> 1: a by k ~", "0 -> 1: counted by turns"], "edges");
  equal(chainTexts(planOf(jobOf(1, operators))).length, 1, "alone it is one chain");
});

const updating = test("rows that take others back never part from them", () => {
  const outs = (...list: object[]) => [source("a"), aggregate("g", "a", "k"), ...list] as Operators;
  // The table's key is the aggregate's: each of its rows is written by one task already.
  equal(
    chainTexts(planOf(jobOf(2, outs(filter("f", "g"), sink("out", "f", upsert("k")))))),
    ["0 x2: a", "1 x2: g, f, out"],
    "same key",
  );
  const renamed = { uid: "p", kind: "project", input: "g", columns: { key: { col: "k" }, n: { col: "n" } } };
  equal(
    edgeTexts(planOf(jobOf(2, outs(renamed, sink("out", "p", upsert("key", "n")))))),
    ["0 -> 1: a by k"],
    "the same key by another name",
  );
  equal(
    edgeTexts(planOf(jobOf(2, outs(renamed, sink("out", "p", upsert("n")))))),
    ["0 -> 1: a by k", "1 -> 2: p by n -"],
    "another key",
  );
  equal(
    edgeTexts(planOf(jobOf(2, outs({ ...filter("f", "g"), parallelism: 3 }, sink("out", "f", upsert("k")))))),
    ["0 -> 1: a by k", "1 -> 2: f by k -"]
      .map((text, at) => (at === 0 ? text : "1 -> 2: g by k, n -"))
      .concat("2 -> 3: f by k -"),
    "equal rows go one way, and meet again at the table",
  );
});

const appended = test("rows of a table without updates stay where they are, or go by its key", () => {
  equal(edgeTexts(planOf(jobOf(2, [source("a"), sink("out", "a", upsert("k"))]))), [], "same parallelism");
  const narrower = { ...sink("out", "a", upsert("k")), parallelism: 3 };
  equal(edgeTexts(planOf(jobOf(2, [source("a"), narrower]))), ["0 -> 1: a by k"], "another one");
});

const watermarks = test("watermarks of rows travel where somebody behind decides lateness, not after windows", () => {
  const operators = [
    source("a"),
    { ...filter("f", "a"), parallelism: 2 },
    { ...window("w", "f", "k"), parallelism: 3 },
    aggregate("g", "w", "n"),
    sink("out", "g", upsert("n")),
  ].map((item) => (item["uid"] === "g" ? { ...item, aggregates: { c: { function: "count" } } } : item));
  equal(
    edgeTexts(planOf(jobOf(1, operators as Operators))),
    ["0 -> 1: a by turns ~", "1 -> 2: f by k ~", "2 -> 3: w by turns"],
    "edges",
  );
  const join = {
    uid: "j",
    kind: "join",
    left: "a",
    right: "b",
    on: [{ left: "k", right: "k" }],
    ttlMs: 5,
    columns: { k: "left.k" },
  };
  const untimed = planOf(jobOf(2, [source("a"), source("b", false), join, sink("out", "j")]));
  equal(edgeTexts(untimed), ["0 -> 2: a by k", "1 -> 2: b by k"], "a join without event time");
  equal(nodeOf(untimed, "j", "join").timeColumns, undefined, "wall time");
});

const regions = test("what no edge connects fails over by itself", () => {
  const operators = [
    source("a"),
    window("w", "a", "k"),
    sink("x", "w"),
    source("b"),
    sink("y", "b"),
    source("c"),
    window("u", "c", "k"),
    sink("z", "u"),
  ];
  const plan = planOf(jobOf(2, operators));
  equal(
    plan.chains.map(({ nodes, region }) => `${nodes[0]?.uid} ${region}`),
    ["a 0", "w 0", "b 1", "c 2", "u 2"],
    "regions",
  );
});

const random = test("plans of random jobs keep every promise that tasks rely on", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const job = randomJob(seed);
    const plan = planOf(job.spec);
    const faults = planFaults(plan, job.updating);
    ok(faults.length === 0, `seed ${seed}: ${faults.join("; ")}\n${JSON.stringify(job.spec)}`);
  }
});

export const cases: readonly Case[] = [
  one,
  keyed,
  everything,
  parallelism,
  shared,
  diamond,
  updating,
  appended,
  watermarks,
  regions,
  random,
];
