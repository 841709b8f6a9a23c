// What the thread that owns the libSQL file and the rest of the process say to each other.
// Errors travel as plain facts: a class does not survive the way between threads.

import type { MessagePort } from "node:worker_threads";
import type { SqlRow, SqlStatement } from "../../src/platform/ports.ts";

export interface LibsqlOptions {
  /** The database file; its directory must exist. */
  readonly path: string;
  /** The file whose lock says that a process uses the store, and the one that names this process. */
  readonly lockPath: string;
  readonly holderPath: string;
  /** What the holder file says of this process. */
  readonly holder: string;
  /** `full` syncs the log at every commit. `normal` does not, and exists only so that proofs can show the difference. */
  readonly synchronous: "full" | "normal";
}

export type LibsqlRequest =
  | { readonly id: number; readonly kind: "batch"; readonly statements: readonly SqlStatement[] }
  | { readonly id: number; readonly kind: "query"; readonly statement: SqlStatement }
  | { readonly id: number; readonly kind: "close" };

/** From now on requests of another thread come over this port; it is not answered. */
export interface LibsqlAttach {
  readonly id: typeof STARTED_ID;
  readonly kind: "attach";
  readonly port: MessagePort;
}

/** What went wrong, as SQLite names it (`SQLITE_FULL`), or one of ours (`LOCKED`, `PRAGMA`, `UNKNOWN`). */
export interface LibsqlFailure {
  readonly code: string;
  readonly message: string;
}

export type LibsqlReply =
  | { readonly id: number; readonly kind: "done" }
  | { readonly id: number; readonly kind: "rows"; readonly rows: readonly SqlRow[] }
  | { readonly id: number; readonly kind: "failed"; readonly failure: LibsqlFailure };

/** The first message of the thread has this id; requests count from 1. */
export const STARTED_ID = 0;
