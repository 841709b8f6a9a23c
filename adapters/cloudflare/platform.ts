// The ports of Millrace inside a Durable Object. Everything stored lives in the object's own SQLite database:
// tables and metadata through SQL, blobs through the key-value storage beside it.
//
// In production the clocks stand still between I/O operations; nothing here may wait by reading them.

import { createHash } from "node:crypto";
import type { Platform } from "../../src/platform/platform.ts";
import type {
  AbortSignalLike,
  Clock,
  Console,
  Digest,
  Entropy,
  LogSink,
  StageObserver,
  Timers,
  Yield,
} from "../../src/platform/ports.ts";
import { SqlMetadataStore } from "../../src/platform/sql_metadata_store.ts";
import { DurableBlobs } from "./durable_blobs.ts";
import { DurableSql } from "./durable_sql.ts";

export interface WorkerPlatformOptions {
  readonly storage: DurableObjectStorage;
  readonly kernels: WebAssembly.Module;
  readonly stages?: StageObserver;
  readonly log?: LogSink;
  readonly console?: Console;
}

export async function openWorkerPlatform(options: WorkerPlatformOptions): Promise<Platform> {
  const tables = new DurableSql(options.storage);
  return {
    runtime: "workerd",
    clock,
    timers,
    yield: eventLoopYield,
    entropy,
    digest,
    modules: { kernels: options.kernels },
    blobs: new DurableBlobs(options.storage),
    metadata: await SqlMetadataStore.open(tables),
    tables,
    files: undefined,
    log: options.log ?? jsonLog,
    console: options.console ?? terminal,
    stages: options.stages ?? nobodyListens,
  };
}

const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

const timers: Timers = {
  sleep: (delayMs: number, signal?: AbortSignalLike) =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, delayMs);
      if (signal?.aborted === true) stop();
      else signal?.addEventListener("abort", stop);
    }),
};

const eventLoopYield: Yield = { yield: () => new Promise((resolve) => setTimeout(resolve, 0)) };

const entropy: Entropy = { bytes: (count) => crypto.getRandomValues(new Uint8Array(count)) };

const digest: Digest = {
  sha256: () => {
    const hash = createHash("sha256");
    return {
      update: (bytes) => {
        hash.update(bytes);
      },
      finish: () => new Uint8Array(hash.digest()),
    };
  },
};

export const jsonLog: LogSink = {
  write: (level, message, fields) => console.log(JSON.stringify({ level, message, ...fields })),
};

const terminal: Console = { print: (line) => console.log(line) };

const nobodyListens: StageObserver = { enter: () => undefined };

/** The ports that need no storage, for objects that are not a whole engine. */
export const workerPorts = { clock, timers, yield: eventLoopYield, entropy, digest };
