// SqlDatabase over a libSQL server that several processes and hosts share. One HTTP request a call, so that it is
// always known which call lost its answer; there is no session to lose, so a lost connection heals by itself.
//
// Invariants: calls are answered in the order in which they were made. A call is sent again only where the first try
// surely changed nothing: a read, or a change that did not reach the server or that it refused to carry out. A change
// whose answer was lost is rejected with `store_outcome_unknown`, and may still take effect later.

import { externalError, type MillraceError } from "../../src/base/errors.ts";
import { Abort } from "../../src/platform/abort.ts";
import type { LogSink, SqlDatabase, SqlRow, SqlStatement, SqlValue } from "../../src/platform/ports.ts";
import { CallOrder } from "./call_order.ts";
import { Hrana } from "./hrana.ts";
import { serverError, type ServerFailure, serverFailure } from "./libsql_server_errors.ts";
import { systemClock, systemTimers } from "./machine.ts";
import { serverAddress } from "./store_address.ts";

export interface LibsqlServerOptions {
  /** `http`, `https`, `libsql` (which is https), `ws` or `wss` (which are taken as http and https of that address). */
  readonly url: string;
  /** The token itself; where it comes from is `secrets.ts`' matter. */
  readonly token?: string | undefined;
  /** How long one request may take. */
  readonly timeoutMs?: number;
  /** For how long a call that surely changed nothing is tried again. */
  readonly retryForMs?: number;
  /** `strong`: refuses a server that says that it answers before a commit is on its disk. */
  readonly durability?: "strong" | "relaxed";
  readonly log: LogSink;
}

/** Fits the chunks of a blob at their largest over a slow line. */
const TIMEOUT_MS = 30_000;

/** Outlasts the restart of a server; jobs would restart from their checkpoint after it. */
const RETRY_FOR_MS = 10_000;

const FIRST_WAIT_MS = 25;
const WAIT_MS_MAX = 1_000;

/** SQLite's own limit is 32,766; more in one statement brings no more speed. */
const PARAMETERS_MAX = 12_000;

/** What `PRAGMA synchronous` says of a database that syncs its log at every commit. */
const SYNCHRONOUS_FULL = 2;

export class LibsqlServerDatabase implements SqlDatabase {
  readonly parametersMax = PARAMETERS_MAX;
  readonly url: string;
  readonly #hrana: Hrana;
  readonly #order = new CallOrder();
  readonly #retryForMs: number;
  readonly #closed = new Abort();

  /** Makes no call yet. */
  constructor(options: Omit<LibsqlServerOptions, "log" | "durability">) {
    this.url = serverAddress(options.url);
    this.#retryForMs = options.retryForMs ?? RETRY_FOR_MS;
    this.#hrana = new Hrana(this.url, options.token, options.timeoutMs ?? TIMEOUT_MS);
  }

  /** Rejects with a typed error where the server cannot be reached, refuses the token, or is not durable. */
  static async open(options: LibsqlServerOptions): Promise<LibsqlServerDatabase> {
    const database = new LibsqlServerDatabase(options);
    try {
      if ((options.durability ?? "strong") === "strong") await database.#demandDurable(options.log);
      else await database.query({ sql: "SELECT 1", args: [] });
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  batch(statements: readonly SqlStatement[]): Promise<void> {
    if (this.#closed.aborted) return Promise.reject(closedError(this.url));
    if (statements.length === 0) return Promise.resolve();
    const own = statements.map(copied);
    return this.#order.write(() => this.#call(true, () => this.#hrana.batch(own)));
  }

  query(statement: SqlStatement): Promise<readonly SqlRow[]> {
    if (this.#closed.aborted) return Promise.reject(closedError(this.url));
    const own = copied(statement);
    return this.#order.read(() => this.#call(false, () => this.#hrana.query(own)));
  }

  /** Calls made before it are answered first, but none is tried again. */
  async close(): Promise<void> {
    this.#closed.abort(new Error("closed"));
    await this.#order.idle();
    this.#hrana.close();
  }

  async #call<T>(write: boolean, run: () => Promise<T>): Promise<T> {
    const giveUpMs = systemClock.monotonicMs() + this.#retryForMs;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, WAIT_MS_MAX)) {
      try {
        return await run();
      } catch (thrown) {
        const failure = serverFailure(thrown);
        const late = systemClock.monotonicMs() + waitMs > giveUpMs;
        if (late || this.#closed.aborted || !isWorthTrying(failure, write)) {
          throw serverError(this.url, write, failure, thrown);
        }
        await systemTimers.sleep(waitMs, this.#closed).catch(() => undefined); // Closed: the last try follows at once.
      }
    }
  }

  async #demandDurable(log: LogSink): Promise<void> {
    let level: SqlValue | undefined;
    try {
      level = (await this.query({ sql: "PRAGMA synchronous", args: [] }))[0]?.[0];
    } catch (error) {
      if ((error as MillraceError).code !== "sql_invalid") throw error;
      log.write("warning", "the server does not say whether its commits are durable", { store: this.url });
      return;
    }
    if (Number(level) >= SYNCHRONOUS_FULL) return;
    throw externalError(
      "store_not_durable",
      this.url,
      `the store ${this.url} answers before a commit is on its disk (synchronous is ${String(level)}, not 2 or 3); ` +
        'set "durability_mode": "strong" in the configuration of its namespace',
    );
  }
}

function isWorthTrying({ kind }: ServerFailure, write: boolean): boolean {
  return kind === "busy" || kind === "unreachable" || (kind === "lost" && !write);
}

const closedError = (url: string): MillraceError =>
  externalError("store_unavailable", url, `the store ${url} was closed by this process`);

/** Callers may change their bytes as soon as they have made the call. */
function copied(statement: SqlStatement): SqlStatement {
  const args = statement.args.map((value) => (value instanceof Uint8Array ? Uint8Array.from(value) : value));
  return { sql: statement.sql, args };
}
