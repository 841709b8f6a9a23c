// The folders of `src/` in order. A folder imports only folders that stand before it.
// docs/ARCHITECTURE.md shows this list; `npm run docs` writes it there and a test compares.

export interface Layer {
  readonly folder: string;
  readonly holds: string;
}

export const layers: readonly Layer[] = [
  { folder: "base", holds: "assertions, errors, branded ids, limits, seeded random numbers, bytes" },
  { folder: "platform", holds: "the ports: everything that is not deterministic comes in here" },
  { folder: "time", holds: "watermarks, idleness, window arithmetic" },
  { folder: "telemetry", holds: "metrics, logs, traces, reporters" },
  { folder: "batch", holds: "schema, columns, RecordBatch and its wire format" },
  { folder: "keygroup", holds: "key hash, key groups, ranges, assignment" },
  { folder: "kernel", holds: "the host side of `kernels/`" },
  { folder: "expression", holds: "typed expressions, compiled to kernel bytecode" },
  { folder: "formats", holds: "bytes to batches and back" },
  { folder: "protocol", holds: "versioned messages between tasks and coordinator" },
  { folder: "checkpoint", holds: "pure decisions, parts, manifest, savepoint file, retention" },
  { folder: "state", holds: "keyed state, timers, time to live" },
  { folder: "job", holds: "job spec, typed builder, validation" },
  { folder: "graph", holds: "the plan of a job: nodes, cut into chains that edges connect" },
  { folder: "sql", holds: "SQL to job spec" },
  { folder: "operators", holds: "one operator a file" },
  { folder: "connectors", holds: "source and sink interfaces, and those that need no socket" },
  { folder: "log", holds: "the durable log over HTTP" },
  { folder: "task", holds: "the data plane: one single-threaded executor with one WASM instance" },
  { folder: "coordinator", holds: "the control plane, one file a job state" },
  { folder: "engine", holds: "one deployment: a platform, the jobs on it, what a user can ask of them" },
  { folder: "cluster", holds: "several processes: tasks on workers, rows between them, who leads" },
  { folder: "api", holds: "REST, authentication" },
  { folder: "client", holds: "typed client of the REST API" },
];

/** Pairs that stay apart although the order would allow them: both speak `protocol`. */
export const forbiddenPairs: readonly (readonly [from: string, to: string])[] = [["coordinator", "task"]];

/** Packages that run unchanged on every runtime and touch no clock, randomness or network by themselves. */
export const packagesOfTheCore: readonly string[] = [
  // cbor-x, in the build that fits the runtime; see `imports` in package.json.
  "#cbor",
  "@logtape/logtape",
  "hono",
  "hyparquet",
  "hyparquet-compressors",
  "valibot",
];
