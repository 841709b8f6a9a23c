// Specs whose expressions or operators are wrong, with the exact texts that their author is shown.

import { at, change, type InvalidSpec, nested, where } from "./job_specs.ts";

export const expressions: readonly InvalidSpec[] = [
  {
    name: "a filter has a condition",
    spec: change(1, { where: undefined }),
    problems: ["operators[1].where: found nothing, expected an expression"],
  },
  {
    name: "a condition is a bool",
    spec: where({ col: "delay" }),
    problems: ["operators[1].where: found an expression of type i64, expected one of type bool"],
  },
  {
    name: "null alone has no type",
    spec: where(null),
    problems: [
      'operators[1].where: found null, expected a value with a type, such as {"op": "cast", "args": [null], "to": "i64"}',
    ],
  },
  {
    name: "an expression has a known form",
    spec: where({ column: "delay" }),
    problems: [
      'operators[1].where: found an object with "column", expected a literal, {"col": "…"} or {"op": "…", "args": […]}; did you mean "col"?',
    ],
  },
  {
    name: "a list is no expression",
    spec: where([1, 2]),
    problems: ['operators[1].where: found a list of 2, expected a literal, {"col": "…"} or {"op": "…", "args": […]}'],
  },
  {
    name: "a column exists",
    spec: where({ op: "is_null", args: [{ col: "Delay" }] }),
    problems: [
      'operators[1].where.args[0].col: found "Delay", expected a column of the input: "date", "origin", "delay" or "distance"; did you mean "delay"?',
    ],
  },
  {
    name: "an operation exists",
    spec: where({ op: "equals", args: [1, 1] }),
    problems: [
      'operators[1].where.op: found "equals", expected "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "add", "sub", "mul", "div", "mod", "neg", "is_null", "is_not_null", "if", "coalesce", "cast" or "length"; did you mean "eq"?',
    ],
  },
  {
    name: "an operation has its arguments",
    spec: where({ op: "not", args: [true, false] }),
    problems: ["operators[1].where.args: found a list of 2, expected a list of 1 argument for not"],
  },
  {
    name: "a call has no other fields",
    spec: where({ op: "eq", arg: [1], args: [1, 1], to: "i64" }),
    problems: [
      'operators[1].where.arg: found a list of 1, expected no such field; a call has "op" and "args"; did you mean "args"?',
      'operators[1].where.to: found "i64", expected no such field; a call has "op" and "args"',
    ],
  },
  {
    name: "types compare with their like",
    spec: where({ op: "eq", args: [{ col: "origin" }, 15] }),
    problems: ['operators[1].where.args[1]: found i64 (15), expected utf8, as utf8 (column "origin") before it'],
  },
  {
    name: "a time is not a text",
    spec: where({ op: "lt", args: [{ col: "date" }, "2001-01-01"] }),
    problems: [
      'operators[1].where.args[1]: found utf8 ("2001-01-01"), expected timestamp, as timestamp (column "date") before it: write {"timestamp": "…"}',
    ],
  },
  {
    name: "bools have no order",
    spec: where({ op: "lt", args: [true, false] }),
    problems: [
      "operators[1].where.args[0]: found bool (true), expected numbers, timestamps or texts for lt: bools have no order",
    ],
  },
  {
    name: "null compares with nothing",
    spec: where({ op: "eq", args: [{ col: "delay" }, null] }),
    problems: ['operators[1].where.args[1]: found null, expected something else: use "is_null" to look for nulls'],
  },
  {
    name: "logic is over bools",
    spec: where({ op: "and", args: [true, { col: "delay" }, "yes"] }),
    problems: [
      'operators[1].where.args[1]: found i64 (column "delay"), expected bool for and',
      'operators[1].where.args[2]: found utf8 ("yes"), expected bool for and',
    ],
  },
  {
    name: "arithmetic is over numbers",
    spec: where({ op: "gt", args: [{ op: "add", args: [{ col: "origin" }, 1] }, 0] }),
    problems: [
      'operators[1].where.args[0].args: found utf8 (column "origin") and i64 (1), expected two numbers for add, or a timestamp and an i64 of milliseconds',
    ],
  },
  {
    name: "times are not multiplied",
    spec: where({ op: "gt", args: [{ op: "mul", args: [{ col: "date" }, 2] }, 0] }),
    problems: [
      'operators[1].where.args[0].args: found timestamp (column "date") and i64 (2), expected two numbers for mul',
    ],
  },
  {
    name: "alternatives have one type",
    spec: where({ op: "if", args: [true, true, 1] }),
    problems: ["operators[1].where.args[2]: found i64 (1), expected bool as the alternative before it"],
  },
  {
    name: "an if has a condition",
    spec: where({ op: "if", args: [1, true, false] }),
    problems: ["operators[1].where.args[0]: found i64 (1), expected a bool, the condition"],
  },
  {
    name: "alternatives have a type",
    spec: where({ op: "coalesce", args: [null, null] }),
    problems: ["operators[1].where.args: found only nulls, expected at least one alternative that has a type"],
  },
  {
    name: "a cast is possible",
    spec: where({ op: "is_null", args: [{ op: "cast", args: [{ col: "origin" }], to: "i64" }] }),
    problems: [
      'operators[1].where.args[0].args[0]: found utf8 (column "origin"), expected i64, f64, bool or timestamp, which can be cast to i64',
    ],
  },
  {
    name: "a cast has a target",
    spec: where({ op: "is_null", args: [{ op: "cast", args: [1], to: "utf8" }] }),
    problems: ['operators[1].where.args[0].to: found "utf8", expected "i64", "f64" or "timestamp"'],
  },
  {
    name: "whole numbers are exact",
    spec: where({ op: "eq", args: [{ col: "delay" }, 9007199254740992] }),
    problems: [
      'operators[1].where.args[1]: found 9007199254740992, expected {"i64": "…"} with all digits or {"f64": 9007199254740992}: a plain whole number is exact up to 2^53 only',
    ],
  },
  {
    name: "literals are in range",
    spec: where({
      op: "and",
      args: [
        { op: "eq", args: [{ i64: "9223372036854775808" }, { f64: "nan" }] },
        { op: "eq", args: [{ timestamp: "2001-02-29" }, -0] },
      ],
    }),
    problems: [
      'operators[1].where.args[0].args[0].i64: found "9223372036854775808", expected a whole number in quotes from "-9223372036854775808" to "9223372036854775807"',
      'operators[1].where.args[0].args[1].f64: found "nan", expected a number or "NaN", "Infinity", "-Infinity" or "-0"',
      'operators[1].where.args[1].args[0].timestamp: found "2001-02-29", expected a time in UTC such as "2001-01-31T06:00:00Z", or whole milliseconds since the Unix epoch',
      'operators[1].where.args[1].args[1]: found -0, expected {"f64": "-0"}: JSON numbers do not keep it',
    ],
  },
  {
    name: "text is well formed",
    spec: where({ op: "eq", args: [{ col: "origin" }, "\ud800"] }),
    problems: ['operators[1].where.args[1]: found "\\ud800", expected text without unpaired surrogates'],
  },
  {
    name: "a text literal is short",
    spec: where({ op: "eq", args: [{ col: "origin" }, "x".repeat(4097)] }),
    problems: ["operators[1].where.args[1]: found a text of 4097 bytes, expected at most 4096 bytes"],
  },
  {
    name: "nesting has a limit",
    spec: where(nested(31)),
    problems: ["operators[1].where: found deeper nesting, expected an expression of at most 32 levels"],
  },
  {
    name: "length has a limit",
    spec: where({
      op: "and",
      args: Array.from({ length: 32 }, () => ({ op: "or", args: Array.from({ length: 32 }, () => true) })),
    }),
    problems: ["operators[1].where: found a longer expression, expected one of at most 1000 parts"],
  },
];

export const operators: readonly InvalidSpec[] = [
  {
    name: "a project has columns",
    spec: change(2, { columns: {} }),
    problems: [
      "operators[2].columns: found an empty object, expected an object of 1 to 64 columns, each an expression",
    ],
  },
  {
    name: "projected columns have names",
    spec: change(2, { columns: JSON.parse('{"__proto__": 1, "a-b": 1, "": 1, "origin": {"col": "orgin"}}') }),
    problems: [
      'operators[2].columns.__proto__: found "__proto__", expected a column name: letters, digits and _, not beginning with a digit or __, at most 64 characters',
      'operators[2].columns["a-b"]: found "a-b", expected a column name: letters, digits and _, not beginning with a digit or __, at most 64 characters',
      'operators[2].columns[""]: found "", expected a column name: letters, digits and _, not beginning with a digit or __, at most 64 characters',
      'operators[2].columns.origin.col: found "orgin", expected a column of the input: "date", "origin", "delay" or "distance"; did you mean "origin"?',
    ],
  },
  {
    name: "a window has a size",
    spec: change(3, { window: { kind: "tumbling", sizeMs: 0 } }),
    problems: ["operators[3].window.sizeMs: found 0, expected a whole number of milliseconds, at least 1"],
  },
  {
    name: "a size is whole",
    spec: change(3, { window: { kind: "tumbling", sizeMs: "1h" } }),
    problems: ['operators[3].window.sizeMs: found "1h", expected a whole number of milliseconds, at least 1'],
  },
  {
    name: "a window is known",
    spec: change(3, { window: { kind: "tumblin", sizeMs: 1 } }),
    problems: [
      'operators[3].window.kind: found "tumblin", expected "tumbling", "hopping" or "session"; did you mean "tumbling"?',
    ],
  },
  {
    name: "an offset is less than the size",
    spec: change(3, { window: { kind: "tumbling", sizeMs: 1000, offsetMs: 1000 } }),
    problems: ["operators[3].window.offsetMs: found 1000, expected less than sizeMs, which is 1000"],
  },
  {
    name: "a window has keys",
    spec: change(3, { keyBy: [] }),
    problems: ["operators[3].keyBy: found an empty list, expected a list of 1 to 8 columns to group by"],
  },
  {
    name: "keys exist, once, and compare exactly",
    spec: change(3, { keyBy: ["origin", "origin", "distance", "dest"] }),
    problems: [
      'operators[3].keyBy[1]: found "origin", expected each key once',
      'operators[3].keyBy[2]: found "distance" of type f64, expected a key of type i64, utf8, bool or timestamp: f64 values do not compare exactly',
      'operators[3].keyBy[3]: found "dest", expected a column of the input: "origin", "date", "delay" or "distance"',
    ],
  },
  {
    name: "a window has aggregates",
    spec: change(3, { aggregates: {} }),
    problems: [
      "operators[3].aggregates: found an empty object, expected an object of 1 to 32 aggregates, each under its column name",
    ],
  },
  {
    name: "aggregates fit their columns",
    spec: change(3, {
      aggregates: {
        a: { function: "sum", column: "origin" },
        b: { function: "avg" },
        c: { function: "median", column: "delay" },
        d: { function: "count", column: "dealy" },
        e: { function: "max", column: "origin" },
      },
    }),
    problems: [
      'operators[3].aggregates.c.function: found "median", expected "count", "sum", "min", "max", "avg" or "count_distinct"',
      'operators[3].aggregates.a.column: found "origin" of type utf8, expected a column of type i64 or f64 for sum',
      "operators[3].aggregates.b.column: found nothing, expected the column to take the avg of",
      'operators[3].aggregates.d.column: found "dealy", expected a column of the input: "origin", "date", "delay" or "distance"; did you mean "delay"?',
      'operators[3].aggregates.e.column: found "origin" of type utf8, expected a column of type i64, f64 or timestamp for max',
    ],
  },
  {
    name: "aggregates have names of their own",
    spec: change(3, { aggregates: { origin: { function: "count" }, window_start: { function: "count" } } }),
    problems: [
      'operators[3].aggregates.origin: found "origin", expected a name that is neither a key nor "window_start" or "window_end"',
      'operators[3].aggregates.window_start: found "window_start", expected a name that is neither a key nor "window_start" or "window_end"',
    ],
  },
  {
    name: "a window needs event time",
    spec: change(0, { eventTime: undefined }),
    problems: [
      'operators[3].input: found no event time: source "arrivals" has no eventTime, expected an input with event time: a source with eventTime, and only filters, unions and projections that keep it in between',
    ],
  },
  {
    name: "a projection keeps the event time",
    spec: change(2, { columns: { origin: { col: "origin" }, delay: { col: "delay" } } }),
    problems: [
      'operators[3].input: found no event time: project "shape" drops the event time; add "date": {"col": "date"} to its columns, expected an input with event time: a source with eventTime, and only filters, unions and projections that keep it in between',
    ],
  },
  {
    name: "a window does not follow a window",
    spec: (job) => {
      change(4, { input: "daily" })(job);
      const daily = {
        ...at(job, 3),
        uid: "daily",
        input: "hourly",
        keyBy: ["origin"],
        aggregates: { n: { function: "count" } },
      };
      return { ...job, operators: [...job.operators, daily] };
    },
    problems: [
      'operators[7].input: found no event time: window "hourly" comes before, and its results have none, expected an input with event time: a source with eventTime, and only filters, unions and projections that keep it in between',
    ],
  },
  {
    name: "an upsert has a key",
    spec: change(4, { connector: { kind: "table", table: "t", mode: "upsert" } }),
    problems: [
      "operators[4].connector.primaryKey: found no column, expected the columns that tell one row from another, for mode upsert",
    ],
  },
  {
    name: "an append has none",
    spec: change(4, { connector: { kind: "table", table: "t", mode: "append", primaryKey: ["origin"] } }),
    problems: [
      "operators[4].connector.primaryKey: found a list of 1, expected no primaryKey for mode append: every row is inserted",
    ],
  },
  {
    name: "a key's columns exist and are never null",
    spec: change(4, {
      connector: { kind: "table", table: "t", mode: "upsert", primaryKey: ["origin", "origin", "mean_delay", "hour"] },
    }),
    problems: [
      'operators[4].connector.primaryKey[1]: found "origin", expected each column once',
      'operators[4].connector.primaryKey[2]: found "mean_delay", nullable, expected a column that is never null: nulls are never the same row',
      'operators[4].connector.primaryKey[3]: found "hour", expected a column of the input: "window_start", "window_end", "origin", "departures" or "mean_delay"',
    ],
  },
  {
    name: "a table's name is not Millrace's",
    spec: change(4, { connector: { kind: "table", table: "millrace_t", mode: "append" } }),
    problems: [
      'operators[4].connector.table: found "millrace_t", expected a table\'s name: letters, digits and _, not beginning with a digit, millrace_ or sqlite_, at most 64 characters',
    ],
  },
  {
    name: "a table's columns differ in more than case",
    spec: change(3, { aggregates: { Origin: { function: "count" } } }),
    problems: [
      'operators[4].input: found columns "origin" and "Origin", expected names that differ in more than case: a table\'s columns are not told apart by it',
    ],
  },
  {
    name: "sinks do not share a directory",
    spec: change(6, { connector: { kind: "ndjson_files", directory: "late/" } }),
    problems: [
      'operators[6].connector.directory: found "late/", expected a directory of its own: operators[5] writes there',
    ],
  },
  {
    name: "a sink has a connector",
    spec: change(6, { connector: { kind: "files" } }),
    problems: ['operators[6].connector.kind: found "files", expected "table", "ndjson_files", "log" or "print"'],
  },
];
