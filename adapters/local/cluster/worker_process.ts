// A worker in a process of its own.

import { join, resolve } from "node:path";
import { mkdirSync } from "node:fs";
import { readLeader } from "../../../src/cluster/leader_record.ts";
import { type ClusterTimes, clusterTimes } from "../../../src/cluster/times.ts";
import { Worker, type WorkerGround } from "../../../src/cluster/worker.ts";
import { userError } from "../../../src/base/errors.ts";
import type { LogStore } from "../../../src/connectors/log_store.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import type { LogLevel, SqlDatabase } from "../../../src/platform/ports.ts";
import { SqlBlobStore } from "../../../src/platform/sql_blob_store.ts";
import { SqlMetadataStore } from "../../../src/platform/sql_metadata_store.ts";
import { openBlobs } from "../blobs/open_blobs.ts";
import { localConnectors } from "../connectors.ts";
import { LocalFiles } from "../files.ts";
import { loadFunctions } from "../functions.ts";
import { openLog, terminal } from "../log_sink.ts";
import { kernelModules, systemClock, systemEntropy, systemPorts, systemTimers } from "../machine.ts";
import { openStore, type StoreOptions } from "../open_store.ts";
import { detectRuntime } from "../runtime.ts";
import { WebSocketNetwork } from "./web_socket_network.ts";

export interface WorkerProcessOptions extends StoreOptions {
  /** For the log. */
  readonly directory: string;
  readonly fileRoots: readonly string[];
  readonly functions: readonly string[];
  readonly logLevel?: LogLevel;
  readonly logToTerminal?: boolean;
  readonly secret: string;
  readonly slots: number;
  /** Where other workers connect. */
  readonly clusterHost: string;
  readonly clusterPort: number;
  readonly advertised?: string;
  /** The coordinator's address, where no shared store says who leads. */
  readonly leader?: string;
  readonly times?: Partial<ClusterTimes>;
}

export interface WorkerProcess {
  readonly worker: Worker;
  close(): Promise<void>;
}

export async function openWorker(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const { secret, slots, clusterHost: host, clusterPort: port, advertised, leader } = options;
  if (options.store === undefined && leader === undefined) throw noWayToLeader();
  const times = clusterTimes(options.times);
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const functions = await loadFunctions(options.functions);
  const log = openLog({
    file: options.logToTerminal === true ? undefined : join(directory, "millrace.log"),
    level: options.logLevel ?? "info",
  });
  const network = new WebSocketNetwork({
    ...{ secret, log, host, port },
    ...(advertised === undefined ? {} : { advertised }),
  });
  const shared = options.store === undefined ? undefined : await openStore(directory, { ...options, log });
  const openGround = async (of: { logs: LogStore; database: SqlDatabase }): Promise<WorkerGround> => {
    const stores = shared ?? (await storesOver(of.database, options));
    const platform: Platform = {
      runtime: detectRuntime().name,
      ...systemPorts,
      modules: kernelModules(),
      ...{ blobs: stores.blobs, metadata: stores.metadata, tables: stores.database },
      files: new LocalFiles(options.fileRoots),
      ...{ log, console: terminal },
      stages: { enter: () => undefined },
    };
    return { platform, connectors: localConnectors({ platform, logs: of.logs }), functions };
  };
  const worker = new Worker({
    ...{ network, clock: systemClock, timers: systemTimers, entropy: systemEntropy, log, slots, openGround },
    times,
    findLeader: async () => leader ?? (shared === undefined ? undefined : (await readLeader(shared.metadata))?.address),
  });
  await worker.start();
  const close = async (): Promise<void> => {
    await worker.stop();
    await shared?.close();
    log.close();
  };
  return { worker, close };
}

/** The stores of the leader's file, by calls to the leader. */
async function storesOver(
  database: SqlDatabase,
  { blobs }: StoreOptions,
): Promise<Pick<Platform, "metadata" | "blobs"> & { readonly database: SqlDatabase }> {
  return {
    database,
    metadata: await SqlMetadataStore.open(database),
    blobs: await (blobs === undefined ? SqlBlobStore.open(database) : openBlobs(blobs)),
  };
}

const noWayToLeader = (): Error =>
  userError(
    "leader_unknown",
    "worker",
    "a worker finds its coordinator in the shared store (--store), or is told its address (--leader)",
  );
