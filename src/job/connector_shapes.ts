// The shape of each connector of a job spec: fields, types, ranges, defaults.

import * as v from "valibot";
import { columnName, count, KEYS_MAX, kind, milliseconds, resourceName } from "./field_shapes.ts";
import * as shape from "./shape.ts";

const PATHS_MAX = 1000;
const SPLITS_MAX = 1024;

const path = shape.text("a path of 1 to 4096 characters", /^[^\0]{1,4096}$/);
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
export const sourceConnector = (embedded: boolean) =>
  embedded
    ? shape.byKind(sourceConnectors, "a source connector, an object with a kind")
    : shape.byKind(postedConnectors, "a source connector, an object with a kind");

export const sinkConnector = shape.byKind(
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
