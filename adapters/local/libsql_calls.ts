// Requests to the thread that owns the store, and their answers, over whatever connects this thread with it.
//
// Invariants: callers keep their bytes (what is sent is a copy that is then moved to the thread, so that a view into
// a large buffer does not take the whole buffer along); once ended, every open and later call is rejected.

import type { SqlDatabase, SqlRow, SqlStatement, SqlValue } from "../../src/platform/ports.ts";
import { libsqlError } from "./libsql_errors.ts";
import type { LibsqlReply, LibsqlRequest } from "./libsql_messages.ts";

type Request = LibsqlRequest extends infer One ? (One extends LibsqlRequest ? Omit<One, "id"> : never) : never;

interface Waiting {
  readonly resolve: (reply: LibsqlReply) => void;
  readonly reject: (error: Error) => void;
}

/** SQLite's own limit is 32,766; more in one statement brings no more speed. */
const PARAMETERS_MAX = 12_000;

export class LibsqlCalls implements SqlDatabase {
  readonly parametersMax = PARAMETERS_MAX;
  readonly path: string;
  readonly #post: (request: LibsqlRequest, moved: ArrayBuffer[]) => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #ended: Error | undefined;

  constructor(path: string, post: (request: LibsqlRequest, moved: ArrayBuffer[]) => void) {
    this.path = path;
    this.#post = post;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  async batch(statements: readonly SqlStatement[]): Promise<void> {
    if (statements.length === 0) return;
    const moved: ArrayBuffer[] = [];
    await this.ask({ kind: "batch", statements: statements.map((one) => copied(one, moved)) }, moved);
  }

  async query(statement: SqlStatement): Promise<readonly SqlRow[]> {
    const moved: ArrayBuffer[] = [];
    const reply = await this.ask({ kind: "query", statement: copied(statement, moved) }, moved);
    return reply.kind === "rows" ? reply.rows : [];
  }

  ask(request: Request, moved: ArrayBuffer[]): Promise<LibsqlReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    const reply = this.expect(id);
    this.#post({ ...request, id }, moved);
    return reply;
  }

  /** The answer with this id, as a rejection where it says that something failed. */
  async expect(id: number): Promise<LibsqlReply> {
    const reply = await new Promise<LibsqlReply>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    if (reply.kind === "failed") throw libsqlError(this.path, reply.failure);
    return reply;
  }

  settle(reply: LibsqlReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    waiting?.resolve(reply);
  }

  end(error: Error): void {
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
