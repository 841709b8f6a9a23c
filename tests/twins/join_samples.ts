// An interval join and regular ones of orders and payments, as the tests of joins use them.

import type { Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import type { JoinOutputColumn } from "../../src/state/join_pair.ts";
import type { JoinTiming } from "../../src/state/join_plan.ts";
import { JoinFixture, type JoinJob } from "./join_fixture.ts";

export const BUDGET_BYTES = 16 * 1024 * 1024;
export const I64_MAX = 2n ** 63n - 1n;

export const orders: Schema = [field("time", "timestamp"), field("id", "i64", true), field("customer", "utf8", true)];
export const payments: Schema = [field("order_id", "i64"), field("paid_at", "timestamp"), field("amount", "f64", true)];

export const columns: readonly JoinOutputColumn[] = [
  { name: "customer", input: 0, column: 2 },
  { name: "ordered_at", input: 0, column: 0 },
  { name: "paid_at", input: 1, column: 1 },
  { name: "amount", input: 1, column: 2 },
];

export const job = (timing: JoinTiming, more: Partial<JoinJob> = {}): JoinJob => ({
  schemas: [orders, payments],
  keys: [[1], [0]],
  times: timing.kind === "wall_time" ? undefined : [0, 1],
  timing,
  columns,
  maxParallelism: 128,
  ...more,
});

export const interval = (lowerMs: number, upperMs: number): JoinTiming => ({ kind: "interval", lowerMs, upperMs });
export const within = (ttlMs: number): JoinTiming => ({ kind: "event_time", ttlMs });
export const wall = (ttlMs: number): JoinTiming => ({ kind: "wall_time", ttlMs });

export const fixture = (kernels: WebAssembly.Module, its: JoinJob, capacity = 4096, outputRows = 4096): JoinFixture =>
  new JoinFixture(new KernelInstance(kernels, BUDGET_BYTES), its, capacity, outputRows);

export const order = (time: bigint, id: bigint | null, customer: string | null = "ann"): Value[] => [
  time,
  id,
  customer,
];
export const payment = (id: bigint, time: bigint, amount: number | null = 1): Value[] => [id, time, amount];
