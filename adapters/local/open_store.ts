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
import type { BlobStore, LogSink, MetadataStore, SqlDatabase } from "../../src/platform/ports.ts";
import { SqlBlobStore } from "../../src/platform/sql_blob_store.ts";
import { SqlMetadataStore } from "../../src/platform/sql_metadata_store.ts";
import { LibsqlDatabase } from "./libsql_database.ts";
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
  /** Of the file. `normal` gives up durability at power loss; it exists so that proofs can show what `full` is for. */
  readonly synchronous?: "full" | "normal";
}

export interface OpenStore {
  readonly database: SqlDatabase;
  readonly metadata: MetadataStore;
  readonly blobs: BlobStore;
  close(): Promise<void>;
}

export const STORE_TOKEN_DEFAULT = "env:MILLRACE_STORE_TOKEN";

interface Closable extends SqlDatabase {
  close(): Promise<void>;
}

export async function openStore(
  directory: string,
  options: StoreOptions & { readonly log: LogSink },
): Promise<OpenStore> {
  const { store, log } = options;
  const database = store === undefined ? await openFile(directory, options) : await openServer(store, log);
  try {
    const metadata = await SqlMetadataStore.open(database);
    const blobs = await SqlBlobStore.open(database);
    return { database, metadata, blobs, close: () => database.close() };
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function openFile(directory: string, { synchronous }: StoreOptions): Promise<Closable> {
  return await LibsqlDatabase.open({
    path: join(directory, "store.db"),
    lockPath: join(directory, "store.lock"),
    holderPath: join(directory, "holder.txt"),
    holder: `the ${detectRuntime().name} process ${process.pid} since ${new Date().toISOString()}`,
    synchronous: synchronous ?? "full",
  });
}

async function openServer({ token, ...store }: SharedStore, log: LogSink): Promise<Closable> {
  const secret = token === undefined ? readSecretIfAny(STORE_TOKEN_DEFAULT) : readSecret(token);
  return await LibsqlServerDatabase.open({ ...store, token: secret, log });
}
