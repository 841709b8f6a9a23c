// What a job file imports: the builder, connectors, aggregates, expressions, the spec and its validation.

export { avg, count, countDistinct, max, min, sum } from "./aggregate_builders.ts";
export { type JobBuilder, job, type KeyedStream, type SidedStream, type Stream } from "./builder.ts";
export type { JobOptions } from "./builder_types.ts";
export {
  generator,
  memory,
  ndjsonFile,
  ndjsonFiles,
  parquetFile,
  print,
  readLog,
  table,
  writeLog,
} from "./connector_builders.ts";
export {
  defineProcessFunction,
  listState,
  mapState,
  type ProcessFunction,
  ProcessFunctions,
  type ProcessOrder,
  type TypedProcessFunction,
  valueState,
} from "./define_process.ts";
export type { Duration } from "./duration.ts";
export type { JobSpec } from "./job_spec.ts";
export type {
  LateContext,
  ListState,
  MapState,
  NewRowOf,
  ProcessContext,
  RowOf,
  Timer,
  ValueState,
} from "./process_types.ts";
export { f64, lit, nothing, timestamp, when } from "./typed_column.ts";
export { type Problem, type Validation, validateJobSpec } from "./validate_job_spec.ts";
export { descending, hopping, session, tumbling } from "./window_builders.ts";
