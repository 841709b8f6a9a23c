// The thread that owns the store: one libSQL client with one connection, because libSQL's local calls block and its
// PRAGMAs belong to a connection. Requests are answered in the order in which they arrive.
//
// Invariants: the lock is held from before the database is opened until after it is closed; the journal mode and the
// synchronous level are read back before the first request is served. The kernel drops the lock with the process, so
// a killed holder never blocks a restart. The thread never ends by itself: the near end terminates it.

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type Client, createClient, type InValue, type ResultSet, type Transaction } from "@libsql/client/sqlite3";
import type { SqlRow, SqlStatement, SqlValue } from "../../src/platform/ports.ts";
import {
  type LibsqlAttach,
  type LibsqlFailure,
  type LibsqlOptions,
  type LibsqlReply,
  type LibsqlRequest,
  STARTED_ID,
} from "./libsql_messages.ts";
import { boundValue, plainValue } from "./libsql_values.ts";

/** Long enough for a holder that is just closing, short enough to be told at once about one that is not. */
const LOCK_WAIT_MS = 500;

/**
 * A checkpoint's parts are written and soon deleted again: in a cache that holds them they are not read back for that,
 * and a longer write-ahead log is copied into the file more rarely, each page once. Kibibytes, and pages of 4 KiB.
 */
const CACHE_KIB = 32_768;
const LOG_PAGES = 8_192;

/** Others may read the file (a shell, a report); nobody else writes it. */
const BUSY_WAIT_MS = 10_000;

const port = parentPort;
if (port === null) throw new Error("this module runs as a worker thread");
const options = workerData as LibsqlOptions;

class StartFailure extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

interface Store {
  readonly client: Client;
  readonly lockClient: Client;
  readonly lock: Transaction;
}

const fileUrl = (path: string): string => `file:${encodeURI(path).replaceAll("?", "%3F").replaceAll("#", "%23")}`;

async function takeLock(): Promise<Pick<Store, "lockClient" | "lock">> {
  const lockClient = createClient({ url: fileUrl(options.lockPath), concurrency: 1, timeout: LOCK_WAIT_MS });
  try {
    // There is nothing to roll back, so no journal file either.
    await lockClient.execute("PRAGMA journal_mode = MEMORY");
    // A write transaction that never writes: SQLite's own lock, which the kernel frees with the process.
    const lock = await lockClient.transaction("write");
    writeFileSync(options.holderPath, options.holder, { flush: true });
    return { lockClient, lock };
  } catch (error) {
    lockClient.close();
    if (failureOf(error).code !== "SQLITE_BUSY") throw error;
    throw new StartFailure("LOCKED", holderText());
  }
}

/** Empty where the file does not name a living process: the holder is about to write it. */
function holderText(): string {
  try {
    const text = readFileSync(options.holderPath, "utf8");
    process.kill(Number(/process (\d+)/.exec(text)?.[1]), 0);
    return text;
  } catch {
    return "";
  }
}

async function open(): Promise<Store> {
  const { lockClient, lock } = await takeLock();
  const client = createClient({
    url: fileUrl(options.path),
    concurrency: 1,
    intMode: "bigint",
    timeout: BUSY_WAIT_MS,
  });
  await setPragmas(client);
  return { client, lockClient, lock };
}

async function setPragmas(client: Client): Promise<void> {
  const wanted = options.synchronous === "full" ? 2n : 1n;
  const journal = (await client.execute("PRAGMA journal_mode = WAL")).rows[0]?.[0];
  if (journal !== "wal")
    throw new StartFailure("PRAGMA", `journal_mode is ${String(journal)} although WAL was asked for`);
  await client.execute(`PRAGMA synchronous = ${wanted}`);
  const synchronous = (await client.execute("PRAGMA synchronous")).rows[0]?.[0];
  if (synchronous !== wanted) {
    throw new StartFailure("PRAGMA", `synchronous is ${String(synchronous)} although ${wanted} was asked for`);
  }
  await client.execute(`PRAGMA cache_size = ${-CACHE_KIB}`);
  await client.execute(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
  // What a killed process has written and not synced can be read, but would not survive the power: nobody is told of it
  // before it does. Copies the log into the file, and syncs the log for that.
  await client.execute("PRAGMA wal_checkpoint(PASSIVE)");
  // Reads the schema, so that a damaged or foreign file is found now and not within a job.
  await client.execute("SELECT count(*) FROM sqlite_schema");
}

function failureOf(error: unknown): LibsqlFailure {
  const facts = error as { code?: unknown; extendedCode?: unknown; message?: unknown };
  const message = String(facts.message ?? error);
  if (typeof facts.code === "string") return { code: facts.code, message };
  // Errors of opening carry SQLite's number in their text only.
  return { code: /: 14"\)$/.test(message) ? "SQLITE_CANTOPEN" : "UNKNOWN", message };
}

const prepared = (statement: SqlStatement): { sql: string; args: InValue[] } => ({
  sql: statement.sql,
  args: statement.args.map(boundValue),
});

function rowsOf(result: ResultSet, moved: ArrayBuffer[]): SqlRow[] {
  return result.rows.map((row) =>
    result.columns.map((_name, column) => {
      const value = row[column] as SqlValue | ArrayBuffer;
      if (value instanceof ArrayBuffer) moved.push(value);
      return plainValue(value);
    }),
  );
}

async function answer(store: Store, request: LibsqlRequest, moved: ArrayBuffer[]): Promise<LibsqlReply> {
  const { id } = request;
  try {
    switch (request.kind) {
      case "batch":
        await store.client.batch(request.statements.map(prepared), "write");
        return { id, kind: "done" };
      case "query":
        return { id, kind: "rows", rows: rowsOf(await store.client.execute(prepared(request.statement)), moved) };
      case "close":
        store.client.close();
        await store.lock.rollback();
        store.lockClient.close();
        return { id, kind: "done" };
    }
  } catch (error) {
    return { id, kind: "failed", failure: failureOf(error) };
  }
}

try {
  const store = await open();
  let last: Promise<void> = Promise.resolve();
  const serve = (from: MessagePort): void => {
    from.on("message", (request: LibsqlRequest | LibsqlAttach) => {
      if (request.kind === "attach") return serve(request.port);
      last = last.then(async () => {
        const moved: ArrayBuffer[] = [];
        from.postMessage(await answer(store, request, moved), moved);
      });
    });
  };
  serve(port);
  port.postMessage({ id: STARTED_ID, kind: "done" } satisfies LibsqlReply);
} catch (error) {
  port.postMessage({ id: STARTED_ID, kind: "failed", failure: failureOf(error) } satisfies LibsqlReply);
}
