// Golden jobs over joins: their rows are drawn from a seed, what they must give is found by comparing every row with
// every other. tests/unit/join_oracle_test.ts asks DuckDB the same questions over the same rows.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import { type GoldenSplits, textOfRow } from "./connectors.ts";
import type { GoldenJob } from "./run_golden.ts";

type Row = readonly Value[];
type Operator = Readonly<Record<string, unknown>>;

/** A golden job and the same question in SQL, over tables with the columns of the inputs, `split` and `place`. */
export interface JoinGoldenJob extends GoldenJob {
  readonly tables: Readonly<Record<string, readonly ColumnSpec[]>>;
  readonly sql: Readonly<Record<string, string>>;
}

export interface ColumnSpec {
  readonly name: string;
  readonly type: string;
  readonly nullable?: boolean;
}

const BOUND_MS = 200;

const orderColumns: readonly ColumnSpec[] = [
  { name: "ordered_at", type: "timestamp" },
  { name: "id", type: "i64", nullable: true },
  { name: "customer", type: "utf8" },
  { name: "express", type: "bool", nullable: true },
];
const paymentColumns: readonly ColumnSpec[] = [
  { name: "order_id", type: "i64" },
  { name: "paid_at", type: "timestamp" },
  { name: "amount", type: "f64", nullable: true },
  { name: "note", type: "utf8", nullable: true },
];
const customerColumns: readonly ColumnSpec[] = [
  { name: "name", type: "utf8" },
  { name: "country", type: "utf8", nullable: true },
];

const COLUMN = { at: 0, id: 1, customer: 2, express: 3, orderId: 0, paidAt: 1, amount: 2, note: 3 } as const;

const customerName = (random: Prng): string =>
  random.chance(0.3) ? `customer number ${random.below(20)} of the house` : `c${random.below(20)}`;

function drawSplits(random: Prng, splits: number, rows: number, make: (timeMs: bigint) => Row): GoldenSplits {
  return Array.from({ length: splits }, () => {
    let nowMs = 1_700_000_000_000 + random.below(300);
    return Array.from({ length: rows }, () => {
      nowMs += random.below(15);
      return make(BigInt(nowMs - (random.chance(0.1) ? random.below(1500) : random.below(150))));
    });
  });
}

const drawOrders = (random: Prng, splits: number, rows: number, ids: number): GoldenSplits =>
  drawSplits(random, splits, rows, (at) => [
    at,
    random.chance(0.03) ? null : BigInt(random.below(ids)),
    customerName(random),
    random.chance(0.2) ? null : random.chance(0.5),
  ]);

const drawPayments = (random: Prng, splits: number, rows: number, ids: number): GoldenSplits =>
  drawSplits(random, splits, rows, (at) => [
    BigInt(random.below(ids)),
    at,
    random.chance(0.1) ? null : random.below(1000) / 8,
    random.chance(0.3) ? null : "paid ".repeat(random.below(6)),
  ]);

const drawCustomers = (random: Prng): GoldenSplits => [
  Array.from({ length: 20 }, (_, index): Row => [`c${index}`, random.chance(0.2) ? null : `land ${index % 4}`]),
  Array.from({ length: 20 }, (_, index): Row => [`customer number ${index} of the house`, `a far land ${index % 3}`]),
];

/** Rows of a source in two: those behind the watermark of their split, and the others. */
function partLate(splits: GoldenSplits, time: number): { late: Row[]; inTime: Row[] } {
  const late: Row[] = [];
  const inTime: Row[] = [];
  for (const rows of splits) {
    let latest: bigint | undefined;
    for (const row of rows) {
      const at = row[time] as bigint;
      if (latest !== undefined && at < latest - BigInt(BOUND_MS)) late.push(row);
      else inTime.push(row);
      if (latest === undefined || at > latest) latest = at;
    }
  }
  return { late, inTime };
}

const lines = (rows: readonly Row[]): string[] => rows.map((row) => textOfRow([], row)).sort();

const pairs = (left: readonly Row[], right: readonly Row[], joins: (left: Row, right: Row) => boolean): [Row, Row][] =>
  left.flatMap((one) => right.filter((other) => joins(one, other)).map((other): [Row, Row] => [one, other]));

const values = (row: Row, ...columns: number[]): Value[] => columns.map((column) => row[column] as Value);

const source = (name: string, schema: readonly ColumnSpec[], time?: string): Operator => ({
  uid: name,
  kind: "source",
  connector: { kind: "memory", name },
  schema,
  ...(time === undefined ? {} : { eventTime: { column: time, boundMs: BOUND_MS } }),
});
const orders = source("orders", orderColumns, "ordered_at");
const payments = source("payments", paymentColumns, "paid_at");
const sink = (uid: string, input: string): Operator => ({ uid, kind: "sink", input, connector: { kind: "print" } });

/** Rows that are not late, in SQL. */
const inTime = (table: string, time: string): string => `(select * from (select *, coalesce(${time} >= max(${time})
  over (partition by split order by place rows between unbounded preceding and 1 preceding) - ${BOUND_MS}, true) as ok
  from ${table}) where ok)`;
const lateOnes = (table: string, time: string): string => inTime(table, time).replace("where ok", "where not ok");
const ordersInTime = inTime("orders", "ordered_at");
const paymentsInTime = inTime("payments", "paid_at");

function paidOrders(): JoinGoldenJob {
  const random = seededPrng(11);
  const inputs = { orders: drawOrders(random, 3, 200, 60), payments: drawPayments(random, 2, 300, 60) };
  const left = partLate(inputs.orders, COLUMN.at);
  const right = partLate(inputs.payments, COLUMN.paidAt);
  const joined = pairs(left.inTime, right.inTime, (order, payment) => {
    const apart = (payment[COLUMN.paidAt] as bigint) - (order[COLUMN.at] as bigint);
    return order[COLUMN.id] === payment[COLUMN.orderId] && apart >= 0n && apart <= 500n;
  });
  return {
    name: "orders paid within half a second",
    inputs,
    tables: { orders: orderColumns, payments: paymentColumns },
    expected: {
      out: lines(joined.map(([order, payment]) => [...values(order, 1, 2, 3, 0), ...values(payment, 1, 2, 3)])),
      late_orders: lines(left.late),
      late_payments: lines(right.late),
    },
    sql: {
      out: `select id, customer, express, ordered_at, paid_at, amount, note from ${ordersInTime} join ${paymentsInTime}
        on id = order_id and paid_at - ordered_at between 0 and 500`,
      late_orders: `select ordered_at, id, customer, express from ${lateOnes("orders", "ordered_at")}`,
      late_payments: `select order_id, paid_at, amount, note from ${lateOnes("payments", "paid_at")}`,
    },
    spec: {
      operators: [
        orders,
        payments,
        {
          uid: "paid",
          kind: "interval_join",
          left: "orders",
          right: "payments",
          on: [{ left: "id", right: "order_id" }],
          lowerMs: 0,
          upperMs: 500,
          columns: {
            id: "left.id",
            customer: "left.customer",
            express: "left.express",
            ordered_at: "left.ordered_at",
            paid_at: "right.paid_at",
            amount: "right.amount",
            note: "right.note",
          },
        },
        sink("out", "paid"),
        sink("late_orders", "paid#late_left"),
        sink("late_payments", "paid#late_right"),
      ],
    },
  };
}

function repeatedOrders(): JoinGoldenJob {
  const inputs = { orders: drawOrders(seededPrng(12), 4, 150, 60) };
  const { inTime: rows } = partLate(inputs.orders, COLUMN.at);
  const joined = pairs(rows, rows, (first, second) => {
    const apart = (second[COLUMN.at] as bigint) - (first[COLUMN.at] as bigint);
    const sameKey =
      first[COLUMN.customer] === second[COLUMN.customer] && first[COLUMN.express] === second[COLUMN.express];
    return sameKey && first[COLUMN.express] !== null && apart >= 1n && apart <= 300n;
  });
  return {
    name: "a stream joined with itself",
    inputs,
    tables: { orders: orderColumns },
    expected: { out: lines(joined.map(([first, second]) => [...values(first, 2, 1, 0), ...values(second, 1, 0)])) },
    sql: {
      out: `select a.customer, a.id, a.ordered_at, b.id, b.ordered_at from ${ordersInTime} a join ${ordersInTime} b
        on a.customer = b.customer and a.express = b.express and b.ordered_at - a.ordered_at between 1 and 300`,
    },
    spec: {
      operators: [
        orders,
        {
          uid: "again",
          kind: "interval_join",
          left: "orders",
          right: "orders",
          on: [
            { left: "customer", right: "customer" },
            { left: "express", right: "express" },
          ],
          lowerMs: 1,
          upperMs: 300,
          columns: {
            customer: "left.customer",
            first: "left.id",
            first_at: "left.ordered_at",
            second: "right.id",
            second_at: "right.ordered_at",
          },
        },
        sink("out", "again"),
      ],
    },
  };
}

function earlierPayments(): JoinGoldenJob {
  const random = seededPrng(13);
  const inputs = { orders: drawOrders(random, 2, 200, 40), payments: drawPayments(random, 3, 200, 40) };
  const left = partLate(inputs.orders, COLUMN.at);
  const right = partLate(inputs.payments, COLUMN.paidAt);
  const joined = pairs(left.inTime, right.inTime, (order, payment) => {
    const apart = (payment[COLUMN.paidAt] as bigint) - (order[COLUMN.at] as bigint);
    const wanted = order[COLUMN.express] === true && payment[COLUMN.amount] !== null;
    return wanted && order[COLUMN.id] === payment[COLUMN.orderId] && apart >= -700n && apart <= -100n;
  });
  return {
    name: "filters and projections around a join of earlier payments",
    inputs,
    tables: { orders: orderColumns, payments: paymentColumns },
    expected: {
      out: lines(joined.map(([order, payment]) => [(order[1] as bigint) + 1n, payment[2] as Value, order[0] as Value])),
    },
    sql: {
      out: `select id + 1, amount, ordered_at from ${ordersInTime} join ${paymentsInTime}
        on id = order_id and paid_at - ordered_at between -700 and -100 where express and amount is not null`,
    },
    spec: {
      operators: [
        orders,
        payments,
        { uid: "express", kind: "filter", input: "orders", where: { col: "express" } },
        {
          uid: "early",
          kind: "interval_join",
          left: "express",
          right: "payments",
          on: [{ left: "id", right: "order_id" }],
          lowerMs: -700,
          upperMs: -100,
          columns: { id: "left.id", ordered_at: "left.ordered_at", amount: "right.amount" },
        },
        {
          uid: "known",
          kind: "filter",
          input: "early",
          where: { op: "is_not_null", args: [{ col: "amount" }] },
        },
        {
          uid: "shown",
          kind: "project",
          input: "known",
          columns: {
            next_id: { op: "add", args: [{ col: "id" }, 1] },
            amount: { col: "amount" },
            ordered_at: { col: "ordered_at" },
          },
        },
        sink("out", "shown"),
      ],
    },
  };
}

function nearOrders(): JoinGoldenJob {
  const random = seededPrng(14);
  const inputs = { orders: drawOrders(random, 3, 150, 30), payments: drawPayments(random, 3, 150, 30) };
  const left = partLate(inputs.orders, COLUMN.at);
  const right = partLate(inputs.payments, COLUMN.paidAt);
  const joined = pairs(left.inTime, right.inTime, (order, payment) => {
    const apart = (payment[COLUMN.paidAt] as bigint) - (order[COLUMN.at] as bigint);
    return order[COLUMN.id] === payment[COLUMN.orderId] && apart >= -400n && apart <= 400n;
  });
  return {
    name: "orders and payments at most 400 ms apart",
    inputs,
    tables: { orders: orderColumns, payments: paymentColumns },
    expected: { out: lines(joined.map(([order, payment]) => [...values(payment, 3, 2), ...values(order, 2, 1)])) },
    sql: {
      out: `select note, amount, customer, id from ${ordersInTime} join ${paymentsInTime}
        on id = order_id and abs(paid_at - ordered_at) <= 400`,
    },
    spec: {
      operators: [
        orders,
        payments,
        {
          uid: "near",
          kind: "join",
          left: "orders",
          right: "payments",
          on: [{ left: "id", right: "order_id" }],
          ttlMs: 400,
          columns: { note: "right.note", amount: "right.amount", customer: "left.customer", id: "left.id" },
        },
        sink("out", "near"),
      ],
    },
  };
}

/** Longer than any test runs, so that nothing is forgotten and the result is that of the rows alone. */
const DAY_MS = 86_400_000;

function enrichedPairs(): JoinGoldenJob {
  const random = seededPrng(15);
  const inputs = {
    orders: drawOrders(random, 2, 150, 40),
    payments: drawPayments(random, 2, 150, 40),
    customers: drawCustomers(random),
  };
  const left = partLate(inputs.orders, COLUMN.at);
  const right = partLate(inputs.payments, COLUMN.paidAt);
  const joined = pairs(left.inTime, right.inTime, (order, payment) => {
    const apart = (payment[COLUMN.paidAt] as bigint) - (order[COLUMN.at] as bigint);
    return order[COLUMN.id] === payment[COLUMN.orderId] && apart >= 0n && apart <= 300n;
  });
  const rows = joined.flatMap(([order, payment]) =>
    inputs.customers
      .flat()
      .filter((customer) => customer[0] === order[COLUMN.customer])
      .map((customer): Row => [order[COLUMN.id] as Value, payment[COLUMN.amount] as Value, ...values(customer, 0, 1)]),
  );
  return {
    name: "pairs joined again with rows that have no event time",
    inputs,
    tables: { orders: orderColumns, payments: paymentColumns, customers: customerColumns },
    expected: { out: lines(rows) },
    sql: {
      out: `select id, amount, name, country from ${ordersInTime} join ${paymentsInTime}
        on id = order_id and paid_at - ordered_at between 0 and 300 join customers on customer = name`,
    },
    spec: {
      operators: [
        orders,
        payments,
        source("customers", customerColumns),
        {
          uid: "paid",
          kind: "interval_join",
          left: "orders",
          right: "payments",
          on: [{ left: "id", right: "order_id" }],
          lowerMs: 0,
          upperMs: 300,
          columns: { id: "left.id", customer: "left.customer", amount: "right.amount" },
        },
        {
          uid: "enriched",
          kind: "join",
          left: "paid",
          right: "customers",
          on: [{ left: "customer", right: "name" }],
          ttlMs: DAY_MS,
          columns: { id: "left.id", amount: "left.amount", name: "right.name", country: "right.country" },
        },
        sink("out", "enriched"),
      ],
    },
  };
}

const countOrders = {
  uid: "totals",
  kind: "aggregate",
  input: "orders",
  keyBy: ["customer"],
  aggregates: { orders: { function: "count" }, ids: { function: "sum", column: "id" } },
};

/** Late rows count too: running aggregates look at no watermark. */
function totalsOf(splits: GoldenSplits): Row[] {
  const totals = new Map<Value, { orders: bigint; ids: bigint | null }>();
  for (const row of splits.flat()) {
    const customer = row[COLUMN.customer] as Value;
    const id = row[COLUMN.id] as bigint | null;
    const before = totals.get(customer) ?? { orders: 0n, ids: null };
    const ids = id === null ? before.ids : (before.ids ?? 0n) + id;
    totals.set(customer, { orders: before.orders + 1n, ids });
  }
  return [...totals].map(([customer, { orders, ids }]) => [customer, orders, ids]);
}
const totalsInSql = "(select customer, count(*) as orders, sum(id)::bigint as ids from orders group by customer)";

function enrichedTotals(): JoinGoldenJob {
  const random = seededPrng(16);
  const inputs = { orders: drawOrders(random, 3, 150, 1000), customers: drawCustomers(random) };
  const rows = pairs(totalsOf(inputs.orders), inputs.customers.flat(), (total, customer) => total[0] === customer[0]);
  return {
    name: "totals that change joined with rows that stay",
    inputs,
    tables: { orders: orderColumns, customers: customerColumns },
    expected: { out: lines(rows.map(([total, customer]) => [...values(customer, 0, 1), ...values(total, 1, 2)])) },
    sql: { out: `select name, country, orders, ids from ${totalsInSql} join customers on customer = name` },
    spec: {
      operators: [
        orders,
        countOrders,
        source("customers", customerColumns),
        {
          uid: "enriched",
          kind: "join",
          left: "totals",
          right: "customers",
          on: [{ left: "customer", right: "name" }],
          ttlMs: DAY_MS,
          columns: { name: "right.name", country: "right.country", orders: "left.orders", ids: "left.ids" },
        },
        sink("out", "enriched"),
      ],
    },
  };
}

function equalTotals(): JoinGoldenJob {
  const inputs = { orders: drawOrders(seededPrng(17), 3, 120, 1000) };
  const totals = totalsOf(inputs.orders);
  const rows = pairs(totals, totals, (left, right) => left[1] === right[1]);
  return {
    name: "customers with equally many orders",
    inputs,
    tables: { orders: orderColumns },
    expected: { out: lines(rows.map(([left, right]) => [...values(left, 1, 0), ...values(right, 0, 2)])) },
    sql: {
      out: `select l.orders, l.customer, r.customer, r.ids from ${totalsInSql} l join ${totalsInSql} r
        on l.orders = r.orders`,
    },
    spec: {
      operators: [
        orders,
        countOrders,
        {
          uid: "equal",
          kind: "join",
          left: "totals",
          right: "totals",
          on: [{ left: "orders", right: "orders" }],
          ttlMs: DAY_MS,
          columns: { orders: "left.orders", one: "left.customer", other: "right.customer", ids: "right.ids" },
        },
        sink("out", "equal"),
      ],
    },
  };
}

export const joinGoldenJobs: readonly JoinGoldenJob[] = [
  paidOrders(),
  repeatedOrders(),
  earlierPayments(),
  nearOrders(),
  enrichedPairs(),
  enrichedTotals(),
  equalTotals(),
];
