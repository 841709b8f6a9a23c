// What a job file imports: the builder, connectors, aggregates, expressions, the spec and its validation.

export { avg, count, max, min, sum } from "./aggregate_builders.ts";
export { type JobBuilder, type JobOptions, job, type Stream, tumbling } from "./builder.ts";
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
export type { Duration } from "./duration.ts";
export type { JobSpec } from "./job_spec.ts";
export { f64, lit, nothing, timestamp, when } from "./typed_column.ts";
export { type Problem, type Validation, validateJobSpec } from "./validate_job_spec.ts";
