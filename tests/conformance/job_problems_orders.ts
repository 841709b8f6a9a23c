// Specs in which an operator with several inputs, with rows that are taken back or with code is wrong, with the exact
// texts that their author is shown. Each is made from the valid spec of `job_orders.ts`.

import { at, change, type InvalidSpec } from "./job_specs.ts";

const FIRST =
  'the columns of the first input: "time" of type timestamp, "id" of type i64, "customer" of type utf8, "amount" of type f64, "note" of type utf8; a project before it can make them';
const TIMED =
  "expected an input with event time: a source with eventTime, and only filters, unions and projections that keep it in between";

const joins: readonly InvalidSpec[] = [
  {
    name: "the inputs of a union have the same columns",
    spec: (job) => {
      change(3, { inputs: ["orders", "payments"] })(job);
      return { ...job, operators: job.operators.filter((one) => one["uid"] !== "web") };
    },
    problems: [
      `operators[2].inputs[1]: found "payments" with "at" of type timestamp, "order_id" of type i64, "paid" of type f64, "payer" of type utf8, expected ${FIRST}`,
    ],
  },
  {
    name: "a union has two inputs, each once",
    spec: change(3, { inputs: ["orders", "web", "orders"] }),
    problems: ['operators[3].inputs[2]: found "orders", expected each input once'],
  },
  {
    name: "a union of one is none",
    spec: change(3, { inputs: ["orders"] }),
    problems: ["operators[3].inputs: found a list of 1, expected a list of 2 to 16 uids of operators"],
  },
  {
    name: "a union keeps the event time where it has one name",
    spec: (job) => {
      change(1, { eventTime: { column: "at", boundMs: 0 } })(job);
      (at(job, 0)["schema"] as unknown[]).push({ name: "at", type: "timestamp" });
      (at(job, 1)["schema"] as unknown[]).push({ name: "at", type: "timestamp" });
      return job;
    },
    problems: [
      `operators[4].left: found no event time: the inputs of union "all" carry it in different columns; give them one name with a project, ${TIMED}`,
      `operators[7].input: found no event time: the inputs of union "all" carry it in different columns; give them one name with a project, ${TIMED}`,
      `operators[11].input: found no event time: the inputs of union "all" carry it in different columns; give them one name with a project, ${TIMED}`,
    ],
  },
  {
    name: "columns that join exist and have one type",
    spec: change(4, {
      on: [
        { left: "id", right: "payer" },
        { left: "idd", right: "paid" },
      ],
    }),
    problems: [
      'operators[4].on[0]: found "id" of type i64 and "payer" of type utf8, expected columns of one type',
      'operators[4].on[1].left: found "idd", expected a column of the input: "time", "id", "customer", "amount" or "note"; did you mean "id"?',
      'operators[4].on[1].right: found "paid" of type f64, expected a key of type i64, utf8, bool or timestamp: f64 values do not compare exactly',
    ],
  },
  {
    name: "joined columns say where they come from",
    spec: change(4, { columns: { id: "id", customer: "left.custmer", paid: "right.paid", payer: "right.payer" } }),
    problems: [
      'operators[4].columns.id: found "id", expected a column of an input: "left.<column>" or "right.<column>"',
      'operators[4].columns.customer: found "left.custmer", expected a column of the input: "time", "id", "customer", "amount" or "note"; did you mean "customer"?',
    ],
  },
  {
    name: "an interval has a direction",
    spec: change(4, { lowerMs: 5, upperMs: 4 }),
    problems: ["operators[4].lowerMs: found 5, expected at most upperMs, which is 4"],
  },
  {
    name: "an interval join needs event time on both sides",
    spec: (job) => {
      delete at(job, 2)["eventTime"];
      return job;
    },
    problems: [`operators[4].right: found no event time: source "payments" has no eventTime, ${TIMED}`],
  },
  {
    name: "an interval join has two kinds of late rows",
    spec: change(9, { inputs: ["paid#late", "payments"] }),
    problems: [
      'operators[9].inputs[0]: found "paid#late", expected "paid", "paid#late_left" or "paid#late_right": an interval_join has no other outputs',
    ],
  },
  {
    name: "a join has a time to live",
    spec: change(10, { ttlMs: 0 }),
    problems: ["operators[10].ttlMs: found 0, expected a whole number of milliseconds, at least 1"],
  },
];

const keyed: readonly InvalidSpec[] = [
  {
    name: "windows slide by a part of their size",
    spec: change(11, { window: { kind: "hopping", sizeMs: 25, slideMs: 10, offsetMs: 10 } }),
    problems: [
      "operators[11].window.offsetMs: found 10, expected less than slideMs, which is 10",
      "operators[11].window.sizeMs: found 25, expected a multiple of slideMs, which is 10",
    ],
  },
  {
    name: "a row belongs to so many windows",
    spec: change(11, { window: { kind: "hopping", sizeMs: 10_001, slideMs: 1 } }),
    problems: ["operators[11].window.sizeMs: found 10001, expected at most 10000 times slideMs, which is 1"],
  },
  {
    name: "a session has a gap",
    spec: change(7, { window: { kind: "session", sizeMs: 1 } }),
    problems: [
      "operators[7].window.gapMs: found nothing, expected a whole number of milliseconds, at least 1",
      'operators[7].window.sizeMs: found 1, expected no such field; known are "kind" and "gapMs"',
    ],
  },
  {
    name: "distinct values compare exactly",
    spec: change(7, { aggregates: { orders: { function: "count_distinct", column: "amount" } } }),
    problems: [
      'operators[7].aggregates.orders.column: found "amount" of type f64, expected a column of type i64, bool, utf8 or timestamp for count_distinct',
    ],
  },
  {
    name: "an aggregate has no name of a key",
    spec: change(5, { aggregates: { customer: { function: "count" } } }),
    problems: ['operators[5].aggregates.customer: found "customer", expected a name that is no key'],
  },
  {
    name: "the order is by columns, each once, and the rank has a name of its own",
    spec: change(6, {
      orderBy: [{ column: "total" }, { column: "total" }, { column: "totl" }],
      limit: 0,
      rank: "most",
    }),
    problems: [
      "operators[6].limit: found 0, expected a whole number from 1 to 10000",
      'operators[6].orderBy[1].column: found "total", expected each column once',
      'operators[6].orderBy[2].column: found "totl", expected a column of the input: "customer", "n", "total" or "most"; did you mean "total"?',
      'operators[6].rank: found "most", expected a name that no column of the input has',
    ],
  },
];

const CORRECTS = 'rows that are taken back later: aggregate "totals" corrects its results';

const updating: readonly InvalidSpec[] = [
  {
    name: "windows, interval joins and processes want rows that stay",
    spec: (job) => {
      const window = { ...at(job, 7), uid: "w", input: "totals", aggregates: { n: { function: "count" } } };
      const process = { ...at(job, 8), uid: "p", input: "totals", outputs: {} };
      const join = { ...at(job, 4), uid: "j", left: "totals", on: [{ left: "n", right: "order_id" }] };
      Object.assign(join, { columns: { n: "left.n" } });
      const sinks = ["w", "p", "j"].map((uid) => ({ ...at(job, 15), uid: `${uid}_out`, input: uid }));
      return { ...job, operators: [...job.operators, window, process, join, ...sinks] };
    },
    problems: [
      `operators[21].input: found ${CORRECTS}, expected rows that stay: put the window before that operator, or use an operator of kind aggregate`,
      `operators[22].input: found ${CORRECTS}, expected rows that stay: put the process before that operator`,
      `operators[23].left: found ${CORRECTS}, expected rows that stay: put the join before that operator, or use an operator of kind join`,
    ],
  },
  {
    name: "the least of rows that go away is not known",
    spec: (job) => {
      const aggregates = {
        least: { function: "min", column: "n" },
        sum: { function: "sum", column: "n" },
        kinds: { function: "count_distinct", column: "id" },
      };
      const again = { uid: "again", kind: "aggregate", input: "enriched", keyBy: ["customer"], aggregates };
      return { ...job, operators: [...job.operators, again, { ...at(job, 13), uid: "again_out", input: "again" }] };
    },
    problems: [
      `operators[21].aggregates.least.function: found "min" over ${CORRECTS}, expected "count", "sum" or "avg", or this aggregate before that operator`,
      `operators[21].aggregates.kinds.function: found "count_distinct" over ${CORRECTS}, expected "count", "sum" or "avg", or this aggregate before that operator`,
    ],
  },
  {
    name: "a table without a key takes no rows back, and a changelog has a column of its own",
    spec: (job) => {
      change(13, { connector: { kind: "table", table: "totals", mode: "append" } })(job);
      change(14, { connector: { kind: "print" } })(job);
      const op = { uid: "op", kind: "project", input: "totals", columns: { op: { col: "n" } } };
      const sink = { ...at(job, 13), uid: "op_out", input: "op", connector: { kind: "print" } };
      return { ...job, operators: [...job.operators, op, sink] };
    },
    problems: [
      `operators[13].connector.mode: found mode "append" for ${CORRECTS}, expected mode "upsert" with a primaryKey, which takes rows back`,
      `operators[22].input: found column "op" for ${CORRECTS}, expected another name: it says what happens to the row`,
    ],
  },
  {
    name: "values are told apart within windows only",
    spec: (job) => {
      const aggregates = { kinds: { function: "count_distinct", column: "id" } };
      const distinct = { uid: "distinct", kind: "aggregate", input: "paid", keyBy: ["customer"], aggregates };
      return { ...job, operators: [...job.operators, distinct, { ...at(job, 13), uid: "out", input: "distinct" }] };
    },
    problems: [
      'operators[21].aggregates.kinds.function: found "count_distinct" without a window, expected two aggregates: one by the keys and that column, and one of its rows that counts them by the keys',
    ],
  },
];

const processes: readonly InvalidSpec[] = [
  {
    name: "a function is registered",
    spec: change(8, { function: "alert" }),
    problems: [
      'operators[8].function: found "alert", expected a function that the deployment registers: "alerts" and "match"; did you mean "alerts"?',
    ],
  },
  {
    name: "a function has its inputs",
    spec: change(9, { function: "alerts" }),
    problems: ['operators[9].function: found "alerts" with 2 inputs, expected 1 input, which it reads'],
  },
  {
    name: "input or inputs",
    spec: (job) => {
      change(8, { inputs: ["all"] })(job);
      return change(9, { inputs: undefined })(job);
    },
    problems: [
      "operators[8]: found both input and inputs, expected one of them",
      "operators[9]: found neither input nor inputs, expected one of them",
    ],
  },
  {
    name: "keys are given for each input",
    spec: (job) => {
      change(8, { keyBy: [["customer"]] })(job);
      return change(9, { keyBy: ["customer"] })(job);
    },
    problems: [
      "operators[8].keyBy[0]: found a list of 1, expected a column name: letters, digits and _, not beginning with a digit or __, at most 64 characters",
      "operators[9].keyBy: found a list of 1, expected a list of columns to group by for each of the inputs",
    ],
  },
  {
    name: "keys of two inputs are one key",
    spec: (job) => {
      change(8, { keyBy: ["custmer"] })(job);
      return change(9, { keyBy: [["customer"], ["order_id"]] })(job);
    },
    problems: [
      'operators[8].keyBy[0]: found "custmer", expected a column of the input: "time", "id", "customer", "amount" or "note"; did you mean "customer"?',
      "operators[9].keyBy[1]: found keys of type i64, expected as many keys of the same types as the first input has: utf8",
    ],
  },
  {
    name: "states, columns, side outputs and parameters are sound",
    spec: change(8, {
      states: { seen: { kind: "set" } },
      columns: [
        { name: "a", type: "utf8" },
        { name: "a", type: "utf8" },
      ],
      outputs: { odd: [{ name: "why", type: "utf8" }], main: [{ name: "x", type: "i64" }] },
      params: { most: Number.POSITIVE_INFINITY },
    }),
    problems: [
      'operators[8].states.seen.kind: found "set", expected "value", "list" or "map"',
      'operators[8].params: found an object with "most", expected plain JSON',
      'operators[8].columns[1].name: found "a", expected a name that no column before it has',
      'operators[8].outputs.main: found "main", expected another name: the rows of columns go to it',
    ],
  },
  {
    name: "a side output has a name",
    spec: change(17, { input: "alerts#strange" }),
    problems: [
      'operators[17].input: found "alerts#strange", expected "alerts" or "alerts#odd": a process has no other outputs',
    ],
  },
];

export const invalidOrders: readonly InvalidSpec[] = [...joins, ...keyed, ...updating, ...processes];
