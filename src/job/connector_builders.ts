// Connectors as the builder takes them; each gives the JSON form of a connector.

import type * as spec from "./job_spec.ts";

type Files = { readonly path: string } | { readonly paths: readonly string[] };

const pathsOf = (files: Files): readonly string[] => ("path" in files ? [files.path] : files.paths);

/** JSON objects, one a line. Each file is cut into `splits` ranges. */
export const ndjsonFile = (options: Files & { readonly splits?: number }): spec.NdjsonFileSpec => ({
  kind: "ndjson_file",
  paths: pathsOf(options),
  splits: options.splits ?? 1,
});

export const parquetFile = (options: Files): spec.ParquetFileSpec => ({
  kind: "parquet_file",
  paths: pathsOf(options),
});

/** Rows made from a seed, to try things out and to measure. */
export const generator = (
  options: Pick<spec.GeneratorSpec, "seed" | "rows"> & Partial<Omit<spec.GeneratorSpec, "kind">>,
): spec.GeneratorSpec => ({ kind: "generator", keys: 100, startMs: 0, stepMs: 1, jitterMs: 0, splits: 1, ...options });

/** A durable log of the deployment, as a source. */
export const readLog = (name: string): spec.LogSourceSpec => ({ kind: "log", name, format: "json" });

/** Batches that the embedding program hands over under this name; cannot be posted. */
export const memory = (name: string): spec.MemorySourceSpec => ({ kind: "memory", name });

/** A sink that needs the columns `Key`. */
export interface Sink<Key extends string> {
  readonly connector: spec.SinkConnectorSpec;
  /** For TypeScript alone. */
  readonly needs?: readonly Key[];
}

type TableOptions<Key extends string> = { readonly table: string; readonly database?: string } & (
  | { readonly mode: "upsert"; readonly primaryKey: readonly Key[] }
  | { readonly mode: "append" }
);

/** A table of a database: one row per primary key (`upsert`), or every row (`append`). */
export function table<const Key extends string = never>(options: TableOptions<Key>): Sink<Key> {
  const primaryKey = options.mode === "upsert" ? options.primaryKey : [];
  const { table: name, mode, database } = options;
  const where = database === undefined ? {} : { database };
  return { connector: { kind: "table", ...where, table: name, mode, primaryKey } };
}

/** Files of JSON lines in a directory, each visible once it is committed. */
export const ndjsonFiles = (options: { readonly directory: string }): Sink<never> => ({
  connector: { kind: "ndjson_files", directory: options.directory },
});

/** A durable log of the deployment, as a sink. */
export const writeLog = (name: string): Sink<never> => ({ connector: { kind: "log", name } });

/** Lines on the terminal. */
export const print = (): Sink<never> => ({ connector: { kind: "print" } });
