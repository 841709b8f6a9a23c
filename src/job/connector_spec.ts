// Connectors in the job spec: where a source's rows come from and where a sink's rows go. The complete form, as in
// `job_spec.ts`.

export type SourceConnectorSpec = NdjsonFileSpec | ParquetFileSpec | GeneratorSpec | LogSourceSpec | MemorySourceSpec;

/** JSON objects, one a line. Each file is cut into `splits` byte ranges that are read independently. */
export interface NdjsonFileSpec {
  readonly kind: "ndjson_file";
  readonly paths: readonly string[];
  readonly splits: number;
}

/** One split a file. */
export interface ParquetFileSpec {
  readonly kind: "parquet_file";
  readonly paths: readonly string[];
}

/**
 * Rows made from a seed. The declared schema decides what each column holds: `timestamp` startMs + row * stepMs, moved
 * back by up to jitterMs; `utf8` key-0 … key-<keys - 1>; `i64` 0 … keys - 1; `f64` in [0, 1); `bool` evenly.
 */
export interface GeneratorSpec {
  readonly kind: "generator";
  readonly seed: number;
  readonly rows: number;
  readonly keys: number;
  readonly startMs: number;
  readonly stepMs: number;
  readonly jitterMs: number;
  readonly splits: number;
  /** Absent: as fast as it goes. */
  readonly ratePerSecond?: number;
}

/** A durable log of this deployment; it never ends, so neither does the job. */
export interface LogSourceSpec {
  readonly kind: "log";
  readonly name: string;
  readonly format: "json";
}

/** Batches that the embedding program hands over under this name; refused in a posted spec. */
export interface MemorySourceSpec {
  readonly kind: "memory";
  readonly name: string;
}

export type SinkConnectorSpec = TableSinkSpec | NdjsonFilesSpec | LogSinkSpec | PrintSinkSpec;

export interface TableSinkSpec {
  readonly kind: "table";
  /** Absent: the deployment's own database. */
  readonly database?: string;
  readonly table: string;
  /** `upsert`: one row per primary key, the newest wins. `append`: every row is inserted. */
  readonly mode: "upsert" | "append";
  /** Empty for `append`. */
  readonly primaryKey: readonly string[];
}

export interface NdjsonFilesSpec {
  readonly kind: "ndjson_files";
  readonly directory: string;
}

export interface LogSinkSpec {
  readonly kind: "log";
  readonly name: string;
}

export interface PrintSinkSpec {
  readonly kind: "print";
}
