// Opens what a deployment keeps: metadata, tables and logs in one SQL database, blobs in it or beside it.
//
// In a directory of one process:
//   <directory>/store.db      metadata, blobs and tables: one libSQL file (with its -wal and -shm)
//   <directory>/store.lock    locked for as long as a process uses the store
//   <directory>/holder.txt    who that is; only the error that refuses a second process reads it, the lock decides
//
// Shared by several processes and hosts: a libSQL server for all of it, or for all but the blobs.

import { join } from "node:path";
import process from "node:process";
import type { MessagePort } from "node:worker_threads";
import { leaseTimes } from "../../src/coordinator/lease.ts";
import type { BlobStore, LeaseStore, LogSink, MetadataStore, SqlDatabase } from "../../src/platform/ports.ts";
import { SqlBlobStore } from "../../src/platform/sql_blob_store.ts";
import { SqlLeaseStore } from "../../src/platform/sql_lease_store.ts";
import { SqlMetadataStore } from "../../src/platform/sql_metadata_store.ts";
import { type BlobsLocation, openBlobs } from "./blobs/open_blobs.ts";
import { connectedDatabase, LibsqlDatabase } from "./libsql_database.ts";
import { LibsqlServerDatabase } from "./libsql_server.ts";
import { detectRuntime } from "./runtime.ts";
import { readSecret, readSecretIfAny } from "./secrets.ts";

/** A libSQL server. */
export interface SharedStore {
  readonly url: string;
  /** Where its token is (`env:NAME`, `file:/path`); `env:MILLRACE_STORE_TOKEN`, if there is one, where not given. */
  readonly token?: string;
  readonly timeoutMs?: number;
  readonly retryForMs?: number;
  /** `relaxed` takes a server that may lose commits at power loss; it exists for tests. */
  readonly durability?: "strong" | "relaxed";
}

export interface StoreOptions {
  readonly store?: SharedStore;
  /** Where blobs are, if not in the store. */
  readonly blobs?: BlobsLocation;
  /** Of the file. `normal` gives up durability at power loss; it exists so that proofs can show what `full` is for. */
  readonly synchronous?: "full" | "normal";
}

export interface OpenStore {
  readonly database: SqlDatabase;
  readonly metadata: MetadataStore;
  readonly blobs: BlobStore;
  /** For one other thread of this process: what `openShare` opens the same store with. */
  share(): StoreShare;
  /** For leases of that length: their calls wait neither for others nor longer than such a lease can. */
  leases(ttlMs: number): LeaseStore;
  close(): Promise<void>;
}

/** A file has one thread that owns it, and others are connected with it; to a server each thread connects by itself. */
export type StoreShare = (
  | { readonly kind: "file"; readonly path: string; readonly port: MessagePort }
  | { readonly kind: "server"; readonly store: SharedStore }
) & { readonly blobs?: BlobsLocation };

export const STORE_TOKEN_DEFAULT = "env:MILLRACE_STORE_TOKEN";

/** A connection to the database, and more of them where calls must not wait for one another. */
interface Connected {
  readonly database: SqlDatabase;
  readonly share: OpenStore["share"];
  another(timeoutMs: number): SqlDatabase;
  close(): Promise<void>;
}

type Stores = Pick<OpenStore, "database" | "metadata" | "blobs">;

export async function openStore(
  directory: string,
  options: StoreOptions & { readonly log: LogSink },
): Promise<OpenStore> {
  const { store, log } = options;
  const connected = store === undefined ? await openFile(directory, options) : await openServer(store, log);
  const { database } = connected;
  const share = (): StoreShare => ({
    ...connected.share(),
    ...(options.blobs === undefined ? {} : { blobs: options.blobs }),
  });
  try {
    const stores = await storesOn(database, options.blobs);
    await SqlLeaseStore.prepare(database);
    return {
      ...stores,
      share,
      leases: (ttlMs) => new SqlLeaseStore(connected.another(leaseTimes(ttlMs, 0).callMs)),
      close: () => connected.close(),
    };
  } catch (error) {
    await connected.close();
    throw error;
  }
}

/** In the thread that was given the share. */
export async function openShare(share: StoreShare, log: LogSink): Promise<Stores> {
  if (share.kind === "file") return await storesOn(connectedDatabase(share.path, share.port), share.blobs);
  return await storesOn((await openServer(share.store, log)).database, share.blobs);
}

const storesOn = async (database: SqlDatabase, blobs: BlobsLocation | undefined): Promise<Stores> => ({
  database,
  metadata: await SqlMetadataStore.open(database),
  blobs: await (blobs === undefined ? SqlBlobStore.open(database) : openBlobs(blobs)),
});

async function openFile(directory: string, { synchronous }: StoreOptions): Promise<Connected> {
  const path = join(directory, "store.db");
  const database = await LibsqlDatabase.open({
    path,
    lockPath: join(directory, "store.lock"),
    holderPath: join(directory, "holder.txt"),
    holder: `the ${detectRuntime().name} process ${process.pid} since ${new Date().toISOString()}`,
    synchronous: synchronous ?? "full",
  });
  const share = (): StoreShare => ({ kind: "file", path, port: database.connection() });
  return { database, share, another: () => database, close: () => database.close() };
}

async function openServer(store: SharedStore, log: LogSink): Promise<Connected> {
  const { token, ...address } = store;
  const secret = token === undefined ? readSecretIfAny(STORE_TOKEN_DEFAULT) : readSecret(token);
  const database = await LibsqlServerDatabase.open({ ...address, token: secret, log });
  const more: LibsqlServerDatabase[] = [];
  const another = (timeoutMs: number): SqlDatabase => {
    const one = new LibsqlServerDatabase({ url: store.url, token: secret, timeoutMs, retryForMs: 0 });
    more.push(one);
    return one;
  };
  const close = async (): Promise<void> => {
    for (const one of [...more, database]) await one.close();
  };
  return { database, share: () => ({ kind: "server", store }), another, close };
}
