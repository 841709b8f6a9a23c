// The shape of each operator of a job spec: fields, types, ranges, defaults.
// What needs more than one operator to decide (inputs, columns) is checked in `resolve_job.ts` and its neighbours.

import * as v from "valibot";
import { COLUMNS_MAX, MAX_PARALLELISM_LIMIT } from "../base/limits.ts";
import { sinkConnector, sourceConnector } from "./connector_shapes.ts";
import { anyMilliseconds, columnList, columnName, count, fields, input, KEYS_MAX, kind } from "./field_shapes.ts";
import { milliseconds, uid } from "./field_shapes.ts";
import * as shape from "./shape.ts";

const AGGREGATES_MAX = 32;
const UNION_INPUTS_MAX = 16;
const STATES_MAX = 32;
const SIDE_OUTPUTS_MAX = 16;
const TOP_ROWS_MAX = 10_000;

/** Fields that every operator has. */
const every = { uid, parallelism: v.exactOptional(count(1, MAX_PARALLELISM_LIMIT)) };

const source = (embedded: boolean) =>
  shape.closed(
    {
      ...every,
      kind: kind("source"),
      connector: sourceConnector(embedded),
      schema: fields,
      eventTime: v.exactOptional(
        shape.closed(
          { column: columnName, boundMs: milliseconds(0), idleTimeoutMs: v.exactOptional(milliseconds(1)) },
          "an object with column and boundMs",
        ),
      ),
    },
    "a source",
  );

const filter = shape.closed(
  { ...every, kind: kind("filter"), input, where: shape.anything("an expression") },
  "a filter",
);

const project = shape.closed(
  {
    ...every,
    kind: kind("project"),
    input,
    columns: shape.named(
      shape.anything("an expression"),
      1,
      COLUMNS_MAX,
      `an object of 1 to ${COLUMNS_MAX} columns, each an expression`,
    ),
  },
  "a project",
);

const union = shape.closed(
  {
    ...every,
    kind: kind("union"),
    inputs: shape.listOf(input, 2, UNION_INPUTS_MAX, `a list of 2 to ${UNION_INPUTS_MAX} uids of operators`),
  },
  "a union",
);

const aggregate = shape.closed(
  {
    function: shape.oneName(["count", "sum", "min", "max", "avg", "count_distinct"]),
    column: v.exactOptional(columnName),
  },
  'an aggregate such as {"function": "count"} or {"function": "avg", "column": "…"}',
);
const aggregates = shape.named(
  aggregate,
  1,
  AGGREGATES_MAX,
  `an object of 1 to ${AGGREGATES_MAX} aggregates, each under its column name`,
);

const windowKinds = shape.byKind(
  {
    tumbling: shape.closed(
      { kind: kind("tumbling"), sizeMs: milliseconds(1), offsetMs: shape.optionalOr(milliseconds(0), 0) },
      "a tumbling window",
    ),
    hopping: shape.closed(
      {
        kind: kind("hopping"),
        sizeMs: milliseconds(1),
        slideMs: milliseconds(1),
        offsetMs: shape.optionalOr(milliseconds(0), 0),
      },
      "a hopping window",
    ),
    session: shape.closed({ kind: kind("session"), gapMs: milliseconds(1) }, "a session window"),
  },
  'a window such as {"kind": "tumbling", "sizeMs": 3600000}',
);

const window = shape.closed(
  { ...every, kind: kind("window"), input, keyBy: columnList("group"), window: windowKinds, aggregates },
  "a window",
);

const runningAggregate = shape.closed(
  { ...every, kind: kind("aggregate"), input, keyBy: columnList("group"), aggregates },
  "an aggregate",
);

const joined = {
  left: input,
  right: input,
  on: shape.listOf(
    shape.closed({ left: columnName, right: columnName }, 'a pair of columns: {"left": "…", "right": "…"}'),
    1,
    KEYS_MAX,
    `a list of 1 to ${KEYS_MAX} pairs of columns, such as {"left": "id", "right": "order_id"}`,
  ),
  columns: shape.named(
    shape.text(
      'a column of an input: "left.<column>" or "right.<column>"',
      /^(left|right)\.[A-Za-z_][A-Za-z0-9_]{0,63}$/,
    ),
    1,
    COLUMNS_MAX,
    `an object of 1 to ${COLUMNS_MAX} columns, each "left.<column>" or "right.<column>"`,
  ),
};

const intervalJoin = shape.closed(
  { ...every, kind: kind("interval_join"), ...joined, lowerMs: anyMilliseconds, upperMs: anyMilliseconds },
  "an interval join",
);

const join = shape.closed({ ...every, kind: kind("join"), ...joined, ttlMs: milliseconds(1) }, "a join");

const topN = shape.closed(
  {
    ...every,
    kind: kind("top_n"),
    input,
    keyBy: columnList("group"),
    orderBy: shape.listOf(
      shape.closed(
        { column: columnName, descending: shape.optionalOr(shape.flag(), false) },
        'an object such as {"column": "…", "descending": true}',
      ),
      1,
      KEYS_MAX,
      `a list of 1 to ${KEYS_MAX} columns to order by, such as {"column": "…", "descending": true}`,
    ),
    limit: count(1, TOP_ROWS_MAX),
    rank: v.exactOptional(columnName),
  },
  "a top_n",
);

const state = shape.closed(
  { kind: shape.oneName(["value", "list", "map"]), ttlMs: v.exactOptional(milliseconds(1)) },
  'a state such as {"kind": "value"}',
);

/** `input` with a flat `keyBy` is short for lists of one; which of both it is, `process_spec.ts` looks at. */
const process = shape.closed(
  {
    ...every,
    kind: kind("process"),
    input: v.exactOptional(input),
    inputs: v.exactOptional(shape.listOf(input, 1, 2, "a list of one or two uids of operators")),
    keyBy: shape.anything("a list of columns, or one such list for each of two inputs"),
    function: shape.text(
      "the name of a function: letters, digits, ., - and _, beginning with a letter, at most 128 characters",
      /^[A-Za-z][A-Za-z0-9._-]{0,127}$/,
    ),
    columns: fields,
    states: shape.optionalOr(
      shape.named(state, 0, STATES_MAX, `an object of at most ${STATES_MAX} states, each under its name`),
      {},
    ),
    outputs: shape.optionalOr(
      shape.named(
        fields,
        0,
        SIDE_OUTPUTS_MAX,
        `an object of at most ${SIDE_OUTPUTS_MAX} side outputs, each a list of columns under its name`,
      ),
      {},
    ),
    params: shape.optionalOr(shape.anything("any JSON"), null),
  },
  "a process",
);

const sink = shape.closed({ ...every, kind: kind("sink"), input, connector: sinkConnector }, "a sink");

const operators = (embedded: boolean) =>
  shape.byKind(
    {
      source: source(embedded),
      filter,
      project,
      union,
      window,
      aggregate: runningAggregate,
      interval_join: intervalJoin,
      join,
      top_n: topN,
      process,
      sink,
    },
    "an operator, an object with a kind",
  );

/** What may be posted. */
export const postedOperator = operators(false);
/** What a program may run that embeds Millrace: batches in memory as well. */
export const embeddedOperator = operators(true);
