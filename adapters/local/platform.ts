// Every port of the engine for Node, Deno and Bun, over one directory that holds the store.
//
//   <directory>/store.db      metadata, blobs and tables: one libSQL file (with its -wal and -shm)
//   <directory>/store.lock    locked for as long as a process uses the store
//   <directory>/holder.txt    who that is; only the error that refuses a second process reads it, the lock decides

import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { externalError } from "../../src/base/errors.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { Console, LogSink, StageObserver } from "../../src/platform/ports.ts";
import { SqlBlobStore } from "../../src/platform/sql_blob_store.ts";
import { SqlMetadataStore } from "../../src/platform/sql_metadata_store.ts";
import { LocalFiles } from "./files.ts";
import { LibsqlDatabase } from "./libsql_database.ts";
import { kernelModules, systemClock, systemDigest, systemEntropy, systemTimers, systemYield } from "./machine.ts";
import { detectRuntime } from "./runtime.ts";

export interface LocalPlatformOptions {
  /** Where the store lives (`.millrace`); made where it is missing. */
  readonly directory: string;
  /** Directories below which files may be read and written. */
  readonly fileRoots: readonly string[];
  readonly log: LogSink;
  readonly console: Console;
  readonly stages?: StageObserver;
  /** `normal` gives up durability at power loss; it exists so that proofs can show what `full` is for. */
  readonly synchronous?: "full" | "normal";
}

export interface LocalPlatform extends Platform {
  readonly database: LibsqlDatabase;
  close(): Promise<void>;
}

export async function openLocalPlatform(options: LocalPlatformOptions): Promise<LocalPlatform> {
  const runtime = detectRuntime();
  const directory = resolve(options.directory);
  makeDirectory(directory);
  const modules = kernelModules();
  const database = await LibsqlDatabase.open({
    path: join(directory, "store.db"),
    lockPath: join(directory, "store.lock"),
    holderPath: join(directory, "holder.txt"),
    holder: `the ${runtime.name} process ${process.pid} since ${new Date().toISOString()}`,
    synchronous: options.synchronous ?? "full",
  });
  try {
    return {
      runtime: runtime.name,
      clock: systemClock,
      timers: systemTimers,
      yield: systemYield,
      entropy: systemEntropy,
      digest: systemDigest,
      modules,
      blobs: await SqlBlobStore.open(database),
      metadata: await SqlMetadataStore.open(database),
      tables: database,
      files: new LocalFiles(options.fileRoots),
      log: options.log,
      console: options.console,
      stages: options.stages ?? { enter: () => undefined },
      database,
      close: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

function makeDirectory(directory: string): void {
  try {
    const first = mkdirSync(directory, { recursive: true, mode: 0o700 });
    // A store is only as durable as the directories that lead to it.
    if (first !== undefined) syncUpwards(dirname(directory), dirname(first));
  } catch (cause) {
    throw externalError("store_unavailable", directory, `the directory ${directory} cannot be made: ${String(cause)}`, {
      cause,
    });
  }
}

/** Syncs `lowest` and the directories above it, up to `highest`. */
function syncUpwards(lowest: string, highest: string): void {
  for (let directory = lowest; ; directory = dirname(directory)) {
    const descriptor = openSync(directory, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (directory === highest || directory === dirname(directory)) return;
  }
}
