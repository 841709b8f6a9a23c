// A valid spec with every operator, for the tests of validation and planning.

import type { KnownFunctions } from "../../src/job/process_function.ts";
import type { Flights } from "./job_specs.ts";

export const functions: KnownFunctions = new Map([
  ["alerts", { inputs: 1 }],
  ["match", { inputs: 2 }],
]);

const upsert = (table: string, ...primaryKey: string[]) => ({ kind: "table", table, mode: "upsert", primaryKey });
const sink = (uid: string, input: string, connector: object) => ({ uid, kind: "sink", input, connector });
const count = { function: "count" };

const sources = (): Flights["operators"] => [
  {
    uid: "orders",
    kind: "source",
    connector: { kind: "log", name: "orders" },
    schema: [
      { name: "time", type: "timestamp" },
      { name: "id", type: "i64" },
      { name: "customer", type: "utf8" },
      { name: "amount", type: "f64" },
      { name: "note", type: "utf8", nullable: true },
    ],
    eventTime: { column: "time", boundMs: 1000, idleTimeoutMs: 5000 },
  },
  {
    uid: "web",
    kind: "source",
    connector: { kind: "log", name: "web" },
    schema: [
      { name: "customer", type: "utf8" },
      { name: "id", type: "i64" },
      { name: "time", type: "timestamp" },
      { name: "note", type: "utf8" },
      { name: "amount", type: "f64", nullable: true },
    ],
    eventTime: { column: "time", boundMs: 0 },
  },
  {
    uid: "payments",
    kind: "source",
    connector: { kind: "log", name: "payments" },
    schema: [
      { name: "at", type: "timestamp" },
      { name: "order_id", type: "i64" },
      { name: "paid", type: "f64" },
      { name: "payer", type: "utf8" },
    ],
    eventTime: { column: "at", boundMs: 1000 },
  },
];

const operators = (): Flights["operators"] => [
  { uid: "all", kind: "union", inputs: ["orders", "web"] },
  {
    uid: "paid",
    kind: "interval_join",
    left: "all",
    right: "payments",
    on: [{ left: "id", right: "order_id" }],
    lowerMs: -1000,
    upperMs: 3_600_000,
    columns: { id: "left.id", customer: "left.customer", paid: "right.paid", payer: "right.payer" },
  },
  {
    uid: "totals",
    kind: "aggregate",
    input: "paid",
    keyBy: ["customer"],
    aggregates: { n: count, total: { function: "sum", column: "paid" }, most: { function: "max", column: "paid" } },
  },
  {
    uid: "best",
    kind: "top_n",
    input: "totals",
    keyBy: ["n"],
    orderBy: [{ column: "total", descending: true }],
    limit: 3,
    rank: "place",
  },
  {
    uid: "sessions",
    kind: "window",
    input: "all",
    keyBy: ["customer"],
    window: { kind: "session", gapMs: 60_000 },
    aggregates: { orders: { function: "count_distinct", column: "id" } },
  },
  {
    uid: "alerts",
    kind: "process",
    input: "all",
    keyBy: ["customer"],
    function: "alerts",
    columns: [{ name: "customer", type: "utf8" }],
    states: { seen: { kind: "map", ttlMs: 1000 } },
    outputs: { odd: [{ name: "why", type: "utf8", nullable: true }] },
    params: { least: 3 },
  },
  {
    uid: "match",
    kind: "process",
    inputs: ["paid#late_left", "payments"],
    keyBy: [["customer"], ["payer"]],
    function: "match",
    columns: [{ name: "n", type: "i64" }],
  },
  {
    uid: "enriched",
    kind: "join",
    left: "totals",
    right: "paid",
    on: [{ left: "customer", right: "payer" }],
    ttlMs: 1000,
    columns: { customer: "left.customer", n: "left.n", id: "right.id" },
  },
  {
    uid: "hops",
    kind: "window",
    input: "sessions#late",
    keyBy: ["customer"],
    window: { kind: "hopping", sizeMs: 60_000, slideMs: 10_000 },
    aggregates: { n: count },
  },
];

const sinks = (): Flights["operators"] => [
  sink("best_table", "best", upsert("best", "n", "place")),
  sink("totals_table", "totals", upsert("totals", "customer")),
  sink("enriched_table", "enriched", upsert("enriched", "customer", "id")),
  sink("sessions_out", "sessions", { kind: "print" }),
  sink("alerts_out", "alerts", { kind: "ndjson_files", directory: "alerts" }),
  sink("odd_out", "alerts#odd", { kind: "ndjson_files", directory: "odd" }),
  sink("match_out", "match", { kind: "table", table: "matched", mode: "append" }),
  sink("hops_out", "hops", { kind: "log", name: "hops" }),
  sink("late_right", "paid#late_right", { kind: "print" }),
];

/**
 * Positions: 0 orders, 1 web, 2 payments, 3 all, 4 paid, 5 totals, 6 best, 7 sessions, 8 alerts, 9 match, 10 enriched,
 * 11 hops, then sinks.
 */
export const orders = (): Flights => ({
  millrace: 1,
  name: "orders",
  operators: [...sources(), ...operators(), ...sinks()],
});
