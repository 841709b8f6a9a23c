// The shape of each operator and connector of a job spec: fields, types, ranges, defaults.
// What needs more than one operator to decide (inputs, columns) is checked in `resolve_job.ts`.

import * as v from "valibot";
import { COLUMNS_MAX, MAX_PARALLELISM_DEFAULT, MAX_PARALLELISM_LIMIT } from "../base/limits.ts";
import * as shape from "./shape.ts";

export const OPERATORS_MAX = 64;
export const KEYS_MAX = 8;
export const AGGREGATES_MAX = 32;
const PATHS_MAX = 1000;
const SPLITS_MAX = 1024;
const MS_MAX = 8_640_000_000_000_000;

const uid = shape.text(
  "an operator's uid: letters, digits, - and _, beginning with a letter, at most 64 characters",
  /^[A-Za-z][A-Za-z0-9_-]{0,63}$/,
);
const input = shape.text('the uid of an operator, or of one of its side outputs, such as "hourly#late"', /^.{1,160}$/s);
const columnName = shape.text(shape.COLUMN_NAME_EXPECTED, shape.COLUMN_NAME);
const path = shape.text("a path of 1 to 4096 characters", /^[^\0]{1,4096}$/);
const resourceName = (what: string) =>
  shape.text(
    `${what}: letters, digits, ., - and _, beginning with a letter or digit, at most 128 characters`,
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  );
const milliseconds = (least: number) =>
  shape.wholeNumber(least, MS_MAX, `a whole number of milliseconds, at least ${least}`);
const count = (least: number, most: number) =>
  shape.wholeNumber(least, most, `a whole number from ${least} to ${most}`);
const kind = <const Kind extends string>(name: Kind) => shape.oneName([name]);

const paths = shape.listOf(path, 1, PATHS_MAX, `a list of 1 to ${PATHS_MAX} paths`);

const sourceConnectors = {
  ndjson_file: shape.closed(
    {
      kind: kind("ndjson_file"),
      path: v.exactOptional(path),
      paths: v.exactOptional(paths),
      splits: shape.optionalOr(count(1, SPLITS_MAX), 1),
    },
    "an NDJSON source",
  ),
  parquet_file: shape.closed(
    { kind: kind("parquet_file"), path: v.exactOptional(path), paths: v.exactOptional(paths) },
    "a Parquet source",
  ),
  generator: shape.closed(
    {
      kind: kind("generator"),
      seed: count(0, 4_294_967_295),
      rows: count(1, Number.MAX_SAFE_INTEGER),
      keys: shape.optionalOr(count(1, 1_000_000_000), 100),
      startMs: shape.optionalOr(milliseconds(0), 0),
      stepMs: shape.optionalOr(milliseconds(0), 1),
      jitterMs: shape.optionalOr(milliseconds(0), 0),
      splits: shape.optionalOr(count(1, SPLITS_MAX), 1),
      ratePerSecond: v.exactOptional(count(1, 1_000_000_000)),
    },
    "a generator",
  ),
  log: shape.closed(
    {
      kind: kind("log"),
      name: resourceName("a log's name"),
      format: shape.optionalOr(shape.oneName(["json"]), "json"),
    },
    "a log source",
  ),
  memory: shape.closed({ kind: kind("memory"), name: resourceName("a name") }, "batches in memory"),
};

const { memory: _onlyEmbedded, ...postedConnectors } = sourceConnectors;
const sourceConnector = (embedded: boolean) =>
  embedded
    ? shape.byKind(sourceConnectors, "a source connector, an object with a kind")
    : shape.byKind(postedConnectors, "a source connector, an object with a kind");

const sinkConnector = shape.byKind(
  {
    table: shape.closed(
      {
        kind: kind("table"),
        database: v.exactOptional(shape.text("a database, 1 to 1024 characters", /^[^\0]{1,1024}$/)),
        table: shape.text(
          "a table's name: letters, digits and _, not beginning with a digit, millrace_ or sqlite_, at most 64 characters",
          /^(?!millrace_|sqlite_|__)[A-Za-z_][A-Za-z0-9_]{0,63}$/i,
        ),
        mode: shape.oneName(["upsert", "append"]),
        primaryKey: shape.optionalOr(
          shape.listOf(columnName, 0, KEYS_MAX, `a list of at most ${KEYS_MAX} columns`),
          [],
        ),
      },
      "a table sink",
    ),
    ndjson_files: shape.closed({ kind: kind("ndjson_files"), directory: path }, "an NDJSON sink"),
    log: shape.closed({ kind: kind("log"), name: resourceName("a log's name") }, "a log sink"),
    print: shape.closed({ kind: kind("print") }, "a print sink"),
  },
  "a sink connector, an object with a kind",
);

const field = shape.closed(
  {
    name: columnName,
    type: shape.oneName(["i64", "f64", "bool", "utf8", "timestamp"]),
    nullable: shape.optionalOr(shape.flag(), false),
  },
  "a column: an object with name and type",
);

const aggregate = shape.closed(
  { function: shape.oneName(["count", "sum", "min", "max", "avg"]), column: v.exactOptional(columnName) },
  'an aggregate such as {"function": "count"} or {"function": "avg", "column": "…"}',
);

const source = (embedded: boolean) =>
  shape.closed(
    {
      uid,
      kind: kind("source"),
      connector: sourceConnector(embedded),
      schema: shape.listOf(field, 1, COLUMNS_MAX, `a list of 1 to ${COLUMNS_MAX} columns`),
      eventTime: v.exactOptional(
        shape.closed({ column: columnName, boundMs: milliseconds(0) }, "an object with column and boundMs"),
      ),
    },
    "a source",
  );

const operators = {
  filter: shape.closed({ uid, kind: kind("filter"), input, where: shape.anything("an expression") }, "a filter"),
  project: shape.closed(
    {
      uid,
      kind: kind("project"),
      input,
      columns: shape.namedColumns(
        shape.anything("an expression"),
        COLUMNS_MAX,
        `an object of 1 to ${COLUMNS_MAX} columns, each an expression`,
      ),
    },
    "a project",
  ),
  window: shape.closed(
    {
      uid,
      kind: kind("window"),
      input,
      keyBy: shape.listOf(columnName, 1, KEYS_MAX, `a list of 1 to ${KEYS_MAX} columns to group by`),
      window: shape.byKind(
        {
          tumbling: shape.closed(
            { kind: kind("tumbling"), sizeMs: milliseconds(1), offsetMs: shape.optionalOr(milliseconds(0), 0) },
            "a tumbling window",
          ),
        },
        'a window such as {"kind": "tumbling", "sizeMs": 3600000}',
      ),
      aggregates: shape.namedColumns(
        aggregate,
        AGGREGATES_MAX,
        `an object of 1 to ${AGGREGATES_MAX} aggregates, each under its column name`,
      ),
    },
    "a window",
  ),
  sink: shape.closed({ uid, kind: kind("sink"), input, connector: sinkConnector }, "a sink"),
};

const OPERATOR_EXPECTED = "an operator, an object with a kind";

/** What may be posted. */
export const postedOperator = shape.byKind({ source: source(false), ...operators }, OPERATOR_EXPECTED);
/** What a program may run that embeds Millrace: batches in memory as well. */
export const embeddedOperator = shape.byKind({ source: source(true), ...operators }, OPERATOR_EXPECTED);

export type ShapedOperator = v.InferOutput<typeof embeddedOperator>;

export const job = shape.closed(
  {
    millrace: shape.wholeNumber(1, 1, "1, the version of this format"),
    name: resourceName("the job's name"),
    maxParallelism: shape.optionalOr(count(1, MAX_PARALLELISM_LIMIT), MAX_PARALLELISM_DEFAULT),
    checkpoint: shape.optionalOr(
      shape.closed({ intervalMs: shape.optionalOr(milliseconds(10), 1000) }, "an object with intervalMs"),
      {},
    ),
    restart: shape.optionalOr(
      shape.closed(
        {
          strategy: shape.oneName(["none", "fixed_delay"]),
          attempts: v.exactOptional(count(0, 1_000_000)),
          delayMs: v.exactOptional(milliseconds(0)),
        },
        'an object such as {"strategy": "fixed_delay", "attempts": 3, "delayMs": 1000}',
      ),
      { strategy: "fixed_delay" },
    ),
    operators: v.pipe(
      v.array(v.unknown(), "a list of operators"),
      v.check((all) => all.length >= 1 && all.length <= OPERATORS_MAX, `a list of 1 to ${OPERATORS_MAX} operators`),
    ),
  },
  "a job spec, an object",
);
