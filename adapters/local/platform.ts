// Every port of the engine for Node, Deno and Bun. The store is a file in a directory of this process alone, or a
// server that it shares with others; `open_store.ts` opens it.

import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { externalError } from "../../src/base/errors.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { Console, LogSink, StageObserver } from "../../src/platform/ports.ts";
import { LocalFiles } from "./files.ts";
import { kernelModules, systemPorts } from "./machine.ts";
import { type OpenStore, openStore, type StoreOptions } from "./open_store.ts";
import { detectRuntime } from "./runtime.ts";

export interface LocalPlatformOptions extends StoreOptions {
  /** Holds the store, unless a server does; made where it is missing. */
  readonly directory: string;
  /** Directories below which files may be read and written. */
  readonly fileRoots: readonly string[];
  readonly log: LogSink;
  readonly console: Console;
  readonly stages?: StageObserver;
}

export interface LocalPlatform extends Platform, Omit<OpenStore, "close"> {
  close(): Promise<void>;
}

export async function openLocalPlatform(options: LocalPlatformOptions): Promise<LocalPlatform> {
  const directory = resolve(options.directory);
  makeDirectory(directory);
  const modules = kernelModules();
  const store = await openStore(directory, options);
  return {
    runtime: detectRuntime().name,
    ...systemPorts,
    modules,
    tables: store.database,
    files: new LocalFiles(options.fileRoots),
    log: options.log,
    console: options.console,
    stages: options.stages ?? { enter: () => undefined },
    ...store,
  };
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
