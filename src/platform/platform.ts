// The set of ports that a running engine is given. One object, so that a new port is one line here.

import type {
  BlobStore,
  Clock,
  Console,
  Digest,
  Entropy,
  Files,
  LogSink,
  MetadataStore,
  Modules,
  SqlDatabase,
  StageObserver,
  Timers,
  Yield,
} from "./ports.ts";

export interface Platform {
  /** The runtime found in this process: `node`, `deno`, `bun`, `workerd`, `simulator`. */
  readonly runtime: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly yield: Yield;
  readonly entropy: Entropy;
  readonly digest: Digest;
  readonly modules: Modules;
  readonly blobs: BlobStore;
  readonly metadata: MetadataStore;
  /** The database that sinks of kind `table` write to when they name no other. */
  readonly tables: SqlDatabase;
  /** Absent where there is no file system (Workers). */
  readonly files: Files | undefined;
  readonly log: LogSink;
  readonly console: Console;
  readonly stages: StageObserver;
}
