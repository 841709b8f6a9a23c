// Millrace in one local process: the store of a directory, the engine on it, its logs, and the gateway to them.

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { engineGateway } from "../../src/api/engine_gateway.ts";
import type { JobGateway } from "../../src/api/gateway.ts";
import { externalError } from "../../src/base/errors.ts";
import type { MemoryInputs } from "../../src/connectors/memory_source.ts";
import type { ConnectorFactory } from "../../src/engine/connector_factory.ts";
import { Engine } from "../../src/engine/engine.ts";
import { ProcessFunctions } from "../../src/job/define_process.ts";
import { SqlLogDirectory } from "../../src/log/log_directory.ts";
import { logStoreOf } from "../../src/log/log_store.ts";
import type { Console, LogLevel, StageObserver } from "../../src/platform/ports.ts";
import { defaultTaskOptions, type TaskOptions } from "../../src/task/task.ts";
import type { BlobsLocation } from "./blobs/open_blobs.ts";
import { localConnectors } from "./connectors.ts";
import { loadFunctions } from "./functions.ts";
import { openLog, terminal } from "./log_sink.ts";
import type { StoreOptions } from "./open_store.ts";
import { type LocalPlatform, openLocalPlatform } from "./platform.ts";
import { savepointPolicy } from "./savepoint_policy.ts";
import { serverAddress } from "./store_address.ts";
import { ThreadTasks } from "./threads/thread_tasks.ts";

export interface DeploymentOptions extends StoreOptions {
  /** Where the store lives, unless a server has it, and the log; made where it is missing. */
  readonly directory: string;
  /** Directories below which jobs may read and write files; the first one is where relative paths begin. */
  readonly fileRoots: readonly string[];
  readonly logLevel?: LogLevel;
  /** The error stream instead of `<directory>/millrace.log`. */
  readonly logToTerminal?: boolean;
  readonly console?: Console;
  /** Where savepoints may be moved to. */
  readonly archive?: BlobsLocation;
  /** How many of a job's savepoints stay that have no name; absent: all. */
  readonly savepointsRetained?: number;
  readonly task?: Partial<TaskOptions>;
  readonly stages?: StageObserver;
  readonly memory?: MemoryInputs;
  /** Threads that wait for tasks from the beginning; a job finds all of its own where they are as many as its `parallelism`. */
  readonly threads?: number;
  /**
   * Process functions: modules that export them, or, for a program that embeds Millrace, the functions themselves.
   * Tasks run in threads of their own only where each thread can load the modules.
   */
  readonly functions?: readonly string[] | ProcessFunctions;
  /** For a program that embeds Millrace and has connectors of its own: gets the built-in ones, gives those to use. */
  readonly connectors?: (builtIn: ConnectorFactory) => ConnectorFactory;
}

export interface Deployment {
  readonly directory: string;
  /** Where the store is, for people: the directory, or a server's address. */
  readonly store: string;
  readonly platform: LocalPlatform;
  readonly engine: Engine;
  readonly logs: SqlLogDirectory;
  readonly jobs: JobGateway;
  readonly functions: ProcessFunctions;
  /** Stops working without ending any job, and gives the store back. */
  close(): Promise<void>;
}

/** Opens the store; jobs begin to run with `engine.recover()`, or when they are submitted. */
export async function openDeployment(options: DeploymentOptions): Promise<Deployment> {
  const directory = resolve(options.directory);
  makeDirectory(directory);
  const file = options.logToTerminal === true ? undefined : join(directory, "millrace.log");
  const log = openLog({ file, level: options.logLevel ?? "info" });
  try {
    const { functions = [] } = options;
    const modules = functions instanceof ProcessFunctions ? undefined : functions.map((file) => resolve(file));
    const registry = functions instanceof ProcessFunctions ? functions : await loadFunctions(functions);
    const savepoints = await savepointPolicy(options);
    const platform = await openLocalPlatform({ ...options, directory, log, console: options.console ?? terminal });
    const { database, clock, timers, entropy } = platform;
    const logs = new SqlLogDirectory({ database, clock, timers, yield: platform.yield, entropy });
    const memory = options.memory ?? new Map();
    const builtIn = localConnectors({ platform, logs: logStoreOf(logs), memory });
    const connectors = options.connectors?.(builtIn) ?? builtIn;
    const embedded = memory.size > 0;
    // Connectors, functions and inputs of the embedding program live in this thread alone.
    const threads = options.connectors === undefined && modules !== undefined && !embedded;
    const tasks = new ThreadTasks({
      platform,
      logs: logStoreOf(logs),
      fileRoots: options.fileRoots,
      functions: modules ?? [],
      task: { ...defaultTaskOptions, ...options.task },
      observed: options.stages !== undefined,
      waiting: threads ? (options.threads ?? 0) : 0,
    });
    const engine = new Engine(platform, {
      connectors,
      functions: registry,
      embedded,
      savepoints,
      ...(threads ? { tasks } : {}),
      ...(options.task === undefined ? {} : { task: options.task }),
    });
    const close = async (): Promise<void> => {
      await engine.close();
      tasks.close();
      await platform.close();
      log.close();
    };
    const store = options.store === undefined ? directory : serverAddress(options.store.url);
    return { directory, store, platform, engine, logs, jobs: engineGateway(engine), functions: registry, close };
  } catch (error) {
    log.close();
    throw error;
  }
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const message = `the directory ${directory} cannot be made: ${String(cause)}`;
    throw externalError("store_unavailable", directory, message, { cause });
  }
}
