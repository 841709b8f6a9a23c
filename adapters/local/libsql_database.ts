// SqlDatabase over a local libSQL file. The calls block, so they run in a thread of their own; this is the near end.
//
// Invariant: when the thread ends, every open and later call is rejected.

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { SqlDatabase, SqlRow, SqlStatement } from "../../src/platform/ports.ts";
import { LibsqlCalls } from "./libsql_calls.ts";
import { storeThreadEnded } from "./libsql_errors.ts";
import { type LibsqlOptions, type LibsqlReply, STARTED_ID } from "./libsql_messages.ts";

export class LibsqlDatabase implements SqlDatabase {
  readonly path: string;
  readonly #worker: Worker;
  readonly #calls: LibsqlCalls;

  private constructor(options: LibsqlOptions) {
    this.path = options.path;
    // The file's own ending: sources run unbuilt, the published package is compiled.
    const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
    this.#worker = new Worker(new URL(`./libsql_worker${ending}`, import.meta.url), { workerData: options });
    this.#calls = new LibsqlCalls(options.path, (request, moved) => this.#worker.postMessage(request, moved));
    this.#worker.on("message", (reply: LibsqlReply) => this.#calls.settle(reply));
    this.#worker.on("error", (error) => this.#calls.end(storeThreadEnded(this.path, String(error))));
    this.#worker.on("messageerror", (error) => this.#calls.end(storeThreadEnded(this.path, String(error))));
    this.#worker.on("exit", () => this.#calls.end(storeThreadEnded(this.path, "it stopped")));
  }

  /** Takes the store's lock, opens the file and makes it durable; rejects with a typed error that names the file. */
  static async open(options: LibsqlOptions): Promise<LibsqlDatabase> {
    const database = new LibsqlDatabase(options);
    try {
      await database.#calls.expect(STARTED_ID);
      return database;
    } catch (error) {
      await database.#worker.terminate();
      throw error;
    }
  }

  get parametersMax(): number {
    return this.#calls.parametersMax;
  }
  batch(statements: readonly SqlStatement[]): Promise<void> {
    return this.#calls.batch(statements);
  }
  query(statement: SqlStatement): Promise<readonly SqlRow[]> {
    return this.#calls.query(statement);
  }

  /** A connection of its own for another thread of this process; its calls are served in turn with all others. */
  connection(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#worker.postMessage({ id: STARTED_ID, kind: "attach", port: port1 }, [port1]);
    return port2;
  }

  /** Closes the file and gives the lock back; calls made before it are answered first. */
  async close(): Promise<void> {
    if (this.#calls.ended) return;
    await this.#calls.ask({ kind: "close" }, []);
    this.#calls.end(storeThreadEnded(this.path, "it was closed"));
    await this.#worker.terminate();
  }

  /** Ends the thread as a crash would: nothing is closed, whatever is open is rejected. */
  async abandon(): Promise<void> {
    this.#calls.end(storeThreadEnded(this.path, "it was abandoned"));
    await this.#worker.terminate();
  }
}

/** The far end of `LibsqlDatabase.connection`, in the thread that was given the port. */
export function connectedDatabase(path: string, port: MessagePort): SqlDatabase {
  const calls = new LibsqlCalls(path, (request, moved) => port.postMessage(request, moved));
  port.on("message", (reply: LibsqlReply) => calls.settle(reply));
  port.on("close", () => calls.end(storeThreadEnded(path, "the connection to it was closed")));
  return calls;
}
