// SqlDatabase over a local libSQL file. The calls block, so they run in a thread of their own; this is the near end.
//
// Invariants: callers keep their bytes (what is sent is a copy that is then moved to the thread, so that a view into
// a large buffer does not take the whole buffer along); when the thread ends, every open and later call is rejected.

import { Worker } from "node:worker_threads";
import type { SqlDatabase, SqlRow, SqlStatement, SqlValue } from "../../src/platform/ports.ts";
import { libsqlError, storeThreadEnded } from "./libsql_errors.ts";
import { type LibsqlOptions, type LibsqlReply, type LibsqlRequest, STARTED_ID } from "./libsql_messages.ts";

type Request = LibsqlRequest extends infer One ? (One extends LibsqlRequest ? Omit<One, "id"> : never) : never;

interface Waiting {
  readonly resolve: (reply: LibsqlReply) => void;
  readonly reject: (error: Error) => void;
}

/** SQLite's own limit is 32,766; more in one statement brings no more speed. */
const PARAMETERS_MAX = 12_000;

export class LibsqlDatabase implements SqlDatabase {
  readonly parametersMax = PARAMETERS_MAX;
  readonly path: string;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = STARTED_ID;
  #ended: Error | undefined;

  private constructor(options: LibsqlOptions) {
    this.path = options.path;
    // The file's own ending: sources run unbuilt, the published package is compiled.
    const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
    this.#worker = new Worker(new URL(`./libsql_worker${ending}`, import.meta.url), { workerData: options });
    this.#worker.on("message", (reply: LibsqlReply) => this.#settle(reply));
    this.#worker.on("error", (error) => this.#end(storeThreadEnded(this.path, String(error))));
    this.#worker.on("messageerror", (error) => this.#end(storeThreadEnded(this.path, String(error))));
    this.#worker.on("exit", () => this.#end(storeThreadEnded(this.path, "it stopped")));
  }

  /** Takes the store's lock, opens the file and makes it durable; rejects with a typed error that names the file. */
  static async open(options: LibsqlOptions): Promise<LibsqlDatabase> {
    const database = new LibsqlDatabase(options);
    try {
      const started = new Promise<LibsqlReply>((resolve, reject) => {
        database.#waiting.set(STARTED_ID, { resolve, reject });
      });
      database.#checked(await started);
      return database;
    } catch (error) {
      await database.#worker.terminate();
      throw error;
    }
  }

  async batch(statements: readonly SqlStatement[]): Promise<void> {
    if (statements.length === 0) return;
    const moved: ArrayBuffer[] = [];
    await this.#ask({ kind: "batch", statements: statements.map((one) => copied(one, moved)) }, moved);
  }

  async query(statement: SqlStatement): Promise<readonly SqlRow[]> {
    const moved: ArrayBuffer[] = [];
    const reply = await this.#ask({ kind: "query", statement: copied(statement, moved) }, moved);
    return reply.kind === "rows" ? reply.rows : [];
  }

  /** Closes the file and gives the lock back; calls made before it are answered first. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    await this.#ask({ kind: "close" }, []);
    this.#end(storeThreadEnded(this.path, "it was closed"));
    await this.#worker.terminate();
  }

  /** Ends the thread as a crash would: nothing is closed, whatever is open is rejected. */
  async abandon(): Promise<void> {
    this.#end(storeThreadEnded(this.path, "it was abandoned"));
    await this.#worker.terminate();
  }

  #ask(request: Request, moved: ArrayBuffer[]): Promise<LibsqlReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    const reply = new Promise<LibsqlReply>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#worker.postMessage({ ...request, id }, moved);
    return reply.then((one) => this.#checked(one));
  }

  #checked(reply: LibsqlReply): LibsqlReply {
    if (reply.kind === "failed") throw libsqlError(this.path, reply.failure);
    return reply;
  }

  #settle(reply: LibsqlReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    waiting?.resolve(reply);
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

function copied(statement: SqlStatement, moved: ArrayBuffer[]): SqlStatement {
  const args = statement.args.map((value): SqlValue => {
    if (!(value instanceof Uint8Array)) return value;
    const copy = Uint8Array.from(value);
    moved.push(copy.buffer);
    return copy;
  });
  return { sql: statement.sql, args };
}
